"""A model asked in another precision than its own, and what rounds in it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elor.explain.crossings import Following
from elor.explain.doubts import Doubt
from elor.explain.model import logits_of
from elor.explain.operator_mode import OperatorMode

WIDER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
"""What is computed in what instead."""


@contextmanager
def as_written() -> Iterator[None]:
    """Compiled code (`torch.compile`, and what uses that, as `torch.cond`) is run as it was written.

    Compiling it for a mode, or for float64, would take minutes or fail, and torch would keep the failure for all calls
    to come.
    """
    if "torch._dynamo" in sys.modules:
        with torch.compiler.set_stance("force_eager"):
            yield
        return
    try:
        yield
    finally:
        if "torch._dynamo" in sys.modules:  # the first that was compiled
            torch._dynamo.reset()


def doubled(model: nn.Module) -> nn.Module:
    """The model in float64, and with it the tensors that its modules hold in plain attributes (windows, filters)."""
    model.double()
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.dtype in WIDER:
                vars(module)[name] = value.to(WIDER[value.dtype])
    return model


def rounded(model: nn.Module, audio: Tensor) -> dict[str, str]:
    """By head what rounds numbers that come from the signal on their way there; heads without any are left out."""
    with as_written(), Following() as following:
        following.forward(model, audio)
    met = {head: sorted(each.name for each in found if each.rounds) for head, found in following.others.items()}
    return {head: names[0] for head, names in met.items() if names}


@contextmanager
def coarsest() -> Iterator["Coarsest"]:
    """Notice in what precision a model computes, on the way to answers that may be of a finer one."""
    with as_written(), Coarsest() as mode:
        yield mode


@torch.no_grad()
def half(model: nn.Module, audio: Tensor) -> Doubt | None:
    """What is to be said of a model that computes in half precision, anywhere on the way from signals to logits."""
    with coarsest() as met:
        logits = logits_of(model, audio)
    if not met.half:
        return None
    step = max(float(value.abs().max()) for value in logits.values()) * torch.finfo(met.dtype).eps
    text = (
        f"The network computes in {met.dtype}: its logits move in steps of up to {step:.2g}, and its gradients are "
        "rounded as coarsely at every layer; let it compute in float32 for maps that are exact."
    )
    return Doubt(text, "precision")


class Coarsest(OperatorMode):
    """Sees what is computed.

    Attributes:
        dtype: the floating type with the fewest digits among all results.
    """

    dtype = torch.float64

    @property
    def half(self) -> bool:
        """Whether that has fewer digits than float32."""
        return torch.finfo(self.dtype).eps > torch.finfo(torch.float32).eps

    def run(self, func, args, kwargs):
        result = super().run(func, args, kwargs)
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, Tensor) and value.is_floating_point():
                self.dtype = max(self.dtype, value.dtype, key=lambda dtype: torch.finfo(dtype).eps)
        return result


@contextmanager
def widened() -> Iterator["Widened"]:
    """What a model makes on the way, or casts to float32, is of float64."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        with Widened() as mode:
            yield mode
    finally:
        torch.set_default_dtype(before)


class Widened(OperatorMode):
    """Computes in float64 what a model wants in float32; quantisers that take nothing else are given that.

    Attributes:
        rounds: whether something in float64 became something less precise nevertheless.
    """

    rounds = False

    def run(self, func, args, kwargs):
        double = any(isinstance(v, Tensor) and v.dtype in WIDER.values() for v in args)
        if double and "fake_quantize" in str(func):
            result = func(*(_cast(v, torch.float64, torch.float32) for v in args), **kwargs)
            several = isinstance(result, tuple)
            wide = [_cast(v, torch.float32, torch.float64) for v in (result if several else (result,))]
            return tuple(wide) if several else wide[0]
        if double and func is torch.ops.aten._to_copy.default:
            kwargs = kwargs | {"dtype": WIDER.get(kwargs.get("dtype"), kwargs.get("dtype"))}
        result = super().run(func, args, kwargs)
        if double and isinstance(result, Tensor) and (result.is_floating_point() or result.is_complex()):
            self.rounds |= result.dtype not in WIDER.values()
        return result


def _cast(value: object, kind: torch.dtype, other: torch.dtype) -> object:
    """A tensor of one kind as another; anything else as it is."""
    return value.to(other) if isinstance(value, Tensor) and value.dtype == kind else value
