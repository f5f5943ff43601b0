"""Stages `tune@<net>`: the hyperparameter search of one network; `elor_ftr` inherits from `elor` and `ftr`."""

from elor.params import load
from elor.tables import write_table
from elor.training import tuning
from elor.training.tuned import Tuning
from stages import main
from stages.task import DATA, engine_of, task_of

FOLDER = DATA / "tuning"


def tune(network: str) -> None:
    """Write data/tuning/<net>.yaml, and every evaluation to data/tuning/<net>_trials.csv."""
    params = load()
    task = task_of(network, params)
    scale, pinned = params.scale.networks[network], params.networks[network]
    if network == "elor_ftr":
        parents = [Tuning.read(FOLDER / f"{name}.yaml") for name in ("elor", "ftr")]
        found, trials = tuning.combine(task, pinned, *parents)
    else:
        found, trials = tuning.tune(task, scale, pinned, params.scale.space, params.search, engine_of(params))
    found.write(FOLDER / f"{network}.yaml")
    write_table(trials, FOLDER / f"{network}_trials.csv")


if __name__ == "__main__":
    main(tune)
