"""Scores of classes, each a function of confusion counts.

A confusion matrix has the shape `(classes, classes)`: row = truth, column = prediction, n_ck = number of slices of
class c predicted as k. All functions take any leading axes (speakers, folds, bootstrap draws), so that `uar(counts)`
with the shape `(10000, 5, 5)` is 10,000 UARs. What is undefined, for want of any slice, is NaN.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

RECALL = (0.0, 1.0)
"""Range of WAR and UAR."""


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count pairs of truth and prediction; integers of the shape `(classes, classes)`.

    Raises:
        ValueError: if the lengths differ or a label lies outside 0..classes-1.
    """
    return confusions(truth, predicted, classes, np.zeros(len(np.asarray(truth)), dtype=np.int64), 1)[0]


def confusions(
    truth: ArrayLike, predicted: ArrayLike, classes: int, groups: ArrayLike, count: int
) -> NDArray[np.int64]:
    """Confusion counts per group (speaker, fold).

    Args:
        truth: true classes 0..classes-1, `(n,)`.
        predicted: predicted classes, `(n,)`.
        classes: number of classes K, those that never occur included.
        groups: the group of each row, 0..count-1, `(n,)`.
        count: number of groups.

    Returns:
        Counts of the shape `(count, K, K)`.

    Raises:
        ValueError: if the lengths differ or a label lies outside 0..K-1.
    """
    truth, predicted, groups = (np.asarray(labels, dtype=np.int64) for labels in (truth, predicted, groups))
    if not truth.shape == predicted.shape == groups.shape:
        raise ValueError(f"truth {truth.shape}, predicted {predicted.shape} and groups {groups.shape} differ in shape")
    for labels in (truth, predicted):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"labels {labels.min()}..{labels.max()} lie outside 0..{classes - 1}")
    cells = (groups * classes + truth) * classes + predicted
    return np.bincount(cells, minlength=count * classes * classes).reshape(count, classes, classes)


def recalls(counts: ArrayLike) -> Array:
    """Recall per class, n_cc / sum_k n_ck, of the shape `(..., classes)`; NaN for a class that never occurs."""
    counts = np.asarray(counts, dtype=np.float64)
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1))


def war(counts: ArrayLike) -> Array:
    """Weighted average recall, that is accuracy: sum_c n_cc / N.

    Each class weighs as much as it has slices. Reference: Schuller, Steidl and Batliner, "The INTERSPEECH 2009 Emotion
    Challenge", 2009.
    """
    counts = np.asarray(counts, dtype=np.float64)
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def uar(counts: ArrayLike) -> Array:
    """Unweighted average recall: the mean of the recalls of the classes that occur in the truth.

    A class without a slice has no recall, and counts neither as 0 nor as 1: it is left out of the mean. Hence the UAR
    of one speaker who lacks a class is a mean over fewer classes, and a mean of such UARs is not the UAR of the pool.
    Reference: Schuller, Steidl and Batliner 2009, as in `war`.
    """
    counts = np.asarray(counts, dtype=np.float64)
    rows = counts.sum(-1)
    occurs = rows > 0
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return ratio((hits / np.where(occurs, rows, 1.0) * occurs).sum(-1), occurs.sum(-1))


def macro_f1(counts: ArrayLike) -> Array:
    """Mean over classes of F1 = 2 n_cc / (sum_k n_ck + sum_k n_kc).

    The mean goes over the classes that occur in the truth or among the predictions (scikit-learn's default). Of the two
    averages in use this is the mean of F1 values. Reference: Opitz and Burst, "Macro F1 and Macro F1", 2019, eq. 2.
    """
    counts = np.asarray(counts, dtype=np.float64)
    f1 = ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1) + counts.sum(-2))
    met = np.isfinite(f1)
    return ratio(np.where(met, f1, 0.0).sum(-1), met.sum(-1))


def kappa(counts: ArrayLike) -> Array:
    """Cohen's kappa with quadratic weights: 1 - sum w n / sum w e, with w_ck = (c - k)^2 and e_ck = n_c. n_.k / N.

    Classes are ordered, so a miss by two weighs four times a miss by one. NaN where truth and prediction both stay in
    one class. Reference: Cohen, "Weighted kappa", Psychological Bulletin 70(4), 1968.
    """
    counts = np.asarray(counts, dtype=np.float64)
    order = np.arange(counts.shape[-1])
    weights = (order[:, None] - order) ** 2
    expected = ratio(counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :], counts.sum((-2, -1))[..., None, None])
    return 1.0 - ratio((weights * counts).sum((-2, -1)), (weights * expected).sum((-2, -1)))


def mean_over_folds(values: ArrayLike) -> float:
    """Mean of one score per fold, `(folds,)`, each fold with the same weight; folds without a score (NaN) are left out.

    For UAR a fold that lacks a class enters with the mean over the classes that it has. With rare classes this makes
    the mean over folds *higher or lower* than the pooled UAR, never comparable to it: the pooled one is the paper's
    (Forman and Scholz, "Apples-to-apples in cross-validation studies", SIGKDD Explorations 12(1), 2010).
    """
    values = np.asarray(values, dtype=np.float64)
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def ratio(above: ArrayLike, below: ArrayLike) -> Array:
    """`above / below`, NaN where `below` is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
