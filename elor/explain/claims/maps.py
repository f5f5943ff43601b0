"""Pieces of evidence from saliency maps, from occlusion, and from silencing parts of the input."""

from __future__ import annotations

from contextlib import suppress

from elor.explain.claims.decide import Evidence, Missing
from elor.explain.claims.evidence import UNDECIDED, Measured, Tree, number, p_text, section, side, why

HEADS = "heads untrained"
"""The control whose convolutions are trained."""

DELETIONS = {"silence": "deletion", "noise": "noise deletion"}
"""Measures of `elor.explain.erasure` by what stands in the place of what is taken away."""

ONE = "one speaker's network on all slices "


def above_untrained(measured: Measured, method: str, pair: str) -> Evidence:
    """r of a pair of maps, every fold's network on its own test slices, against untrained networks.

    Its numbers are those of the reading that decides, as its p is; what the paper computed stands in brackets.
    """
    found = _pair(measured, method, pair)
    contrast = section(found, "readings", found["decisive"], "contrast")
    low, high, p = (number(contrast, pair, key) for key in ("low", "high", "p"))
    own, untrained = _own(found, pair), _controlled(found, pair, "untrained")
    text = f"mean r of {_named(pair)} is {own:.2f}, in untrained networks {untrained:.2f} ({p_text(p)}"
    text += f"{_as_the_paper(measured, method, pair)})"
    return Evidence(text, side(low, high), p, own, "untrained networks", untrained)


def above_untrained_heads(measured: Measured, method: str, pair: str) -> Evidence:
    """The same against trained convolutions under untrained heads: r that is no higher is none of the heads' doing.

    An r that is lower does not contradict that the map follows the amplitude; it supports it as little as an equal one.
    """
    found = _pair(measured, method, pair)
    low, high, p = (number(found, pair, "controls", HEADS, "contrast", key) for key in ("low", "high", "p"))
    own, control = _own(found, pair), _controlled(found, pair, HEADS)
    where = side(low, high)
    than = ("not distinguishable from", "higher than", "lower than")[where]
    text = f"r of {_named(pair)}, {own:.2f}, is {than} the {control:.2f} of untrained heads on the trained convolutions"
    apart = f"r of {_named(pair)} is lower than with untrained heads on the trained convolutions" if where < 0 else ""
    return Evidence(f"{text} ({p_text(p)})", max(where, 0), p, own, HEADS, control, apart=apart)


def above_class_swap(measured: Measured, method: str, pair: str) -> Evidence:
    """Two heads' maps are as alike as one head's maps of two classes; a look that can only withhold its support."""
    found = _pair(measured, method, pair)
    low, high, p = (number(found, pair, "controls", "class swap", "contrast", key) for key in ("low", "high", "p"))
    r = _controlled(found, pair, "class swap")
    if side(low, high) < 0:
        return Evidence(
            f"their maps differ more than those of two classes of one head, whose r is {r:.2f} ({p_text(p)})", -1, p
        )
    return Evidence(f"their maps differ no more than those of two classes of one head, whose r is {r:.2f}", 1)


def overlapping(measured: Measured) -> Evidence:
    """Two heads' top occlusion windows overlap more than in untrained networks; less than by chance speaks against it.

    That they overlap more than chance proves nothing, since they do so in untrained networks too.
    """
    trained, untrained = (section(measured.saliency, "overlap", model) for model in ("trained", "untrained"))
    share, control = (number(model, "overlap", "overlap") for model in (trained, untrained))
    low, high, p = (number(trained, "overlap", "over untrained", key) for key in ("low", "high", "p"))
    less = number(trained, "overlap", "over chance", "high") < 0
    if less:
        p = number(trained, "overlap", "over chance", "p")
    text = (
        f"the most occlusion-sensitive tenths overlap by {share:.2f} (Jaccard), in untrained networks {control:.2f} "
        f"({p_text(p)}), by chance {number(trained, 'overlap', 'chance'):.2f}"
    )
    return Evidence(text, -1 if less else max(side(low, high), 0), p, share, "untrained networks", control)


def loudest_first(measured: Measured, head: str, mask: str) -> Evidence:
    """Taking away the loudest 50-ms segments lowers the answer more than taking any, and not in any network.

    Args:
        measured: says how far the logit falls.
        head: whose logit.
        mask: what stands in their place, `silence` or `noise`: what holds for one only is about the mask.
    """
    found = section(measured.saliency, "erasure", head, "loudest", DELETIONS[mask])
    random, untrained = section(found, "over random"), section(found, "over untrained")
    difference, p = (number(random, f"erasure.{head}", key) for key in ("difference", "p"))
    wins, control = (number(found, f"erasure.{head}", key) for key in ("wins", "untrained wins"))
    low, high, beyond = (number(untrained, f"erasure.{head}", key) for key in ("low", "high", "p"))
    than = "more" if difference > 0 else "less"
    text = (
        f"with {mask} in place of the loudest segments the {head} logit falls by {abs(difference):.3f} {than} than in "
        f"place of random ones ({p_text(p)}), and falls more in {wins:.0%} of slices, in untrained networks in "
        f"{control:.0%} ({p_text(beyond)})"
    )
    points = int(side(low, high) > 0) if difference > 0 else -1
    return Evidence(text, points, max(p, beyond) if points > 0 else p, wins, "untrained networks", control)


def _pair(measured: Measured, method: str, pair: str) -> Tree:
    found = section(measured.saliency, "own", method, pair)
    if str(found.get("verdict", "")).startswith(UNDECIDED):
        raise Missing(f"r of {_named(pair)} is undecided ({why(found)})")
    return found


def _own(found: Tree, pair: str) -> float:
    """r of the trained networks, in the reading that decides."""
    return number(found, pair, "readings", found["decisive"], "trained", "r")


def _controlled(found: Tree, pair: str, control: str) -> float:
    """The same of a control."""
    return number(found, pair, "controls", control, "readings", found["decisive"], "r")


def _as_the_paper(measured: Measured, method: str, pair: str) -> str:
    """The means over slices, padding included, that the paper prints, as far as there are any; no layer has padding."""
    parts = []
    paths = {"": ("own", "as_the_paper"), "untrained ": ("own", "untrained"), ONE: ("exemplary", "as_the_paper")}
    for name, (role, key) in paths.items() if "~" in pair else ():
        with suppress(Missing):
            parts.append(f"{name}{number(measured.saliency, pair, role, method, pair, key):.2f}")
    return f"; as the paper computes it, with the padding: {', '.join(parts)}" if parts else ""


def _named(pair: str) -> str:
    one, _, other = pair.partition("~")
    if not other:
        return f"the two heads' gradients at the {one} layer"
    return f"{one} map and {'input' if other == 'input' else f'{other} map'}"
