"""The support vector machine that people would build beside the networks, on the same functionals in the same folds.

It gets what FTR gets: features scaled by the training slices' mean and deviation, and the validation slices to choose
by. It chooses a kernel, C, and whether all classes weigh the same: for each fold and head what has the best UAR on the
validation slices (for values the best CCC), of equals the first of `CHOICES`. The kernels are computed once per fold;
scikit-learn's SVC with the kernel's name would compute the same ones for every fit.

A functional that hardly varies among n training slices can lie at millions of their deviations elsewhere, and a linear
kernel follows it there: nothing counts as further out than n deviations (by Chebyshev's inequality one in n^2 at most).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import recall_score
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from elor.engine import Engine
from elor.evaluation.continuous import ccc, moments
from elor.targets import Head
from elor.training.folds import FEWEST, SPEAKER, Protocol, make_folds, with_validation, without_copies

COSTS = {"linear": (1e-4, 1e-3, 1e-2, 1e-1, 1.0), "rbf": (0.1, 1.0, 10.0, 100.0)}
"""The values of C that are tried, by kernel; rbf's gamma is scikit-learn's `scale`."""


@dataclass(frozen=True)
class Choice:
    """One machine.

    Attributes:
        kernel: `linear` or `rbf`.
        cost: its C; the smaller, the smoother.
        balanced: whether all classes weigh the same; values have no classes.
    """

    kernel: str
    cost: float
    balanced: bool = False


CHOICES = tuple(
    Choice(kernel, cost, balanced) for balanced, kernel in product((False, True), COSTS) for cost in COSTS[kernel]
)


@dataclass(frozen=True)
class Fold:
    """What one fold's machines are made from: plain values that travel to a worker.

    Attributes:
        features: path of the functionals, one row per slice.
        rows: row numbers by role: train, validation, test.
        truth: per head, one number per slice.
        choices: what is tried.
    """

    name: str
    features: Path
    rows: dict[str, NDArray]
    truth: dict[str, NDArray]
    heads: tuple[Head, ...]
    choices: tuple[Choice, ...]


Answer = tuple[NDArray, Choice, float]
"""Predictions of the test slices, the machine that made them, and its validation score."""


def cross_validated(
    features: Path,
    slices: pd.DataFrame,
    folds: pd.DataFrame,
    heads: tuple[Head, ...],
    engine: Engine,
    choices: tuple[Choice, ...] = CHOICES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every fold's test slices.

    Args:
        features: path of the functionals, one row per slice.
        slices, folds: the tables of the same names.
        heads: what is predicted.
        engine: where the folds are computed.
        choices: what is tried.

    Returns:
        One row per tested slice (slice, utterance, fold, speaker, and for each head its class, or `<head>_value`); and
        one per fold and head: fold, head, kernel, cost, balanced, score.
    """
    truth = {head.name: slices[head.name].to_numpy(float if head.valued else np.int64) for head in heads}
    jobs = [Fold(name, features, rows, truth, heads, choices) for name, rows in _roles(slices, folds)]
    found = engine.track(predict, [(job,) for job in jobs], "SVM", [1] * len(jobs), "fold")
    parts, chosen = [], []
    for job, answers in zip(jobs, found, strict=True):
        part = slices.iloc[job.rows["test"]][["slice", "utterance", "speaker"]].reset_index(drop=True)
        part.insert(2, "fold", job.name)
        for head in heads:
            predicted, choice, score = answers[head.name]
            part[head.column] = predicted
            chosen.append({"fold": job.name, "head": head.name, **vars(choice), "score": score})
        parts.append(part)
    return pd.concat(parts, ignore_index=True), pd.DataFrame(chosen)


def across(
    features: Path,
    slices: pd.DataFrame,
    copies: pd.DataFrame,
    how: tuple[Protocol, float, int, int],
    heads: tuple[Head, ...],
    engine: Engine,
) -> pd.DataFrame:
    """What the machine says of every corpus after every single one: elsewhere, and at home with speakers held out.

    Args:
        features, heads, engine: as above.
        slices: slices.csv.
        copies: copies.csv: of a recording that stands under two speakers' names none is learned from where the other
            is tested.
        how: protocol, validation, most and seed of `elor.training.folds.make_folds`.

    Returns:
        trained_on, and as `cross_validated` has it; no row if there is one corpus. Two speakers have no home. A corpus
        of which nothing can be spared to validate (one slice, or one speaker where whole speakers validate) teaches
        nothing.
    """
    names, parts = sorted(slices["corpus"].unique()), []
    for name in names if len(names) > 1 else ():
        own = (slices["corpus"] == name).to_numpy()
        protocol, validation, most, seed = how
        speakers = slices["speaker"][own].nunique()
        if (speakers if protocol == "strict" else own.sum()) < 2:
            continue
        roles = with_validation(np.where(own, "train", "test"), slices, "away", protocol, validation, seed)
        tables = [pd.DataFrame({"fold": "away", "slice": slices["slice"], "role": roles})]
        if speakers >= FEWEST[SPEAKER]:
            tables.append(make_folds(slices[own], protocol, validation, most, seed))
        folds = without_copies(pd.concat(tables, ignore_index=True), slices, copies)
        folds = folds[folds.groupby("fold")["role"].transform("nunique") == 3]  # copies may have been all to learn from
        if folds.empty:
            continue
        parts.append(cross_validated(features, slices, folds, heads, engine)[0].assign(trained_on=name))
    columns = ["slice", "utterance", "fold", "speaker", *(head.column for head in heads), "trained_on"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def predict(fold: Fold) -> dict[str, Answer]:
    """Choose each head's machine on the validation slices and let it answer for the test slices."""
    array = np.load(fold.features, mmap_mode="r")
    scaler = StandardScaler().fit(array[fold.rows["train"]].astype(np.float64))
    furthest = len(fold.rows["train"])
    parts = {
        role: scaler.transform(array[rows].astype(np.float64)).clip(-furthest, furthest)
        for role, rows in fold.rows.items()
    }
    kernels = {name: _kernel(name, parts) for name in {choice.kernel for choice in fold.choices}}
    return {head.name: _best(head, fold, kernels) for head in fold.heads}


def _kernel(name: str, parts: dict[str, NDArray]) -> dict[str, NDArray]:
    """A kernel of the slices in each role with the training slices."""
    train = parts["train"]
    if name == "linear":
        return {role: linear_kernel(part, train) for role, part in parts.items()}
    variance = train.var()
    gamma = 1 / (train.shape[1] * variance) if variance else 1.0  # scikit-learn's `scale`
    return {role: rbf_kernel(part, train, gamma) for role, part in parts.items()}


def _best(head: Head, fold: Fold, kernels: dict[str, dict[str, NDArray]]) -> Answer:
    """The first of the choices with the best validation score."""
    truth = fold.truth[head.name]
    train, validation = truth[fold.rows["train"]], truth[fold.rows["validation"]]
    best: Answer | None = None
    for choice in fold.choices:
        if head.valued and choice.balanced:
            continue
        kernel = kernels[choice.kernel]
        predicted = _fitted(head, choice, kernel["train"], train, kernel["validation"])
        score = _score(head, validation, predicted)
        if best is None or score > best[2]:
            best = _fitted(head, choice, kernel["train"], train, kernel["test"]), choice, score
    if best is None:
        raise ValueError(f"none of {len(fold.choices)} choices is one for {head}")
    return best


def _fitted(head: Head, choice: Choice, kernel: NDArray, truth: NDArray, asked: NDArray) -> NDArray:
    """What a machine answers; a part that knows one class answers with it."""
    if not head.valued and len(np.unique(truth)) == 1:
        return np.full(len(asked), truth[0])
    weight: dict[str, Any] = {} if head.valued else {"class_weight": "balanced" if choice.balanced else None}
    machine = (SVR if head.valued else SVC)(kernel="precomputed", C=choice.cost, **weight)
    return machine.fit(kernel, truth).predict(asked)


def _score(head: Head, truth: NDArray, predicted: NDArray) -> float:
    """UAR, or the CCC of values (0 where it is undefined)."""
    if head.valued:
        return float(np.nan_to_num(ccc(moments(truth, predicted, np.zeros(len(truth), dtype=int), 1))[0]))
    return float(recall_score(truth, predicted, labels=np.unique(truth), average="macro"))


def _roles(slices: pd.DataFrame, folds: pd.DataFrame) -> Sequence[tuple[str, dict[str, NDArray]]]:
    """Each fold's row numbers by role."""
    found = []
    for fold, table in folds.groupby("fold", sort=False):
        roles = table.set_index("slice")["role"].reindex(slices["slice"]).to_numpy()
        found.append((str(fold), {role: np.flatnonzero(roles == role) for role in ("train", "validation", "test")}))
    return found
