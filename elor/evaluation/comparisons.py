"""Is one network better than another? Exact tests over speakers, corrected for how many were asked.

The null hypothesis is that a speaker could as well have been answered by the other network: exchanging the two
networks' answers for any set of speakers changes nothing. All 2^n exchanges are equally likely then, which makes the
test exact for any number of speakers and any distribution.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from elor.evaluation.intervals import Interval, Statistic, jackknife
from elor.evaluation.recall import Array

EXACT_UP_TO = 20
"""Speakers up to which all sign patterns are tried: 2^19 with the first sign fixed, since the test is two-sided."""

CHUNK = 1 << 14
"""Sign patterns held at once."""


class SignTest(NamedTuple):
    """Result of a two-sided test over speakers."""

    p: float
    patterns: int
    """Sign patterns that were tried; with all of them the smallest p is 1 / patterns."""
    exact: bool


def sign_flip(differences: ArrayLike, draws: int = 100_000, seed: int = 0) -> SignTest:
    """Test whether paired differences are symmetric about zero, by their sum (Fisher 1935, "The design of
    experiments").

    Args:
        differences: one difference per speaker, `(speakers,)`; NaN is left out.
        draws: random sign patterns above 20 speakers.
        seed: of those patterns.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[np.isfinite(values)]
    return _test(len(values), lambda signs: signs @ values, draws, seed)


def exchange(a: ArrayLike, b: ArrayLike, statistic: Statistic, draws: int = 100_000, seed: int = 0) -> SignTest:
    """Test the difference of two pooled scores by exchanging the two networks' tallies speaker by speaker.

    It tests the very difference that is printed. For UAR and WAR, whose class totals are the same for both networks, it
    is the sign-flip test of what each speaker contributes to the difference.

    Args:
        a: tallies of network a per speaker, `(speakers, ...)`.
        b: those of network b.
        statistic: the score of a sum of tallies.
        draws: random sign patterns above 20 speakers.
        seed: of those patterns.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    middle, half = (a + b).sum(0) / 2, (a - b) / 2

    def difference(signs: Array) -> Array:
        shift = np.tensordot(signs, half, 1)
        return statistic(middle + shift) - statistic(middle - shift)

    return _test(len(a), difference, draws, seed)


def difference_interval(a: ArrayLike, b: ArrayLike, statistic: Statistic, confidence: float = 0.95) -> Interval:
    """Jackknife t-interval over speakers of the difference of two pooled scores; arguments as in `exchange`."""
    pairs = np.stack([np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)], axis=1)
    axis = 1 - pairs.ndim  # of the pair, counted from the end: the jackknife may put speakers in front
    return jackknife(pairs, lambda t: statistic(t.take(0, axis)) - statistic(t.take(1, axis)), confidence)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p: the running maximum of (m - rank) p over ascending p, at most 1.

    Keeps the family-wise error under any dependence (Holm, "A simple sequentially rejective multiple test procedure",
    1979). Honest only over comparisons that were declared before the results were seen: one without a p (NaN) counts
    as a test, and stays NaN.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return adjusted.tolist()


class McNemar(NamedTuple):
    """Slices that only one of two networks got right, and the exact binomial p that treats them as independent."""

    only_a: int
    only_b: int
    p: float


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> McNemar:
    """McNemar's exact test over slices: a description, not a test to decide by.

    Slices of a speaker are not independent. Between two equally good networks, whose skill varies by speaker, it
    rejects the true null hypothesis two times in five at the 5 % level (simulated in the tests). Reference: McNemar,
    "Note on the sampling error of the difference between correlated proportions", 1947; the exact form is the binomial
    test.

    Args:
        right_a: whether network a was right, booleans `(n,)`.
        right_b: the same for network b.
    """
    right_a, right_b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return McNemar(only_a, only_b, min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5))))


def _test(n: int, statistic: Callable[[Array], Array], draws: int, seed: int) -> SignTest:
    """Share of sign patterns whose statistic lies at least as far from zero as that of the unflipped data."""
    exact = n <= EXACT_UP_TO
    observed = abs(float(statistic(np.ones((1, n)))[0]))
    if not np.isfinite(observed):
        return SignTest(float("nan"), 0, exact)
    bound = observed * (1 - 1e-9) - 1e-12  # sums of the same numbers in another order differ by rounding
    reached = patterns = 0
    for signs in _all_signs(n) if exact else _some_signs(n, draws, seed):
        reached += int(np.count_nonzero(np.abs(statistic(signs)) >= bound))
        patterns += len(signs)
    if exact:
        return SignTest(reached / patterns, patterns, exact)
    return SignTest((reached + 1) / (patterns + 1), patterns, exact)


def _all_signs(n: int) -> Iterator[Array]:
    """All patterns of n signs whose first is +1."""
    free = max(n - 1, 0)
    for first in range(0, 1 << free, CHUNK):
        codes = np.arange(first, min(first + CHUNK, 1 << free))
        flips = (codes[:, None] >> np.arange(free)) & 1
        yield np.concatenate([np.ones((len(codes), n - free)), 1.0 - 2.0 * flips], axis=1)


def _some_signs(n: int, draws: int, seed: int) -> Iterator[Array]:
    rng = np.random.default_rng(seed)
    for first in range(0, draws, CHUNK):
        yield 1.0 - 2.0 * rng.integers(0, 2, size=(min(CHUNK, draws - first), n))
