"""What prototypes, altered speech, and altered features show."""

from dataclasses import replace
from functools import partial

import numpy as np

from elor.evidence.interventions import Effect
from elor.evidence.names import EXTREMITY, Control, Finding, Reference, Undecided
from elor.explain.claims.evidence import Measured, Missing, Seen, below, defined, of, t_test
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.prototypes.descriptors import DESCRIPTORS, SEARCHED
from elor.registry import TITLES

ABSENT = 0.2
"""Of the standard deviation of an answer to unaltered slices: what moves it by less from its least dose to its most has
no influence on it.

However a property is spread over that range, its variance is a quarter of the squared range at most (Popoviciu's
inequality), so that it explains less than 1 % of how the answer varies. 0.2 is also the least that Cohen's convention
calls a small effect ("Statistical power analysis", 1988), and what docs/known-truth.md asks of a cue from a standard
deviation below the mean to one above.
"""

NOTICEABLE = 0.1
"""Of the standard deviation of a feature over slices: less of a change counts as none."""

ALIKE = 0.01
"""Of the standard deviation of the expected label: where its distance from the middle varies by less, the network knows
one distance only (as where a corpus has two classes, 2 and 4 of five), and nothing can be said of extremes.
"""

GAIN = "gain"
"""The alteration that changes the level."""

KINDS = {"monotone": "per label", "extreme": "per label from the middle", "low_high": "from low to high labels"}
"""What a trend's number is counted by."""

HEADS = "heads"
"""Which answer of a head: the expected label, where it is not `EXTREMITY`."""


def trend(measured: Measured, head: str, descriptor: str, kind: str, direction: str) -> list[Seen]:
    """A descriptor of the prototypes varies with the label as the paper says, seen in each parametrisation: conditions.

    Page's p is too small, as networks of the folds share most of their training slices. What is asked of each instead
    is an effect beyond the range of 20 single untrained networks; as all pieces of a claim must point one way, that is
    what the trend's own finding asks, too (`elor.explain.prototypes.trends`).

    Args:
        measured: says how the descriptor varies.
        head, descriptor: of whose prototypes.
        kind: monotone, extreme or low_high.
        direction: up or down, as the claim expects.

    Raises:
        Missing: if it was not measured, or is undecided.
    """
    found = of(measured.prototypes.trends, head, descriptor, kind)
    name, unit = DESCRIPTORS[descriptor].title, DESCRIPTORS[descriptor].difference
    if found.finding is Finding.undecided:
        raise Missing(f"the {name} of the prototypes is undecided ({found.reason})")
    return [
        Seen(
            defined(one.statistic, f"the {name} of the prototypes"),
            (1 if one.direction == direction else -1) if one.outside else 0,
            Control.calibrated,
            control_low=one.calibrated[0],
            control_high=one.calibrated[1],
            units=one.folds,
            unit=f"{unit} {KINDS[kind]}".strip(),
            of=SEARCHED[search.partition(".")[2]],
        )
        for search, one in found.per.items()
    ]


def effect(measured: Measured, network: str, head: str, intervention: str, sign: int, answer: str = HEADS) -> Seen:
    """An alteration of real slices moves the expected label, or its extremity, in proportion to its dose.

    Against it speaks an effect the other way, and one that is shown to be absent: smaller, in the direction that the
    claim expects (in either, if any will do), than what counts as none (`ABSENT`), by a one-sided t test (by two).
    Where single doses contradict the line, or its length control or processing may be all of it, no absence is shown.

    Args:
        measured: says what the alteration did.
        network, head, intervention: which.
        sign: +1 or -1 for the direction that the claim expects; 0 if any effect speaks for it.
        answer: of the head.

    Raises:
        Missing: if it was not measured, is undecided for another reason than untrained networks, or is of extremes
            where the answers have none (`ALIKE`).
    """
    part = _altered(measured, network, head, intervention, answer)
    spread = partial(_spread, measured, network)
    if answer == EXTREMITY and spread(f"{head}.{answer}") < ALIKE * spread(head):
        raise Missing(f"{TITLES[network]}'s {head} has one distance from the middle, whatever it hears")
    seen = _beyond(measured, network, head, intervention, sign, part)
    if part.finding is Finding.undecided and part.reason != Undecided.untrained:
        return seen
    margin = _absent(measured, network, head if answer == HEADS else f"{head}.{answer}", part)
    towards = sign * seen.ours if sign else abs(seen.ours)
    p = below(towards, part.slope.low, part.slope.high, part.slope.units, margin, measured.confidence)
    if p > 1 - measured.confidence:
        return seen
    low, high = None if sign > 0 else -margin, None if sign < 0 else margin
    return replace(seen, points=-1, control=Reference.nothing, control_low=low, control_high=high, p=p)


def weighs(measured: Measured, network: str, head: str, claimed: bool = True) -> Seen:
    """Whether the level weighs in an answer, over the range of it that the corpus' slices have.

    From one standard deviation of the slices' level below to one above, a gain moves the answer by its slope times two
    such deviations, here in standard deviations of the answers to unaltered slices. Beyond `ABSENT`, either way, the
    level weighs, and within it does not; on which side the estimate lies says which of two t tests is asked. That it
    lies beyond is a test of a minimal effect (Murphy and Myors, "Testing the hypothesis that treatments have negligible
    effects", Journal of Applied Psychology 84(2), 1999), two-sided, as where a 95 % interval lies beyond. That it
    lies within are two one-sided ones (Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", 1987), of which the larger p counts. To weigh it must go further than any untrained network, too.

    Args:
        measured: says what gains did, how much the slices differ in level, and the answers to them.
        network, head: whose answer.
        claimed: whether a claim says that it weighs, or that it does not.

    Raises:
        Missing: if any of it was not measured, or the effect is undecided for another reason than untrained networks.
    """
    part = _altered(measured, network, head, GAIN, HEADS)
    seen = _over_levels(measured, network, head, _beyond(measured, network, head, GAIN, 0, part))
    doubted = part.finding is Finding.undecided and part.reason != Undecided.untrained  # then no absence is shown
    if doubted or (abs(seen.ours) >= ABSENT and not seen.points):
        return replace(seen, points=0)
    limits, way = {"control_low": -ABSENT, "control_high": ABSENT}, 1 if claimed else -1
    if abs(seen.ours) < ABSENT:
        p = below(abs(seen.ours), seen.low, seen.high, seen.units, ABSENT, measured.confidence)
        return replace(seen, points=-way, control=Reference.nothing, p=p, **limits)
    p = 2 * below(-abs(seen.ours), seen.low, seen.high, seen.units, -ABSENT, measured.confidence)
    return replace(seen, points=way, control=Reference.margin, p=min(1.0, p), **limits)


def moved(measured: Measured, network: str, features: str, intervention: str) -> Seen:
    """An alteration leaves a network's input features where they are: measured, so that there is nothing to test.

    Args:
        measured: says by how much each coefficient moves, in standard deviations over slices.
        network, features, intervention: which.

    Raises:
        Missing: if it was not measured.
    """
    found = np.asarray(of(measured.interventions.features, network, features, intervention, "moved_sd"), dtype=float)
    if not len(found) or not np.isfinite(found).all():
        raise Missing(
            f"what {ALTERATIONS[intervention].claimed} does to the features of {TITLES[network]} is undefined"
        )
    most = float(found.max())
    return Seen(most, -1 if most > NOTICEABLE else 1, Reference.margin, NOTICEABLE, unit="SD of the most moved")


def _beyond(measured: Measured, network: str, head: str, intervention: str, sign: int, part: Effect) -> Seen:
    """A slope beside those of untrained networks."""
    what, unit = ALTERATIONS[intervention].claimed, ALTERATIONS[intervention].per
    slope, (bottom, top) = part.slope, _range(part)
    per = defined(slope.per_unit, f"what {what} does to {head} of {TITLES[network]}")
    p = t_test(per, slope.low, slope.high, slope.units, slope.p, measured.confidence)
    inside = bottom <= per <= top
    if part.finding is Finding.undecided and not inside:
        raise Missing(f"the effect of {what} on {head} is undecided ({part.reason})")
    return Seen(
        per,
        0 if inside else 1 if sign == 0 or per * sign > 0 else -1,
        Control.calibrated,
        control_low=bottom,
        control_high=top,
        low=slope.low,
        high=slope.high,
        units=slope.units,
        p=p,
        unit=f"per {unit}",
    )


def _over_levels(measured: Measured, network: str, head: str, seen: Seen) -> Seen:
    """A slope per dB as what two standard deviations of the slices' level do, in those of the answers."""
    levels = defined(measured.interventions.level_sd, "how much slices differ in level")
    spread = _spread(measured, network, head)
    if not spread > 0:
        raise Missing(f"{TITLES[network]} answers all slices alike")
    numbers = ("ours", "low", "high", "control_low", "control_high")
    scaled = {name: getattr(seen, name) * 2 * levels / spread for name in numbers}
    return replace(seen, **scaled, unit="SD of answers")


def _absent(measured: Measured, network: str, answer: str, part: Effect) -> float:
    """What counts as no effect, as a slope."""
    doses = [float(dose) for dose in part.doses]
    return ABSENT * _spread(measured, network, answer) / (max(doses) - min(doses))


def _spread(measured: Measured, network: str, answer: str) -> float:
    """The standard deviation of an answer to unaltered slices."""
    return defined(of(measured.interventions.spread, network, answer), f"the spread of {TITLES[network]}'s answers")


def _altered(measured: Measured, network: str, head: str, intervention: str, answer: str) -> Effect:
    """What an intervention did to an answer of a network's head."""
    networks = measured.interventions.networks
    if network not in networks:
        raise Missing(f"{TITLES[network]} was not put to the interventions")
    found = of(networks, network, intervention)
    return of(found.heads if answer == HEADS else found.extremity, head)


def _range(part: Effect) -> tuple[float, float]:
    """The limits of what untrained networks reach."""
    low, high = part.slope.calibrated
    if low is None or high is None:
        raise Missing("what untrained networks do is undefined")
    return low, high
