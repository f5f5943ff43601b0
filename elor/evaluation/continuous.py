"""Scores of values: the concordance of ordered classes' expected value, and of regression heads.

All three follow from six sums that add up over slices, the *moments*: n, sum t, sum v, sum t^2, sum v^2, sum t v (t =
truth, v = value). So they are kept per speaker, as confusion counts are.
"""

import numpy as np
from numpy.typing import ArrayLike

from elor.evaluation.recall import Array, ratio

CONCORDANCE = (-1.0, 1.0)
"""Range of the CCC."""


def expected_value(probabilities: ArrayLike) -> Array:
    """Expected class sum_k k p_k of probabilities of the shape `(..., classes)`."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return probabilities @ np.arange(probabilities.shape[-1])


def moments(truth: ArrayLike, value: ArrayLike, groups: ArrayLike, count: int) -> Array:
    """The six sums per group, `(count, 6)`.

    Both variables are shifted by the truth's overall mean, which changes none of the scores below and keeps the
    differences of large sums accurate.

    Args:
        truth: true values, `(n,)`.
        value: predicted values, `(n,)`.
        groups: the group of each row, 0..count-1, `(n,)`.
        count: number of groups.
    """
    truth, value = np.asarray(truth, dtype=np.float64), np.asarray(value, dtype=np.float64)
    centre = truth.mean() if truth.size else 0.0
    t, v = truth - centre, value - centre
    terms = (np.ones_like(t), t, v, t * t, v * v, t * v)
    return np.stack([np.bincount(groups, weights=term, minlength=count) for term in terms], axis=-1)


def ccc(sums: ArrayLike) -> Array:
    """Concordance correlation coefficient 2 cov(t, v) / (var t + var v + (mean t - mean v)^2), from `(..., 6)` moments.

    Variances divide by n. NaN where both are one and the same constant. Reference: Lin, "A concordance correlation
    coefficient to evaluate reproducibility", Biometrics 45(1), 1989.
    """
    mean_t, mean_v, var_t, var_v, cov = _central(sums)
    return ratio(2 * cov, var_t + var_v + (mean_t - mean_v) ** 2)


def pearson(sums: ArrayLike) -> Array:
    """Pearson's r = cov(t, v) / sqrt(var t var v), from `(..., 6)` moments; NaN where one is constant."""
    _, _, var_t, var_v, cov = _central(sums)
    return ratio(cov, np.sqrt(var_t * var_v))


def rmse(sums: ArrayLike) -> Array:
    """Root mean squared error sqrt(mean (t - v)^2), from `(..., 6)` moments."""
    n, _, _, tt, vv, tv = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.sqrt(np.maximum(ratio(tt + vv - 2 * tv, n), 0.0))


def _central(sums: ArrayLike) -> tuple[Array, Array, Array, Array, Array]:
    """Means, variances and the covariance; variances that are zero but for rounding become zero."""
    n, t, v, tt, vv, tv = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    mean_t, mean_v = ratio(t, n), ratio(v, n)
    var_t, var_v = ratio(tt, n) - mean_t**2, ratio(vv, n) - mean_v**2
    var_t = np.where(var_t > 1e-12 * ratio(tt, n), var_t, 0.0 * mean_t)
    var_v = np.where(var_v > 1e-12 * ratio(vv, n), var_v, 0.0 * mean_v)
    return mean_t, mean_v, var_t, var_v, ratio(tv, n) - mean_t * mean_v
