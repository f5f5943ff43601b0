"""Corpora and languages beside each other: who was trained on what reaches what where, and whether that differs.

A group is a corpus or a language. Speakers of two groups are two samples, so a difference of two groups is tested by
dealing the speakers out anew between them; its interval adds up the two jackknife errors. Who speaks in both groups, as
bilingual people do, is a pair: the two sides change places at random, and the errors of one person are taken from each
other before they are added up, as of paired samples. Whether a score is more than nothing is asked within speakers, as
everywhere here, from both sides: what was learned may be turned round elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from elor.evaluation.comparisons import holm
from elor.evaluation.intervals import NOWHERE, Interval, Statistic, jackknife, printed
from elor.evaluation.measures import headline_of, headline_statistic, null_of, range_of
from elor.evaluation.permutation import p_value
from elor.evaluation.predictions import Judged
from elor.evaluation.settings import Settings

FACTORS = ("corpus", "language")
"""What is set beside each other."""

UNKNOWN = "unknown"
"""The language of a corpus that does not say."""


def groups_of(slices: pd.DataFrame) -> dict[str, NDArray]:
    """By factor the group of every slice, `(n,)`; a factor with one group, or the same groups as corpora, is none."""
    found: dict[str, NDArray] = {}
    for factor in FACTORS:
        names = slices[factor].replace("", UNKNOWN).to_numpy(dtype=object)
        alike = factor != "corpus" and len(slices[["corpus", factor]].drop_duplicates()) == slices[factor].nunique()
        if len(set(names)) > 1 and not (alike and slices["corpus"].nunique() == len(set(names))):
            found[factor] = names
    return found


def learned_from(slices: pd.DataFrame, folds: pd.DataFrame) -> pd.Series:
    """By fold the corpora that its network was trained on: `a + b`."""
    rows = folds[folds["role"] == "train"].merge(slices[["slice", "corpus"]], on="slice")
    return rows.groupby("fold")["corpus"].agg(lambda names: " + ".join(sorted(set(names))))


def transfers(
    judged: Mapping[str, Mapping[str, Judged]], trained_on: NDArray, tested_on: NDArray, settings: Settings
) -> list[dict[str, Any]]:
    """The transfer matrix, a row per head, network and cell.

    Args:
        judged: by head and network, one row per slice.
        trained_on: what the network that answered each slice was trained on, `(n,)`.
        tested_on: the slice's own corpus, `(n,)`.
        settings: their confidence, permutations and seed count.

    Returns:
        dimension, network, trained_on, tested_on, and as `_reached` has it; `judge_cells` adds the rest.
    """
    rows = []
    for head, networks in judged.items():
        for network, one in networks.items():
            for source in sorted(set(trained_on)):
                for place in sorted(set(tested_on[trained_on == source])):
                    part = one.where((trained_on == source) & (tested_on == place))
                    names = {"dimension": head, "network": network, "trained_on": source, "tested_on": place}
                    rows.append(names | _reached(part, settings, settings.stream(*names.values())))
    return rows


def judge_cells(rows: Sequence[dict[str, Any]], level: float) -> None:
    """Add `p_holm` over all rows, and `verdict`.

    It is `transfers` where p_holm leaves no doubt and the value lies above chance (`learned` where the corpus is one of
    those trained on), `turned round` where p from the other side does, else `not shown`. A network that mostly answers
    classes that a corpus does not have can beat its own answers permuted and yet be right less often than one guess.
    """
    ups, downs = (holm([row[name] for row in rows]) for name in ("p", "p_below"))
    for row, up, down in zip(rows, ups, downs, strict=True):
        good = "learned" if row["tested_on"] in row["trained_on"].split(" + ") else "transfers"
        row["p_holm"] = up
        shown = up <= level and row["value"] > row["chance"]
        row["verdict"] = good if shown else "turned round" if down <= level else "not shown"


def differences(
    judged: Mapping[str, Mapping[str, Judged]], groups: Mapping[str, NDArray], settings: Settings
) -> list[dict[str, Any]]:
    """Every two groups of a factor compared, for each head and network.

    Returns:
        dimension, network, factor, a, b, score, what `apart` returns, and `p_holm` over all rows.
    """
    rows = []
    for head, networks in judged.items():
        for network, one in networks.items():
            for factor, names in groups.items():
                for a, b in combinations(sorted(set(names)), 2):
                    sides = sides_of(one, names == a, names == b)
                    about = {"dimension": head, "network": network, "factor": factor, "a": a, "b": b}
                    found = apart(
                        *sides, headline_statistic(one), settings, settings.stream(*about.values()), range_of(one)
                    )
                    rows.append(about | {"score": headline_of(one)} | found)
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows


@dataclass(frozen=True)
class Side:
    """A group's speakers, `(speakers,)` names in sorted order, and their tallies, `(speakers, ...)`."""

    speakers: NDArray
    tallies: NDArray

    @classmethod
    def of_means(cls, values: pd.Series) -> Side:
        """One number per speaker, by name."""
        values = values.sort_index()
        return cls(values.index.to_numpy(dtype=object), np.stack([values.to_numpy(float), np.ones(len(values))], 1))


def sides_of(judged: Judged, a: NDArray, b: NDArray) -> tuple[Side, Side]:
    """The speakers of two groups of slices, (n,) masks that share none.

    All are tallied together, since moments are taken about one centre, and only those of the same centre add up.
    """
    both, second = judged.where(a | b), b[a | b]
    names, speaker = np.unique(both.speaker, return_inverse=True)
    member = speaker + len(names) * second
    tallies, place = both.tallies(member).astype(float), np.unique(member)
    of_b = place >= len(names)
    speakers = names[place % len(names)]
    return Side(speakers[~of_b], tallies[~of_b]), Side(speakers[of_b], tallies[of_b])


def apart(
    a: Side, b: Side, statistic: Statistic, settings: Settings, rng: np.random.Generator, limits: tuple[float, float]
) -> dict[str, Any]:
    """Compare a pooled score of two groups.

    Args:
        a, b: their speakers.
        statistic: the score of a sum of tallies.
        settings, rng: permutations and confidence, and the source of the permutations.
        limits: lowest and highest value of the score.

    Returns:
        difference (a less b), ci_low, ci_high (t of the jackknife errors, see `_interval`; none below three speakers on
        a side), p (two-sided: speakers dealt out between the groups at random, those of both with their two sides
        changed about), speakers_a, speakers_b, speakers_both.
    """
    every, size = np.concatenate([a.tallies, b.tallies]), len(a.speakers)
    _, here, there = np.intersect1d(a.speakers, b.speakers, return_indices=True)
    alone = np.setdiff1d(np.arange(len(every)), [*here, *(there + size)])
    total = every.sum(0)
    observed = float(statistic(a.tallies.sum(0)) - statistic(b.tallies.sum(0)))
    reached = 0
    for _ in range(settings.permutations):
        dealt = rng.permutation(alone)[: size - len(here)]
        swapped = np.where(rng.random(len(here)) < 0.5, there + size, here)
        left = every[np.concatenate([dealt, swapped])].sum(0)
        reached += abs(float(statistic(left) - statistic(total - left))) >= abs(observed) - 1e-12
    p = (1 + reached) / (1 + settings.permutations) if np.isfinite(observed) else float("nan")
    fewest = min(size, len(b.speakers))
    interval = printed(_interval(a, b, (here, there), statistic, observed, settings.confidence), fewest, _span(limits))
    return {
        "difference": observed,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "p": p,
        "speakers_a": size,
        "speakers_b": len(b.speakers),
        "speakers_both": len(here),
    }


def mean_of(sums: NDArray) -> NDArray:
    """The statistic of `Side.of_means`."""
    return sums[..., 0] / sums[..., 1]


def means_apart(a: pd.Series, b: pd.Series, settings: Settings, rng: np.random.Generator) -> dict[str, Any]:
    """The same of two means over speakers, one number each, by name."""
    return apart(Side.of_means(a), Side.of_means(b), mean_of, settings, rng, (-np.inf, np.inf))


def _interval(
    a: Side, b: Side, pairs: tuple[NDArray, NDArray], statistic: Statistic, difference: float, confidence: float
) -> Interval:
    """t-interval of a difference of two groups, by what every speaker's absence does to each side.

    Without pairs it is Welch's, of two jackknife errors; where all are pairs, the jackknife of the paired difference.
    Where some are, the degrees of freedom are those of the smaller group.
    """
    moves = [_moves(side.tallies, statistic) for side in (a, b)]
    here, there = pairs
    own = [np.delete(moves[0], here), np.delete(moves[1], there), moves[0][here] - moves[1][there]]
    variance = sum((part**2).sum() for part in own)
    if not np.isfinite(variance) or variance == 0:
        return NOWHERE
    freedom = np.array([len(move) - 1 for move in moves])
    squares = np.array([(move**2).sum() for move in moves])
    degrees = freedom.min() if len(here) else variance**2 / (squares**2 / freedom).sum()
    reach = float(stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(variance))
    return Interval(difference - reach, difference + reach)


def _moves(tallies: NDArray, statistic: Statistic) -> NDArray:
    """What every speaker's absence does to a score, `(speakers,)`; their squares add up to that of `jackknife`'s error.

    NaN of one speaker alone, whom nothing can be held against.
    """
    n = len(tallies)
    if n < 2:
        return np.full(n, np.nan)
    without = statistic(tallies.sum(0) - tallies)
    return np.sqrt((n - 1) / n) * (without - without.mean())


def _span(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    return low - high, high - low


def _reached(part: Judged, settings: Settings, rng: np.random.Generator) -> dict[str, Any]:
    """A cell's slices, speakers, classes, value, interval, chance, and p from both sides."""
    tallies = part.tallies(part.speaker)
    statistic = headline_statistic(part)
    value = float(statistic(tallies.sum(0)))
    interval = printed(jackknife(tallies, statistic, settings.confidence), len(tallies), range_of(part))
    null = null_of(part, settings.permutations, rng)
    classes = None if part.head.valued else int((tallies.sum((0, 2)) > 0).sum())
    return {
        "score": headline_of(part),
        "slices": len(part.truth),
        "speakers": len(tallies),
        "classes": classes,
        "value": value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "chance": 1 / classes if classes else 0.0,
        "p": p_value(null, value),
        "p_below": p_value(-null, -value),
    }
