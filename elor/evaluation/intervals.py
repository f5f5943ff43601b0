"""Intervals that respect speakers.

Slices of a speaker resemble each other, so the speaker is the unit that was sampled. Every function takes one tally per
speaker, `(speakers, ...)`, and a statistic that maps a sum of tallies to a number (`uar` of confusion counts, `ccc` of
moments), vectorised over leading axes.

Which interval for which number:

- **Pooled score** (the headline). Estimand: the score of the pool of very many speakers drawn as these were, for UAR
  the mean over classes of E[hits of the class] / E[slices of the class], where E goes over speakers. A speaker who
  lacks a class just adds nothing to it. `jackknife` is the t-interval over speakers for it: centred on the pooled
  score, its error from the scores without each speaker in turn. Ten speakers with the release's slices per class: 93 to
  95 % at a nominal 95 % (linearisation: 85 to 94 %; both by simulation), as for three, five and thirty speakers, for
  WAR, and for the CCC of values. It needs every class from several speakers: with a class of 0.04 x the release's 106
  slices (some four slices in all, of two or three speakers) it falls to 82-87 %. So the fewest slices and speakers of a
  class are printed, and what `elor.evaluation.caution` says of them.
- **Mean over speakers** (beside the mean over folds). Estimand: the mean over speakers of a speaker's own UAR, over the
  classes which that speaker has. `speaker_interval`, the ordinary t-interval: 95 % throughout.
- Both are printed within the range of the score (`printed`): the true value lies in it, so cutting off what does not
  loses no coverage. Below three speakers none is printed.
- `bootstrap` (percentile) is printed for comparison with other work, with `percentile_coverage`: about 90 % for ten
  speakers. `bootstrap_t` mends that (0.949 where the percentile one has 0.899) at the price of
  wider, less steady limits.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit

from elor.evaluation.recall import Array

Statistic = Callable[[NDArray], Array]
"""Maps tallies `(..., *shape)` to numbers `(...)`."""

SPEAKERS_FOR_INTERVAL = 3
"""With two speakers t(1) = 12.7 makes an interval that says nothing: none is printed."""

CHUNK = 2_000_000
"""Numbers held at once per drawn array (16 MB), so that 1,000 speakers need no more memory than ten."""


class Interval(NamedTuple):
    """Lower and upper limit; NaN where fewer than two speakers, or an undefined score, allow none."""

    low: float
    high: float


NOWHERE = Interval(float("nan"), float("nan"))


def printed(interval: Interval, speakers: int, limits: tuple[float, float]) -> Interval:
    """What is printed of an interval: none below three speakers, and no limit outside the range of the score.

    Args:
        interval: as computed.
        speakers: how many speakers it rests on.
        limits: lowest and highest value that the score can have.
    """
    if speakers < SPEAKERS_FOR_INTERVAL:
        return NOWHERE
    return Interval(*(float(min(max(end, limits[0]), limits[1])) if end == end else end for end in interval))


def speaker_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """t-interval of the mean over speakers, mean +- t(n - 1) sd / sqrt(n); speakers without a value (NaN) are left out.

    Args:
        values: one number per speaker, `(speakers,)`.
        confidence: nominal coverage, 0..1.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return NOWHERE
    return around(values.mean(), values.std(ddof=1) / np.sqrt(len(values)), len(values), confidence)


def jackknife(tallies: ArrayLike, statistic: Statistic, confidence: float = 0.95) -> Interval:
    """t-interval over speakers of a pooled score: T +- t(n - 1) se, se^2 = (n - 1) / n sum_s (T_(-s) - mean T_(-.))^2.

    T_(-s) is the score of all but speaker s. This equals the t-interval of Tukey's pseudo-values n T - (n - 1) T_(-s),
    moved onto the printed score T (Miller, "The jackknife - a review", Biometrika 61(1), 1974). Exactly
    `speaker_interval` where the score is a mean over speakers. The module's docstring says why, and when, it is the
    primary interval.

    Args:
        tallies: one tally per speaker, `(speakers, ...)`.
        statistic: the score of a sum of tallies.
        confidence: nominal coverage, 0..1.
    """
    tallies = np.asarray(tallies, dtype=np.float64)
    if (n := len(tallies)) < 2:
        return NOWHERE
    total = tallies.sum(0)
    without = statistic(total - tallies)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return around(float(statistic(total)), error, n, confidence)


def bootstrap(
    tallies: ArrayLike, statistic: Statistic, rng: np.random.Generator, confidence: float = 0.95, draws: int = 10_000
) -> tuple[Interval, Interval]:
    """Percentile and bootstrap-t intervals from speakers drawn with replacement.

    Percentile: quantiles of the scores T* of the draws. Bootstrap-t: T - q se, with q the quantiles of (T* - T) / se*
    and se by linearisation, in the draws as in the data (Efron and Tibshirani, "An introduction to the bootstrap",
    1993, chapters 12 and 13; Davison and Hinkley 1997, section 2.7). Draws without a score or without spread, as
    when three speakers give the same one three times, have no t and are left out; without any t only the
    percentile interval is left.

    Args:
        tallies: one tally per speaker, `(speakers, ...)`.
        statistic: the score of a sum of tallies.
        rng: source of the draws.
        confidence: nominal coverage, 0..1.
        draws: number of bootstrap samples.

    Returns:
        The percentile interval and the bootstrap-t interval.
    """
    tallies = np.asarray(tallies, dtype=np.float64)
    if (n := len(tallies)) < 2:
        return NOWHERE, NOWHERE
    score = float(statistic(tallies.sum(0)))
    scores, errors = [], []
    for weights in _resamples(n, draws, rng):
        scores.append(statistic(np.tensordot(weights, tallies, 1)))
        errors.append(linear_error(tallies, statistic, weights))
    drawn, error = np.concatenate(scores), np.concatenate(errors)
    known = np.isfinite(drawn)
    if not known.any():
        return NOWHERE, NOWHERE
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    percentile = Interval(*map(float, np.quantile(drawn[known], tails)))
    usable = known & (error > 1e-9 * (1 + np.abs(drawn)))
    if not usable.any():
        return percentile, NOWHERE
    t_low, t_high = np.quantile((drawn[usable] - score) / error[usable], tails)
    se = float(linear_error(tallies, statistic, np.ones((1, n)))[0])
    return percentile, Interval(float(score - t_high * se), float(score - t_low * se))


def linear_error(tallies: Array, statistic: Statistic, weights: Array) -> Array:
    """Standard error of a pooled score by linearisation, for each row of speaker weights.

    To first order a speaker moves the score by u_s = gradient . tally_s, and sum_s w_s u_s = 0, as scores do not change
    when all tallies are doubled. se^2 = n / (n - 1) sum_s w_s u_s^2. The gradient is a central difference.

    Args:
        tallies: `(speakers, ...)`.
        statistic: the score of a sum of tallies.
        weights: how often each speaker counts, `(draws, speakers)`, each row summing to `speakers`.

    Returns:
        Standard errors, `(draws,)`.
    """
    n, shape = len(tallies), tallies.shape[1:]
    flat = tallies.reshape(n, -1)
    totals = weights @ flat
    size = 1e-6 * (np.abs(totals) + np.abs(totals).mean(-1, keepdims=True))  # empty cells need a step as well
    gradient = np.empty_like(totals)
    for cell in range(flat.shape[1]):
        step = np.zeros_like(totals)
        step[:, cell] = size[:, cell]
        rise, fall = (statistic((totals + sign * step).reshape(-1, *shape)) for sign in (1, -1))
        gradient[:, cell] = (rise - fall) / (2 * size[:, cell])
    moves = gradient @ flat.T
    return np.sqrt(n / (n - 1) * (weights * moves**2).sum(-1))


def percentile_coverage(speakers: int, confidence: float = 0.95) -> float:
    """What a percentile bootstrap over speakers really covers: P(|t(n - 1)| < z sqrt((n - 1) / n)).

    It takes a normal quantile where a t quantile is due, and a deviation that divides by n. Exact for a mean of normal
    values, an approximation for other scores. Simulated with IEMOCAP's class frequencies (valence, arousal): 0.85 and
    0.84 for five speakers (formula 0.85), 0.90 and 0.90 for ten (0.90), 0.95 for thirty (valence; 0.94).
    """
    z = ndtri((1 + confidence) / 2)
    return float(2 * stdtr(speakers - 1, z * np.sqrt((speakers - 1) / speakers)) - 1)


def around(centre: float, error: float, n: int, confidence: float) -> Interval:
    """The t-interval of a mean of n units by its standard error."""
    reach = float(stdtrit(n - 1, (1 + confidence) / 2) * error)
    return Interval(float(centre - reach), float(centre + reach))


def rounding(error: float, mean: float) -> bool:
    """Whether a standard error is the rounding of equal numbers (or undefined), so that t would say nothing."""
    return not error > 1e-9 * abs(mean)


def _resamples(n: int, draws: int, rng: np.random.Generator) -> Iterator[Array]:
    """Weights of bootstrap samples of n speakers, `(some, n)` at a time, `draws` in all."""
    some = max(1, CHUNK // max(n, 32))
    for first in range(0, draws, some):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(some, draws - first)).astype(np.float64)
