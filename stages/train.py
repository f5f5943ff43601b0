"""Stages `train@<net>`: the trainings of one network, one per fold."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from elor.files import discard
from elor.params import load
from elor.training.outputs import write_nothing, write_results
from elor.training.train import train_folds
from elor.training.tuning_file import Tuning
from stages import DATA, main
from stages.task import engine_of, task_of

CURVES = Path("plots/data/curves")


def train(network: str) -> Callable[[], None] | None:
    """Write the network's models, predictions, audit and training curves; then the checkpoints can go."""
    params = load()
    task, tuning = task_of(network, params), Tuning.read(DATA / "tuning" / f"{network}.yaml")
    if not task.vectors.width:  # nobody wrote down what was said
        return write_nothing(DATA, CURVES, network)
    jobs, outcomes = train_folds(task, tuning, engine_of(network, params), params.engine.max_hours)
    write_results(DATA, CURVES, task, jobs, outcomes)
    return partial(discard, [job.scratch for job in jobs])


if __name__ == "__main__":
    main(train)
