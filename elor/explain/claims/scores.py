"""Pieces of evidence from predictions and ratings: paired tests over units that `evaluate` does not print.

A unit is a speaker; in corpora whose folds hold several speakers it is the fold, since these share a network and count
as one observation of what networks can do. A score is a function of tallies that add up over units (`elor.evaluation`),
so every difference of scores has a jackknife t-interval over units, and its p is that of the same t. Where leaving out
any unit changes nothing, so that t would be infinite, a sign-flip test speaks: exact, by exchange, where the two sides
could change places (two networks on the same slices, two raters of the same utterances), and of the jackknife's
pseudo-values where they could not (two heads, two kinds of score). Where no network is concerned, in labels and
ratings, a unit is always a speaker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import rankdata

from elor.corpora.labels import choose_rater, evaluations
from elor.evaluation.agreement import as_classes
from elor.evaluation.comparisons import difference_interval, exchange, sign_flip
from elor.evaluation.continuous import ccc
from elor.evaluation.intervals import Statistic, jackknife, speaker_interval
from elor.evaluation.predictions import Judged, judge_all, tested
from elor.evaluation.recall import Array, ratio, uar, war
from elor.evaluation.units import share_networks
from elor.evidence.names import Reference
from elor.explain.claims.evidence import Missing, Seen, below, t_test
from elor.explain.correlation import fisher, pearson
from elor.registry import TITLES
from elor.targets import Target

UNRELATED = 0.1
"""r below which nothing counts as related: 1 % of the variance, as of `elor.explain.claims.answers.ABSENT`."""

FEWEST = 50
"""Utterances that two raters must have in common to be compared."""


class Difference(NamedTuple):
    """A difference of two scores, with its t-interval over units and the two-sided p of the same t."""

    value: float
    low: float
    high: float
    p: float
    units: int


@dataclass(frozen=True)
class Scored:
    """Predictions beside the truth, and the ratings.

    Attributes:
        judged: by head and network.
        ratings: of evaluators, as classes: utterance, rater, speaker, and the dimensions that are learned.
        rater: whose ratings are the labels.
        classes: of a dimension.
        confidence: of intervals.
        permutations: random sign patterns above 20 units.
        seed: of those.
    """

    judged: Mapping[str, Mapping[str, Judged]]
    ratings: pd.DataFrame
    rater: str
    classes: int
    confidence: float = 0.95
    permutations: int = 10_000
    seed: int = 0

    @classmethod
    def of(
        cls,
        predictions: Mapping[str, pd.DataFrame],
        slices: pd.DataFrame,
        folds: pd.DataFrame,
        ratings: pd.DataFrame,
        target: Target,
        scale: tuple[float, float],
        rater: str,
        **how: Any,
    ) -> Scored:
        """Hold predictions, by network, against the truth, and turn the ratings into classes.

        Args:
            predictions, slices, folds, ratings: tables as the stages write them.
            target: what was predicted.
            scale: lower and upper end of the ratings.
            rater: the one that was asked for.
            how: `confidence`, `permutations`, `seed`.

        Raises:
            UserError: if predictions are incomplete, or the rater rated nothing.
        """
        slices = tested(slices, folds)
        rated = as_classes(evaluations(ratings, target.dimensions), target, scale)
        spoken = slices.drop_duplicates("utterance")[["utterance", "speaker"]]
        return cls(
            judged=judge_all(predictions, slices, target.heads, folds),
            ratings=rated.merge(spoken, on="utterance")[["utterance", "rater", "speaker", *target.dimensions]],
            rater=choose_rater(ratings, rater, target),
            classes=target.classes,
            **how,
        )


def units(judged: Judged) -> NDArray:
    """What is independent: the speaker of every row, or its fold where any fold tests several speakers, (rows,)."""
    return judged.fold if share_networks(judged.fold, judged.speaker) else judged.speaker


def better(scored: Scored, heads: Sequence[str], one: str, other: str) -> Seen:
    """One network's pooled score exceeds another's, in the mean over heads.

    Raises:
        Missing: if a head or network was not predicted, or there is one unit only.
    """
    a, b = (_tallies(scored, heads, (network,)) for network in (one, other))
    name, score = _score(scored, heads)

    def mean(tallies: NDArray) -> Array:
        return score(tallies).mean((-2, -1))

    test = exchanged(a, b, mean, scored)
    reached = [float(mean(tallies.sum(0))) for tallies in (a, b)]
    return _seen(test, reached[0], TITLES[other], reached[1], name)


def easier(scored: Scored, one: str, other: str) -> Seen:
    """One head's score exceeds another's, in the mean over networks."""
    tallies = _tallies(scored, (one, other), _networks(scored, one))
    name, score = _score(scored, (one, other))
    reached = [float(part) for part in score(tallies.sum(0)).mean(0)]
    test = paired(tallies, lambda t: np.subtract(*np.moveaxis(score(t), -1, 0)).mean(-1), scored)
    return _seen(test, reached[0], other, reached[1], name)


def weighted_above(scored: Scored, heads: Sequence[str]) -> Seen:
    """WAR exceeds UAR, in the mean over networks and heads."""
    tallies = _tallies(scored, heads, _networks(scored, heads[0]))
    if _score(scored, heads)[0] != "UAR":
        raise Missing("networks that answer with values have no recall")
    test = paired(tallies, lambda t: (war(t) - uar(t)).mean((-2, -1)), scored)
    reached = [float(score(tallies.sum(0)).mean()) for score in (war, uar)]
    return _seen(test, reached[0], "UAR", reached[1], "WAR")


def extremes(scored: Scored, network: str | None = None) -> Seen:
    """The distance of valence from the middle correlates with arousal: Spearman's r per speaker.

    Against it speaks that r is shown to lie below `UNRELATED`, by a one-sided t test of Fisher's z.

    Args:
        network: in its predictions, which describes it and is no test: heads on the same convolutions correlate
            whatever they have learned. None: in the labels.

    Raises:
        Missing: if a head or network was not predicted, or fewer than two speakers have an r.
    """
    judged = [_of(scored, head, network or _networks(scored, head)[0]) for head in ("valence", "arousal")]
    valence, arousal = (one.truth if network is None else one.value for one in judged)
    distance, speaker = np.abs(valence - (scored.classes - 1) / 2), judged[0].speaker
    if network is not None and (shares := judged[0].probabilities) is not None:
        distance = shares @ np.abs(np.arange(scored.classes) - (scored.classes - 1) / 2)
    rows = _rows(speaker)
    each = pd.Series([fisher(pearson(*map(rankdata, (distance[s], arousal[s])))) for s in rows])
    unit = speaker if network is None else units(judged[0])
    z = each.groupby([unit[s[0]] for s in rows]).mean().dropna().to_numpy()
    _enough(len(z))
    ends, flip = speaker_interval(z, scored.confidence), sign_flip(z, scored.permutations, scored.seed).p
    r, low, high = (float(value) for value in np.tanh([z.mean(), *ends]))
    less = below(float(z.mean()), *ends, len(z), fisher(UNRELATED), scored.confidence)
    if network is None and less <= 1 - scored.confidence:
        return Seen(
            r, -1, Reference.correlation, control_high=UNRELATED, low=low, high=high, units=len(z), p=less, unit="r"
        )
    p = t_test(float(z.mean()), *ends, len(z), flip, scored.confidence) if network is None else None
    return Seen(r, 1 if r > 0 else -1, Reference.correlation, 0.0, low=low, high=high, units=len(z), p=p, unit="r")


def balance(scored: Scored) -> list[Seen]:
    """The labels' rater fills the valence-arousal plane more evenly than each other rater of the same utterances.

    Evenness is the entropy of the cells that were used, as a share of that of equal use.

    Raises:
        Missing: if a dimension is not learned, the labels are nobody's own, or too few utterances have two raters.
    """
    if not {"valence", "arousal"} <= set(scored.ratings):
        raise Missing("labels.dimensions lacks valence or arousal")
    table, own = scored.ratings, scored.ratings[scored.ratings["rater"] == scored.rater]
    if own.empty:
        raise Missing("the labels are no single evaluator's")
    shared = table[table["utterance"].isin(own["utterance"]) & (table["rater"] != scored.rater)].groupby("rater")
    found = [_balance(scored, own, name, rows) for name, rows in shared if len(rows) >= FEWEST]
    if not found:
        raise Missing(f"no other evaluator rated {FEWEST} utterances that {scored.rater} rated too")
    return found


def exchanged(a: NDArray, b: NDArray, statistic: Statistic, scored: Scored) -> Difference:
    """A difference between two sides that could change places, unit by unit; tallies of (units, ...)."""
    _enough(len(a))
    value = float(statistic(a.sum(0)) - statistic(b.sum(0)))
    low, high = difference_interval(a, b, statistic, scored.confidence)
    flip = exchange(a, b, statistic, scored.permutations, scored.seed).p
    return Difference(value, low, high, t_test(value, low, high, len(a), flip, scored.confidence), len(a))


def paired(tallies: NDArray, statistic: Statistic, scored: Scored) -> Difference:
    """A difference within the same units, by the jackknife's pseudo-values n T - (n - 1) T_(-s).

    Args:
        tallies: one per unit, (units, ...).
        statistic: the difference, as a function of a sum of tallies.
        scored: says confidence, permutations and seed.
    """
    count = len(tallies)
    _enough(count)
    total = tallies.sum(0)
    pseudo = count * statistic(total) - (count - 1) * statistic(total - tallies)
    low, high = jackknife(tallies, statistic, scored.confidence)
    value, flip = float(statistic(total)), sign_flip(pseudo, scored.permutations, scored.seed).p
    return Difference(value, low, high, t_test(value, low, high, count, flip, scored.confidence), count)


def _balance(scored: Scored, own: pd.DataFrame, name: str, rows: pd.DataFrame) -> Seen:
    """Against one other rater, on the utterances that both rated."""
    common = own[own["utterance"].isin(rows["utterance"])]
    speakers = np.unique(common["speaker"])
    a, b = (_cells(part, speakers, scored.classes) for part in (common, rows))
    test = exchanged(a, b, evenness, scored)
    reached = [float(evenness(part.sum(0))) for part in (a, b)]
    return _seen(test, reached[0], name, reached[1], "evenness")


def evenness(counts: NDArray) -> Array:
    """Entropy of counts over cells as a share of its maximum, (..., cells) -> (...); 1: all cells equally used."""
    shares = ratio(counts, counts.sum(-1, keepdims=True))
    return -xlogy(shares, shares).sum(-1) / np.log(counts.shape[-1])


def _cells(table: pd.DataFrame, speakers: NDArray, classes: int) -> NDArray:
    """Ratings per speaker and cell of the plane, (speakers, classes^2)."""
    cell = table["valence"].to_numpy(int) * classes + table["arousal"].to_numpy(int)
    member = np.searchsorted(speakers, table["speaker"].to_numpy(dtype=speakers.dtype))
    size = classes * classes
    return np.bincount(member * size + cell, minlength=len(speakers) * size).reshape(-1, size)


def _tallies(scored: Scored, heads: Sequence[str], networks: Sequence[str]) -> NDArray:
    """Per unit, network and head what scores are made of, (units, networks, heads, ...)."""
    judged = [[_of(scored, head, network) for head in heads] for network in networks]
    return np.stack([np.stack([one.tallies(units(one)) for one in row], axis=1) for row in judged], axis=1)


def _of(scored: Scored, head: str, network: str) -> Judged:
    if network not in scored.judged.get(head, {}):
        raise Missing(f"there are no predictions of {head} by {TITLES[network]}")
    return scored.judged[head][network]


def _networks(scored: Scored, head: str) -> list[str]:
    if not scored.judged.get(head):
        raise Missing(f"there are no predictions of {head}")
    return list(scored.judged[head])


def _score(scored: Scored, heads: Sequence[str]) -> tuple[str, Statistic]:
    """The headline of these heads: UAR of classes, CCC of values."""
    valued = _of(scored, heads[0], _networks(scored, heads[0])[0]).head.valued
    return ("CCC", ccc) if valued else ("UAR", uar)


def _rows(speaker: NDArray) -> list[NDArray]:
    """Row numbers of each speaker."""
    return [np.flatnonzero(speaker == name) for name in np.unique(speaker)]


def _enough(count: int) -> None:
    if count < 2:
        raise Missing("there are fewer than two speakers, or folds of them, with a value")


def _seen(test: Difference, ours: float, control: str, control_value: float, unit: str) -> Seen:
    return Seen(
        ours,
        1 if test.value > 0 else -1,
        control,
        control_value,
        difference=test.value,
        low=test.low,
        high=test.high,
        units=test.units,
        p=test.p,
        unit=unit,
    )
