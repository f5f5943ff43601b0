"""What evidence is taken from, and what it presupposes: numbers in, `Seen` out, or `Missing` with a reason.

Whatever a network does says something about emotion only if the network has learned the emotion. So each look inside a
network carries the p of that too (`within`): with labels drawn at random a network still answers to loudness or pitch
somehow, in all folds alike, and no test over speakers would notice that this has no meaning. Nor do scores compare
emotions where nobody has learned any: a network that always answers with the most frequent class has a WAR above its
UAR. So each comparison of scores carries the p that one at least of those compared has learned something
(`any_learned`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from elor.evaluation.intervals import rounding
from elor.evidence.interventions import Interventions
from elor.evidence.names import Control, Reference
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Contrast, Saliency
from elor.registry import TITLES


class Missing(Exception):
    """A piece of evidence is not to be had; the message says why.

    Attributes:
        learned_p: of the heads that it would have presupposed, where that is known.
    """

    def __init__(self, reason: str, learned_p: float | None = None) -> None:
        super().__init__(reason)
        self.learned_p = learned_p


@dataclass(frozen=True)
class Seen:
    """What a look found: the numbers of a piece of evidence (`elor.evidence.claims.Piece` says what each is).

    Attributes:
        of: which of several pieces of a look it is, in words.
    """

    ours: float
    points: int
    control: Control | Reference | str = ""
    control_value: float | None = None
    control_low: float | None = None
    control_high: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    units: int | None = None
    p: float | None = None
    unit: str = ""
    learned_p: float | None = None
    of: str = ""


@dataclass(frozen=True)
class Measured:
    """What the stages before wrote; None where a stage had nothing to say.

    Attributes:
        saliency, prototypes, interventions: metrics/<name>.json.
        learned: by head and network the p of the score against labels permuted within speakers, by utterance.
        confidence: of the intervals in them.
    """

    saliency: Saliency = field(default_factory=Saliency)
    prototypes: Prototypes = field(default_factory=lambda: Prototypes(speaker=""))
    interventions: Interventions = field(default_factory=Interventions)
    learned: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    confidence: float = 0.95


def learned_p(measured: Measured, network: str, head: str) -> float:
    """p of the network's score against labels permuted within speakers, by utterance (the safer of the two nulls).

    Raises:
        Missing: if the networks were not asked for this head, or there is no p.
    """
    if head not in measured.learned:
        raise Missing(f"the networks were not asked for {head}")
    if network not in measured.learned[head]:
        raise Missing(f"there are no scores of {TITLES[network]} on {head}")
    return defined(measured.learned[head][network], f"p by utterance of {TITLES[network]} on {head}")


def within(
    measured: Measured, network: str, heads: Sequence[str], look: Callable[..., Sequence[Seen] | Seen], *how: Any
) -> list[Seen]:
    """A look inside a network, which proves something only as far as the network has learned all these heads.

    Args:
        measured: what the stages before wrote.
        network, heads: which.
        look: takes `measured` and `how`.
        how: its further arguments.

    Raises:
        Missing: as `learned_p` and `look`.
    """
    learnt = max(learned_p(measured, network, head) for head in heads)
    try:
        found = look(measured, *how)
    except Missing as reason:
        raise Missing(str(reason), learnt) from None
    return [replace(seen, learned_p=learnt) for seen in (found if isinstance(found, Sequence) else [found])]


def any_learned(measured: Measured, networks: Sequence[str], heads: Sequence[str]) -> float:
    """p that any of the networks whose scores are compared is better than permuted labels in any of the heads.

    Args:
        measured: says what was learned.
        networks, heads: whose scores were compared; the p of all pairs counts at their smallest, times their number
            (Bonferroni).

    Raises:
        Missing: as `learned_p`.
    """
    learnt = [learned_p(measured, network, head) for network in networks for head in heads]
    return min(1.0, len(learnt) * min(learnt))


def of(tree: Mapping[str, Any], *path: str) -> Any:
    """What a file has under some keys.

    Raises:
        Missing: if it has not.
    """
    found: Any = tree
    for key in path:
        if key not in found:
            raise Missing(f"nothing was measured for {' / '.join(path)}")
        found = found[key]
    return found


def defined(value: float | None, name: str) -> float:
    """A number.

    Raises:
        Missing: if it is undefined.
    """
    if value is None or not np.isfinite(value):
        raise Missing(f"{name} is undefined")
    return float(value)


def side(low: float, high: float) -> int:
    """Where an interval lies: above zero, below, or on both sides."""
    return int(low > 0) - int(high < 0)


def standard_error(low: float, high: float, units: int, confidence: float = 0.95) -> float:
    """Of a mean over units, from its t-interval."""
    return (high - low) / 2 / float(stdtrit(units - 1, (1 + confidence) / 2))


def t_test(
    mean: float | None, low: float | None, high: float | None, units: int | None, flip: float | None, confidence: float
) -> float:
    """Two-sided p of a mean over units against zero, from its t-interval.

    Where the interval has no width (all units alike, or alike to the digits of the file) t would be infinite; there the
    sign-flip test speaks.

    Args:
        mean: over units.
        low, high: its t-interval.
        units: speakers, or folds that hold several.
        flip: p of the sign-flip test over the same units.
        confidence: of the interval.

    Raises:
        Missing: if any of it is undefined, or there are fewer than two units.
    """
    if mean is None or low is None or high is None or flip is None or units is None or units < 2:
        raise Missing("there are fewer than two speakers, or folds of them, with a value")
    error = standard_error(low, high, units, confidence)
    return flip if rounding(error, mean) else float(2 * stdtr(units - 1, -abs(mean) / error))


def below(mean: float, low: float, high: float, units: int, margin: float, confidence: float = 0.95) -> float:
    """p of a one-sided t test that a mean lies below a margin, from its t-interval.

    Args:
        mean: of the units.
        low, high: its t-interval, of which only the width counts.
        units: speakers, or folds.
        margin: what counts as nothing.
        confidence: of the interval.

    Returns:
        Where all units are alike, so that t would be infinite, the exact sign-flip test's.
    """
    error = standard_error(low, high, units, confidence)
    if rounding(error, mean - margin):
        return 0.5**units if mean < margin else 1.0
    return float(stdtr(units - 1, (mean - margin) / error))


def tested(found: Contrast | None, name: str, confidence: float) -> dict[str, Any]:
    """Difference, interval, units and p of a contrast, as `Seen` takes them.

    Args:
        found: the contrast.
        name: what a message calls it.
        confidence: of its interval.

    Raises:
        Missing: if it is absent or undefined.
    """
    if found is None:
        raise Missing(f"nothing was measured for {name}")
    p = t_test(found.difference, found.low, found.high, found.units, found.p, confidence)
    return {"difference": found.difference, "low": found.low, "high": found.high, "units": found.units, "p": p}
