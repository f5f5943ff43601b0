"""What the stages that explain networks share: the tables, the folder of networks, and where it is computed."""

from elor.engine import ANALYSIS, Engine
from elor.explain.experiment import Experiment
from elor.params import Params
from elor.tables import read_table
from stages import DATA


def experiment(params: Params) -> Experiment:
    """Read slices.csv and folds.csv, and name the networks."""
    how = params.engine
    return Experiment(
        slices=read_table(DATA / "slices.csv"),
        folds=read_table(DATA / "folds.csv"),
        models=DATA / "models",
        audio=DATA / "slices.npy",
        seed=params.seed,
        engine=Engine(how.device, how.workers, how.address, ANALYSIS),
    )
