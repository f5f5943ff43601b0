"""From tables to jobs: which slices, targets and values each training gets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from elor.networks import INPUTS, SHAPES, Architecture
from elor.params import Settings, Train
from elor.registry import FILES
from elor.targets import Head
from elor.training.job import Options, TrainingJob
from elor.vectors import IS10, Vectors


def truth_of(slices: pd.DataFrame, heads: Sequence[Head]) -> dict[str, np.ndarray]:
    """Per head one number per slice, what a prediction is scored against: (n,) int64 classes or float32 values."""
    kinds = {head.name: np.float32 if head.valued else np.int64 for head in heads}
    return {name: slices[name].to_numpy(kind, copy=True) for name, kind in kinds.items()}  # pandas' own is read-only


def targets_of(slices: pd.DataFrame, heads: Sequence[Head]) -> dict[str, np.ndarray]:
    """Per head what its loss compares with: the truth; float32 shares of the raters (n, classes) if it is soft; their
    means and deviations (n, 2) if it learns their spread."""
    columns = {head.name: head.share_columns for head in heads if head.soft}
    columns |= {head.name: [head.name, head.deviation_column] for head in heads if head.spread}
    several = {name: slices[some].to_numpy(np.float32, copy=True) for name, some in columns.items()}
    return truth_of(slices, heads) | several


def input_files(data: Path, network: str) -> dict[str, Path]:
    """Where the inputs of a network lie, in the order of its arguments."""
    return {name: data / FILES[name] for name in INPUTS[network]}


@dataclass(frozen=True)
class Task:
    """What all trainings of one network share.

    Attributes:
        network: which one.
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

    def heard(self, fold: str) -> set[str]:
        """The speakers of a fold's training and validation slices."""
        return self._speakers((self.folds["fold"] == fold) & (self.folds["role"] != "test"))

    def tested(self) -> set[str]:
        """The speakers whom any fold tests."""
        return self._speakers(self.folds["role"] == "test")

    def _speakers(self, rows: pd.Series) -> set[str]:
        return set(self.slices.set_index("slice")["speaker"].reindex(self.folds.loc[rows, "slice"]))

    def job(self, fold: str, settings: Settings, testing: bool = True, floor: tuple[float, ...] = ()) -> TrainingJob:
        """The training of one fold with given values; without `testing` it never touches the test speaker."""
        roles = self.folds[self.folds["fold"] == fold].set_index("slice")["role"].reindex(self.slices["slice"])
        rows = {role: np.flatnonzero(roles.to_numpy() == role) for role in ("train", "validation", "test")}
        how = self.how.model_dump(exclude={"standardize", "seeds"})
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
            sounding=self.slices["samples"].to_numpy() / SHAPES["audio"][1],
            scratch=Path(),
            floor=floor,
        )

    def ensemble(self, fold: str, settings: Settings) -> list[TrainingJob]:
        """The trainings of all networks that answer for a fold together; the first is that of `job`."""
        first = self.job(fold, settings)
        return [replace(first, seed=member_seed(self.seed, number)) for number in range(self.how.seeds)]


def member_seed(seed: int, number: int) -> int:
    """The seed of a member of an ensemble, counted from 0: the run's own, then others that no neighbour of it draws."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) if number else seed


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
