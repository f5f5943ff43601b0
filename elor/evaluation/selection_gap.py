"""The test-selection gap: what a careless protocol would have gained.

Each epoch's confusion counts on the test speaker lie in `data/audit/`, which nothing reads but this module. The honest
score comes from the epochs that the validation set chose, the careless one from the epochs that score best on the test
speaker.
"""

import numpy as np
import pandas as pd

from elor.errors import UserError
from elor.evaluation.recall import Array, uar, war
from elor.targets import Head


def selection_gap(audit: pd.DataFrame, head: Head) -> dict[str, float]:
    """Score with the epoch picked on the test part, per fold and for this head alone, minus the honest score.

    For each score the best epoch by that very score is picked (of equals, the first), and the folds' counts are pooled.
    The gap of WAR is never negative; that of the pooled UAR can be by a little, as the best epoch of each fold is not
    always the best for the pool. Heads share an epoch in the honest run, but not here: the gap is the most that a
    careless protocol gains.

    Args:
        audit: fold, epoch, selected (1 for the epoch kept), head, and actual, predicted, count; for values:
            concordance.
        head: which; the CCC of values is taken as mean over folds.

    Returns:
        `selection_gap_uar` and `selection_gap_war`, or `selection_gap_ccc`.

    Raises:
        UserError: if a fold has not exactly one selected epoch, or the head is missing.
    """
    rows = audit[audit["head"] == head.name]
    if rows.empty:
        raise UserError(f"The audit table has no rows of the head {head.name!r}; train the network for this target.")
    epochs = rows.groupby(["fold", "epoch"], sort=True)["selected"].max().reset_index()
    kept = epochs.groupby("fold")["selected"].sum()
    if (kept != 1).any():
        fold = kept.index[kept != 1][0]
        raise UserError(f"The audit table has {kept[fold]} selected epochs in fold {fold}, not one; train it again.")
    fold_of, selected = epochs["fold"].to_numpy(), epochs["selected"].to_numpy() == 1
    if head.valued:
        ccc = rows.groupby(["fold", "epoch"], sort=True)["concordance"].first().to_numpy(dtype=float)
        return {"selection_gap_ccc": float(np.mean(ccc[_best(ccc, fold_of)]) - np.mean(ccc[selected]))}
    counts = _counts(rows, epochs, head.outputs)
    gaps = {}
    for name, score in (("uar", uar), ("war", war)):
        picked = counts[_best(score(counts), fold_of)].sum(0)
        gaps[f"selection_gap_{name}"] = float(score(picked) - score(counts[selected].sum(0)))
    return gaps


def _best(scores: Array, fold_of: np.ndarray) -> list[int]:
    """Index of the first best epoch of each fold; an undefined score counts as the worst."""
    scores = np.where(np.isnan(scores), -np.inf, scores)
    rows = np.arange(len(scores))
    return [int(rows[fold_of == fold][scores[fold_of == fold].argmax()]) for fold in np.unique(fold_of)]


def _counts(rows: pd.DataFrame, epochs: pd.DataFrame, classes: int) -> Array:
    """Confusion counts of each epoch, `(epochs, classes, classes)`."""
    place = rows.merge(epochs.assign(place=range(len(epochs))), on=["fold", "epoch"])["place"].to_numpy()
    counts = np.zeros((len(epochs), classes, classes))
    np.add.at(
        counts,
        (place, rows["actual"].to_numpy(dtype=int), rows["predicted"].to_numpy(dtype=int)),
        rows["count"].to_numpy(),
    )
    return counts
