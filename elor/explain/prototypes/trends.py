"""From eye to test: does a descriptor of the prototypes vary with the label, and more than in untrained networks?

The paper looks at one prototype per label and names what rises. Five labels in one network allow no inference, so the
networks of the folds are blocks, the labels ordered treatments, and the value of a network and label is the median over
its converged restarts. Three patterns are asked for:

    monotone   the value against the label;
    extreme    the value against the label's distance from the middle, |label - (labels - 1) / 2|;
    low_high   the labels above the middle against those below it.

Each has an *effect* in the descriptor's unit, the mean over networks of the slope (per label, per step from the middle)
or of the difference (high minus low), and a p: of Page's L for the first two, which looks at ranks within a network
(Page, "Ordered hypotheses for multiple treatments", 1963), of a sign-flip test for the third.

**That p is too small.** The folds' networks share most of their training slices, so that ten of them are not ten
independent witnesses. The verdict therefore rests on untrained networks, and the question is what to put beside a mean
over n folds. Means over n of them would be wrong: the luck of independent networks averages out, the luck that comes
with shared training data does not. But however the folds hang together, their mean varies at most as much as one
network. So the same statistic is taken of *single* untrained networks, and the range of those is what must be left:
exact when the folds are copies of each other, cautious when they are not. How often pure chance in ten folds of five
labels passes for a monotone trend, simulated:

    correlation of the folds               0      0.25   0.5    0.75   1
    Page's p at most 0.05                  0.06   0.25   0.37   0.51   0.50
    beyond 20 means of 10 untrained        0.29   0.51   0.62   0.68   0.71
    beyond 20 single untrained networks    0.00   0.01   0.03   0.08   0.07

"Varies with the label" is said only when in every parametrisation the effect lies outside that range, the folds agree
(p at most 0.05), and the sign is the same. The level mode decides, because lambda plays no part there; for loudness
itself, which it fixes, the paper's mode. A network with a label of which no restart has converged counts for nothing;
with too few that are left, of the folds or untrained, nothing is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from elor.evaluation.comparisons import sign_flip
from elor.evidence.names import Finding, said
from elor.explain.prototypes.descriptors import DESCRIPTORS, LEVELS

FOLDS, NULLS, PARAMETRISATIONS = 6, 20, 2
"""The least of each that a verdict needs; with five folds no sign-flip test reaches 5 %."""

ALPHA = 0.05
PATTERNS = {
    "monotone": "with the label",
    "extreme": "towards the extreme labels",
    "low_high": "from low to high labels",
}
KINDS = ("folds", "untrained networks")
EXACT_LABELS = 7
"""Labels up to which all orders of a network's values are tried (5,040)."""


@dataclass(frozen=True)
class Trend:
    """One pattern of one descriptor in one mode and parametrisation.

    Attributes:
        statistic: the effect, in the descriptor's unit.
        direction: `up`, `down`, or nothing.
        p: two-sided, over the networks of the folds.
        rank: the mean over networks of Spearman's r with the pattern (of the signs, for low_high), -1..1.
        calibrated: range of single untrained networks' effects.
        outside: whether the effect lies beyond that range.
        folds: networks whose values are defined for every label.
        lacking: why nothing can be said; empty if something can.
    """

    statistic: float
    direction: str
    p: float
    rank: float
    calibrated: tuple[float, float]
    outside: bool
    folds: int
    lacking: str


def scores(pattern: str, labels: int) -> NDArray:
    """What a pattern expects of the labels 0, 1, ...: numbers of which only differences count, (labels,)."""
    centred = np.arange(labels) - (labels - 1) / 2
    return {"monotone": centred, "extreme": np.abs(centred), "low_high": np.sign(centred)}[pattern]


def effects(values: ArrayLike, pattern: str) -> NDArray:
    """Effect of a pattern in each network, (networks, labels) -> (networks,).

    The least-squares slope over the pattern's scores; for low_high the mean of the high minus that of the low labels.
    """
    values = np.asarray(values, dtype=np.float64)
    expected = scores(pattern, values.shape[1])
    if pattern == "low_high":
        return values[:, expected > 0].mean(1) - values[:, expected < 0].mean(1)
    centred = expected - expected.mean()
    return values @ centred / np.square(centred).sum()


def page(values: ArrayLike, expected: ArrayLike) -> tuple[float, float]:
    """Page's test for ordered alternatives, two-sided, with ties in the values or in the order.

    L is the sum over networks of ranks times expected ranks; under the null every order of a network's values is as
    likely. Its distribution is exact for up to seven labels, ties included, and normal above. Without ties it is
    `scipy.stats.page_trend_test`, two-sided.

    Args:
        values: (networks, labels).
        expected: (labels,), only its ranks count.

    Returns:
        The mean over networks of Spearman's r (0 for a network without differences), and p.
    """
    ranks = np.stack([rankdata(row) for row in np.asarray(values, dtype=np.float64)])
    ranks -= ranks.mean(1, keepdims=True)
    order = rankdata(expected)
    order -= order.mean()
    lengths = np.linalg.norm(ranks, axis=1) * np.linalg.norm(order)
    r = np.divide(ranks @ order, lengths, out=np.zeros(len(ranks)), where=lengths > 0).mean()
    total = (ranks @ order).sum()
    if ranks.shape[1] > EXACT_LABELS:
        deviation = np.sqrt((np.square(ranks).sum(1) * np.square(order).sum()).sum() / (ranks.shape[1] - 1))
        return float(r), float(2 * ndtr(-abs(total) / deviation)) if deviation > 0 else 1.0
    return float(r), _exact_p(ranks, order, abs(total))


def _exact_p(ranks: NDArray, order: NDArray, least: float) -> float:
    """P(|L| >= least): the networks' distributions over all orders, convolved in quarters of a rank product."""
    orders = np.array(list(permutations(order)))
    density, lowest = np.ones(1), 0  # of 4 L, and its lowest value
    for row in ranks:
        found = np.rint(4 * orders @ row).astype(int)  # midranks, centred: products are multiples of a quarter
        density = np.convolve(density, np.bincount(found - found.min()) / len(found))
        lowest += found.min()
    reached = np.abs(np.arange(len(density)) + lowest) >= round(4 * least)
    return float(min(1.0, density[reached].sum()))


def trend(folds: ArrayLike, untrained: ArrayLike, pattern: str) -> Trend:
    """One pattern in the folds' networks beside untrained ones; NaN where a network has no value.

    Args:
        folds: (networks, labels).
        untrained: (networks, labels).
        pattern: of `PATTERNS`.
    """
    every = [np.asarray(v, dtype=np.float64) for v in (folds, untrained)]
    whole, null = (values[np.isfinite(values).all(1)] for values in every)
    found = effects(null, pattern) if len(null) else np.full(1, np.nan)
    spread, lacking = (float(found.min()), float(found.max())), ""
    for name, some, of, least in zip(KINDS, (whole, null), every, (FOLDS, NULLS), strict=True):
        if len(some) < least and not lacking:
            lacking = f"a value for every label in {len(some)} of {len(of)} {name}, and {least} are needed"
    if not len(whole):
        return Trend(np.nan, "", np.nan, np.nan, spread, False, 0, lacking)
    each = effects(whole, pattern)
    effect = float(each.mean())
    if pattern == "low_high":
        rank, p = float(np.sign(each).mean()), sign_flip(each).p
    else:
        rank, p = page(whole, scores(pattern, whole.shape[1]))
    return Trend(
        statistic=effect,
        direction="up" if effect > 0 else "down" if effect < 0 else "",
        p=p,
        rank=rank,
        calibrated=spread,
        outside=bool(len(null)) and not spread[0] <= effect <= spread[1],
        folds=len(whole),
        lacking=lacking,
    )


def trends(table: pd.DataFrame, ordered: Mapping[str, Sequence[str]]) -> dict:
    """Every pattern of every descriptor and head, with a verdict.

    Args:
        table: one row per network, mode, parametrisation, head, label and restart: columns of these names, `calibrated`
            and `converged` (0, 1), and the descriptors.
        ordered: the heads whose labels have an order, with their labels in it.

    Returns:
        By head, descriptor and pattern what `elor.evidence.prototypes.Pattern` holds.
    """
    keys = ["calibrated", "network", "mode", "parametrisation", "head", "label"]
    medians = table[table["converged"] == 1].groupby(keys)[list(DESCRIPTORS)].median()
    networks = table.drop_duplicates(["calibrated", "network"]).set_index("calibrated")["network"]
    searches = table.drop_duplicates(["mode", "parametrisation"])[["mode", "parametrisation"]].to_numpy().tolist()
    result: dict = {}
    for head, labels in ordered.items():
        for name in DESCRIPTORS:
            blocks = {
                f"{mode}.{how}": (
                    _block(medians[name], networks, 0, (mode, how, head), labels),
                    _block(medians[name], networks, 1, (mode, how, head), labels),
                )
                for mode, how in searches
            }
            for pattern in PATTERNS:
                if np.ptp(scores(pattern, len(labels))) > 0:  # two ends have no middle
                    found = {key: trend(folds, null, pattern) for key, (folds, null) in blocks.items()}
                    judged = _judged(head, name, pattern, found)
                    result.setdefault(head, {}).setdefault(name, {})[pattern] = judged
    return result


def _block(
    medians: pd.Series, networks: pd.Series, untrained: int, search: tuple[str, str, str], labels: Sequence[str]
) -> NDArray:
    """Values (networks, labels) of one kind of networks in one search; NaN where nothing converged."""
    names = networks.loc[[untrained]].tolist() if untrained in networks.index else []
    wanted = [(untrained, name, *search, label) for name in names for label in labels]
    return medians.reindex(wanted).to_numpy(dtype=np.float64).reshape(len(names), len(labels))


def _judged(head: str, descriptor: str, pattern: str, found: dict[str, Trend]) -> dict:
    """The trends of one pattern and what they allow to say."""
    mode = "paper" if descriptor in LEVELS else "level"  # which decides
    deciding = {key: one for key, one in found.items() if key.startswith(f"{mode}.")}
    finding, reason = judge(list(deciding.values()), mode)
    verdict = said(finding, reason)
    directions = {one.direction for one in deciding.values()}
    direction = directions.pop() if len(directions) == 1 else ""
    trees = {key: {name: value for name, value in vars(one).items() if name != "lacking"} for key, one in found.items()}
    return {
        "per": {key: tree for key, tree in trees.items() if key in deciding},
        "beside": {key: tree for key, tree in trees.items() if key not in deciding},
        "direction": direction,
        "finding": finding,
        "reason": reason,
        "verdict": verdict,
        "text": _sentence(head, descriptor, pattern, deciding, direction, verdict),
    }


def judge(deciding: Sequence[Trend], mode: str = "level") -> tuple[Finding, str]:
    """What the trends of one mode, one per parametrisation, allow to say, and why it is undecided where it is."""
    if len(deciding) < PARAMETRISATIONS:
        return Finding.undecided, f"{len(deciding)} parametrisations in {mode} mode, and {PARAMETRISATIONS} are needed"
    if lacking := [one.lacking for one in deciding if one.lacking]:
        return Finding.undecided, lacking[0]
    if not all(one.outside for one in deciding):
        return Finding.within, ""
    if len({one.direction for one in deciding}) > 1:
        return Finding.undecided, "the parametrisations disagree on the sign"
    if not all(one.p <= ALPHA for one in deciding):
        return Finding.undecided, "beyond untrained networks, but the folds disagree"
    return Finding.varies, ""


def _sentence(
    head: str, descriptor: str, pattern: str, deciding: Mapping[str, Trend], direction: str, verdict: str
) -> str:
    """One line that a reader can quote: effects, those of untrained networks, and the verdict."""
    unit = f" {name}" if (name := DESCRIPTORS[descriptor].unit) else ""
    per = {"monotone": " per label", "extreme": " per label from the middle", "low_high": ""}[pattern]
    parts = []
    for key, one in deciding.items():
        low, high = one.calibrated
        if np.isfinite(one.statistic):
            parts.append(f"{one.statistic:+.3g}{unit}{per} ({key}; untrained networks {low:+.3g} to {high:+.3g})")
    if not parts:
        return f"{head}: {descriptor} {PATTERNS[pattern]}: {verdict}."
    moves = {"up": "rises", "down": "falls"}.get(direction, "changes")
    return f"{head}: {descriptor} {moves} {PATTERNS[pattern]}, {' and '.join(parts)}: {verdict}."
