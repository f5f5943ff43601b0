"""What is asked of a model before it is explained: does its answer rest on the sound alone?

It may also depend on chance, on what was asked before and how often, and on the signals beside the one in question.
Whether its gradient is how the answer changes is asked by `elor.explain.derivative`.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.derivative import false_gradient
from elor.explain.doubts import Refused, aside
from elor.explain.model import CannotRun, Heads, Targets, logits_of
from elor.explain.model_copies import left_as_found, spare
from elor.explain.precision import as_written, coarsest, doubled, widened
from elor.explain.repeatability import (
    CHANCE,
    COMPANY,
    DIGITS,
    DRAWN,
    HISTORY,
    ROUNDED,
    ROUNDING,
    UNREPEATABLE,
    Dependence,
    Unrepeatable,
    other_sound,
    refuse_infinite,
    refuse_unrepeatable,
)

BESIDE = 1e-6
"""A sound by so much softer is another one to whatever keeps answers, and the same to a network that computes them."""


STEPS = 8
"""Such sounds whose answers show how far the last digits matter."""


REPEATS, MARGIN = 8, 2
"""So often one question is repeated to see how far chance sets answers apart, and so many times as far it may."""


class Alone(nn.Module):
    """A network that is asked about one signal at a time, since those beside it would change what it says of it.

    Shape:
        as the network
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.training = model, getattr(model, "training", False)

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(self.model, one) for one in audio.split(1)]
        return {head: torch.cat([each[head] for each in found]) for head in found[0]}


@contextmanager
def repeatable(model: nn.Module, audio: Tensor, beside: int, alone: bool = False) -> Iterator[nn.Module]:
    """Notice a model whose answer to a signal depends on more than that signal.

    It is asked before the block, and once more after it; what it counts or keeps is put back. Use it inside `prepared`.

    Args:
        audio: (batch, 1, samples); the first signal is asked about.
        beside: how many signals will be asked about at once, at most.
        alone: where the signals beside it matter, go on with `Alone`, and warn.

    Yields:
        The model to be asked.

    Raises:
        UserError: if it does, by more than `elor.explain.repeatability.UNREPEATABLE`, or answers with NaN or infinity;
            where it differs by less there is a warning.
    """
    with left_as_found(model):
        with torch.no_grad():
            questions = _Questions(model, audio[:1].detach())
            questions.is_it_chance()
            questions.does_it_remember()
            questions.does_it_keep_an_answer()
            questions.does_it_hang_on_digits()
            why = questions.does_it_mind_company(beside, 0 if alone else UNREPEATABLE)
        if why and not alone:
            raise UserError(str(why))
        if why:
            what = why.refusal.why if isinstance(why, Refused) else str(why).rstrip(".")
            _warn(f"It is asked about one signal at a time: {what}.", "alone")
        yield Alone(model) if why else model
        with torch.no_grad():
            questions.does_it_answer_as_before()


@contextmanager
def checked(model: nn.Module, audio: Tensor, targets: Targets | None, beside: int) -> Iterator[None]:
    """As `repeatable`; and refuse a model whose gradient is not how its answer changes.

    Raises:
        UserError: then.
    """
    with repeatable(model, audio, beside):
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


@torch.no_grad()
def others(model: nn.Module, one: Tensor) -> Iterator[Tensor]:
    """Sounds that are unlike one: `another`, which may be the same but for its level and direction; and, as loud as it
    and if the model takes them, noise of three colours, a tone and what is high in the sound."""
    yield another(model, one)[0]
    drawn = torch.randn(one.shape, generator=torch.Generator().manual_seed(0))
    summed = torch.from_numpy(drawn.numpy().cumsum(-1, dtype=float))  # deterministic CUDA refuses torch's
    white = drawn.to(one)
    tone = (0.05 * torch.arange(one.shape[-1])).sin().expand(one.shape).to(one)
    found = [white, white.diff(prepend=white[..., :1]), summed.to(one), tone, one.diff(prepend=one[..., :1])]
    for sound in found:
        level = one.square().mean().sqrt() / sound.square().mean().sqrt().clamp(min=1e-9)
        if _if_any(model, sound := (level * sound).clamp(-1, 1)) is not None:
            yield sound


class _Questions:
    """What a model is asked about one sound, (1, 1, samples); each question raises a UserError if the answer is bad."""

    def __init__(self, model: nn.Module, one: Tensor) -> None:
        self._model, self._one = model, one
        self._unheard, self._untouched = spare(model), spare(model)
        self._copied, self._drawn = self._unheard is not model, False
        self._apart: dict[Tensor, Heads] = {}
        before = {name for name, _ in model.named_parameters()}
        self._first = logits_of(model, one)
        if late := [name for name, _ in model.named_parameters() if name not in before]:
            raise UserError(
                f"The network makes weights when it is first asked ({', '.join(late[:3])}); run it once on a sound, so "
                "that they are made."
            )
        self._quiet, self._other = another(model, one)
        if not self._copied:
            _warn("The network cannot be copied: whether it keeps something is not wholly checked.", "copy")

    def is_it_chance(self) -> None:
        """A copy that has heard as little answers the same."""
        if self._copied:
            again = logits_of(self._untouched, self._one)
            self._drawn = not _equal(self._first, again)
            refuse_unrepeatable(self._first, again, self._other, CHANCE)

    def does_it_answer_as_before(self) -> None:
        """It answers the same once more."""
        self._refuse(self._one, self._first, logits_of(self._model, self._one), self._other, HISTORY)

    def does_it_remember(self) -> None:
        """A copy that hears the same sounds in reverse answers the same.

        They are alike in part: what is kept for a beginning, an end, a middle or a level, or is a statistic of the
        first sound, differs.
        """
        sounds = [self._one, *_alike(self._one), self._quiet]
        self.does_it_answer_as_before()
        answers = [_if_any(self._model, sound) for sound in sounds]
        again = [_if_any(self._unheard, sound) for sound in reversed(sounds)] if self._copied else []
        for sound, now, then in zip(reversed(sounds), reversed(answers), again, strict=False):
            if now is not None and then is not None:
                self._refuse(sound, now, then, self._first if now is answers[-1] else self._other, HISTORY)
        for index, (sound, now) in enumerate(zip(sounds, answers, strict=True)):  # it may be kept where a copy finds it
            if now is not None and any(_equal(now, answers[earlier]) for earlier in range(index)):
                beyond = self._first if _equal(now, self._other) else self._other
                near = _if_any(self._model, sound * (1 - BESIDE)) or now
                why = self._digits() if self._coarse() and not _equal(now, near) else HISTORY
                self._refuse(sound, now, near, beyond, why)

    def does_it_keep_an_answer(self) -> None:
        """If it answers the same to everything, it is not because it keeps its first answer to signals of one shape:
        then a batch of another shape would have another, and so would the next batch of that shape."""
        if not _equal(self._first, self._other):
            return
        one, quiet = self._one, self._quiet
        try:
            three, swapped = (
                logits_of(self._model, torch.cat(row)) for row in ([quiet, one, one], [one, quiet, quiet])
            )
        except CannotRun:  # it takes no such batch: nothing can be told
            return
        if _equal(three, swapped):
            now, beyond = ({head: value[row : row + 1] for head, value in three.items()} for row in (0, 1))
            refuse_unrepeatable(self._other, now, beyond, HISTORY)

    def does_it_hang_on_digits(self) -> None:
        """To a sound that is softer by a millionth it answers nearly the same; or, if it is steep, half way to what it
        answers to one that is softer by two."""
        near, errors = list[Heads](), list[Refused]()
        for count in (1, 2):
            near.append(_if_any(self._model, self._one * (1 - count * BESIDE)) or self._first)
            here = {head: count * near[0][head] - (count - 1) * value for head, value in near[-1].items()}
            try:
                with aside(Unrepeatable):
                    refuse_unrepeatable(self._first, here, self._other, DIGITS)
            except Refused as error:
                errors.append(error)
            else:
                self._tell_digits(near)
                return
        self._refuse(self._one, self._first, near[0], self._other, self._digits())

    def _tell_digits(self, near: list[Heads]) -> None:
        """How far answers to sounds softer by millionths lie from a line; chance, told already, would be in it."""
        if self._drawn or all(_equal(self._first, one) for one in near):
            return
        spread = _spread(lambda sound: _if_any(self._model, sound), self._one)
        most = 100 * ROUNDING * max(float(value.abs().max()) for value in self._first.values())
        if max(float(value.max()) for value in spread.values()) < most and self._rounds():
            return
        again = {head: value + spread[head].to(value) for head, value in self._first.items()}
        refuse_unrepeatable(self._first, again, self._other, self._digits())

    def _coarse(self) -> str:
        """In what it computes, if that is of fewer digits than float32."""
        with coarsest() as mode:
            logits_of(self._model, self._one)
        return str(mode.dtype).removeprefix("torch.") if mode.half else ""

    def _digits(self) -> Dependence:
        """What to call it where an answer hangs on the last digits of a sound."""
        kind, wider = self._coarse(), "float32 (without autocast or half())"
        if self._rounds():
            kind, wider = (kind, wider) if kind else ("float32", "float64")
            return ROUNDED._replace(what=f"rounding in {kind}", remedy=f"let it compute in {wider}")
        if kind:
            return DIGITS._replace(
                what=f"{DIGITS.what}, or on rounding in {kind}",
                remedy=f"let it compute in float32 to see which, and {DIGITS.remedy}",
            )
        return DIGITS

    def _refuse(
        self, sound: Tensor, one: Heads, again: Heads, other: Heads, why: Dependence, most: float = UNREPEATABLE
    ) -> None:
        """As `refuse_unrepeatable`; of a head that chance alone sets as far apart, chance is to blame.

        Args:
            sound: to which `one` is the answer.
        """
        refuse_infinite(one)
        for head in one:
            these = [{head: answer[head]} for answer in (one, again, other)]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", Unrepeatable)
                    refuse_unrepeatable(*these, why, most)
                continue
            except (Refused, Unrepeatable):
                drawn = float((one[head] - again[head]).abs().max()) <= MARGIN * self._by_chance(sound, head)
            if not drawn:
                refuse_unrepeatable(*these, why, most)
            else:  # held against what sounds differ that are surely not alike
                beyond = one[head] + (self._other[head] - self._first[head])
                refuse_unrepeatable(*these[:2], {head: beyond}, CHANCE)

    def _by_chance(self, sound: Tensor, head: str) -> float:
        """How far answers of copies to one sound lie apart, which have all heard the same."""
        if not self._copied:
            return 0
        if sound not in self._apart:
            with left_as_found(self._model):  # nor is drawn what would have been drawn next
                answers = [logits_of(spare(self._model), sound) for _ in range(REPEATS)]
            names = set(answers[0]).intersection(*answers)
            stacked = {name: torch.stack([each[name] for each in answers]) for name in names}
            self._apart[sound] = {name: values.amax(0) - values.amin(0) for name, values in stacked.items()}
        return float(self._apart[sound][head].max()) if head in self._apart[sound] else 0

    def _rounds(self) -> bool:
        """Whether a copy in float64 does not hang on digits, so that it is rounding that does."""
        if (double := spare(self._model)) is self._model:
            return False
        try:
            with as_written(), widened():
                doubled(double)
                spread = _spread(lambda sound: logits_of(double, sound), self._one.double())
        except Exception:  # it is not made for float64
            return False
        return all(
            float(value.max()) <= ROUNDING * float(self._first[head].abs().max()) for head, value in spread.items()
        )

    def does_it_mind_company(self, count: int, most: float) -> UserError | None:
        """Why up to so many signals cannot be asked about together; None if each gets the answer that it gets alone, at
        any place, but for `most` as in `refuse_unrepeatable`."""
        if count < 2:
            return None
        if not _equal(self._first, logits_of(self._model, self._one)):
            most = UNREPEATABLE  # else its noise would be taken for company
        loud = self._one.flip(-1) * (1 / self._one.abs().max()).clamp(max=4).nan_to_num(1, posinf=1)
        sounds = (self._one, self._quiet, loud, _partly_silent(self._one))  # some normalise by the loudest
        known = [(sound, found) for sound in sounds if (found := _if_any(self._model, sound)) is not None]
        for batch in _batches(len(known), count):
            try:
                together = logits_of(self._model, torch.cat([known[index][0] for index in batch]))
                for row, index in enumerate(batch):
                    here = {head: value[row : row + 1] for head, value in together.items()}
                    self._refuse(known[index][0], known[index][1], here, known[index - 1][1], COMPANY, most)
            except UserError as error:
                self.does_it_answer_as_before()
                if isinstance(error, Refused) and error.refusal.cause == DRAWN.name:
                    continue  # chance is no matter of company
                return error
        return None


def _alike(one: Tensor) -> list[Tensor]:
    """Sounds that share something with one: either half of it, its middle, its ends, its level, its shape."""
    samples = one.shape[-1]
    place = torch.arange(samples, device=one.device) / samples
    off = (place - 0.5).abs()
    others = [place < 0.5, place >= 0.5, off < 0.25, off >= 0.25, (place - 0.45).abs() < 0.05]
    turned = one.flip(-1)
    return [*(torch.where(part, turned / 10, one) for part in others), turned, -one, one / 2]


def _partly_silent(one: Tensor) -> Tensor:
    """One, not louder than a hundredth, its weaker half silent: levels below the loudest of a batch are cut there."""
    first = torch.arange(one.shape[-1], device=one.device) < one.shape[-1] // 2
    weaker = first == bool((one * first).square().sum() < (one * ~first).square().sum())
    soft = one * (0.01 / one.abs().max()).clamp(max=1).nan_to_num(1, posinf=1)
    return soft.masked_fill(weaker, 0)


def _spread(answer: Callable[[Tensor], Heads | None], one: Tensor) -> Heads:
    """How far answers to sounds that are softer by millionths lie from a line, (1, classes) by head."""
    softer = (answer(one * (1 - count * BESIDE)) for count in range(STEPS))
    answers, spread = [found for found in softer if found is not None], {}
    for head in answers[0]:
        heard = torch.stack([found[head].detach().cpu().double() for found in answers])
        place = torch.arange(len(heard), dtype=torch.float64) - (len(heard) - 1) / 2
        slope = torch.tensordot(place, heard, 1) / place.square().sum().clamp(min=1)
        left = heard - place[:, None, None] * slope
        spread[head] = left.amax(0) - left.amin(0)
    return spread


def _equal(one: Heads, other: Heads | None) -> bool:
    return other is not None and all(torch.equal(value, other[head]) for head, value in one.items())


def _if_any(model: nn.Module, sound: Tensor) -> Heads | None:
    """What a model says of a sound; None if it refuses it, or answers with what is no number."""
    try:
        found = logits_of(model, sound)
    except CannotRun:
        return None
    return found if all(value.isfinite().all() for value in found.values()) else None


def _warn(text: str, kind: str) -> None:
    warnings.warn(Unrepeatable(text, kind), stacklevel=6)


def _batches(kinds: int, count: int) -> Iterator[Sequence[int]]:
    """Which sounds stand beside each other: two, the other way round, and a crowd."""
    yield from ([0, index] for index in range(1, kinds))
    yield [kinds - 1, 0]
    if count > 2:
        yield [number * (number + 1) // 2 % kinds for number in range(count)]
