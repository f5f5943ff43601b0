"""What a network reaches that heard nothing: the score when labels are permuted within each speaker.

Permuting within speakers keeps each speaker's labels and each speaker's predictions; only their pairing is lost. A
network that merely recognises which speaker has which labels therefore gains nothing. All slices of a speaker are
treated as exchangeable, which slices of one utterance are not: the null over utterances, printed beside, is the safer
one.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elor.evaluation.continuous import ccc, moments
from elor.evaluation.recall import Array, ratio, uar

CHUNK = 4_000_000
"""Numbers drawn at once (32 MB)."""


def permuted_counts(counts: ArrayLike, draws: int, rng: np.random.Generator) -> Array:
    """Confusion counts, pooled over speakers, after permuting labels within each speaker.

    A permutation leaves the margins of a speaker's table as they are, and its cells follow the multivariate
    hypergeometric distribution. So tables are drawn, cell by cell, rather than slices shuffled: the same law at
    a fraction of the time.

    Args:
        counts: confusion counts per speaker, `(speakers, K, K)`.
        draws: number of permutations.
        rng: source of the draws.

    Returns:
        Counts of the shape `(draws, K, K)`.
    """
    counts = np.asarray(counts, dtype=np.int64)
    speakers, classes, _ = counts.shape
    pooled = np.zeros((draws, classes, classes))
    some = max(1, CHUNK // (speakers * classes))
    for first in range(0, draws, some):
        chunk = pooled[first : first + some]
        left = np.broadcast_to(counts.sum(1), (len(chunk), speakers, classes)).copy()  # predictions not yet dealt
        for row in range(classes):
            chunk[:, row] = _deal(left, counts.sum(2)[:, row], rng)
    return pooled


def uar_null(counts: ArrayLike, draws: int, rng: np.random.Generator) -> Array:
    """Pooled UAR of `draws` permutations of labels within speakers, `(draws,)`; `counts` as in `permuted_counts`.

    Where speakers have fewer slices than a table has cells, slices are shuffled after all: then that is the faster way.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if counts.sum() >= counts.size:
        return uar(permuted_counts(counts, draws, rng))
    rows = counts.sum((0, 2))
    share = ratio(1.0, rows * np.count_nonzero(rows))  # what a hit adds to the UAR, by class
    scores = np.zeros(draws)
    for table in counts:
        truth, predicted = np.repeat(np.indices(table.shape).reshape(2, -1), table.ravel(), axis=1)
        for chunk, shuffled in _shuffles(predicted, draws, rng):
            scores[chunk] += (shuffled == truth) @ share[truth]
    return scores


def ccc_null(truth: ArrayLike, value: ArrayLike, groups: ArrayLike, draws: int, rng: np.random.Generator) -> Array:
    """Pooled CCC of `draws` permutations of the truth within speakers, `(draws,)`; see `permuted`."""
    return ccc(permuted(truth, value, groups, draws, rng))


def permuted(truth: ArrayLike, value: ArrayLike, groups: ArrayLike, draws: int, rng: np.random.Generator) -> Array:
    """Moments, pooled over speakers, of `draws` permutations of the truth within speakers, `(draws, 6)`.

    Args:
        truth: true values, `(n,)`.
        value: predicted values, `(n,)`.
        groups: the speaker of each row, 0.., `(n,)`.
        draws: number of permutations.
        rng: source of the draws.
    """
    truth, value, groups = np.asarray(truth, dtype=np.float64), np.asarray(value, dtype=np.float64), np.asarray(groups)
    centre = truth.mean()
    sums = np.repeat(moments(truth, value, np.zeros(len(truth), dtype=int), 1), draws, axis=0)
    sums[:, 5] = 0.0  # of the six sums only that of the products depends on the pairing
    for group in np.unique(groups):
        t, v = truth[groups == group] - centre, value[groups == group] - centre
        for chunk, shuffled in _shuffles(t, draws, rng):
            sums[chunk, 5] += shuffled @ v
    return sums


def p_value(null: Array, observed: float) -> float:
    """(1 + permutations that reach the observed score) / (1 + permutations), one-sided; NaN without a score.

    The observed pairing counts as one of the permutations, so p is never 0 (Phipson and Smyth, "Permutation p-values
    should never be zero", 2010).
    """
    if not np.isfinite(observed):
        return float("nan")
    return float((1 + np.count_nonzero(null >= observed - 1e-12)) / (1 + len(null)))


def _deal(left: Array, hand: Array, rng: np.random.Generator) -> Array:
    """Deal to one true class of each speaker its share of the predictions, and take it from `left`.

    Args:
        left: predictions not yet dealt per class, `(draws, speakers, K)`; changed in place.
        hand: how many slices the class has, `(speakers,)`.

    Returns:
        Dealt predictions summed over speakers, `(draws, K)`.
    """
    draws, _, classes = left.shape
    dealt = np.zeros((draws, classes))
    need = np.broadcast_to(hand, left.shape[:2]).copy()
    pool = left.sum(-1)
    for column in range(classes):
        good = left[..., column]
        pool -= good
        got = rng.hypergeometric(good, pool, need)
        left[..., column] -= got
        need -= got
        dealt[:, column] = got.sum(-1)
    return dealt


def _shuffles(values: NDArray, draws: int, rng: np.random.Generator) -> Iterator[tuple[slice, NDArray]]:
    """Shuffled copies of one speaker's values, some at a time: which of the draws they are, and `(some, n)`."""
    some = max(1, CHUNK // max(1, len(values)))
    for first in range(0, draws, some):
        chunk = slice(first, min(first + some, draws))
        yield chunk, rng.permuted(np.broadcast_to(values, (chunk.stop - first, len(values))), axis=1)
