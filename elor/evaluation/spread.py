"""How well a predicted spread meets that of the raters: its correlation, its divergence, and what its intervals hold.

A network that predicts mean and standard deviation of the ratings says more than its mean only if the deviation differs
between slices, and rightly. So everything stands beside the same with one deviation for all slices, which is all that a
network of means can say. It is the best for the slices that the other folds test, so that no slice helps to judge
itself.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from elor.corpora.labels import evaluations, scaled
from elor.evaluation.continuous import moments, pearson
from elor.evaluation.intervals import jackknife, printed
from elor.evaluation.permutation import p_value, permuted
from elor.evaluation.predictions import Judged
from elor.evaluation.recall import Array
from elor.evaluation.settings import Settings
from elor.targets import FLOOR

SHARES = (50, 80, 95)
"""Of the ratings, in per cent, that an interval should hold."""

CORRELATION = (-1.0, 1.0)


def divergence(mean: ArrayLike, deviation: ArrayLike, m: ArrayLike, s: ArrayLike) -> Array:
    """KL(N(m, s) || N(mean, deviation)) in nats, of every slice.

    Args:
        mean, deviation: predicted, `(n,)`.
        m, s: the raters', `(n,)`; an s below `elor.targets.FLOOR` counts as that, as in training.
    """
    s = np.maximum(s, FLOOR)
    off = np.square(np.subtract(m, mean))
    return np.log(deviation / s) + (s**2 + off) / (2 * np.square(deviation)) - 0.5


def constant(judged: Judged, s: ArrayLike) -> Array:
    """One deviation for all slices of a fold, `(n,)`: the root mean of s^2 + (m - mean)^2 over the other folds' tests.

    It minimises their mean divergence. With a single fold it is that fold's own.
    """
    squares = np.maximum(s, FLOOR) ** 2 + (judged.truth - judged.value) ** 2
    names, fold = np.unique(judged.fold, return_inverse=True)
    sums, counts = np.bincount(fold, weights=squares), np.bincount(fold)
    if len(names) > 1:
        sums, counts = sums.sum() - sums, counts.sum() - counts
    return np.sqrt(sums / counts)[fold]


def coverage(inside: NDArray[np.int64], mean: Array, deviation: Array, ratings: Array, share: float) -> float:
    """Share of single ratings within mean +- z deviations, z the normal quantile of `share`.

    Args:
        inside: the slice of each rating, `(ratings,)`.
        mean, deviation: of each slice, `(n,)`.
        ratings: on the scale of the classes, `(ratings,)`.
        share: what the interval should hold, 0..1.
    """
    reach = ndtri(0.5 + share / 2) * deviation[inside]
    return float(np.mean(np.abs(ratings - mean[inside]) <= reach))


def spread(
    judged: Judged, predictions: pd.DataFrame, slices: pd.DataFrame, ratings: pd.DataFrame, how: Settings
) -> dict[str, Any]:
    """The scores of a predicted spread, by the keys of `elor.evidence.scores.Scores`.

    Args:
        judged: one row per slice, in the order of `slices`.
        predictions: as `elor.evaluation.predictions.check_predictions` returned them, with a deviation.
        slices: slices.csv, with the raters' deviation.
        ratings: ratings.csv.
        how: see `Settings`. Where labels were shuffled there is no coverage: the single ratings are of other slices.
    """
    head = judged.head
    said, s = (table[head.deviation_column].to_numpy(dtype=float) for table in (predictions, slices))
    scores = _follows("spread", s, said, judged, how) | _follows(
        "spread_partial", *residuals(judged, s, said), judged, how
    )
    place, points = _ratings(head.name, slices, ratings, how)
    shares = () if how.shuffled else SHARES
    for name, deviation in (("", said), ("_constant", constant(judged, s))):
        scores[f"divergence{name}"] = float(divergence(judged.value, deviation, judged.truth, s).mean())
        for share in shares:
            found = coverage(place, judged.value, deviation, points, share / 100)
            scores[f"coverage_{share}{name}"] = found
    return scores


def residuals(judged: Judged, *deviations: ArrayLike) -> list[Array]:
    """What the means do not say of deviations, by least squares on raters' and predicted means and their squares.

    The ends of the scale leave no room for a deviation. That is bent over the mean: a straight line is not enough.
    """
    means = np.stack([judged.truth, judged.value])
    known = np.vstack([np.ones(len(judged.truth)), means, means**2]).T
    found = [one - known @ np.linalg.lstsq(known, np.asarray(one, dtype=float))[0] for one in deviations]
    return [np.where(np.abs(some) > 1e-9 * np.max(one), some, 0.0) for some, one in zip(found, deviations, strict=True)]


def _follows(key: str, s: Array, said: Array, judged: Judged, how: Settings) -> dict[str, Any]:
    """Pearson's r of what raters' and predicted deviations are, its interval over speakers, and its p."""
    speaker = np.unique(judged.speaker, return_inverse=True)[1]
    tallies = moments(s, said, speaker, speaker.max() + 1)
    interval = printed(jackknife(tallies, pearson, how.confidence), len(tallies), CORRELATION)
    r = float(pearson(tallies.sum(0)))
    null = pearson(permuted(s, said, speaker, how.permutations, how.stream(key, judged.head.name)))
    found = {f"{key}_r": r, f"{key}_r_low": interval.low, f"{key}_r_high": interval.high}
    return found | {f"{key}_p": p_value(null, r)}


def _ratings(
    dimension: str, slices: pd.DataFrame, ratings: pd.DataFrame, how: Settings
) -> tuple[NDArray[np.int64], Array]:
    """The number of the slice, and the rating on the scale of the classes, of every slice and evaluator."""
    counted = evaluations(ratings, how.asked.dimensions)[["utterance", dimension]]
    places = pd.DataFrame({"utterance": slices["utterance"].to_numpy(), "place": np.arange(len(slices))})
    both = places.merge(counted, on="utterance")
    return both["place"].to_numpy(), scaled(both[dimension].to_numpy(), how.classes, *how.scale)
