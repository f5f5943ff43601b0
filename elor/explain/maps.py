"""The maps of some windows by every method: of a corpus, of a recording, of anybody's network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import nn

from elor import registry
from elor.errors import UserError
from elor.explain.attribution import segment_sums
from elor.explain.controls import runner_up
from elor.explain.doubts import Refusal, Refused, about
from elor.explain.guided import METHODS, guided_and_plain
from elor.explain.heads import SomeHeads
from elor.explain.integrated import TOLERANCE, Path, frames_at, integrated_gradients, noise_like
from elor.explain.model import Heads, predict, targets_of
from elor.explain.occlusion import band_occlusion, occlusion
from elor.explain.windows import Windows

SAMPLES = tuple(name for name, method in registry.METHODS.items() if method.by_sample)
"""Methods whose maps have a value per sample."""

FEW = 8
"""Steps of integrated gradients to begin with on controls: a network without biases is complete with any number."""

Choice = Callable[[Heads], Sequence[Heads]]
"""From the logits to the sets of classes that are explained, the predicted ones first."""


@dataclass(frozen=True)
class Steps:
    """Of integrated gradients: to begin with, and at most."""

    first: int = 64
    most: int = 256

    @property
    def of_controls(self) -> Steps:
        """Their maps need not be complete to be a control."""
        return Steps(min(FEW, self.first), self.first)


@dataclass
class Maps:
    """What the methods gave for one set of classes.

    Attributes:
        values: by method and head (batch, cells), for `stft` (batch, frames, bins).
        refused: by method and head why there is none.
        path: of integrated gradients, if all heads went together.
        errors, baselines: by head their completeness error, (batch,), and from where they were integrated.
    """

    values: dict[str, Heads] = field(default_factory=dict)
    refused: dict[str, dict[str, Refusal]] = field(default_factory=dict)
    path: Path | None = None
    baselines: dict[str, str] = field(default_factory=dict)
    errors: Heads = field(default_factory=dict)

    def refuse(self, methods: Sequence[str], head: str, why: Refusal) -> None:
        """Have no maps of a head by some methods."""
        for method in methods:
            self.values.get(method, {}).pop(head, None)
            self.refused.setdefault(method, {}).setdefault(head, why)
            if not self.values.get(method, True):
                del self.values[method]


def predicted(logits: Heads) -> list[Heads]:
    """The predicted classes alone."""
    return [targets_of(logits, None)]


def both(logits: Heads) -> list[Heads]:
    """The predicted classes, and those next to them."""
    return [targets_of(logits, None), runner_up(logits)]


def maps_of(
    model: nn.Module,
    windows: Windows,
    choose: Choice,
    methods: Sequence[str],
    steps: Steps,
    swapped: Sequence[str] = (),
    lenient: bool = False,
) -> tuple[Heads, list[Maps]]:
    """Maps of some windows.

    Args:
        model: see `elor.explain.model`.
        choose: which classes are explained.
        methods: of `elor.registry.METHODS`, for the first set of classes.
        steps: of integrated gradients; further sets take the first number only.
        swapped: the methods for all further sets.
        lenient: go on without a method that this model does not allow, and say why; and integrate from a noise floor
            where silence gives no complete path.

    Returns:
        The logits, and a `Maps` per set.

    Raises:
        UserError: if not lenient, as the methods do.
    """
    logits = predict(model, windows.audio)
    found = []
    for index, targets in enumerate(choose(logits)):
        maps, wanted = Maps(), methods if index == 0 else swapped
        often = steps if index == 0 else Steps(steps.first, steps.first)
        with about("the second class") if index else nullcontext():
            for group in _groups(wanted, apart=lenient) if targets else ():
                try:
                    _attempt(model, windows, targets, group, often, lenient, maps)
                except Exception as error:  # in a foreign network anything: an operator without a derivative, say
                    if not lenient:
                        raise
                    _attempt_apart(model, windows, targets, group, often, maps, error)
        found.append(maps)
    return logits, found


def _groups(methods: Sequence[str], apart: bool) -> list[list[str]]:
    """Methods that are had together; guided backpropagation and the gradient only where neither may be refused."""
    backward = [["guided"], ["gradient", "segments"]] if apart else [["guided", "gradient", "segments"]]
    kinds = [*backward, ["integrated", "frequency", "stft"], ["occlusion"], ["bands"]]
    return [group for kind in kinds if (group := [name for name in kind if name in methods])]


def _attempt_apart(
    model: nn.Module, windows: Windows, targets: Heads, group: list[str], steps: Steps, maps: Maps, why: Exception
) -> None:
    """Try head by head what failed for all heads together: it may be the fault of one."""
    for head, target in targets.items():
        try:
            if len(targets) == 1:
                raise why
            _attempt(SomeHeads(model, head), windows, {head: target}, group, steps, True, maps)
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            maps.refuse(group, head, error.refusal if isinstance(error, Refused) else Refusal(text))


def _attempt(
    model: nn.Module, windows: Windows, targets: Heads, group: list[str], steps: Steps, lenient: bool, maps: Maps
) -> None:
    """Add the maps of some methods that are had together."""
    audio, values = windows.audio, dict[str, Heads]()
    if {"guided", "gradient", "segments"} & set(group):
        asked = [kind for kind in METHODS if kind in group or (kind == "gradient" and "segments" in group)]
        both_ways = guided_and_plain(model, audio, lambda _: [targets], asked, trusted=not lenient)[1]
        values = {kind: sets[0] for kind, sets in both_ways.items()}
        if "segments" in group:
            plain = values["gradient"]
            values["segments"] = {
                head: segment_sums(value * audio[:, 0], windows.segment) for head, value in plain.items()
            }
    elif "occlusion" in group:
        hop = windows.segment
        values["occlusion"] = occlusion(model, audio, targets, 2 * hop, hop, supports=windows.supports, trusted=True)
    elif "bands" in group:
        values["bands"] = band_occlusion(model, audio, targets, rate=windows.rate, trusted=True)
    else:
        if lenient:
            path, baseline = complete_path(model, windows, targets, steps)
        else:
            path = integrated_gradients(model, audio, targets, steps=steps.first, most=steps.most, trusted=True)
            baseline = "silence"
        kinds = {
            "integrated": path.time,
            "frequency": path.frequency,
            "stft": partial(path.stft, *frames_at(windows.rate)),
        }
        values = {kind: kinds[kind]() for kind in group}
        maps.path, maps.errors = path, maps.errors | path.error()
        maps.baselines |= dict.fromkeys(path.change, baseline)
    for kind in group:  # a head with a single value has no second class
        found = {head: value for head, value in values[kind].items() if head in targets}
        maps.values[kind] = maps.values.get(kind, {}) | found


def complete_path(model: nn.Module, windows: Windows, targets: Heads, steps: Steps) -> tuple[Path, str]:
    """Integrated gradients from silence, or from a noise floor where that path is more complete (layer norms, roots).

    Raises:
        UserError: if neither gives numbers.
    """
    paths, reasons = [], []
    for name, start in (("silence", None), ("noise at -60 dBFS", noise_like(windows.audio))):
        try:
            path = integrated_gradients(
                model, windows.audio, targets, start, steps.first, most=steps.most, trusted=True
            )
        except UserError as error:  # a gradient that is no number
            reasons.append((name, str(error)))
            continue
        worst = max(float(error.max()) for error in path.error().values())
        if worst < TOLERANCE:
            return path, name
        if np.isfinite(worst):
            paths.append((worst, path, name))
        else:
            reasons.append((name, _unmeasured(path)))
    if not paths:
        told = [f"from {name}: {why.rstrip('.')}" for name, why in reasons]
        raise UserError(f"{'; '.join(told)}." if len({why for _, why in reasons}) > 1 else reasons[0][1])
    _, path, name = min(paths, key=lambda each: each[0])
    return path, name


def _unmeasured(path: Path) -> str:
    """Why the completeness error of a path is no finite number."""
    head = next(name for name, error in path.error().items() if not error.isfinite().all())
    if path.change[head].all():
        return f"Integrated gradients of head {head} are no numbers on the way to the sound."
    return f"Head {head} answers the sound and the baseline alike, so that there is no change to be explained."
