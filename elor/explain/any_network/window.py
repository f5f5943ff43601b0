"""One recording, explained in full: maps by every method, each beside the controls that decide what it may say.

A window of sound goes through the network, its untrained twins and the other class, through every method of
attribution: the way of `elor.explain.examination`, which the slices of a corpus go too. A method that cannot be applied
to this network is listed with its reason; the others go on. The results are plain dictionaries of numbers and text (see
`explain`), and arrays of the maps, for a page to draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.evidence.names import Control
from elor.explain.any_network.subjects import Subject, deciding, no_logits, probabilities
from elor.explain.any_network.verdicts import AGAINST, BACKWARD, COMPARED, GRADIENTS, Rows, of_method
from elor.explain.controls import model_free, runner_up
from elor.explain.correlation import View
from elor.explain.crossings import OPAQUE, opaque, ordinary
from elor.explain.derivative import false_gradient
from elor.explain.doubts import Refusal, about, shortened
from elor.explain.erasure import MEASURES
from elor.explain.examination import Scope, erase, examine, orders_of, singles
from elor.explain.finite_differences import Unchecked
from elor.explain.heads import SomeHeads
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.maps import Maps, Steps, predicted
from elor.explain.model import Heads, logits_of, predict, prepared, targets_of
from elor.explain.occlusion import CLEAR, Coarse, Noisy, carried
from elor.explain.repeatability import refuse_infinite
from elor.explain.windows import Found, Windows
from elor.registry import METHODS


@dataclass(frozen=True)
class Effort:
    """How much: untrained twins, steps of integrated gradients (at first; at most), and the seed of all that is drawn.

    Twins take fewer steps: their maps need not be complete to be a control. Not `thorough`: the slow methods are made
    of the network alone, for the predicted class, and nothing is altered; twins, untrained heads, the checks of the
    model and completeness stay.
    """

    twins: int = 5
    steps: int = 64
    most: int = 256
    seed: int = 0
    thorough: bool = True


@dataclass(frozen=True)
class Explained:
    """A window's results: `summary` as in `explain`, and the network's maps by method, (heads, ...) each; NaN of a head
    that is left out."""

    summary: dict[str, Any]
    maps: dict[str, NDArray]


def explain(subject: Subject, sound: NDArray, support: int, effort: Effort, other: NDArray | None = None) -> Explained:
    """Explain what a network says of one window of sound.

    Args:
        subject: the network, and its twin if there is one.
        sound: (samples,) at the network's rate, in [-1, 1].
        support: samples before the padding.
        effort: how much.
        other: another sound, (any samples,), for the map of this one with the waveform of that one; r is on what both
            have.

    Returns:
        As `summary`: `prediction`, by head `label`, `logits`, `probabilities` (None for a single value); `scores`, by
        head how well the network answers (`elor.explain.any_network.factory.Score`), where that is known; `methods`, by
        method `title`, `refused` (a reason or None), `left_out` (reasons by head, where other heads are not refused),
        and by head and by pair of heads the correlation `r` beside `initial`, `heads` (trained convolutions, untrained
        heads), `contrast`, `class_swap`, `shifted`, `other`, with `verdict`, its `reason`, whether r lies `apart` from
        the twins', and `text`; `model_free`; `erasure`, by head, order and measure (`elor.explain.erasure.MEASURES`);
        `strongest`, by head the window that says most for the answer (start and end in s, drop of the logit; of a value
        that which changes it most, with a drop below 0 where the value rises without it); `held_down`, by head of
        classes how many `windows`, of how many (`of`), hold the answer down by more than any speaks for it, and the one
        that does so most (rise of the logit without it; start and end in s, unless chance decides which one it is).

    Raises:
        UserError: if the network cannot be run on such a signal.
    """
    audio = torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))[None, None]
    logits, answers = asked(subject.model, audio), probabilities(subject.model, audio)
    decisive, single = deciding(subject.model, logits, answers), singles(logits)
    targets, second = targets_of(decisive, None), runner_up(decisive)
    others = {}
    if other is not None:
        others[0] = fitted(np.asarray(other, dtype=np.float32), len(sound)), min(len(other), len(sound))
    windows, found = Windows([0], audio, [support], others, subject.rate), Found()
    steps = Steps(effort.steps, effort.most)
    checked = COMPARED if effort.thorough else BACKWARD
    scope = Scope(tuple(METHODS), COMPARED, checked, AGAINST, steps, lenient=True)
    with warnings.catch_warnings(record=True) as noticed:
        for kind in (Coarse, Noisy):
            warnings.simplefilter("always", kind)
        _, (own, swapped) = examine(
            subject.model, windows, scope, {"model": "trained"}, found, lambda _: [targets, second]
        )
    for each in noticed:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    least = _least([each.message for each in noticed])
    false, doubts = _doubted(subject.model, audio, targets)
    for head, why in false.items():
        own.refuse(GRADIENTS, head, Refusal(why))
        own.errors.pop(head, None)
    next_false, next_doubts = _doubted(subject.model, audio, targets | second) if second else ({}, [])
    for head, why in next_false.items():
        swapped.refuse(GRADIENTS, head, Refusal(why))
    told = {each.kind for each in doubts}
    remarks = [*map(str, doubts), *(f"Of the second class: {each}" for each in next_doubts if each.kind not in told)]
    remarks += [f"Of the second class: {why}" for head, why in next_false.items() if head not in false]
    guided, plain = own.refused.get("guided", {}), own.refused.get("gradient", {})
    for head in guided.keys() & plain.keys():
        guided[head] = guided[head].without_gradient("the gradient is refused too")
    controls = Scope(checked, checked, steps=steps.of_controls, lenient=True)
    for kind, make in ((Control.initial, subject.twin), (Control.heads, subject.headless)):
        for number in range(effort.twins if make else 0):
            model = make(effort.seed * 1_000 + number)
            with about("an untrained control"):
                examine(model, windows, controls, {"model": f"{kind} {number}"}, found, predicted)
    recorded = _recorded(subject.model, audio)
    remarks[:0] = _own_backward(recorded, own)
    try:
        orders = orders_of(own, windows, single)
        erase(subject.model, windows, targets, orders, effort.seed, {"model": "trained"}, found, single)
    except Exception as error:  # the user's code may refuse silence
        remarks.append(f"Deletion and insertion fail in this network: {shortened(error, 300)}")
    if subject.headless is None:  # else the heads are known, and so is what they say
        remarks += [*no_logits(recorded or logits), *_ordinary(own, recorded)]
    rows = Rows(found.correlations, own, swapped, subject, checked)
    summary: dict[str, Any] = {
        "prediction": {head: _answer(value, answers[head], targets[head]) for head, value in logits.items()},
        "scores": {head: asdict(score) for head, score in subject.scores.items()},
        "methods": {method: of_method(method, rows, list(logits)) for method in METHODS},
        "integrated": _completeness(own),
        "model_free": {
            name: View(value, support).r(View(sound, support)) for name, value in model_free(np.asarray(sound)).items()
        },
        "erasure": _erasure(found),
        "remarks": remarks,
        "strongest": _strongest(own, windows, least, single),
        "held_down": _held_down(own, windows, least, single),
        "support_s": support / subject.rate,
    }
    maps = {method: _stacked(heads, list(logits)) for method, heads in own.values.items()}
    return Explained(summary, maps)


def asked(model: nn.Module, audio: Tensor) -> Heads:
    """The logits of a foreign network.

    Raises:
        CannotRun: if it fails. UserError: if it returns something else than logits.
    """
    logits = predict(model, audio)
    refuse_infinite(logits)
    return logits


def _doubted(model: nn.Module, audio: Tensor, targets: Heads) -> tuple[dict[str, str], list[Unchecked]]:
    """By head why there is no gradient to be shown; and where that could not be told."""
    with prepared(model), warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        whole = false_gradient(model, audio, targets)
        if whole and len(targets) > 1:
            apart = {
                head: false_gradient(SomeHeads(model, head), audio, {head: value}) for head, value in targets.items()
            }
            found = {head: why for head, why in apart.items() if why} or dict.fromkeys(targets, whole)
        else:
            found = dict.fromkeys(targets, whole) if whole else {}
    doubts = {str(each.message): each.message for each in noticed if isinstance(each.message, Unchecked)}
    return found, list(doubts.values())


def _recorded(model: nn.Module, audio: Tensor) -> Heads:
    """The logits with what led to them; nothing if that cannot be recorded, which the methods say themselves."""
    try:
        with prepared(model):
            return logits_of(model, audio.detach().clone().requires_grad_())
    except Exception:
        return {}


def _own_backward(recorded: Heads, own: Maps) -> Iterator[str]:
    """Gradients through an `autograd.Function` are what its author says, which nobody can check in general."""
    shown, crossed = own.values.get("gradient", {}), dict[tuple[bool, str], list[str]]()
    for head, value in recorded.items():
        if (what := opaque(value)) not in (None, OPAQUE):
            crossed.setdefault((head not in shown, str(what)), []).append(head)
    for (refused, what), heads in sorted(crossed.items()):
        named = f"head{'s' if len(heads) > 1 else ''} {', '.join(heads)}"
        if refused:
            yield f"What is refused as the gradient of {named} rests on {what}."
        else:
            whose = "All gradients rest" if len(heads) == len(recorded) else f"The gradients of {named} rest"
            yield f"{whose} on {what}: whether it is the derivative is not known here."


def _ordinary(own: Maps, recorded: Heads) -> Iterator[str]:
    """What guided backpropagation crosses by its ordinary derivative, as the paper's networks do."""
    if "guided" in own.values and (names := {name for value in recorded.values() for name in ordinary(value)}):
        yield (
            f"Guided backpropagation passes {' and '.join(sorted(names))} by the ordinary derivative, as in the paper; "
            "it changes the way back through ReLU alone."
        )


def _stacked(maps: Heads, heads: Sequence[str]) -> NDArray:
    """The maps of one window by head, (heads, ...); NaN where there is none."""
    none = torch.full_like(next(iter(maps.values()))[0], torch.nan)
    return np.stack([(maps[head][0] if head in maps else none).cpu().numpy() for head in heads]).astype(np.float32)


def _completeness(own: Maps) -> dict[str, Any]:
    """By head the completeness error of integrated gradients, and from where; empty if there are none."""
    if not own.errors:
        return {}
    starts = {own.baselines[head] for head in own.errors}
    baseline = starts.pop() if len(starts) == 1 else ", ".join(f"{own.baselines[h]} ({h})" for h in own.errors)
    return {"baseline": baseline, "error": {head: float(value[0]) for head, value in own.errors.items()}}


def _answer(logits: Tensor, answer: Tensor, label: Tensor) -> dict[str, Any]:
    """A head's answer: the class and its probabilities, or a value."""
    single = answer.shape[1] == 1
    return {
        "label": None if single else int(label[0]),
        "logits": logits[0].double().tolist(),
        "probabilities": None if single else answer[0].double().tolist(),
    }


def _erasure(found: Found) -> dict[str, dict[str, dict[str, float]]]:
    """Deletion and insertion in the order of every map, at random, and loudest first; by head and order."""
    entries: dict[str, dict[str, dict[str, float]]] = {}
    for row in found.erasures:
        entries.setdefault(row["head"], {})[row["order"]] = {name: row[name] for name in MEASURES}
    return entries


def _least(doubts: Sequence[Warning | str]) -> dict[str, float]:
    """By head the fall that is more than rounding and chance, where they are known to matter."""
    found: dict[str, float] = {}
    for one in doubts:
        if isinstance(one, (Coarse, Noisy)) and not one.whom:
            error = one.grain if isinstance(one, Coarse) else one.noise
            found[one.head] = max(found.get(one.head, 0.0), CLEAR * error)
    return found


def _strongest(
    own: Maps, windows: Windows, least: Mapping[str, float], single: Collection[str] = ()
) -> dict[str, dict[str, float]]:
    """By head the occlusion window of the sound itself without which the answer loses most, or a `single` value changes
    most; none where that is no more than rounding or chance may do (`least`) more than nothing, or than another."""
    found = {}
    for head, within in _drops(own, windows).items():
        drops, size = within.numpy(), carried(within, head in single).numpy()
        place, unsure = int(np.argmax(size)), least.get(head, 0)
        second = np.delete(size, place).max(initial=0) if unsure else 0  # of two by chance the first, neither is
        if size.max() > second + unsure:
            found[head] = _times(windows, place) | {"drop": float(drops[place])}
    return found


def _held_down(
    own: Maps, windows: Windows, least: Mapping[str, float], single: Collection[str]
) -> dict[str, dict[str, float]]:
    """By head, but `single` ones, the occlusion window without which the answer gains most, and how many windows hold
    it down so: by more than any speaks for it, and rounding or chance may do (`least`) more. Where that may decide
    which one it is, no times are given."""
    found = {}
    for head, within in _drops(own, windows).items():
        rises = -within.numpy()
        unsure = least.get(head, 0.0)
        most = max(0.0, -float(rises.min())) + unsure
        if head not in single and (count := int((rises > most).sum())):
            place = int(rises.argmax())
            first = not unsure or rises[place] > np.delete(rises, place).max(initial=0) + unsure
            found[head] = {"rise": float(rises[place]), "windows": count, "of": len(rises)}
            found[head] |= _times(windows, place) if first else {}
    return found


def _drops(own: Maps, windows: Windows) -> Heads:
    """The falls by occlusion within the sound, (windows,) by head; behind it there is only padding."""
    within = slice(-(-windows.supports[0] // windows.segment))
    return {head: values[0][within].cpu() for head, values in own.values.get("occlusion", {}).items()}


def _times(windows: Windows, place: int) -> dict[str, float]:
    """Where an occlusion window lies, in s."""
    start = place * windows.segment
    stop = min(start + 2 * windows.segment, windows.supports[0])
    return {"start_s": start / windows.rate, "end_s": stop / windows.rate}
