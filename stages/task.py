"""What the stages `tune@<net>` and `train@<net>` share: the tables and values of one network's trainings."""

from elor.engine import LARGE, SMALL, Engine
from elor.networks import INPUTS
from elor.params import Params
from elor.registry import VECTORS
from elor.tables import read_table
from elor.training.task import Task, input_files
from elor.vectors import IS10, Vectors
from stages import DATA


def task_of(network: str, params: Params) -> Task:
    """Read slices.csv and folds.csv and name the network's inputs."""
    how, scale = params.train, params.scale.networks[network]
    return Task(
        network=network,
        heads=params.labels.asked.heads,
        files=input_files(DATA, network),
        slices=read_table(DATA / "slices.csv"),
        folds=read_table(DATA / "folds.csv"),
        how=how.over(params.scale.train),
        epochs=scale.epochs,
        patience=scale.patience,
        score=params.search.score,
        seed=params.seed,
        vectors=next((Vectors.read(DATA / f"{one}.json") for one in INPUTS[network] if one in VECTORS), IS10),
    )


def engine_of(network: str, params: Params) -> Engine:
    """Where the jobs of a network run."""
    how = params.engine
    return Engine(how.device, how.workers, how.address, LARGE if "audio" in INPUTS[network] else SMALL)
