from elor.api.explain import explain_files as explain_files
from elor.api.explain import foreign_network as foreign_network
from elor.api.explain import own_networks as own_networks
from elor.api.score import score as score
from elor.check.everything import inspect as inspect
from elor.corpora.making import make_corpus as make_corpus
from elor.ensemble import Ensemble as Ensemble
from elor.ensemble import Prediction as Prediction
from elor.errors import UserError as UserError
from elor.evaluation.evaluate import Settings as ScoreSettings
from elor.explain.any_network.window import Effort as Effort
from elor.explain.attribution import gradient as gradient
from elor.explain.guided import guided_backprop as guided_backprop
from elor.explain.integrated import integrated_gradients as integrated_gradients
from elor.explain.occlusion import occlusion as occlusion
from elor.explain.selfcheck.suite import selfcheck as selfcheck
from elor.inference import load as load
from elor.inference import predict as predict
from elor.labelfiles.convert import import_labels as import_labels
from elor.report.results import Results as Results
from elor.runs.compare import compare as compare_runs
from elor.runs.seeds import summarise as summarise_runs
from elor.training.weights_file import load_network as load_network

__all__ = [
    "Effort",
    "Ensemble",
    "Prediction",
    "Results",
    "ScoreSettings",
    "UserError",
    "compare_runs",
    "explain_files",
    "foreign_network",
    "gradient",
    "guided_backprop",
    "import_labels",
    "inspect",
    "integrated_gradients",
    "load",
    "load_network",
    "make_corpus",
    "occlusion",
    "own_networks",
    "predict",
    "score",
    "selfcheck",
    "summarise_runs",
]
