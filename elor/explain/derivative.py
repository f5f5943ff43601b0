"""Whether a model's gradient is how its answer changes: where not, a path is detached, a number is rounded, or a
backward pass was written by hand.

Levels of the sound are changed by very little, and how the logit changes is held against what the gradient says. On a
copy in float64, in which `x.float()` stays float64, a step can be so short that they agree to the rounding; where a
model computes in a precision of its own it is asked itself, and less strictly. Long steps average over whatever rounds
inside: so there a rounding that the signal is seen to meet is enough to refuse; and no step is believed that others
contradict beyond rounding errors.
"""

from __future__ import annotations

import warnings
from contextlib import suppress

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.finite_differences import COARSE, EXACT, ROUGH, STRICT, OwnPrecision, Slopes, doubt, same
from elor.explain.model import Heads, Targets, logits_of, targets_of
from elor.explain.model_copies import spare
from elor.explain.precision import as_written, doubled, half, rounded, widened
from elor.explain.repeatability import RECORDING, other_sound, refuse_unrepeatable

ASIDE = 1e-4
"""So far beside the sound, as a share of it, the gradient is checked: samples of 16 bits lie on bends by nature, say
where two of them are the greatest together."""


def false_gradient(model: nn.Module, audio: Tensor, targets: Targets | None = None) -> str | None:
    """Why the gradient is not how the answer changes; None if it is, or if there is none.

    Warns with `Unchecked` where that cannot be told, and of a gradient in half precision. Use it inside `prepared`.

    Args:
        audio: (batch, 1, samples); all signals are asked about that are not silent.
        targets: as in `elor.explain.attribution.gradient`.
    """
    why = _false(model, audio, targets)
    with suppress(UserError):  # it answers otherwise without gradients: the methods say so themselves
        if why is None and (coarse := half(model, audio)):
            warnings.warn(coarse, stacklevel=3)
    return why


def _false(model: nn.Module, audio: Tensor, targets: Targets | None) -> str | None:
    """As `false_gradient`."""
    sounding = audio.flatten(1).any(1)
    if not sounding.all():
        doubt("of silence", "nothing in it can be changed by a share of itself")
    if not sounding.any():
        return None
    some = _aside(audio[sounding].detach())
    if targets and not sounding.all():
        with torch.no_grad():
            asked = targets_of(logits_of(model, audio), targets)
        targets = {head: asked[head][sounding] for head in targets}
    try:
        own = Slopes(model, some, targets)
    except UserError as error:
        with suppress(UserError):  # no gradient, or not such a sound: the methods say so themselves
            Slopes(model, audio[sounding].detach(), targets)
            doubt("", str(error))
        return None
    try:
        return _recorded_otherwise(model, some, own.logits) or _exactly(model, some, own) or own.nothing()
    except OwnPrecision:
        pass
    try:
        if found := _rounds(model, some, own) or own.disagreement(COARSE, ROUGH) or own.nothing():
            return found
        own.ask_in_silence(COARSE[-1])
    except Exception as error:
        doubt("", str(error))
    return None


def _aside(audio: Tensor) -> Tensor:
    """Signals a little beside these, digital silence excepted, and not beyond their range."""
    drawn = 2 * torch.rand(audio.shape, generator=torch.Generator().manual_seed(1)).to(audio) - 1
    level = audio.square().mean(-1, keepdim=True).sqrt()
    return audio * (1 - ASIDE) + ASIDE * level * drawn * (audio != 0)


def _recorded_otherwise(model: nn.Module, audio: Tensor, recorded: Heads) -> str | None:
    """A model may answer otherwise while gradients are recorded: then they are another function's."""
    with torch.no_grad():
        plain = logits_of(model, audio)
        try:
            other = logits_of(model, other_sound(audio))
        except UserError:  # it may refuse what can hardly be heard
            other = {head: value.flip(1) for head, value in plain.items()}
        try:
            refuse_unrepeatable(plain, recorded, other, RECORDING)
        except UserError as error:
            return str(error)
    return None


def _exactly(model: nn.Module, audio: Tensor, own: Slopes) -> str | None:
    """What a copy in float64 says of the gradient.

    Raises:
        OwnPrecision: if there is none, or it is not the model's.
    """
    double = spare(model)
    if double is model:
        raise OwnPrecision
    try:
        with as_written(), widened() as wide:
            with torch.no_grad():
                answers = logits_of(doubled(double), audio.double())
            if wide.rounds or not same(own.logits, answers):
                raise OwnPrecision
            exact = Slopes(double, audio.double(), own.targets)
            if not same(exact.said, own.said):  # the way back is another one there
                raise OwnPrecision
            if (found := exact.disagreement(EXACT, STRICT)) is None:
                exact.ask_in_silence(EXACT[-1])
            return found
    except OwnPrecision:
        raise
    except Exception as error:  # it is not made for float64
        raise OwnPrecision from error


def _rounds(model: nn.Module, audio: Tensor, own: Slopes) -> str | None:
    """Why a gradient may go straight through a rounding, where steps in float32 cannot tell."""
    for head, what in rounded(model, audio).items():
        if own.said[head].any():
            return (
                f"The gradient of head {head} passes a rounding ({what}), and the network cannot be asked in float64, "
                "so whether it is how the answer changes cannot be told; try occlusion."
            )
    return None
