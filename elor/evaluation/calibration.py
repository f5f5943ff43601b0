"""Does a network mean what its probabilities say? Reliability diagram, calibration error, and soft labels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elor.evaluation.recall import Array, ratio

TINY = 1e-12
"""A probability below this counts as this in a logarithm, so that one certain miss does not make a score infinite."""


class Reliability(NamedTuple):
    """Bins of equal width between 0 and 1; each array has the shape `(bins,)`."""

    low: Array
    high: Array
    count: NDArray[np.int64]
    confidence: Array
    """Mean probability of the predicted class; NaN in an empty bin."""
    accuracy: Array
    """Share of hits; NaN in an empty bin."""


def reliability(truth: ArrayLike, predicted: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> Reliability:
    """Sort slices into bins (low, high] by the probability of their predicted class.

    Args:
        truth: true classes, `(n,)`.
        predicted: predicted classes, `(n,)`.
        probabilities: `(n, classes)`.
        bins: number of bins; 15 as in Guo et al., "On calibration of modern neural networks", 2017.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    confidence = np.take_along_axis(np.asarray(probabilities, dtype=np.float64), predicted[:, None], axis=1)[:, 0]
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    mean_confidence = ratio(np.bincount(place, weights=confidence, minlength=bins), count)
    accuracy = ratio(np.bincount(place, weights=truth == predicted, minlength=bins), count)
    return Reliability(edges[:-1], edges[1:], count, mean_confidence, accuracy)


def ece(bins: Reliability) -> float:
    """Expected calibration error sum_b (n_b / N) |accuracy_b - confidence_b| (Guo et al. 2017, eq. 3)."""
    gaps = np.nan_to_num(np.abs(bins.accuracy - bins.confidence))
    return float(ratio(bins.count @ gaps, bins.count.sum()))


def cross_entropy(shares: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean over slices of -sum_k s_k ln p_k, in nats: how well probabilities meet the spread of the raters.

    Args:
        shares: share of the raters per class, `(n, classes)`.
        probabilities: `(n, classes)`.

    The best that any prediction can reach is the entropy of the raters, `cross_entropy(shares, shares)`.
    """
    shares, probabilities = np.asarray(shares, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    return float(-(shares * np.log(np.maximum(probabilities, TINY))).sum(-1).mean())
