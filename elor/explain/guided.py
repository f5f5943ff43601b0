"""Guided backpropagation, caught below the modules, strict about what it crosses.

Through each ReLU the gradient becomes g <- max(g, 0) 1[input > 0] (Springenberg et al., "Striving for simplicity",
2015). Every ReLU, be it a module or a function, ends in the operator `aten.threshold_backward`; a dispatch mode meets
it there, so no hooks are set and nothing has to be restored. The same mode sees which other rectifiers a model uses:
guided backpropagation is not defined for them, and what one would get is a gradient under a wrong name.

An operator that rectifies in one model may do something else in another: a maximum of two signals, a clamp before a
logarithm. Where it works on what the signal has become it counts as a rectifier, since `-minimum(-v, 0)` or
`(v + |v|) / 2` cannot be told from ReLU by what they do. On weights, lengths and the like it does not count, nor does
the magnitude of a complex spectrum.

Sigmoid, tanh and max-pooling keep their ordinary derivative, as in the paper's networks. A ReLU spelt out with `where`
or a product cannot be told from other uses of those: it passes as what it is written as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from elor.errors import UserError
from elor.explain.model import Forward, Heads, input_gradients, prepared, steady

OTHER_RECTIFIERS = {
    "_prelu_kernel": "PReLU",
    "abs": "an absolute value",
    "clamp": "clamp",
    "clamp_max": "clamp",
    "clamp_min": "clamp",
    "celu": "CELU",
    "elu": "ELU or SELU",
    "fmax": "fmax",
    "fmin": "fmin",
    "gelu": "GELU",
    "hardshrink": "hardshrink",
    "hardswish": "hardswish",
    "hardtanh": "ReLU6 or hardtanh",
    "leaky_relu": "LeakyReLU",
    "maximum": "maximum",
    "minimum": "minimum",
    "mish": "Mish",
    "rrelu_with_noise": "RReLU",
    "silu": "SiLU",
    "softplus": "softplus",
    "softshrink": "softshrink",
    "threshold": "a threshold",
}
"""Operators that rectify otherwise, by their aten names, and what people call them."""


class Guided(TorchDispatchMode):
    """Replaces the backward pass of ReLU while `guiding`, counts it, and notes every other rectifier."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in `QuickBackward`: compiled models are refused, and the import takes two seconds

    def __init__(self) -> None:
        super().__init__()
        self.guiding = True
        self.crossed = 0
        self.others: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        if name == "threshold_backward":
            self.crossed += 1
            grad, *rest = args
            return func(grad.clamp(min=0) if self.guiding else grad, *rest, **(kwargs or {}))
        plain = name.removesuffix("_") if not name.startswith("_") else name
        if plain in OTHER_RECTIFIERS and any(_may_be_signal(value) for value in args):
            self.others.add(OTHER_RECTIFIERS[plain])
        return func(*args, **(kwargs or {}))


def guided_backprop(
    model: nn.Module, audio: Tensor, targets: Mapping[str, Tensor] | None = None, strict: bool = True
) -> Heads:
    """Guided backpropagation of every head's logit: one forward pass, one backward pass per head.

    Its maps recover the input more than they explain the network (Nie et al. 2018; Adebayo et al. 2018): never show
    one without the map of an untrained network beside it.

    Args:
        model, audio, targets: as in `elor.explain.attribution.gradient`.
        strict: refuse where guided backpropagation is undefined; otherwise the gradient passes unchanged there.

    Returns:
        Per head (batch, samples).

    Raises:
        UserError: if strict and the model is compiled or scripted, crosses another rectifier, or meets no ReLU between
            the input and a head.
    """
    if strict:
        _refuse_opaque(model)
    maps: Heads = {}
    with prepared(model):
        steady(model, audio, len(audio) > 1)
    with prepared(model), Guided() as guide:
        before = 0
        for name, found, _ in input_gradients(model, audio, targets):
            if strict:
                _refuse(name, guide.crossed - before, guide.others)
            before = guide.crossed
            maps[name] = found
    return maps


def guided_and_plain(
    model: nn.Module, audio: Tensor, choose: Callable[[Heads], Sequence[Heads]], plain: bool = True
) -> tuple[Heads, dict[str, list[Heads]]]:
    """Guided backpropagation and the gradient, of several sets of classes, all from one forward pass.

    Args:
        model, audio: as in `elor.explain.attribution.gradient`.
        choose: from the logits to the sets of classes; a set may leave heads out.
        plain: the gradient too.

    Returns:
        The logits, and by method (`guided`, `gradient`) a map (batch, samples) per set and head.

    Raises:
        UserError: as `guided_backprop`, which is always strict here.
    """
    _refuse_opaque(model)
    found: dict[str, list[Heads]] = {}
    with prepared(model), Guided() as guide:
        forward = Forward(model, audio)
        sets = choose(forward.logits)
        for method in ("guided", "gradient") if plain else ("guided",):
            guide.guiding = method == "guided"
            found[method] = [{} for _ in sets]
            for maps, targets in zip(found[method], sets, strict=True):
                for head, target in targets.items():
                    before = guide.crossed
                    maps[head], _ = forward.gradient(head, target)
                    _refuse(head, guide.crossed - before, guide.others)
    return {head: value.detach() for head, value in forward.logits.items()}, found


def _may_be_signal(value: object) -> bool:
    """Does it depend on the signal? Numbers that no gradient is recorded of do, for all that is known.

    Weights need no gradient inside `prepared`. A gradient is not recorded inside an `autograd.Function` either.
    """
    real = isinstance(value, Tensor) and value.is_floating_point()
    return real and (value.requires_grad or not torch.is_grad_enabled())


def _refuse(head: str, crossed: int, others: set[str]) -> None:
    """Say why a head's map would not be one of guided backpropagation."""
    if others:
        raise UserError(
            f"Guided backpropagation is defined for ReLU only, and this model also uses {', '.join(sorted(others))}; "
            "use the gradient, integrated gradients or occlusion."
        )
    if not crossed:
        raise UserError(
            f"Guided backpropagation met no ReLU between head {head} and the input, so it would be the plain gradient; "
            "use that."
        )


def _refuse_opaque(model: nn.Module) -> None:
    """Compiled and scripted code runs kernels of its own, in which a ReLU cannot be seen."""
    for module in model.modules():
        compiled = hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        if compiled or isinstance(module, torch.jit.ScriptModule):
            kind = "compiled" if compiled else "scripted"
            raise UserError(
                f"Guided backpropagation cannot see the ReLUs of a {kind} model; give the model as it was before."
            )
