"""Pieces of evidence from prototypes, from altered speech, and from altered features."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit

from elor.explain.claims.decide import Evidence, Missing
from elor.explain.claims.evidence import TITLES, UNDECIDED, Measured, Tree, number, p_text, section, why
from elor.explain.correlation import INDISTINCT

MARGIN = 0.25
"""Of a class: changes of the expected label below it count as no influence, whatever the network."""

SHARE = 0.5
"""Of the standard deviation of a head's answers to unaltered slices: the same, whatever the scale."""

NOTICEABLE = 0.1
"""Of the standard deviation of a feature over slices: less of a change counts as none."""

DESCRIPTORS = {
    "centroid_hz": ("spectral centroid", " Hz"),
    "pauses": ("number of pauses", ""),
    "peak": ("highest peak", ""),
    "longest_periodic_s": ("longest periodic run", " s"),
    "pause_irregularity": ("irregularity of pauses", ""),
    "pause_mean_s": ("mean length of pauses", " s"),
    "rms_dbfs": ("level", " dB"),
}
"""What a sentence calls the descriptors that claims speak of, and their units."""

ALTERED = {
    "gain": ("amplification", "dB"),
    "high_shelf": ("a higher level above 2 kHz", "dB"),
    "pause_insertion": ("putting pauses in", "pause"),
    "pause_lengthening": ("lengthening pauses", "second"),
    "peak_limiting": ("holding peaks down", "dB"),
    "time_stretch": ("faster speech", "100 % of the rate"),
}
"""What a sentence calls the interventions that claims speak of, and one unit of their dose."""

ANSWERS = {"heads": "expected {}", "extremity": "extremity of {}"}
"""What a sentence calls an answer of a head, by its key in metrics/interventions.json."""

KINDS = {
    "monotone": "per label",
    "extreme": "per label from the middle",
    "low_high": "from low to high labels",
}
"""What a trend's number is counted by."""


def trend(measured: Measured, head: str, descriptor: str, kind: str, direction: str) -> Evidence:
    """A descriptor of the prototypes varies with the label as the paper says: a condition, without a p.

    Page's p is too small, as networks of the folds share most of their training slices. What is asked instead is what
    the trend's own verdict asks: an effect beyond the range of 20 single untrained networks, in two parametrisations
    with the same sign (`elor.explain.prototypes.trends`).

    Args:
        measured: says how the descriptor varies.
        head, descriptor: of whose prototypes.
        kind: monotone, extreme or low_high.
        direction: up or down, as the claim expects.

    Raises:
        Missing: if it was not measured, or is undecided.
    """
    found = section(measured.prototypes, "trends", head, descriptor, kind)
    name, unit = DESCRIPTORS[descriptor]
    if found["verdict"].startswith(UNDECIDED):
        raise Missing(f"the {name} of the prototypes is undecided ({why(found)})")
    per = list(found["per"].values())
    moves = " and ".join(
        f"{part['statistic']:+.3g}{unit} (untrained networks {low:+.3g} to {high:+.3g})"
        for part in per
        for low, high in [part["untrained"]]
    )
    text = f"the {name} of the prototypes moves {KINDS[kind]} by {moves}"
    points = 0 if found["verdict"] == INDISTINCT else (1 if found["direction"] == direction else -1)
    (low, high), unit = per[0]["untrained"], f"{unit.strip()} {KINDS[kind]}".strip()  # the paper's: over samples
    control = "untrained networks' range"
    return Evidence(text, points, None, per[0]["statistic"], control, control_range=(low, high), unit=unit)


def effect(
    measured: Measured, network: str, head: str, intervention: str, sign: int, answer: str = "heads"
) -> Evidence:
    """An alteration of real slices moves the expected label, or its extremity, in proportion to its dose.

    Args:
        measured: says what the alteration did.
        network, head, intervention: which.
        sign: +1 or -1 for the direction that the claim expects; 0 if any effect speaks for it.
        answer: of the head: `heads` for the expected label, `extremity` for its expected distance from the middle.

    Raises:
        Missing: if it was not measured, or is undecided for another reason than untrained networks.
    """
    part, called = _altered(measured, network, head, intervention, answer), ANSWERS[answer].format(head)
    per, low, high, p = (number(part, intervention, "slope", key) for key in ("per_unit", "low", "high", "p"))
    inside = _inside(part)
    if part["verdict"].startswith(UNDECIDED) and not inside:
        raise Missing(f"the effect of {ALTERED[intervention][0]} on the {called} is undecided ({why(part)})")
    what, unit = ALTERED[intervention]
    moves = "raises" if per > 0 else "lowers"
    bottom, top = _range(part)
    control, reached = "untrained networks", f"{bottom:+.3g} to {top:+.3g}"
    text = f"{what} {moves} {TITLES[network]}'s {called} by {abs(per):.3g} per {unit} [{low:+.3g}, {high:+.3g}]"
    if "length_control" in part:
        control, reached = f"{control}, beyond the length", f"{reached}, beyond what the length alone does"
    points = 0 if inside else (1 if sign == 0 or per * sign > 0 else -1)
    text = f"{text} ({p_text(p)}, untrained networks {reached})"
    return Evidence(text, points, p, per, control, control_range=(bottom, top), unit=f"per {unit}")


def no_effect(measured: Measured, network: str, head: str, intervention: str) -> Evidence:
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
    part = _altered(measured, network, head, intervention)
    margin = _margin(measured, network, head)
    doses = [dose for dose in part["doses"].values() if dose["p"] is not None and dose["high"] > dose["low"]]
    if not doses:
        raise Missing(f"no dose of {intervention} has an interval for {head} of {TITLES[network]}")
    most = max(doses, key=lambda dose: abs(dose["change"]))
    text = (
        f"{ALTERED[intervention][0]} changes {TITLES[network]}'s expected {head} by {most['change']:+.2f} of a class "
        f"at most [{most['low']:+.2f}, {most['high']:+.2f}], where less than {margin:.2g} counts as none"
    )
    if abs(most["change"]) < margin:
        points = 1
        units = int(number(part, intervention, "slope", "units"))
        p = max(equivalence(d["change"], d["low"], d["high"], units, margin, measured.confidence) for d in doses)
    else:
        points = 0 if _inside(part) else -1
        per, p = (number(part, intervention, "slope", key) for key in ("per_unit", "p"))
        text += ", by {:+.3g} per {}, and untrained networks by {:+.3g} to {:+.3g}".format(
            per, ALTERED[intervention][1], *_range(part)
        )
    return Evidence(f"{text} ({p_text(p)})", points, p, most["change"], "no change", 0.0, unit="classes")


def equivalence(change: float, low: float, high: float, units: int, margin: float, confidence: float = 0.95) -> float:
    """p of two one-sided t tests that a mean lies within +-margin, from its t-interval.

    Args:
        change: the mean.
        low, high: its t-interval over `units`.
        units: speakers, or folds.
        margin: what counts as nothing.
        confidence: of the interval.
    """
    error = (high - low) / 2 / stdtrit(units - 1, (1 + confidence) / 2)
    return float(stdtr(units - 1, (abs(change) - margin) / error))


def moved(measured: Measured, network: str, features: str, intervention: str) -> Evidence:
    """An alteration leaves a network's input features where they are: measured, so that there is nothing to test.

    Args:
        measured: says by how much each coefficient moves, in standard deviations over slices.
        network, features, intervention: which.

    Raises:
        Missing: if it was not measured.
    """
    path = ("features", network, features, intervention, "moved_sd")
    found = np.asarray(section(measured.interventions, *path), dtype=np.float64)
    if not len(found) or not np.isfinite(found).all():
        raise Missing(f"what {ALTERED[intervention][0]} does to the features of {TITLES[network]} is undefined")
    most, beyond = int(found.argmax()), int((found > NOTICEABLE).sum())
    text = (
        f"{ALTERED[intervention][0]} moves {beyond or 'none'} of {len(found)} coefficients by more than {NOTICEABLE:g} "
        f"standard deviations over slices, and the most coefficient {most}, by {found[most]:.2g}"
    )
    return Evidence(text, -1 if beyond else 1, None, float(found[most]), "what counts as none", NOTICEABLE, unit="SD")


def _margin(measured: Measured, network: str, head: str) -> float:
    """What a change of the expected label must reach to count as one."""
    return min(MARGIN, SHARE * number(measured.interventions, f"{TITLES[network]}'s answers", "spread", network, head))


def _altered(measured: Measured, network: str, head: str, intervention: str, answer: str = "heads") -> Tree:
    """What an intervention did to an answer of a network's head."""
    networks = measured.interventions.get("networks", {})
    if network not in networks:
        raise Missing(f"{TITLES[network]} was not put to the interventions")
    return section(networks, network, intervention, answer, head)


def _inside(part: Tree) -> bool:
    """Whether untrained networks reach the slope."""
    low, high = _range(part)
    return bool(low <= part["slope"]["per_unit"] <= high)


def _range(part: Tree) -> tuple[float, float]:
    """The limits of what untrained networks reach."""
    low, high = part["slope"]["untrained"]
    if low is None or high is None:
        raise Missing("what untrained networks do is undefined")
    return low, high
