"""What is asked of a model before it is explained: does its answer rest on the sound alone?

It may also depend on chance, on what was asked before and how often, and on the signals beside the one in question.
Whether its gradient is how the answer changes is asked by `elor.explain.derivative`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.copies import left_as_found, spare
from elor.explain.derivative import false_gradient
from elor.explain.model import CannotRun, Heads, Unsteady, logits_of, other_sound, refuse_unsteady

CHANCE = "chance, or on what is kept outside the network", "switch off what is random in it, or fix its seed"
HISTORY = "what it was asked before", "let it keep nothing, or reset it first"
COMPANY = "the signals beside it", "ask about one signal at a time"


class Alone(nn.Module):
    """A network that is asked about one signal at a time, since those beside it would change what it says of it.

    Shape:
        as the network
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(self.model, one) for one in audio.split(1)]
        return {head: torch.cat([each[head] for each in found]) for head in found[0]}


@contextmanager
def steady(model: nn.Module, audio: Tensor, beside: int, alone: bool = False) -> Iterator[nn.Module]:
    """Notice a model whose answer to a signal depends on more than that signal.

    It is asked before the block, and once more after it; what it counts or keeps is put back. Use it inside `prepared`.

    Args:
        audio: (batch, 1, samples); the first signal is asked about.
        beside: how many signals will be asked about at once, at most.
        alone: where the signals beside it matter, go on with `Alone`, and warn.

    Yields:
        The model to be asked.

    Raises:
        UserError: if it does, by more than `elor.explain.model.UNSTEADY`, or answers with NaN or infinity; where it
            differs by less there is a warning.
    """
    one = audio[:1].detach()
    with left_as_found(model):
        with torch.no_grad():
            unheard, untouched = spare(model), spare(model)
            first = logits_of(model, one)
            quiet, other = another(model, one)
            if unheard is model:
                _warn("The network cannot be copied: whether it keeps something is not wholly checked.")
            else:
                refuse_unsteady(first, logits_of(untouched, one), other, *CHANCE)
            _refuse_history(model, unheard, first, quiet, other, one)
            why = _company(model, one, quiet, beside) if beside > 1 else None
        if why and not alone:
            raise UserError(why)
        if why:
            _warn(f"It is asked about one signal at a time: {why.split(';')[0].rstrip('.')}.")
        yield Alone(model).eval() if why else model
        with torch.no_grad():
            refuse_unsteady(first, logits_of(model, one), other, *HISTORY)


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


@torch.no_grad()
def another(model: nn.Module, one: Tensor) -> tuple[Tensor, Heads]:
    """Another sound, and what the model says of it: it may refuse what can hardly be heard."""
    quiet = other_sound(one)
    try:
        return quiet, logits_of(model, quiet)
    except CannotRun:
        quiet = one.flip(-1) / 2
        return quiet, logits_of(model, quiet)


def _warn(text: str) -> None:
    warnings.warn(text, Unsteady, stacklevel=5)


def _refuse_history(
    model: nn.Module, unheard: nn.Module, first: Heads, quiet: Tensor, other: Heads, one: Tensor
) -> None:
    """Ask a model about sounds that are alike in part, and a copy that has heard nothing about the same in reverse.

    What is kept for a beginning, an end, a middle or a level, or is a statistic of the first sound, differs there.

    Raises:
        UserError: if an answer does.
    """
    refuse_unsteady(first, logits_of(model, one), other, *HISTORY)
    sounds = [*_alike(one), quiet]
    answers = [_if_any(model, sound) for sound in sounds]
    if unheard is not model:
        again = [_if_any(unheard, sound) for sound in reversed(sounds)]
        for now, then in zip(reversed(answers), again, strict=True):
            if now is not None and then is not None:
                refuse_unsteady(now, then, first if now is answers[-1] else other, *HISTORY)
        refuse_unsteady(first, logits_of(unheard, one), other, *HISTORY)
    if all(torch.equal(first[name], other[name]) for name in first):
        _refuse_kept(model, one, quiet, other)


def _alike(one: Tensor) -> list[Tensor]:
    """Sounds that share something with one: either half of it, its middle, its ends, its level, its shape."""
    half, quarter = one.shape[-1] // 2, one.shape[-1] // 4
    parts = [slice(0, half), slice(half, None), slice(quarter, half + quarter), slice(half - quarter // 4, half)]
    without = [one.clone() for _ in parts]
    for sound, part in zip(without, parts, strict=True):
        sound[..., part] = 0
    return [*without, one.flip(-1), -one, one / 2]


def _if_any(model: nn.Module, sound: Tensor) -> Heads | None:
    """What a model says of a sound; None if it refuses it, or answers with what is no number."""
    try:
        found = logits_of(model, sound)
    except CannotRun:
        return None
    return found if all(value.isfinite().all() for value in found.values()) else None


def _refuse_kept(model: nn.Module, one: Tensor, quiet: Tensor, remembered: Heads) -> None:
    """Tell a model that answers the same to everything from one that keeps its first answer to signals of one shape.

    Raises:
        UserError: if the answer to `quiet`, asked in a batch of another shape, is not the one `remembered`, and the
            same to a batch of the same shape.
    """
    try:
        three, swapped = (logits_of(model, torch.cat(row)) for row in ([quiet, one, one], [one, quiet, quiet]))
    except CannotRun:  # it takes no such batch: nothing can be told
        return
    if all(torch.equal(three[head], swapped[head]) for head in three):
        now, beyond = ({head: value[row : row + 1] for head, value in three.items()} for row in (0, 1))
        refuse_unsteady(remembered, now, beyond, *HISTORY)


def _company(model: nn.Module, one: Tensor, quiet: Tensor, count: int) -> str | None:
    """Why signals cannot be asked about together; None if each gets the answer that it gets alone, at any place."""
    loud = one.flip(-1) * (1 / one.abs().max()).clamp(max=4).nan_to_num(1, posinf=1)  # some normalise by the loudest
    known = [(sound, found) for sound in (one, quiet, loud) if (found := _if_any(model, sound)) is not None]
    for batch in _batches(len(known), count):
        try:
            together = logits_of(model, torch.cat([known[index][0] for index in batch]))
            for row, index in enumerate(batch):
                here = {head: value[row : row + 1] for head, value in together.items()}
                refuse_unsteady(known[index][1], here, known[index - 1][1], *COMPANY)
        except UserError as error:
            refuse_unsteady(known[0][1], logits_of(model, one), known[-1][1], *HISTORY)
            return str(error)
    return None


def _batches(kinds: int, count: int) -> Iterator[Sequence[int]]:
    """Which sounds stand beside each other: two, the other way round, and a crowd."""
    yield from ([0, index] for index in range(1, kinds))
    yield [kinds - 1, 0]
    if count > 2:
        yield [number * (number + 1) // 2 % kinds for number in range(count)]
