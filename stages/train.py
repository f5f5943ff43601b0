"""Stages `train@<net>`: ten speaker-held-out trainings of one network."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from elor.files import discard
from elor.params import load
from elor.training import budget
from elor.training.outputs import write_results
from elor.training.task import place, run
from elor.training.tuned import Tuning
from stages import main
from stages.task import DATA, engine_of, task_of


def train(network: str) -> Callable[[], None]:
    """Write the network's models, predictions, audit and training curves; then the checkpoints can go."""
    params = load()
    task, engine = task_of(network, params), engine_of(network, params)
    tuning = Tuning.read(DATA / "tuning" / f"{network}.yaml")
    settings = tuning.values[task.fold_names()[0]]
    budget.check(
        task.job(task.fold_names()[0], settings), [len(tuning.values)], engine, params.engine.max_hours, "training"
    )
    jobs = place([task.job(fold, tuning.values[fold]) for fold in task.fold_names()], engine)
    outcomes = run(jobs, engine, f"train {network}")
    write_results(DATA, Path("plots/data/curves"), task, jobs, outcomes)
    return partial(discard, [job.scratch for job in jobs])


if __name__ == "__main__":
    main(train)
