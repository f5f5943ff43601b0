"""What saliency maps, occlusion, and silencing parts of the input show."""

from elor.evidence.names import Control, Reference
from elor.evidence.saliency import ControlOf, Pair
from elor.explain.claims.evidence import Measured, Missing, Seen, defined, of, side, t_test, tested
from elor.explain.correlation import fisher

DELETIONS = {"silence": "deletion", "noise": "noise deletion"}
"""Measures of `elor.explain.erasure` by what stands in the place of what is taken away."""


def above(measured: Measured, method: str, pair: str, control: Control = Control.initial) -> Seen:
    """r of a pair of maps, every fold's network on its own test slices, against a control.

    Untrained networks, or trained convolutions under untrained heads: r that is no higher is none of the heads' doing.
    A positive r that is lower does not contradict that the maps are alike; it supports it as little as an equal one.
    Only an r that lies below zero does. Its numbers are those of the reading that decides, as its p is.
    """
    found = _pair(measured, method, pair)
    reading = of(found.readings, found.decisive)
    contrast = reading.contrast if control is Control.initial else _control(found, control).contrast
    seen, own = tested(contrast, f"{control} beside {pair}", measured.confidence), _own(found, pair)
    low, high = reading.trained.low, reading.trained.high
    if high is not None and high < 0:
        z = map(fisher, (own, low, high))
        p = t_test(*z, seen["units"], seen["p"], measured.confidence)
        return Seen(own, -1, Reference.correlation, 0.0, low=low, high=high, units=seen["units"], p=p, unit="r")
    return Seen(own, max(side(seen["low"], seen["high"]), 0), control, _r(found, control), **seen, unit="r")


def no_less(measured: Measured, method: str, pair: str, control: Control) -> Seen:
    """A pair of maps is no less alike than a control: a condition that can stop a claim, and proves nothing."""
    found = _pair(measured, method, pair)
    contrast = of(found.readings, found.decisive).contrast if control is Control.initial else None
    seen = tested(contrast or _control(found, control).contrast, f"{control} beside {pair}", measured.confidence)
    points = -1 if side(seen["low"], seen["high"]) < 0 else 1
    return Seen(_own(found, pair), points, control, _r(found, control), **seen, unit="r")


def overlapping(measured: Measured) -> Seen:
    """Two heads' top occlusion windows overlap more than in untrained networks; less than by chance speaks against it.

    That they overlap more than chance proves nothing, since they do so in untrained networks too.
    """
    trained, untrained = (of(measured.saliency.overlap, model) for model in ("trained", Control.initial))
    share, control = (defined(model.overlap, "the overlap") for model in (trained, untrained))
    over = tested(trained.over_chance, "the overlap beyond chance", measured.confidence)
    if over["high"] < 0:
        return Seen(share, -1, Reference.chance, trained.chance, **over)
    seen = tested(trained.over_initial, "the overlap beyond untrained networks", measured.confidence)
    return Seen(share, max(side(seen["low"], seen["high"]), 0), Control.initial, control, **seen)


def loudest_first(measured: Measured, head: str, mask: str) -> Seen:
    """Taking away the loudest 50-ms segments lowers the answer more than taking any, and not in any network.

    What is compared with untrained networks is the share of slices in which it does, since their logits have another
    scale. Where it lowers the answer by less than taking any, that speaks against the claim.

    Args:
        measured: says how far the logit falls.
        head: whose logit.
        mask: what stands in their place, `silence` or `noise`: what holds for one only is about the mask.
    """
    found = of(measured.saliency.erasure, head, "loudest", DELETIONS[mask])
    random = tested(found.over_random, f"erasure of {head}", measured.confidence)
    if random["difference"] <= 0:
        return Seen(defined(found.mean, "the fall"), -1, Reference.order, found.mean - random["difference"], **random)
    beyond = tested(found.over_initial, f"erasure of {head} in untrained networks", measured.confidence)
    wins, control = (defined(share, "the share of slices") for share in (found.wins, found.initial_wins))
    points = int(side(beyond["low"], beyond["high"]) > 0)
    p = max(random["p"], beyond["p"]) if points else beyond["p"]
    return Seen(wins, points, Control.initial, control, **(beyond | {"p": p}), unit="of slices")


def _pair(measured: Measured, method: str, pair: str) -> Pair:
    return of(measured.saliency.own, method, pair)


def _control(found: Pair, control: str) -> ControlOf:
    return of(found.controls, control)


def _own(found: Pair, pair: str) -> float:
    """r of the trained networks, in the reading that decides."""
    return defined(of(found.readings, found.decisive).trained.r, f"r of {pair}")


def _r(found: Pair, control: str) -> float:
    """The same of a control."""
    readings = _control(found, control).readings
    if found.decisive not in readings:
        raise Missing(f"r of {control} was not measured")
    return defined(readings[found.decisive].r, f"r of {control}")
