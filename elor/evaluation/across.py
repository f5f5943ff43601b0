"""Corpora and languages beside each other: who was trained on what reaches what where, and whether that differs.

A group is a corpus or a language. Speakers of two groups are two samples, so a difference of two groups is tested by
dealing the speakers out anew between them; its interval adds up the two jackknife errors. Whether a score is more than
nothing is asked within speakers, as everywhere here, from both sides: what was learned may be turned round elsewhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from elor.evaluation.comparisons import holm
from elor.evaluation.continuous import CONCORDANCE, ccc
from elor.evaluation.intervals import NOWHERE, Interval, Statistic, jackknife, printed
from elor.evaluation.permutation import ccc_null, p_value, uar_null
from elor.evaluation.predictions import Judged
from elor.evaluation.recall import RECALL, uar

FACTORS = ("corpus", "language")
"""What is set beside each other."""


@dataclass(frozen=True)
class How:
    """Confidence of intervals, permutations of a null, and their seed."""

    confidence: float = 0.95
    draws: int = 10_000
    seed: int = 0

    def rng(self, *names: object) -> np.random.Generator:
        """A stream of its own for every question."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(map(str, names)).encode())])


def groups_of(slices: pd.DataFrame) -> dict[str, NDArray]:
    """By factor the group of every slice, `(n,)`; a factor with one group, or the same groups as corpora, is none."""
    found: dict[str, NDArray] = {}
    for factor in FACTORS:
        names = slices[factor].replace("", "unknown").to_numpy(dtype=object)
        alike = factor != "corpus" and len(slices[["corpus", factor]].drop_duplicates()) == slices[factor].nunique()
        if len(set(names)) > 1 and not (alike and slices["corpus"].nunique() == len(set(names))):
            found[factor] = names
    return found


def learned_from(slices: pd.DataFrame, folds: pd.DataFrame) -> pd.Series:
    """By fold the corpora that its network was trained on: `a + b`."""
    rows = folds[folds["role"] == "train"].merge(slices[["slice", "corpus"]], on="slice")
    return rows.groupby("fold")["corpus"].agg(lambda names: " + ".join(sorted(set(names))))


def transfers(
    judged: Mapping[str, Mapping[str, Judged]], trained_on: NDArray, tested_on: NDArray, how: How
) -> list[dict[str, Any]]:
    """The transfer matrix, a row per head, network and cell.

    Args:
        judged: by head and network, one row per slice.
        trained_on: what the network that answered each slice was trained on, `(n,)`.
        tested_on: the slice's own corpus, `(n,)`.
        how: see `How`.

    Returns:
        dimension, network, trained_on, tested_on, and as `_reached` and `judge_cells` have it.
    """
    rows = []
    for head, networks in judged.items():
        for network, one in networks.items():
            for source in sorted(set(trained_on)):
                for place in sorted(set(tested_on[trained_on == source])):
                    part = one.where((trained_on == source) & (tested_on == place))
                    names = {"dimension": head, "network": network, "trained_on": source, "tested_on": place}
                    rows.append(names | _reached(part, how, how.rng(*names.values())))
    judge_cells(rows, 1 - how.confidence)
    return rows


def judge_cells(rows: Sequence[dict[str, Any]], level: float) -> None:
    """Add `p_holm` over all rows, and `verdict`.

    It is `transfers` where p_holm leaves no doubt (`learned` where the corpus is one of those trained on), `turned
    round` where p from the other side does, else `not shown`.
    """
    ups, downs = (holm([row[name] for row in rows]) for name in ("p", "p_below"))
    for row, up, down in zip(rows, ups, downs, strict=True):
        good = "learned" if row["tested_on"] in row["trained_on"].split(" + ") else "transfers"
        row["p_holm"] = up
        row["verdict"] = good if up <= level else "turned round" if down <= level else "not shown"


def differences(
    judged: Mapping[str, Mapping[str, Judged]], groups: Mapping[str, NDArray], how: How
) -> list[dict[str, Any]]:
    """Every two groups of a factor compared, for each head and network.

    Returns:
        dimension, network, factor, a, b, score, difference (a less b), ci_low, ci_high, p (speakers dealt out anew),
        speakers_a, speakers_b, and `p_holm` over all rows.
    """
    rows = []
    for head, networks in judged.items():
        for network, one in networks.items():
            statistic, limits = _statistic(one)
            for factor, names in groups.items():
                for a, b in combinations(sorted(set(names)), 2):
                    sides = [part.tallies(part.speaker) for part in (one.where(names == a), one.where(names == b))]
                    about = {"dimension": head, "network": network, "factor": factor, "a": a, "b": b}
                    found = apart(*sides, statistic, how, how.rng(*about.values()), limits)
                    rows.append(about | {"score": "ccc" if one.head.valued else "uar"} | found)
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows


def apart(
    a: NDArray, b: NDArray, statistic: Statistic, how: How, rng: np.random.Generator, limits: tuple[float, float]
) -> dict[str, Any]:
    """Compare a pooled score of two samples of speakers.

    Args:
        a, b: tallies per speaker, `(speakers, ...)`.
        statistic: the score of a sum of tallies.
        how, rng: permutations and confidence.
        limits: lowest and highest value of the score.

    Returns:
        difference, ci_low, ci_high (Welch's t of the two jackknife errors; none below three speakers on a side), p
        (two-sided: speakers dealt out between the groups at random), speakers_a, speakers_b.
    """
    every, size = np.concatenate([a, b]).astype(float), len(a)
    total = every.sum(0)
    observed = float(statistic(a.sum(0)) - statistic(b.sum(0)))
    reached = 0
    for _ in range(how.draws):
        left = every[rng.permutation(len(every))[:size]].sum(0)
        reached += abs(float(statistic(left) - statistic(total - left))) >= abs(observed) - 1e-12
    p = (1 + reached) / (1 + how.draws) if np.isfinite(observed) else float("nan")
    interval = printed(_welch(a, b, statistic, observed, how.confidence), min(len(a), len(b)), _span(limits))
    return {
        "difference": observed,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "p": p,
        "speakers_a": len(a),
        "speakers_b": len(b),
    }


def means_apart(a: NDArray, b: NDArray, how: How, rng: np.random.Generator) -> dict[str, Any]:
    """The same of two means over speakers, `(speakers,)` numbers each."""

    def mean(sums: NDArray) -> NDArray:
        return sums[..., 0] / sums[..., 1]

    sides = [np.stack([side, np.ones(len(side))], 1) for side in (a, b)]
    return apart(*sides, mean, how, rng, (-np.inf, np.inf))


def _welch(a: NDArray, b: NDArray, statistic: Statistic, difference: float, confidence: float) -> Interval:
    errors, freedom = [], []
    for side in (a, b):
        if len(side) < 2:
            return NOWHERE
        half = jackknife(side, statistic, confidence)
        errors.append((half.high - half.low) / 2 / stdtrit(len(side) - 1, (1 + confidence) / 2))
        freedom.append(len(side) - 1)
    squares = np.square(errors)
    if not np.isfinite(squares).all() or squares.sum() == 0:
        return NOWHERE
    degrees = squares.sum() ** 2 / (squares**2 / freedom).sum()
    reach = stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(squares.sum())
    return Interval(difference - reach, difference + reach)


def _span(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    return low - high, high - low


def _statistic(judged: Judged) -> tuple[Statistic, tuple[float, float]]:
    return (ccc, CONCORDANCE) if judged.head.valued else (uar, RECALL)


def _reached(part: Judged, how: How, rng: np.random.Generator) -> dict[str, Any]:
    """A cell's slices, speakers, classes, value, interval, chance, and p from both sides."""
    tallies = part.tallies(part.speaker)
    statistic, limits = _statistic(part)
    value = float(statistic(tallies.sum(0)))
    interval = printed(jackknife(tallies, statistic, how.confidence), len(tallies), limits)
    if part.head.valued:
        null = ccc_null(part.truth, part.value, part.speaker, how.draws, rng)
        classes, chance = None, 0.0
    else:
        null = uar_null(tallies, how.draws, rng)
        classes = int((tallies.sum((0, 2)) > 0).sum())
        chance = 1 / classes
    return {
        "score": "ccc" if part.head.valued else "uar",
        "slices": len(part.truth),
        "speakers": len(tallies),
        "classes": classes,
        "value": value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "chance": chance,
        "p": p_value(null, value),
        "p_below": p_value(-null, -value),
    }
