"""Stages `tune@<net>`: the hyperparameter search of one network; one with parents inherits from them."""

from elor.params import load
from elor.registry import NETWORKS
from elor.tables import write_table
from elor.training import tune as search
from elor.training.tpe import by_value
from elor.training.tuning_file import Tuning
from stages import DATA, main
from stages.task import engine_of, task_of

FOLDER = DATA / "tuning"


def tune(network: str) -> None:
    """Write data/tuning/<net>.yaml, and every evaluation to data/tuning/<net>_trials.csv."""
    params = load()
    task = task_of(network, params)
    scale, pinned = params.scale.networks[network], params.networks[network]
    space = params.scale.space | scale.space
    if parents := NETWORKS[network].parents:
        found, trials = search.combine(task, pinned, *(Tuning.read(FOLDER / f"{name}.yaml") for name in parents))
    else:
        how = params.search.model_copy(update={"round": params.search.round or params.scale.round})
        hours = params.engine.max_hours
        found, trials = search.tune(task, scale, pinned, space, how, engine_of(network, params), hours)
    found.write(FOLDER / f"{network}.yaml")
    write_table(trials, FOLDER / f"{network}_trials.csv")
    write_table(by_value(trials, space), FOLDER / f"{network}_search.csv")


if __name__ == "__main__":
    main(tune)
