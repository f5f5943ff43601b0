"""Training all folds of a network: where each one's unfinished work lies, and which are trained as one."""

import hashlib
import math
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import elor
from elor import arithmetic
from elor.device import local
from elor.engine import Engine
from elor.errors import UserError
from elor.files import digest, file_digest, scratch
from elor.progress import Progress
from elor.training import budget
from elor.training.job import Diverged, Outcome, TrainingJob
from elor.training.loop import train
from elor.training.memory import fitting, needed
from elor.training.resume import STATE, epochs_done
from elor.training.task import Task
from elor.training.together import alike, stackable, train_together
from elor.training.tuning_file import Tuning

Result = TypeVar("Result")

CODE = (
    "device.py",
    "matrix_products.py",
    "networks.py",
    "portable_environment.py",
    "targets.py",
    "vectors.py",
    "fastconv",
    "training/augment.py",
    "training/job.py",
    "training/kept_epoch.py",
    "training/loop.py",
    "training/losses.py",
    "training/data.py",
    "training/draws.py",
    "training/together.py",
)
"""The modules that decide a training's numbers: unfinished work of other code is not gone on with."""


def train_folds(
    task: Task, tuning: Tuning, engine: Engine, max_hours: float
) -> tuple[list[TrainingJob], list[Outcome]]:
    """Train a network in every fold, with the fold's tuned values, on all but the fold's test speaker.

    Returns:
        The jobs and their outcomes, fold by fold: of each the members of its ensemble (`train.seeds`), or one network.

    Raises:
        UserError: if it may take more than `max_hours`, or a loss is not finite, naming network, fold and epoch.
    """
    jobs = [job for fold in task.fold_names() for job in task.ensemble(fold, tuning.values[fold])]
    budget.check(max(jobs, key=effort), [len(jobs)], engine, max_hours, "training")
    jobs = place(jobs, engine)
    return jobs, run(jobs, engine, f"train {task.network}")


def place(jobs: Sequence[TrainingJob], engine: Engine) -> list[TrainingJob]:
    """Give each job its device, and the scratch folder that everything which decides its result names."""
    here = arithmetic.conditions()
    shared = {
        "files": {name: file_digest(path) for name, path in jobs[0].files.items()},
        "code": code_digest(),
        "arithmetic": here.arithmetic,
        "versions": here.versions,
        "doubts": here.doubts,
    }
    devices = engine.devices()
    placed = []
    for index, job in enumerate(jobs):
        value = asdict(replace(job, scratch=Path(), device="", files={}))
        key = value | shared | {"device": devices[0].split(":")[0]}
        folder = scratch(f"train/{job.architecture.network}/{job.fold}", key)
        placed.append(replace(job, scratch=folder.resolve(), device=devices[index % len(devices)]))
    _say_what_is_left_aside(placed)
    return placed


def _say_what_is_left_aside(jobs: Sequence[TrainingJob]) -> None:
    """A training begins anew although unfinished work lies there: say that it is another training's."""
    fresh = [job for job in jobs if not (job.scratch / STATE).exists()]
    others = {state.parent for job in fresh for state in job.scratch.parent.glob(f"*/{STATE}")}
    others -= {job.scratch for job in jobs}
    if others:
        print(
            f"{jobs[0].architecture.network}: {len(others)} unfinished trainings in {jobs[0].scratch.parents[1]} are "
            "of other code, packages, parameters or data and are left aside.",
            file=sys.stderr,
        )


def code_digest() -> str:
    """One digest of the source of the modules in `CODE`."""
    root = Path(elor.__file__).parent
    files = [file for name in CODE for file in (sorted((root / name).glob("*.py")) or [root / name])]
    return digest([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])


def run(jobs: Sequence[TrainingJob], engine: Engine, title: str) -> list[Outcome]:
    """Train all folds, those of small networks together, with progress in epochs.

    Raises:
        UserError: if a loss is not finite, naming network, fold and epoch.
    """
    with Progress(title, total=sum(job.options.epochs for job in jobs), unit="epoch") as progress:
        progress.resume(sum(epochs_done(job.scratch) for job in jobs))

        def watch() -> None:
            progress.advance(sum(epochs_done(job.scratch) for job in jobs) - progress.done)

        try:
            return spread(train_all_here, jobs, engine, watch)
        except Diverged as error:
            network = jobs[0].architecture.network
            raise UserError(f"{error}; set a smaller networks.{network}.learning_rate.") from None


def spread(
    function: Callable[[Sequence[TrainingJob]], list[Result]],
    jobs: Sequence[TrainingJob],
    engine: Engine,
    watch: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Call a function of some jobs with those that `deal` puts together; one result per job, in the jobs' order.

    The longest begin first, so that no worker is left alone with one at the end.

    Raises:
        UserError: if one of them does not fit into the memory.
    """
    engine = fitting(engine, jobs)
    hands = sorted(deal(jobs, engine.count()), key=lambda hand: -sum(effort(jobs[index]) for index in hand))
    found = engine.run(function, [([jobs[index] for index in hand],) for hand in hands], watch)
    results: dict[int, Result] = {}
    for hand, some in zip(hands, found, strict=True):
        results |= zip(hand, some, strict=True)
    return [results[index] for index in range(len(jobs))]


def deal(jobs: Sequence[TrainingJob], workers: int) -> list[list[int]]:
    """Which jobs a worker trains as one: `alike` and `stackable`, dealt out so that every worker has some.

    How they are dealt decides no number: a fold's do not depend on the folds beside it.
    """
    stacks: dict[Hashable, list[int]] = {}
    for index, job in enumerate(jobs):
        stacks.setdefault(alike(job) if stackable(job) else index, []).append(index)
    hands = []
    for members in stacks.values():
        count = min(len(members), math.ceil(workers * len(members) / len(jobs)))
        hands += [members[start::count] for start in range(count)]
    return hands


STEP = 4 * 2**20
"""What an update costs beside the work on its slices, in bytes that this work would fill."""


def effort(job: TrainingJob) -> float:
    """How long an epoch may take, in no unit: by the memory that its updates fill. It only ranks jobs."""
    return len(job.train) / job.options.batch * (needed(job.architecture, job.options.batch) + STEP)


def train_all_here(jobs: Sequence[TrainingJob]) -> list[Outcome]:
    """`train_together` where the jobs allow it, else one after the other, on the device that the machine has."""
    here = [replace(job, device=str(local(job.device))) for job in jobs]
    return train_together(here) if stackable(here[0]) else [train(job) for job in here]
