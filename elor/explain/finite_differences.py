"""How a model's logits change when levels of the sound are changed by very little, held against its gradient.

Steps are taken from both sides, along ways that let the quiet be heard as well as the loud; and no step is believed
that others contradict beyond rounding errors. Which precision a model is asked in: `elor.explain.derivative`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.doubts import Doubt, shortened
from elor.explain.input_gradients import Forward
from elor.explain.model import Heads, Targets, at, logits_of, targets_of
from elor.explain.repeatability import in_bfloat16

PIECE = 800
"""Samples (50 ms) whose level is changed at once."""

QUIET = (0.1, 0.01)
"""Samples below these shares of the peak are changed by themselves: a gate may be all that they meet."""

EXACT, STRICT = (1e-8, 1e-6), 0.01
"""In float64: the steps, as shares of the sound, so short that next to no rectifier turns; and the share of a change up
to which a gradient may be wrong about it."""

COARSE, ROUGH = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), 0.05
"""The same in the model's own precision."""

CERTAIN = 3
"""There a step may be off by so many times what its neighbours tell: by chance two may be alike that are both beyond
bends."""

NOTHING = (2e-7, 5e-7, 1e-6)
"""Steps that change little but how a model rounds, in float32."""

NOISY = 1e-10
"""Share of the logits by which answers in float64 may differ from time to time, and is rounding."""

BLURRED = 0.05
"""Share of the largest change that a step may leave open, to be asked at all."""


class Unchecked(Doubt):
    """Whether the gradient is how the answer changes could not be told, or not as strictly as elsewhere."""


def doubt(where: str, why: str) -> None:
    """Say that the gradient could not be checked."""
    said = f"Whether the gradient {where}{' ' if where else ''}is how the answer changes could not be checked"
    said += f" ({shortened(why, 300).rstrip('.')})."
    warnings.warn(Unchecked(said, where), stacklevel=4)


class OwnPrecision(Exception):
    """A model cannot be asked in float64."""


class Slopes:
    """How a model's logits change along some ways of changing the levels of signals.

    Attributes:
        logits: by head, (batch, classes).
        targets: by head, (batch,).
        said: by head what the gradient says, (ways, batch).
    """

    def __init__(self, model: nn.Module, audio: Tensor, targets: Targets | None) -> None:
        forward = Forward(model, audio)
        self._model, self._audio, self._ways = model, audio, _ways(audio)
        self.logits = {head: value.detach() for head, value in forward.logits.items()}
        self.targets = targets_of(self.logits, targets)
        gradients = {head: forward.gradient(head, target)[0] for head, target in self.targets.items()}
        self.said = {head: (self._ways[:, :, 0] * value).sum(2) for head, value in gradients.items()}
        self._silence = _silence(audio)
        self._said_there = {head: (self._silence[:, 0] * value).sum(1) for head, value in gradients.items()}
        self._zero = [head for head, value in gradients.items() if not value.any()]

    @torch.no_grad()
    def disagreement(self, steps: tuple[float, ...], tolerance: float) -> str | None:
        """Tell of a head whose logit changes otherwise than its gradient says, by every step that rounding leaves
        clear.

        Raises:
            UserError: if the model cannot be asked, or answers otherwise by now.
            OwnPrecision: if so short steps would only tell of its noise.
        """
        if steps == EXACT and self._noisy():
            raise OwnPrecision
        ways = self._ways if steps == EXACT else self._ways[:-1]  # the last is too much for what is quiet
        changes = [self._changes(step, ways) for step in steps]
        again = logits_of(self._model, self._audio)
        if not same(again, self.logits):
            raise UserError("it answers otherwise by now")
        for head in self.logits:
            said, grain = self.said[head][: len(ways)], self._rounding(head, ways, tolerance == STRICT)
            found = [change[head] for change in changes]
            blur = [_blur(index, steps, found, grain) for index in range(len(steps))]
            times, last = (1, len(steps)) if tolerance == STRICT else (CERTAIN, -1)  # there none is beyond the longest
            judged = [_judged(said, one, times * off, tolerance) for one, off in zip(found[:last], blur, strict=False)]
            clear = [each for each in judged if each is not None]
            if (steep := _jumps(said, found[0], found[-1], grain / steps[0])).any():
                return _told(head, said, steep, found[0])
            if not clear and said.any():
                apart = float((again[head] - self.logits[head]).abs().max())
                noisy = f": asked again about the same sound, they differ by up to {apart:.1g}" if apart else ""
                doubt(f"of head {head}", f"its answers are too {'noisy' if noisy else 'coarse'}{noisy}")
            if clear and (best := min(clear, key=lambda each: (each.share, -each.wrong.sum()))).share > 0:
                why = _told(head, said, best.wrong, best.change)
                if tolerance == STRICT or (best.share > 0.5 and best.wrong.sum() > 1):
                    return why
                doubt(f"of head {head}", f"in its own precision some changes of levels say that it is not: {why}")
        return None

    def _noisy(self) -> bool:
        """Does it answer a little otherwise each time?"""
        again = logits_of(self._model, self._audio)
        apart = {head: (again[head] - value).abs().max() for head, value in self.logits.items()}
        return any(float(apart[head]) > NOISY * float(value.abs().max()) for head, value in self.logits.items())

    def _rounding(self, head: str, ways: Tensor, strict: bool) -> Tensor:
        """How far rounding may move a logit, (batch,): as it does in float32, else by the model's precision."""
        logits = self.logits[head]
        grain = _grain(self._model, logits)
        size = grain * logits.abs().amax(1)
        if strict or grain > torch.finfo(torch.float32).eps:
            return 32 * size
        apart = [step * (self._changes(step, ways)[head] - self.said[head][: len(ways)]).abs() for step in NOTHING]
        return 4 * torch.stack(apart).amax((0, 1)).clamp(min=size / 2)

    def _changes(self, step: float, ways: Tensor) -> Heads:
        """By head how the logit changes by a step, (ways, batch), from both sides: curvature is no falsehood."""
        found = {head: list[Tensor]() for head in self.targets}
        for way in ways:
            ahead, behind = (logits_of(self._model, self._audio + sign * step * way) for sign in (1, -1))
            for head, target in self.targets.items():
                found[head].append(at(ahead[head] - behind[head], target) / (2 * step))
        return {head: torch.stack(each) for head, each in found.items()}

    @torch.no_grad()
    def ask_in_silence(self, step: float) -> None:
        """Doubt the gradient where the sound is 0: a gate by silence may be all that these samples meet.

        No more than that, since most of what there is to be seen lies elsewhere, and many networks bend at 0.
        """
        if not self._silence.any():
            return
        for head, (change,) in self._changes(step, self._silence[None]).items():
            said, logits = self._said_there[head], self.logits[head]
            blur = 32 * _grain(self._model, logits) * logits.abs().amax(1) / step
            wrong = (said - change).abs() > ROUGH * torch.maximum(said.abs(), change.abs()) + blur
            if wrong.any():
                row = int(wrong.int().argmax())
                text = (
                    f"The gradient of head {head} in digital silence is not how its answer changes: there it says "
                    f"{said[row]:.2g}, and the answer changes by {change[row]:.2g} (a gate by silence, or a bend at 0)"
                    "; rely on it elsewhere only."
                )
                warnings.warn(Unchecked(text, "silence", head), stacklevel=4)

    @torch.no_grad()
    def nothing(self) -> str | None:
        """A gradient of zeros is true of what answers in steps, and says nothing of it."""
        for head in self._zero:
            here, target = self.logits[head], self.targets[head]
            moved = [logits_of(self._model, self._audio + COARSE[-1] * way)[head] - here for way in self._ways]
            if max(float(at(value, target).abs().max()) for value in moved) > 1e-6 * float(here.abs().max()):
                return (
                    f"The gradient of head {head} is 0 at every sample, although its answer changes with the sound (in "
                    "steps: it rounds, or compares with a threshold); try occlusion."
                )
        return None


@dataclass(frozen=True)
class _Judgement:
    """What a step says of a gradient: where it is wrong, (ways, batch), the change of the logit there, and the share of
    the ways, that can tell, in which it is wrong about a signal."""

    wrong: Tensor
    change: Tensor
    share: float


def _blur(index: int, steps: tuple[float, ...], found: list[Tensor], grain: Tensor) -> Tensor:
    """How far the change by a step may be off: by rounding, or since the next longer step or a shorter one says
    otherwise (bends between them, or steps inside the model)."""
    apart = [
        ((found[index] - found[other]).abs() - (grain / steps[other] if other < index else 0)).clamp(min=0)
        for other in range(min(index + 2, len(steps)))
    ]
    return grain / steps[index] + torch.stack(apart).amax(0)


def _judged(said: Tensor, change: Tensor, blur: Tensor, tolerance: float) -> _Judgement | None:
    """Hold a gradient against a step; None if the step cannot tell along any way.

    Args:
        blur: how far the change may be off.
    """
    most = torch.maximum(said.abs(), change.abs())
    largest = most.amax(0)
    clear = (blur <= BLURRED * largest) & (largest > 0)
    wrong = clear & ((said - change).abs() > tolerance * most + tolerance**2 * largest + blur)
    telling = clear & (wrong | (blur <= BLURRED * most))
    share = wrong.sum(0) / telling.sum(0).clamp(min=1)
    return _Judgement(wrong, change, float(share.max())) if telling.any() else None


def _jumps(said: Tensor, fine: Tensor, coarse: Tensor, blur: Tensor) -> Tensor:
    """Where a step is the steeper the shorter it is, and that is not by rounding, (ways, batch)."""
    return fine.abs() > 10 * max(each.abs().max() for each in (said, coarse, blur))


def _told(head: str, said: Tensor, wrong: Tensor, change: Tensor) -> str:
    """The sentence about the way, of those that are wrong, along which a gradient is off the farthest."""
    way, row = divmod(int((said - change).abs().where(wrong, -1).argmax()), wrong.shape[1])
    where = "along the sound" if way == 0 else "along a change of its levels"
    return (
        f"The gradient of head {head} is not how its answer changes: {where} it says {said[way, row]:.2g}, and the "
        f"answer changes by {change[way, row]:.2g} (a jump, a detached path, or a backward pass that is no derivative)"
        "; try occlusion."
    )


def same(one: Heads, other: Heads) -> bool:
    """Do a network and its copy in float64, or a network at two times, answer alike?"""
    return all(
        torch.allclose(value.double(), other[head].double(), rtol=0.01, atol=0.01 * float(value.abs().max()))
        for head, value in one.items()
    )


def _ways(audio: Tensor) -> Tensor:
    """Ways in which the levels of signals are changed, (ways, batch, 1, samples): all alike, by segments, by samples,
    by those of quiet samples; and, the last, all samples by as much, but digital silence.

    None leaves the range of a sound: a network may insist on it.
    """
    generator, samples = torch.Generator().manual_seed(0), audio.shape[-1]
    pieces = torch.randint(2, (2, -(-samples // PIECE)), generator=generator).repeat_interleave(PIECE, 1)[:, :samples]
    single = torch.randint(2, (2, samples), generator=generator)
    signs = (2 * torch.cat([torch.ones(1, samples), pieces, single]) - 1)[:, None, None].to(audio)
    size = audio.abs()
    peak = size.amax(-1, keepdim=True)
    quiet = [signs[-1] * audio * (size < share * peak) for share in QUIET]
    even = signs[-2] * audio.square().mean(-1, keepdim=True).sqrt() * (audio != 0)
    ways = torch.stack([*(sign * audio for sign in signs), *quiet, even])
    return ways * (size + COARSE[-1] * ways.abs() <= peak.clamp(min=1))


def _silence(audio: Tensor) -> Tensor:
    """How digital silence within signals is changed, as `_ways`, (batch, 1, samples)."""
    drawn = 2 * torch.rand(audio.shape, generator=torch.Generator().manual_seed(2)).to(audio) - 1
    return drawn * audio.square().mean(-1, keepdim=True).sqrt() * (audio == 0)


def _grain(model: nn.Module, logits: Tensor) -> float:
    """Relative rounding error of what the model computes in, as far as its weights and answers tell."""
    kinds = {value.dtype for value in model.parameters() if value.is_floating_point()} | {logits.dtype}
    if in_bfloat16(logits):
        kinds.add(torch.bfloat16)
    return max(torch.finfo(kind).eps for kind in kinds)
