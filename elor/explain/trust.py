"""Whether a model can be explained: its answer must rest on the sound alone, and its gradient be how that changes.

An answer may also depend on chance (`elor.explain.model.logits_of` notices that), on what was asked before and how
often, and on the signals beside the one in question. And a gradient may be another one than the answer's: where a path
is detached, a number is rounded, or a backward pass was written by hand.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from elor.errors import UserError
from elor.explain.model import CannotRun, Forward, Heads, logits_of, other_sound, refuse_unsteady, targets_of

PIECE = 800
"""Samples (50 ms) whose level is changed at once."""

EXACT = 1e-6
"""The step of finite differences in float64, as a share of the sound: so short that next to no rectifier turns."""

COARSE = (1e-3, 1e-2, 3e-2)
"""Steps in the model's own precision, where it cannot be asked in float64."""


class Unchecked(UserWarning):
    """Whether the gradient is how the answer changes could not be told."""


def copied(model: nn.Module) -> nn.Module:
    """A deep copy; a weight that is derived from others stays behind, since torch does not copy it (weight_norm)."""
    derived = [
        (vars(module), name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    try:
        for attributes, name, value in derived:
            attributes[name] = value.detach()
        with torch.no_grad():  # TorchScript copies by an operation that would have a gradient
            return copy.deepcopy(model)
    finally:
        for attributes, name, value in derived:
            attributes[name] = value


def spare(model: nn.Module) -> nn.Module:
    """A copy that may be asked without a trace in the model; the model itself if it cannot be copied."""
    try:
        return copied(model)
    except Exception:  # it holds what cannot be copied: a file, a session
        return model


@contextmanager
def steady(model: nn.Module, audio: Tensor, beside: int) -> Iterator[None]:
    """Notice a model whose answer to a signal depends on what it heard before, or on the signals beside it.

    It is asked before the block, and once more after it. Use it inside `prepared`.

    Args:
        audio: (batch, 1, samples); the first signal is asked about.
        beside: how many signals will be asked about at once, at most.

    Raises:
        UserError: if it does, by more than `elor.explain.model.UNSTEADY`, or answers with NaN or infinity; where it
            differs by less there is a warning.
    """
    one = audio[:1].detach()
    with torch.no_grad():
        unheard = spare(model)
        first = logits_of(model, one)
        quiet, other = another(model, one)
        before = "what it was asked before", "reset its state first"
        refuse_unsteady(first, logits_of(model, one), other, *before)
        if unheard is not model:  # some keep a statistic of the very first sound
            logits_of(unheard, quiet)
            refuse_unsteady(first, logits_of(unheard, one), other, *before)
        if all(torch.equal(first[name], other[name]) for name in first):
            _refuse_kept(model, one, quiet, other)
        for company in _companies(one, quiet, beside):
            both = {name: value[:1] for name, value in logits_of(model, company).items()}
            refuse_unsteady(first, both, other, "the signals beside it", "ask about one signal at a time")
    yield
    with torch.no_grad():
        refuse_unsteady(first, logits_of(model, one), other, *before)


@torch.no_grad()
def another(model: nn.Module, one: Tensor) -> tuple[Tensor, Heads]:
    """Another sound, and what the model says of it: it may refuse what can hardly be heard."""
    quiet = other_sound(one)
    try:
        return quiet, logits_of(model, quiet)
    except CannotRun:
        quiet = one.flip(-1) / 2
        return quiet, logits_of(model, quiet)


def _companies(one: Tensor, quiet: Tensor, count: int) -> Iterator[Tensor]:
    """Batches that begin with one signal: beside a quiet one, a loud one, and in a crowd."""
    if count > 1:
        yield torch.cat([one, quiet])
        yield torch.cat([one, 4 * one.flip(-1)])  # some normalise by the loudest of all
    if count > 2:
        yield torch.cat([one, *(one.roll(PIECE * number, -1) / number for number in range(1, count))])


def _refuse_kept(model: nn.Module, one: Tensor, quiet: Tensor, remembered: Heads) -> None:
    """Tell a model that answers the same to everything from one that keeps its first answer to signals of one shape.

    Raises:
        UserError: if the answer to `quiet`, asked in a batch of another shape, is not the one `remembered`.
    """
    try:
        three = logits_of(model, torch.cat([quiet, one, one]))
    except CannotRun:  # it takes no such batch: nothing can be told
        return
    now, beyond = ({name: value[row : row + 1] for name, value in three.items()} for row in (0, 1))
    refuse_unsteady(remembered, now, beyond, "what it was asked before", "let it keep no answers")


@contextmanager
def checked(model: nn.Module, audio: Tensor, targets: Mapping[str, Tensor] | None, beside: int) -> Iterator[None]:
    """As `steady`; and refuse a model whose gradient is not how its answer changes.

    Raises:
        UserError: then.
    """
    with steady(model, audio, beside):
        why = false_gradient(model, audio, targets)
        if why is None:
            yield
    if why is not None:  # and not because it answers otherwise by now
        raise UserError(why)


def false_gradient(model: nn.Module, audio: Tensor, targets: Mapping[str, Tensor] | None = None) -> str | None:
    """Why the gradient is not how the answer changes; None if it is, or if there is none.

    The level of the sound, of its segments at random, and of its samples at random, is changed by very little. How the
    logit changes by that is held against what the gradient says: on a copy in float64, where a step can be so short
    that they agree to the rounding; on the model itself, and less strictly, where it computes in a precision of its
    own. Use it inside `prepared`.

    Args:
        audio: (batch, 1, samples); the first signal is asked about.
        targets: as in `elor.explain.attribution.gradient`.
    """
    one = audio[:1].detach()
    if not one.any():
        return None
    targets = {head: torch.as_tensor(value)[:1] for head, value in (targets or {}).items()}
    try:
        double = None if _compiled(model) else spare(model)
        if double is not None and double is not model:
            with _default(torch.float64):
                with _Rounds() as rounds, torch.no_grad():
                    answers = logits_of(double.double(), one.double())
                with torch.no_grad():
                    same = _same(logits_of(model, one), answers)
                if same and not rounds.met:
                    return _disagreement(double, one.double(), targets, (EXACT,), 0.01)
    except Exception:  # it is not made for float64: asked in its own precision
        pass
    try:
        return _disagreement(model, one, targets, COARSE, 0.25)
    except Exception:  # no gradient, or not such a sound: the methods say so themselves
        return None


def _disagreement(
    model: nn.Module, one: Tensor, targets: Heads, steps: tuple[float, ...], tolerance: float
) -> str | None:
    """What `false_gradient` says, by these steps.

    Args:
        one: (1, 1, samples).
        tolerance: share of a change up to which the gradient may be wrong about it.
    """
    forward = Forward(model, one)
    answers = {head: value.detach() for head, value in forward.logits.items()}
    chosen = targets_of(answers, targets)
    ways, found = _ways(one), {head: list[Tensor]() for head in chosen}
    for step in steps:
        with torch.no_grad():
            ahead = [logits_of(model, one + step * way) for way in ways]
            behind = [logits_of(model, one - step * way) for way in ways]  # from both sides: curvature is no falsehood
        for head, target in chosen.items():
            change = torch.cat([(a[head] - b[head])[:, target[0]] for a, b in zip(ahead, behind, strict=True)])
            found[head].append(change / (2 * step))
    with torch.no_grad():
        if not _same(logits_of(model, one), answers):
            raise ArithmeticError("It answers otherwise by now.")
    for head, target in chosen.items():
        gradient, _ = forward.gradient(head, target)
        blur = 32 * _grain(model, answers[head]) * float(answers[head].abs().max())
        if why := _judged(head, (ways[:, 0] * gradient).sum(1), found[head], steps, blur, tolerance):
            return why
        if not gradient.any() and (why := _flat(model, one, ways, head, answers[head])):
            return why
    return None


def _same(one: Heads, other: Heads) -> bool:
    """Do a network and its copy in float64, or a network at two times, answer alike?"""
    return all(
        torch.allclose(value.double(), other[head].double(), rtol=0.01, atol=0.01 * float(value.abs().max()))
        for head, value in one.items()
    )


def _judged(
    head: str, said: Tensor, found: list[Tensor], steps: tuple[float, ...], blur: float, tolerance: float
) -> str | None:
    """Whether any step agrees with the gradient in all ways; those that rounding drowns do not count."""
    clear = []
    for step, changes in zip(steps, found, strict=True):
        most = torch.maximum(said.abs(), changes.abs())
        if blur / step <= tolerance * float(most.max()) or not most.any():
            allowed = tolerance * most + 0.1 * tolerance * most.max() + blur / step
            clear.append((changes, (said - changes).abs() > allowed))
    if not clear:
        if float(said.abs().max()) > 0:
            warnings.warn(
                f"Whether the gradient of head {head} is how its answer changes cannot be told in its precision.",
                Unchecked,
                stacklevel=2,
            )
        return None
    if not all(wrong.any() for _, wrong in clear):
        return None
    changes, wrong = min(clear, key=lambda each: float((said - each[0]).abs().max()))
    index = int(wrong.int().argmax())
    way = "along the sound" if index == 0 else "along a change of its levels"
    return (
        f"The gradient of head {head} is not how its answer changes: {way} it says {said[index]:.2g}, and the logit "
        f"changes by {changes[index]:.2g} (a jump, a detached path, or a backward pass that is no derivative); use "
        "occlusion."
    )


@torch.no_grad()
def _flat(model: nn.Module, one: Tensor, ways: Tensor, head: str, answer: Tensor) -> str | None:
    """A gradient of zeros is true of what answers in steps, and says nothing of it."""
    changes = [float((logits_of(model, one + COARSE[-1] * way)[head] - answer).abs().max()) for way in ways]
    if max(changes) <= 1e-6 * float(answer.abs().max()):
        return None
    return (
        f"The gradient of head {head} is 0 at every sample, although its answer changes with the sound (in steps: it "
        "rounds, or compares with a threshold); use occlusion."
    )


def _ways(one: Tensor) -> Tensor:
    """Directions in which a sound's levels are changed, (5, 1, samples): all alike, by segments, by samples."""
    generator, samples = torch.Generator().manual_seed(0), one.shape[-1]
    pieces = torch.randint(2, (2, -(-samples // PIECE)), generator=generator).repeat_interleave(PIECE, 1)[:, :samples]
    single = torch.randint(2, (2, samples), generator=generator)
    signs = 2 * torch.cat([torch.ones(1, samples), pieces, single]) - 1
    return signs[:, None].to(one) * one


def _grain(model: nn.Module, logits: Tensor) -> float:
    """Relative rounding error of what the model computes in, as far as its weights and answers tell."""
    kinds = {value.dtype for value in model.parameters() if value.is_floating_point()} | {logits.dtype}
    if torch.equal(logits.bfloat16().to(logits), logits):
        kinds.add(torch.bfloat16)
    return max(torch.finfo(kind).eps for kind in kinds)


def _compiled(model: nn.Module) -> bool:
    """Compiled code would be compiled again for float64, which takes minutes."""
    return any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )


@contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    """What a model makes on the way is of this precision."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        yield
    finally:
        torch.set_default_dtype(before)


class _Rounds(TorchDispatchMode):
    """Whether something in float64 became something less precise: `x.float()` on the way, say."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.dtype in (
            torch.float32,
            torch.float16,
            torch.bfloat16,
            torch.complex64,
        ):
            self.met |= any(isinstance(v, Tensor) and v.dtype in (torch.float64, torch.complex128) for v in args)
        return result
