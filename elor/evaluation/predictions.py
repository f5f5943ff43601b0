"""From tables to arrays: predictions are checked, joined to the truth, and averaged over utterances.

The format that `check_predictions` accepts, be it from this pipeline or from anybody: one row per slice (column
`slice`) or one per utterance (column `utterance`, no `slice`), and for each head of the target

- classes: `<head>`, the predicted class 0..K-1, or `<head>_p0` .. `<head>_p<K-1>`, probabilities that sum to 1, or
  both;
- regression: `<head>_value`;
- spread: the same, and `<head>_deviation`, the standard deviation of the ratings, if that was predicted.

Truth is never read from it. More columns do no harm. Names are text, as `elor.tables.read_table` reads them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.corpora.faults import some
from elor.errors import UserError
from elor.evaluation.continuous import expected_value, moments
from elor.evaluation.recall import Array, confusions
from elor.targets import Head

SUM_TOLERANCE = 1e-3
"""How far probabilities may be from a sum of 1: files round."""


@dataclass(frozen=True)
class Judged:
    """The predictions of one head beside the truth, one row per slice (or per utterance).

    Attributes:
        head: which; K is the number of its classes.
        truth: true class (int) or value (float), `(n,)`.
        predicted: the same as predicted, `(n,)`.
        probabilities: `(n, K)`; None where the file gave none, and for values.
        speaker: who speaks, `(n,)`.
        fold: the fold that tested the row, `(n,)`.
    """

    head: Head
    truth: NDArray
    predicted: NDArray
    probabilities: Array | None
    speaker: NDArray
    fold: NDArray

    @property
    def value(self) -> Array:
        """The prediction on the scale 0..K-1: a regression's value, else the expected class, else the class itself."""
        if self.probabilities is not None:
            return expected_value(self.probabilities)
        return self.predicted.astype(np.float64)

    def counts(self, by: NDArray) -> NDArray[np.int64]:
        """Confusion counts per group of `by` in sorted order, `(groups, K, K)`."""
        names, groups = np.unique(by, return_inverse=True)
        return confusions(self.truth, self.predicted, self.head.outputs, groups, len(names))

    def sums(self, by: NDArray) -> Array:
        """Moments of truth and value per group of `by` in sorted order, `(groups, 6)`."""
        names, groups = np.unique(by, return_inverse=True)
        return moments(self.truth, self.value, groups, len(names))

    def tallies(self, by: NDArray) -> Array:
        """What the head's scores are made of: counts of classes, moments of values."""
        return self.sums(by) if self.head.valued else self.counts(by)

    def where(self, rows: NDArray) -> Judged:
        """Only some rows, given as a boolean mask or as indices."""
        shares = None if self.probabilities is None else self.probabilities[rows]
        kept = (self.truth[rows], self.predicted[rows], shares, self.speaker[rows], self.fold[rows])
        return Judged(self.head, *kept)


def judge(predictions: pd.DataFrame, slices: pd.DataFrame, head: Head, fold: NDArray) -> Judged:
    """Put predictions that `check_predictions` returned beside the truth.

    Args:
        predictions: one row per slice, in the order of `slices`.
        slices: slices.csv.
        head: which head.
        fold: the fold that tests each slice, `(n,)`.
    """
    speaker = slices["speaker"].to_numpy(dtype=object)
    kind = float if head.valued else int
    truth, predicted = slices[head.name].to_numpy(dtype=kind), predictions[head.column].to_numpy(dtype=kind)
    given = {*head.share_columns} & set(predictions)
    shares = predictions[head.share_columns].to_numpy(dtype=float) if given else None
    return Judged(head, truth, predicted, shares, speaker, fold)


def judge_all(
    predictions: Mapping[str, pd.DataFrame], slices: pd.DataFrame, wanted: Sequence[Head], folds: pd.DataFrame | None
) -> dict[str, dict[str, Judged]]:
    """Check predictions, by network, and put them beside the truth: by head and network; as `check_predictions`."""
    fold = fold_per_slice(slices, folds)
    checked = {network: check_predictions(table, slices, wanted, folds) for network, table in predictions.items()}
    return {head.name: {net: judge(table, slices, head, fold) for net, table in checked.items()} for head in wanted}


def over_utterances(judged: Judged, utterance: NDArray) -> Judged:
    """Average predictions over each utterance's slices: probabilities, then the most probable class; or values.

    Without probabilities the classes vote. Of equals the lowest class wins. The truth of an utterance is that of its
    first slice (all slices bear their utterance's rating).

    Args:
        judged: one row per slice.
        utterance: the utterance of each row, `(n,)`.
    """
    _, first, member = np.unique(utterance, return_index=True, return_inverse=True)
    if judged.head.valued:
        votes = judged.predicted[:, None]
    else:
        votes = np.eye(judged.head.outputs)[judged.predicted] if judged.probabilities is None else judged.probabilities
    size = np.bincount(member)
    mean = np.stack([np.bincount(member, weights=vote) / size for vote in votes.T], axis=1)
    predicted = mean[:, 0] if judged.head.valued else mean.argmax(1)
    probabilities = None if judged.probabilities is None else mean
    kept = (judged.speaker[first], judged.fold[first])
    return Judged(judged.head, judged.truth[first], predicted, probabilities, *kept)


def tested(slices: pd.DataFrame, folds: pd.DataFrame | None) -> pd.DataFrame:
    """The slices that some fold tests: all, but for parts that a corpus publishes to learn from."""
    if folds is None:
        return slices
    return slices[slices["slice"].isin(folds["slice"][folds["role"] == "test"])].reset_index(drop=True)


def fold_per_slice(slices: pd.DataFrame, folds: pd.DataFrame | None) -> NDArray:
    """The fold that tests each slice, in the order of `slices`; without folds, the speaker."""
    if folds is None:
        return slices["speaker"].to_numpy(dtype=object)
    tested = folds[folds["role"] == "test"].set_index("slice")["fold"]
    return tested.reindex(slices["slice"]).to_numpy(dtype=object)


def check_predictions(
    predictions: pd.DataFrame, slices: pd.DataFrame, wanted: Sequence[Head], folds: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Check a table of predictions and bring it into the order of the slices.

    Args:
        predictions: the table, in the format of the module's docstring. Rows per utterance count for all its slices.
        slices: slices.csv.
        wanted: the heads to be scored.
        folds: folds.csv; given, a column `fold` of the predictions must name the fold that tests the slice.

    Returns:
        One row per slice, in the order of `slices`, with the columns of all heads (a missing class column is filled
        with the most probable class).

    Raises:
        UserError: if columns are missing, slices or utterances are missing, unknown or given twice, a value is no
            class, no probability or no number, or another fold predicted than tests. The rows are named.
    """
    key = next((name for name in ("slice", "utterance") if name in predictions), None)
    if key is None:
        raise UserError(
            f"The predictions have neither a column `slice` nor `utterance`; found were {some(predictions)}; name what "
            "each row predicts in one of them."
        )
    names = predictions[key]
    _check_rows(names, slices[key], key)
    filled = predictions.copy()
    for head in wanted:
        _check_head(filled, names, head)
    filled = filled.set_index(names).reindex(slices[key]).reset_index(drop=True)
    if folds is not None and "fold" in predictions:
        tested = fold_per_slice(slices, folds)
        foreign = (filled["fold"] != tested) & filled["fold"].notna()
        _refuse(foreign, slices["slice"], "predicted by a fold that does not test them; train again, or drop `fold`")
    return filled


def _check_rows(names: pd.Series, known: pd.Series, key: str) -> None:
    """Each known name exactly once, and no other."""
    faults = (  # in words, where, and whether a look at the spelling may help
        ("given more than once; keep one row each", names[names.duplicated()].unique(), False),
        ("unknown to the corpus; remove them", names[~names.isin(known)].unique(), True),
        ("missing; predict them too", known[~known.isin(names)].unique(), False),
    )
    for fault, found, misspelt in faults:
        if len(found):
            why = _spelling(found, known) if misspelt else ""
            raise UserError(f"Predictions: {len(found)} {key}s are {fault}: {some(found)}{why}.")


def _spelling(names: Sequence[str], known: pd.Series) -> str:
    """Where an unknown name differs from a known one in nothing that can be seen."""

    def seen(name: str) -> str:
        return unicodedata.normalize("NFKC", name).strip().casefold()

    alike = {seen(name): name for name in known}
    if pair := next(((name, alike[seen(name)]) for name in names if seen(name) in alike), None):
        return f" ({pair[0]!a} is there as {pair[1]!a})"
    return ""


def _check_head(filled: pd.DataFrame, names: pd.Series, head: Head) -> None:
    """Check one head's columns and make them numbers; adds the class where only probabilities are given."""
    if head.valued:
        _need(filled, [head.column])
        _refuse_empty(filled, names, [head.column])
        values = pd.to_numeric(filled[head.column], errors="coerce").to_numpy(dtype=float)
        filled[head.column] = values
        _refuse(~np.isfinite(values), names, f"without a number in `{head.column}`; give one")
        if head.spread and (column := head.deviation_column) in filled:
            filled[column] = pd.to_numeric(filled[column], errors="coerce")
            _refuse(~(filled[column] > 0) | np.isinf(filled[column]), names, f"without a number above 0 in `{column}`")
        return
    columns = head.share_columns
    if any(column in filled for column in columns):
        _need(filled, columns)
        _refuse_empty(filled, names, columns)
        shares = filled[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        fair = (shares >= 0).all(1) & (np.abs(shares.sum(1) - 1) <= SUM_TOLERANCE)
        _refuse(~fair, names, f"with `{head.name}_p*` that are no probabilities; they must be >= 0 and sum to 1")
        filled[columns] = shares
        if head.name not in filled:
            filled[head.name] = shares.argmax(1)
    _need(filled, [head.name])
    classes = pd.to_numeric(filled[head.name], errors="coerce")
    filled[head.name] = classes
    bad = ~classes.isin(range(head.outputs)).to_numpy()
    _refuse(bad, names, f"with a `{head.name}` that is no class; give an integer 0..{head.outputs - 1}")
    if columns[0] in filled:
        shares = filled[columns].to_numpy(dtype=float)
        chosen = shares[np.arange(len(shares)), classes.astype(int)]
        fault = f"with a `{head.name}` that is not the most probable class of its `{head.name}_p*`; give one of both"
        _refuse(chosen < shares.max(1) - SUM_TOLERANCE, names, fault)


def _need(table: pd.DataFrame, columns: list[str]) -> None:
    if missing := [column for column in columns if column not in table]:
        raise UserError(
            f"The predictions lack the columns {', '.join(missing)}; found were {some(table)}; add them or choose "
            "another target."
        )


def _refuse_empty(table: pd.DataFrame, names: pd.Series, columns: list[str]) -> None:
    """No row may say nothing at all, as `elor predict` does of silence."""
    fault = (
        f"without any answer in `{'`, `'.join(columns)}`, as elor predict leaves what is silent; give one, or "
        "score the networks by --model"
    )
    _refuse(table[columns].isna().all(axis=1), names, fault)


def _refuse(bad: NDArray | pd.Series, names: pd.Series, fault: str) -> None:
    if np.any(bad):
        found = names[np.asarray(bad)]
        raise UserError(f"Predictions: {len(found)} rows are {fault}: {some(found)}.")
