"""What prototypes, altered speech, and altered features show."""

from dataclasses import replace

import numpy as np
from scipy.special import stdtr

from elor.evidence.interventions import Effect
from elor.evidence.names import Control, Doubt, Finding, Reference
from elor.explain.claims.evidence import ROUNDING, Measured, Missing, Seen, defined, of, standard_error, t_test
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.prototypes.descriptors import DESCRIPTORS
from elor.registry import TITLES

MARGIN = 0.25
"""Of a class: changes of the expected label below it count as no influence, whatever the network."""

SHARE = 0.5
"""Of the standard deviation of a head's answers to unaltered slices: the same, whatever the scale."""

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

KINDS = {"monotone": "per label", "extreme": "per label from the middle", "low_high": "from low to high labels"}
"""What a trend's number is counted by."""

HEADS, EXTREMITY = "heads", "extremity"
"""Which answer of a head: the expected label, or its expected distance from the middle."""


def trend(measured: Measured, head: str, descriptor: str, kind: str, direction: str) -> list[Seen]:
    """A descriptor of the prototypes varies with the label as the paper says, seen in each parametrisation: conditions.

    Page's p is too small, as networks of the folds share most of their training slices. What is asked instead is what
    the trend's own finding asks: an effect beyond the range of 20 single untrained networks, in two parametrisations
    with the same sign (`elor.explain.prototypes.trends`).

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
    points = 0 if found.finding is Finding.within else 1 if found.direction == direction else -1
    return [
        Seen(
            defined(one.statistic, f"the {name} of the prototypes"),
            points,
            Control.calibrated,
            control_low=one.calibrated[0],
            control_high=one.calibrated[1],
            units=one.folds,
            unit=f"{unit} {KINDS[kind]}".strip(),
        )
        for one in found.per.values()
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
        Missing: if it was not measured, or is undecided for another reason than untrained networks.
    """
    part = _altered(measured, network, head, intervention, answer)
    seen = _beyond(measured, network, head, intervention, sign, part)
    if part.finding is Finding.undecided and part.reason != Doubt.untrained:
        return seen
    margin = _absent(measured, network, head if answer == HEADS else f"{head}.{answer}", part)
    towards = sign * seen.ours if sign else abs(seen.ours)
    p = below(towards, part.slope.low, part.slope.high, part.slope.units, margin, measured.confidence)
    if p > 1 - measured.confidence:
        return seen
    low, high = None if sign > 0 else -margin, None if sign < 0 else margin
    return replace(seen, points=-1, control=Reference.nothing, control_low=low, control_high=high, p=p)


def no_effect(measured: Measured, network: str, head: str, intervention: str) -> Seen:
    """An alteration leaves the expected label where it is, within a margin, at every dose: a test of equivalence.

    A network that answers nearly the same to everything is moved by nothing, which says nothing. So the margin is a
    quarter of a class (half the way to where the answer is rounded to another one), but at most half the standard
    deviation of the head's answers to unaltered slices. Half a standard deviation is a medium effect by Cohen's
    convention ("Statistical power analysis", 1988), and about the least that people call a difference (Norman, Sloan
    and Wyrwich, "Interpretation of changes in health-related quality of life", Medical Care 41(5), 2003).

    Two one-sided t tests per dose (Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", 1987); all doses must pass, so the largest p counts. Where a mean lies beyond the margin, the p of the
    slope speaks against the claim.

    Raises:
        Missing: if it was not measured, or how much the answers vary was not.
    """
    part = _altered(measured, network, head, intervention, HEADS)
    margin, units = _margin(measured, network, head), part.slope.units
    known = [dose for dose in part.doses.values() if None not in (dose.p, dose.low, dose.high)]
    doses = [dose for dose in known if dose.high > dose.low]
    if not doses or units < 2:
        raise Missing(f"no dose of {intervention} has an interval for {head} of {TITLES[network]}")
    most = max(doses, key=lambda dose: abs(dose.change or 0.0))
    if abs(most.change or 0.0) < margin:
        p = max(equivalence(d.change, d.low, d.high, units, margin, measured.confidence) for d in doses)
        limits = {"control_low": -margin, "control_high": margin, "low": most.low, "high": most.high}
        return Seen(most.change, 1, Reference.nothing, **limits, units=units, p=p, unit="classes")
    sign = -1 if (part.slope.per_unit or 0.0) > 0 else 1
    return _beyond(measured, network, head, intervention, sign, part)  # what moves it further speaks against it


def equivalence(change: float, low: float, high: float, units: int, margin: float, confidence: float = 0.95) -> float:
    """p of two one-sided t tests that a mean lies within +-margin, from its t-interval; arguments as of `below`."""
    return below(abs(change), low, high, units, margin, confidence)


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
    if error > ROUNDING * abs(mean - margin):
        return float(stdtr(units - 1, (mean - margin) / error))
    return 0.5**units if mean < margin else 1.0


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


def _margin(measured: Measured, network: str, head: str) -> float:
    """What a change of the expected label must reach to count as one."""
    spread = of(measured.interventions.spread, network, head)
    return min(MARGIN, SHARE * defined(spread, f"the spread of {TITLES[network]}'s answers"))


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


def _absent(measured: Measured, network: str, answer: str, part: Effect) -> float:
    """What counts as no effect, as a slope."""
    doses = [float(dose) for dose in part.doses]
    spread = defined(of(measured.interventions.spread, network, answer), f"the spread of {TITLES[network]}'s answers")
    return ABSENT * spread / (max(doses) - min(doses))


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
