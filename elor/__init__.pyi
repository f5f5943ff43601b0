from elor.commands.outside import score as score
from elor.errors import UserError as UserError
from elor.evaluation.score import Settings as ScoreSettings
from elor.explain.attribution import gradient as gradient
from elor.explain.guided import guided_backprop as guided_backprop
from elor.explain.integrated import integrated_gradients as integrated_gradients
from elor.explain.occlusion import occlusion as occlusion
from elor.inference import Ensemble as Ensemble
from elor.inference import Prediction as Prediction
from elor.inference import load as load
from elor.inference import predict as predict
from elor.report.results import Results as Results
from elor.training.checkpoint import load_network as load_network

__all__ = [
    "Ensemble",
    "Prediction",
    "Results",
    "ScoreSettings",
    "UserError",
    "gradient",
    "guided_backprop",
    "integrated_gradients",
    "load",
    "load_network",
    "occlusion",
    "predict",
    "score",
]
