"""From tables to jobs: which slices, targets and values each training gets, and where its unfinished work lies."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

import elor
from elor.device import local
from elor.engine import Engine
from elor.files import digest, file_digest, scratch
from elor.networks import INPUTS, Architecture
from elor.params import Settings, Train
from elor.progress import Progress
from elor.targets import Head
from elor.training.job import Options, Outcome, TrainingJob
from elor.training.loop import train
from elor.training.memory import fitting
from elor.training.resume import STATE, epochs_done
from elor.training.together import alike, stackable, train_together
from elor.vectors import IS10, Vectors

Result = TypeVar("Result")

CODE = (
    "device.py",
    "networks.py",
    "targets.py",
    "vectors.py",
    "fastconv",
    "training/augment.py",
    "training/job.py",
    "training/loop.py",
    "training/losses.py",
    "training/data.py",
    "training/draws.py",
    "training/together.py",
)
"""The modules that decide a training's numbers: unfinished work of other code is not gone on with."""


def truth_of(slices: pd.DataFrame, heads: Sequence[Head]) -> dict[str, np.ndarray]:
    """Per head one number per slice, what a prediction is scored against: (n,) int64 classes or float32 values."""
    kinds = {head.name: np.float32 if head.valued else np.int64 for head in heads}
    return {name: slices[name].to_numpy(kind, copy=True) for name, kind in kinds.items()}  # pandas' own is read-only


def targets_of(slices: pd.DataFrame, heads: Sequence[Head]) -> dict[str, np.ndarray]:
    """Per head what its loss compares with: the truth, or for a soft head (n, classes) float32 shares of the raters."""
    shares = {head.name: slices[head.share_columns].to_numpy(np.float32, copy=True) for head in heads if head.soft}
    return truth_of(slices, heads) | shares


def input_files(data: Path, network: str) -> dict[str, Path]:
    """Where the inputs of a network lie, in the order of its arguments."""
    names = {"audio": "slices.npy", "mfcc": "mfcc.npy", "is10": "is10.npy"}
    return {name: data / names[name] for name in INPUTS[network]}


@dataclass(frozen=True)
class Task:
    """What all trainings of one network share.

    Attributes:
        network: which of the four.
        heads: what it predicts.
        files: path of each input's array, in the network's order.
        slices, folds: the tables of the same names.
        how: section `train` of params.yaml.
        epochs, patience: at most so many epochs; stop after so many without a better validation score.
        score: which validation score decides.
        seed: of everything random.
        vectors: what the input `is10` holds.
    """

    network: str
    heads: tuple[Head, ...]
    files: dict[str, Path]
    slices: pd.DataFrame
    folds: pd.DataFrame
    how: Train
    epochs: int
    patience: int
    score: str
    seed: int
    vectors: Vectors = IS10

    def fold_names(self) -> list[str]:
        """The folds, in the table's order."""
        return list(self.folds["fold"].unique())

    def job(self, fold: str, settings: Settings, testing: bool = True, floor: tuple[float, ...] = ()) -> TrainingJob:
        """The training of one fold with given values; without `testing` it never touches the test speaker."""
        roles = self.folds[self.folds["fold"] == fold].set_index("slice")["role"].reindex(self.slices["slice"])
        rows = {role: np.flatnonzero(roles.to_numpy() == role) for role in ("train", "validation", "test")}
        how = self.how.model_dump(exclude={"standardize"})
        return TrainingJob(
            architecture=architecture(self.network, self.heads, settings, self.how.standardize, self.vectors),
            options=Options(
                **how,
                **settings.model_dump(include={"batch", "learning_rate", "momentum", "alpha"}),
                epochs=self.epochs,
                patience=self.patience,
                score=self.score,
            ),
            fold=fold,
            seed=self.seed,
            files=self.files,
            train=rows["train"],
            validation=rows["validation"],
            test=rows["test"] if testing else rows["test"][:0],
            targets=targets_of(self.slices, self.heads),
            truth=truth_of(self.slices, self.heads),
            scratch=Path(),
            floor=floor,
        )


def architecture(
    network: str, heads: tuple[Head, ...], settings: Settings, standardize: bool, vectors: Vectors = IS10
) -> Architecture:
    """The network's shape under given values."""
    return Architecture(
        network=network,
        heads=heads,
        filters=tuple(settings.filters or ()),
        lengths=tuple(settings.lengths or ()),
        pools=tuple(settings.pools or ()),
        stride=settings.stride or 1,
        hidden=tuple(settings.hidden or ()),
        dropout=settings.dropout or 0.0,
        standardize=standardize,
        vectors=vectors,
    )


def place(jobs: Sequence[TrainingJob], engine: Engine) -> list[TrainingJob]:
    """Give each job its device, and the scratch folder that everything which decides its result names."""
    shared = {"files": {name: file_digest(path) for name, path in jobs[0].files.items()}, "code": code_digest()}
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
    if others:
        print(
            f"{jobs[0].architecture.network}: {len(others)} unfinished trainings in {jobs[0].scratch.parents[1]} are "
            "of other code, parameters or data and are left aside.",
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

        return spread(train_all_here, jobs, engine, watch)


def spread(
    function: Callable[[Sequence[TrainingJob]], list[Result]],
    jobs: Sequence[TrainingJob],
    engine: Engine,
    watch: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Call a function of some jobs with those that `deal` puts together; one result per job, in the jobs' order.

    Raises:
        UserError: if one of them does not fit into the memory.
    """
    engine = fitting(engine, jobs)
    hands = deal(jobs, engine.count())
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


def train_here(job: TrainingJob) -> Outcome:
    """`train`, on the device that the worker's machine has."""
    return train(replace(job, device=str(local(job.device))))


def train_all_here(jobs: Sequence[TrainingJob]) -> list[Outcome]:
    """`train_together` where the jobs allow it, else one after the other, on the device that the machine has."""
    if stackable(jobs[0]):
        return train_together([replace(job, device=str(local(job.device))) for job in jobs])
    return [train_here(job) for job in jobs]
