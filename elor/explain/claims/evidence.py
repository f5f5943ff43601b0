"""Pieces of evidence from what the stages before have measured: numbers in, `Evidence` out, or `Missing` with a reason.

Whatever a network does says something about emotion only if the network has learned the emotion. So each look inside a
network carries the p of that too (`learned`): with labels drawn at random a network still answers to loudness or pitch
somehow, in all folds alike, and no test over speakers would notice that this has no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from elor.explain.claims.decide import LEVEL, Evidence, Missing
from elor.explain.correlation import INDISTINCT

Tree = Mapping[str, Any]

UNDECIDED = "undecided"
"""How a verdict of the stages before begins when it is none."""

MARGIN = 0.25
"""Of a class: changes of the expected label below it count as no influence."""

TITLES = {"elor": "ELoR", "lom": "LoM", "ftr": "FTR", "elor_ftr": "ELoR+FTR"}

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

KINDS = {
    "monotone": "per label",
    "extreme": "per label from the middle",
    "low_high": "from low to high labels",
}
"""What a trend's number is counted by."""


@dataclass(frozen=True)
class Measured:
    """What the stages before wrote, as plain JSON values; empty where a stage had nothing to say.

    Attributes:
        saliency, prototypes, interventions: metrics/<name>.json.
        scores: by head and network, metrics/<head>/<network>.json.
        confidence: of the intervals in them.
    """

    saliency: Tree = field(default_factory=dict)
    prototypes: Tree = field(default_factory=dict)
    interventions: Tree = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Tree]] = field(default_factory=dict)
    confidence: float = 0.95


def learned(measured: Measured, network: str, head: str) -> float:
    """p of the network's score against labels permuted within speakers, by utterance (the safer of the two nulls).

    Raises:
        Missing: if the networks were not asked for this head, or there is no p.
    """
    if head not in measured.scores:
        raise Missing(f"the networks were not asked for {head}")
    return _number(measured.scores, f"metrics/{head}/{network}.json", head, network, "utterance_permutation_p")


def within(
    measured: Measured, network: str, heads: Sequence[str], look: Callable[..., Evidence], *how: Any
) -> Evidence:
    """A look inside a network, which proves something only as far as the network has learned the heads.

    Args:
        measured: what the stages before wrote.
        network, heads: which.
        look: takes `measured` and `how`.
        how: its further arguments.

    Raises:
        Missing: as `learned` and `look`.
    """
    learnt = {head: learned(measured, network, head) for head in heads}
    found = look(measured, *how)
    if unknown := {head: p for head, p in learnt.items() if p > LEVEL}:
        names, p = " and ".join(unknown), max(unknown.values())
        unmet = (
            f"{TITLES[network]} answers on {names} no better than if labels were permuted within speakers "
            f"({p_text(p)}), so what moves it tells nothing about {names}"
        )
        found = replace(found, unmet=unmet)
    return replace(found, given=max(learnt.values()))


def above_untrained(measured: Measured, method: str, pair: str) -> Evidence:
    """r of a pair of maps, every fold's network on its own test slices, against untrained networks."""
    found = _pair(measured, method, pair)
    contrast = _section(found, "readings", found["decisive"], "contrast")
    low, high, p = (_number(contrast, pair, key) for key in ("low", "high", "p"))
    own, untrained = (_number(found, pair, key) for key in ("as_the_paper", "untrained"))
    text = f"mean r of {_named(pair)} is {own:.2f}, in untrained networks {untrained:.2f} ({p_text(p)})"
    if (single := _exemplary(measured, method, pair)) is not None:
        text += f"; with one speaker's network on all slices {single:.2f}"
    return Evidence(text, _side(low, high), p, own, "untrained networks", untrained)


def above_untrained_heads(measured: Measured, method: str, pair: str) -> Evidence:
    """The same against trained convolutions under untrained heads: r that is no higher is none of the heads' doing."""
    control = _section(_pair(measured, method, pair), "controls", "heads untrained")
    low, high, p = (_number(control, pair, "contrast", key) for key in ("low", "high", "p"))
    r = _number(control, pair, "readings", "padded", "r")
    side = _side(low, high)
    than = ("not distinguishable from", "higher than", "lower than")[side]
    text = f"r of {_named(pair)} is {than} the {r:.2f} of untrained heads on the trained convolutions ({p_text(p)})"
    return Evidence(text, max(side, 0), p)


def above_class_swap(measured: Measured, method: str, pair: str) -> Evidence:
    """Two heads' maps are as alike as one head's maps of two classes; a look that can only withhold its support."""
    control = _section(_pair(measured, method, pair), "controls", "class swap")
    low, high, p = (_number(control, pair, "contrast", key) for key in ("low", "high", "p"))
    reading = _pair(measured, method, pair)["decisive"]
    r = _number(control, pair, "readings", reading, "r")
    if _side(low, high) < 0:
        return Evidence(
            f"their maps differ more than those of two classes of one head, whose r is {r:.2f} ({p_text(p)})", -1, p
        )
    return Evidence(f"their maps differ no more than those of two classes of one head, whose r is {r:.2f}", 1)


def overlapping(measured: Measured) -> Evidence:
    """Two heads' top occlusion windows overlap more than chance, and more than in untrained networks."""
    trained, untrained = (_section(measured.saliency, "overlap", model) for model in ("trained", "untrained"))
    share, control = (_number(model, "overlap", "overlap") for model in (trained, untrained))
    low, high, p = (_number(trained, "overlap", "over chance", key) for key in ("low", "high", "p"))
    reach = _number(untrained, "overlap", "over chance", "high")
    points = -1 if high < 0 else int(low > reach)
    text = f"the most occlusion-sensitive tenths overlap by {share:.2f} (Jaccard), in untrained networks {control:.2f}"
    return Evidence(f"{text}, by chance {_number(trained, 'overlap', 'chance'):.2f} ({p_text(p)})", points, p)


def loudest_first(measured: Measured, head: str) -> Evidence:
    """Silencing the loudest 50-ms segments lowers the answer more than silencing any."""
    test = _section(measured.saliency, "erasure", head, "loudest", "deletion", "over random")
    difference, p = (_number(test, f"erasure.{head}", key) for key in ("difference", "p"))
    than = "more" if difference > 0 else "less"
    text = (
        f"without the loudest segments the {head} logit falls by {abs(difference):.3f} {than} than without random ones"
    )
    return Evidence(f"{text} ({p_text(p)})", 1 if difference > 0 else -1, p, difference, "random order", 0.0)


def trend(measured: Measured, head: str, descriptor: str, kind: str, direction: str) -> Evidence:
    """A descriptor of the prototypes varies with the label as the paper says.

    Page's p is too small, as networks of the folds share most of their training slices; so it is only one condition
    beside the range of untrained networks and the agreement of the parametrisations, which `verdict` already demands
    (`elor.explain.trends`).

    Args:
        measured: says how the descriptor varies.
        head, descriptor: of whose prototypes.
        kind: monotone, extreme or low_high.
        direction: up or down, as the claim expects.

    Raises:
        Missing: if it was not measured, or is undecided.
    """
    found = _section(measured.prototypes, "trends", head, descriptor, kind)
    name, unit = DESCRIPTORS[descriptor]
    if found["verdict"].startswith(UNDECIDED):
        raise Missing(f"the {name} of the prototypes is undecided ({_why(found)})")
    per = list(found["per"].values())
    p, effects = max(part["p"] for part in per), [part["statistic"] for part in per]
    moves = " and ".join(
        f"{part['statistic']:+.3g}{unit} (untrained networks {low:+.3g} to {high:+.3g})"
        for part in per
        for low, high in [part["untrained"]]
    )
    text = f"the {name} of the prototypes moves {KINDS[kind]} by {moves}, {p_text(p)}"
    points = 0 if found["verdict"] == INDISTINCT else (1 if found["direction"] == direction else -1)
    return Evidence(text, points, p, float(np.mean(effects)), "untrained networks' range")


def effect(measured: Measured, network: str, head: str, intervention: str, sign: int) -> Evidence:
    """An alteration of real slices moves the expected label, in proportion to its dose.

    Args:
        measured: says what the alteration did.
        network, head, intervention: which.
        sign: +1 or -1 for the direction that the claim expects; 0 if any effect speaks for it.

    Raises:
        Missing: if it was not measured, or is undecided for another reason than untrained networks.
    """
    part = _altered(measured, network, head, intervention)
    per, low, high, p = (_number(part, intervention, "slope", key) for key in ("per_unit", "low", "high", "p"))
    inside = _inside(part)
    if part["verdict"].startswith(UNDECIDED) and not inside:
        raise Missing(f"the effect of {ALTERED[intervention][0]} on {head} is undecided ({_why(part)})")
    what, unit = ALTERED[intervention]
    moves = "raises" if per > 0 else "lowers"
    bottom, top = _range(part)
    control = f"untrained networks {bottom:+.3f} to {top:+.3f}"
    text = f"{what} {moves} {TITLES[network]}'s expected {head} by {abs(per):.3f} per {unit} [{low:+.3f}, {high:+.3f}]"
    points = 0 if inside else (1 if sign == 0 or per * sign > 0 else -1)
    return Evidence(f"{text} ({p_text(p)}, {control})", points, p, per, control)


def no_effect(measured: Measured, network: str, head: str, intervention: str) -> Evidence:
    """An alteration leaves the expected label where it is, within `MARGIN`, at every dose: a test of equivalence.

    Two one-sided t tests per dose (Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", 1987); all doses must pass, so the largest p counts. Where a mean lies beyond the margin, the p of the
    slope speaks against the claim.

    Raises:
        Missing: if it was not measured.
    """
    part = _altered(measured, network, head, intervention)
    doses = [dose for dose in part["doses"].values() if dose["p"] is not None and dose["high"] > dose["low"]]
    if not doses:
        raise Missing(f"no dose of {intervention} has an interval for {head} of {TITLES[network]}")
    most = max(doses, key=lambda dose: abs(dose["change"]))
    text = (
        f"{ALTERED[intervention][0]} changes {TITLES[network]}'s expected {head} by {most['change']:+.2f} of a class "
        f"at most [{most['low']:+.2f}, {most['high']:+.2f}], where less than {MARGIN:g} counts as none"
    )
    if abs(most["change"]) < MARGIN:
        points = 1
        p = max(
            equivalence(d["change"], d["low"], d["high"], d["speakers"], MARGIN, measured.confidence) for d in doses
        )
    else:
        points = 0 if _inside(part) else -1
        p = _number(part, intervention, "slope", "p")
    return Evidence(f"{text} ({p_text(p)})", points, p, most["change"], "no change", 0.0)


def equivalence(change: float, low: float, high: float, units: int, margin: float, confidence: float = 0.95) -> float:
    """p of two one-sided t tests that a mean lies within +-margin, from its t-interval.

    Args:
        change: the mean.
        low, high: its t-interval over `units`.
        units: speakers.
        margin: what counts as nothing.
        confidence: of the interval.
    """
    error = (high - low) / 2 / stdtrit(units - 1, (1 + confidence) / 2)
    return float(stdtr(units - 1, (abs(change) - margin) / error))


def _pair(measured: Measured, method: str, pair: str) -> Tree:
    found = _section(measured.saliency, "own", method, pair)
    if str(found.get("verdict", "")).startswith(UNDECIDED):
        raise Missing(f"r of {_named(pair)} is undecided ({_why(found)})")
    return found


def _exemplary(measured: Measured, method: str, pair: str) -> float | None:
    try:
        return _number(measured.saliency, pair, "exemplary", method, pair, "as_the_paper")
    except Missing:
        return None


def _altered(measured: Measured, network: str, head: str, intervention: str) -> Tree:
    """What an intervention did to a network's head."""
    networks = measured.interventions.get("networks", {})
    if network not in networks:
        raise Missing(f"{TITLES[network]} was not put to the interventions")
    return _section(networks, network, intervention, "heads", head)


def _inside(part: Tree) -> bool:
    """Whether the slope lies in the range of untrained networks'."""
    low, high = _range(part)
    return bool(low <= part["slope"]["per_unit"] <= high)


def _range(part: Tree) -> tuple[float, float]:
    """Lowest and highest slope of untrained networks."""
    low, high = part["slope"]["untrained"]
    if low is None or high is None:
        raise Missing("what untrained networks do is undefined")
    return low, high


def _section(tree: Tree, *path: str) -> Tree:
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            raise Missing(f"nothing was measured for {' / '.join(path)}")
        tree = tree[key]
    return tree


def _number(tree: Tree, name: str, *path: str) -> float:
    """A number of the tree.

    Raises:
        Missing: if it is absent or undefined.
    """
    value = _section(tree, *path)
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise Missing(f"{path[-1]} of {name} is undefined")
    return float(value)


def _side(low: float, high: float) -> int:
    """Where an interval lies: above zero, below, or on both sides."""
    return int(low > 0) - int(high < 0)


def _why(found: Tree) -> str:
    """The reason in a verdict `undecided: <reason>`."""
    return str(found["verdict"]).removeprefix(UNDECIDED).lstrip(": ")


def _named(pair: str) -> str:
    one, _, other = pair.partition("~")
    if not other:
        return f"the two heads' gradients at the {one} layer"
    return f"{one} map and {'input' if other == 'input' else f'{other} map'}"


def p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"
