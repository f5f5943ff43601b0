"""Repeatability: a network must answer the same to the same sound. The rule by which it is refused where it does not:
where chance matters, what it was asked before, or the signals beside it.

What is asked to find that out is in `elor.explain.repeatability_checks`; chance is looked for at every call
(`repeatable_answer`).
"""

import random
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elor.explain.doubts import Doubt, Refusal, Refused

UNREPEATABLE = 0.01
"""How far answers to one signal may differ before the model is refused: a share of what they differ for two signals."""

ROUNDING = 1e-5
"""Share of the largest logit up to which a difference is rounding, in float32."""

LAST_DIGITS = 4
"""The same in rounding errors of the logit where something was drawn: what is more is hardly rounding then."""


class Unrepeatable(Doubt):
    """A model's answer to one signal differs from time to time."""


class Dependence(NamedTuple):
    """On what an answer depends beside the sound, by a name and in words, and what to do then."""

    name: str
    what: str
    remedy: str


DRAWN = Dependence("chance", "chance", "switch off what is random in it, or fix its seed")
CHANCE = DRAWN._replace(what="chance, or on what is kept outside the network")
HISTORY = Dependence("history", "what it was asked before", "let it keep nothing, or reset it first")
DIGITS = Dependence(
    "digits", "the last digits of the sound", "let it draw nothing by the sound (from a seed made of it, say)"
)
ROUNDED = Dependence("rounding", "rounding", "let it compute in more digits")
COMPANY = Dependence("company", "the signals beside it", "ask about one signal at a time")
RECORDING = Dependence("recording", "whether gradients are recorded", "try occlusion, which needs none")


def refuse_unrepeatable(
    one: Mapping[str, Tensor],
    again: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    why: Dependence,
    most: float = UNREPEATABLE,
) -> None:
    """Refuse a model whose answers to one signal differ too much for falls and gradients to mean anything.

    Args:
        one, again: the answers to one signal by head, which should be the same.
        other: the answer to another one: logits may be large for no other reason than a bias.
        why: what would make them differ.
        most: how far they may, as a share of what they differ for two signals.

    Raises:
        Refused: if they differ by more than `most`, or are no numbers; there is a warning if they differ beyond
            rounding.
    """
    refuse_infinite(one)
    for head, value in one.items():
        now, then, beyond = value.detach(), again[head].detach(), other[head].detach()
        apart, reach = float((now - then).abs().max()), float((now - beyond).abs().max())
        drawn = why is DRAWN and not value.requires_grad  # recorded, a layer may go another way
        coarse = LAST_DIGITS * torch.finfo(now.dtype).eps if drawn else ROUNDING
        if in_bfloat16(now):
            coarse = torch.finfo(torch.bfloat16).eps
        if apart <= coarse * float(now.abs().max()):
            continue
        small = (
            " or on rounding" if "rounding" not in why.what and apart <= 100 * ROUNDING * float(now.abs().max()) else ""
        )
        text = (
            f"The network's answer depends on {why.what}{small}: to one and the same sound its logits ({head}) differ "
            f"by up to {apart:.2g}, to two sounds by {reach:.2g}"
        )
        if not apart < most * reach:
            raise Refused(Refusal(text, why.remedy, cause=why.name))
        warnings.warn(Unrepeatable(f"{text}; what is smaller says nothing.", why.name), stacklevel=4)


def in_bfloat16(values: Tensor) -> bool:
    """Whether numbers are such as bfloat16 has; asked outside torch, lest whoever watches operators sees a cast."""
    given = values.detach().cpu().numpy()
    single = given.astype(np.float32)
    return bool((single == given).all() and not (single.view(np.uint32) & 0xFFFF).any())


def refuse_infinite(logits: Mapping[str, Tensor]) -> None:
    """Falls and gradients of what is no number mean nothing.

    Raises:
        Refused: if a logit is NaN or infinite.
    """
    for head, value in logits.items():
        if wrong := (~value.isfinite()).any(0).nonzero()[:, 0].tolist():
            classes = ", ".join(map(str, wrong[:5]))
            text = f"Head {head} answers with NaN or infinity (class {classes} of {value.shape[1]})"
            remedy = "its weights or its scaling of the input are broken, or a class is masked: leave that one out"
            raise Refused(Refusal(text, remedy))


def repeatable_answer(
    answer: Callable[[Tensor], dict[str, Tensor]], audio: Tensor, answered: Callable[[], None]
) -> dict[str, Tensor]:
    """An answer to signals, of which it is noticed if it was drawn.

    Args:
        answer: asks the model.
        answered: called as soon as it has answered.

    Raises:
        Refused: as `refuse_unrepeatable`.
    """
    before = _random_state(audio)
    heads = answer(audio)
    answered()
    if _random_state(audio) != before:  # drawing alone does no harm: a layer may draw and not use it
        with torch.no_grad():
            refuse_unrepeatable(heads, answer(audio), answer(other_sound(audio)), DRAWN)
    return heads


def _random_state(audio: Tensor) -> tuple:
    """Where all generators of random numbers stand that a model is likely to use."""
    legacy = np.random.get_state()  # noqa: NPY002  # the user's code may draw from it
    states = [torch.get_rng_state()] + ([torch.cuda.get_rng_state(audio.device)] if audio.is_cuda else [])
    return (*(state.numpy().tobytes() for state in states), legacy[1].tobytes(), legacy[2], random.getstate())


def other_sound(audio: Tensor) -> Tensor:
    """Signals that any network should tell from these: hardly to be heard, or noise if these hardly are."""
    if audio.detach().abs().max() > 0.01:
        return audio.detach().flip(-1) / 100
    return 0.1 * torch.randn(audio.shape, generator=torch.Generator().manual_seed(0)).to(audio)
