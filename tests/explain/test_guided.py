"""Guided backpropagation refuses what it is not defined for, by name, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from tests.explain.models import audio, net


@pytest.mark.parametrize("function", [F.relu, torch.relu, lambda v: v.clone().relu_()], ids=["F", "torch", "inplace"])
def test_a_functional_relu_gives_the_map_of_its_module_twin(function) -> None:
    x = audio()
    twin = guided_backprop(net(activation=function), x)["output"]
    assert torch.equal(twin, guided_backprop(net(), x)["output"])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (F.gelu, "GELU"),
        (F.leaky_relu, "LeakyReLU"),
        (lambda v: v.clamp(min=0), "clamp"),
        (lambda v: torch.clamp_min(v, 0), "clamp"),
        (F.relu6, "ReLU6"),
        (F.elu, "ELU"),
        (F.silu, "SiLU"),
        (F.softplus, "softplus"),
        (lambda v: F.prelu(v, torch.tensor([0.1], dtype=v.dtype)), "PReLU"),
        (lambda v: torch.maximum(v, torch.zeros_like(v)), "maximum"),
        (lambda v: torch.max(v, torch.zeros_like(v)), "maximum"),
        (lambda v: -torch.minimum(-v, torch.zeros_like(v)), "minimum"),
        (lambda v: torch.fmax(v, torch.zeros_like(v)), "fmax"),
        (lambda v: -torch.fmin(torch.zeros_like(v), -v), "fmin"),
        (lambda v: (v + v.abs()) / 2, "an absolute value"),
        (lambda v: (v + v.clone().abs_()) / 2, "an absolute value"),
    ],
)
def test_other_rectifiers_are_refused_by_name(function, name: str) -> None:
    for activation in (function, lambda v: function(F.relu(v) - 0.1)):  # alone, and where a ReLU is met too
        with pytest.raises(UserError, match=name):
            guided_backprop(net(activation=activation), audio())
        assert gradient(net(activation=activation), audio())["output"].abs().max() > 0


class Clamped(torch.autograd.Function):
    """Three times a signal, and 0 where that is negative: nothing of the inside is recorded for the way back."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return (3 * values).clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return 3 * gradient * (ctx.saved_tensors[0] > 0)


def test_a_rectifier_inside_a_function_of_ones_own_is_refused() -> None:
    with pytest.raises(UserError, match="clamp"):
        guided_backprop(net(activation=lambda v: Clamped.apply(F.relu(v) - 0.1)), audio())


class Layer(nn.Module):
    """A function or a module as a module."""

    def __init__(self, function: Callable) -> None:
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


class Bands(nn.Module):
    """A front end as SincNet's or that of a spectrogram: absolute values of weights and of complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Parameter(torch.tensor([-0.3, 0.2]))

    def forward(self, values):
        power = torch.fft.rfft(values).abs()
        return values * torch.minimum(self.low.abs().clamp(min=0.25), torch.ones(2))[:1] + power.mean(-1, True)


def by_lengths(values):
    """Mean over the valid frames, as wav2vec2's batches are pooled; a length is never negative."""
    lengths = torch.max(torch.tensor([9] * len(values)) - 3, torch.tensor(0))
    inside = torch.arange(values.shape[-1]) < lengths[:, None, None].clamp(max=values.shape[-1])
    return torch.where(inside, values, 0).sum(-1, keepdim=True) / lengths[:, None, None] + values


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(4),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm1d(4, affine=True),
        nn.LayerNorm(16),
        nn.MaxPool1d(2),
        nn.AdaptiveMaxPool1d(8),
        nn.AdaptiveAvgPool1d(8),
        nn.AvgPool1d(2),
        nn.TransformerEncoderLayer(16, 2, dim_feedforward=8, batch_first=True, norm_first=True),
        nn.Sigmoid(),
        nn.Dropout(),
        Bands(),
        by_lengths,
        lambda v: v.amax(-1),
    ],
    ids=lambda layer: getattr(layer, "__name__", type(layer).__name__),
)
def test_what_is_no_rectifier_is_not_taken_for_one(layer: Callable) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 4, 5, stride=4, padding=2), nn.BatchNorm1d(4), nn.ReLU(), Layer(layer), nn.Flatten()
    )
    width = model.eval()(audio().float()).shape[1]
    found = guided_backprop(nn.Sequential(model, nn.Linear(width, 3)), audio().float())["output"]
    assert found.abs().max() > 0


def test_a_compiled_model_is_refused() -> None:
    with pytest.raises(UserError, match="compiled"):
        guided_backprop(torch.compile(net()), audio())
    inside = net()
    inside.second.compile()
    with pytest.raises(UserError, match="compiled"):
        guided_backprop(inside, audio())
    with pytest.raises(UserError, match="scripted"):
        guided_backprop(torch.jit.trace(net(), audio()), audio())


def test_without_a_relu_it_is_refused_or_the_gradient() -> None:
    model = net(activation=torch.tanh)
    with pytest.raises(UserError, match="no ReLU between head output"):
        guided_backprop(model, audio())
    assert torch.equal(guided_backprop(model, audio(), strict=False)["output"], gradient(model, audio())["output"])
