"""What a training is given, and what it leaves: plain values that travel between processes and machines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from elor.networks import Architecture


class Diverged(Exception):
    """The loss or an answer is not finite: a trial fails, a training stops with advice."""


@dataclass(frozen=True)
class Options:
    """How to train: the values of one network, and what all networks share.

    Attributes:
        batch, learning_rate, momentum, alpha: minibatch size, SGD's step and Nesterov momentum, weight of the penalty.
        epochs, patience: at most so many; stop after so many without a better validation score.
        score: which validation score decides: `mean` of the heads, or one head's name.
        schedule: `constant`, or `cosine`: the learning rate falls to almost nothing over all epochs.
        select: what the validation score is: `accuracy`, `uar` or `loss`.
        keep: which epoch's network is kept and scored: `best`, or `last`, after which nothing stops early.
        balance: whether all classes weigh the same in the loss.
        update: `alternating` (the paper's) or `joint`. penalty: `norm` (the paper's), `squared` or `global`.
        reduction: what is descended of a minibatch: the `mean` of its cross-entropies, or their `sum`.
        augment: what becomes of training slices: `none`, `gain`, `noise`, `mask` or `all`.
        fast, precision, tf32, compile, deterministic: as in params.yaml, section `train`.
    """

    batch: int
    learning_rate: float
    momentum: float
    alpha: float
    epochs: int
    patience: int
    score: str = "mean"
    schedule: str = "constant"
    select: str = "accuracy"
    keep: str = "best"
    balance: bool = False
    update: str = "alternating"
    penalty: str = "norm"
    reduction: str = "mean"
    augment: str = "none"
    fast: bool = True
    precision: str = "float32"
    tf32: bool = False
    compile: bool = False
    deterministic: bool = True


@dataclass(frozen=True)
class TrainingJob:
    """One training: a pure function of these values and of the files they name.

    Attributes:
        fold: the fold's name.
        files: path of each input's array, in the network's order.
        train, validation, test: (n,) row numbers of the slices in each role; no test rows: none is looked at.
        targets: per head, one row per slice of the corpus: what its loss compares with.
        truth: per head, one number per slice: what its predictions are scored against.
        sounding: (n,) share of every slice of the corpus that lies before its padding.
        scratch: folder for the checkpoint; decides nothing.
        floor: validation scores by epoch that the best score so far must reach, or the job ends (search only).
    """

    architecture: Architecture
    options: Options
    fold: str
    seed: int
    files: dict[str, Path]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    targets: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    sounding: np.ndarray
    scratch: Path
    device: str = "cpu"
    floor: tuple[float, ...] = ()

    @property
    def title(self) -> str:
        """Network and fold, for messages."""
        return f"{self.architecture.network}, fold {self.fold}"


@dataclass
class Outcome:
    """What a training leaves.

    Attributes:
        tensors: weights and buffers of the kept epoch.
        predictions: per head (test slices, classes) probabilities, (test slices, 1) values, or (test slices, 2) values
            and deviations of `spread`.
        history: one row per epoch: loss and validation score by head, and `score`, which decides.
        audit: rows (epoch, head, actual, predicted, count) of the test slices after every epoch, for values (epoch,
            head, concordance). Nothing in training reads them: selection never sees the test speaker.
        kept: the epoch that was kept, counted from 0.
        stopped: whether the floor ended the job early.
    """

    tensors: dict[str, Tensor]
    predictions: dict[str, np.ndarray]
    history: list[dict[str, float]]
    audit: list[dict[str, Any]]
    kept: int
    stopped: bool = False

    @property
    def score(self) -> float:
        """The validation score of the kept epoch."""
        return self.history[self.kept]["score"]
