"""Guided backpropagation refuses what it is not defined for, by name, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torch.utils.checkpoint
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
    """A front end as SincNet's: absolute values and minima of weights, and a filter in frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Parameter(torch.tensor([-0.3, 0.2]))

    def forward(self, values):
        filtered = torch.fft.irfft(torch.fft.rfft(values) * torch.linspace(0, 1, 9), 16)
        return values * torch.minimum(self.low.abs().clamp(min=0.25), torch.ones(2))[:1] + filtered


def by_lengths(values):
    """Mean over the valid frames, as wav2vec2's batches are pooled; a length is never negative."""
    lengths = torch.max(torch.tensor([9] * len(values)) - 3, torch.tensor(0))
    inside = torch.arange(values.shape[-1]) < lengths[:, None, None].clamp(max=values.shape[-1])
    return torch.where(inside, values, 0).sum(-1, keepdim=True) / lengths[:, None, None] + values


def checkpointed(values):
    """Run again on the way back."""
    return torch.utils.checkpoint.checkpoint(F.relu, values - 0.1, use_reentrant=False)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(4),
        nn.MaxPool1d(2),
        nn.AdaptiveMaxPool1d(8),
        nn.AdaptiveAvgPool1d(8),
        nn.AvgPool1d(2),
        nn.Sigmoid(),
        nn.Dropout(),
        Bands(),
        by_lengths,
        checkpointed,
    ],
    ids=lambda layer: getattr(layer, "__name__", type(layer).__name__),
)
def test_what_is_linear_or_of_the_papers_networks_is_passed(layer: Callable) -> None:
    found = guided_backprop(with_layer(layer), audio().float())["output"]
    assert found.abs().max() > 0


def with_layer(layer: Callable) -> nn.Module:
    """A network with a ReLU, and this behind it."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 4, 5, stride=4, padding=2), nn.BatchNorm1d(4), nn.ReLU(), Layer(layer), nn.Flatten()
    )
    width = model.eval()(audio().float()).flatten(1).shape[1]
    return nn.Sequential(model, nn.Linear(width, 3))


@torch.jit.script
def scripted(values: torch.Tensor) -> torch.Tensor:
    return F.silu(values) * 1.0


@torch.jit.script
def scripted_relu(values: torch.Tensor) -> torch.Tensor:
    return F.relu(values - 0.1) * 1.0


class OwnReLU(torch.autograd.Function):
    """A ReLU on the way there, whose way back is written out."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return F.relu(values)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


def zeroed(values):
    """A ReLU by assignment."""
    values = values - 0.1
    values[values < 0] = 0
    return values


def top(values):
    """The larger half, as some pool."""
    return values.topk(8, dim=-1).values


class Attentive(nn.Module):
    """Attentive statistics, the usual head on an encoder of speech: softmax over time, mean and deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv1d(4, 1, 1)

    def forward(self, values):
        weight = self.score(values).softmax(-1)
        mean = (weight * values).sum(-1)
        return torch.cat([mean, ((weight * values**2).sum(-1) - mean**2).clamp(min=1e-6).sqrt()], 1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)

    def forward(self, values):
        return self.gru(values.transpose(1, 2))[0][:, -1]


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda v: (v - 0.1) * (v > 0.1), "a selection or a step that depends on the signal"),
        (lambda v: torch.where(v > 0.1, v, 0.01 * v), "a selection or a step that depends on the signal"),
        (lambda v: v.masked_fill(v < 0.1, 0.0), "a selection or a step that depends on the signal"),
        (lambda v: v + (v > 0.1).float(), "a selection or a step"),
        (zeroed, "a selection or a step that depends on the signal"),
        (lambda v: ((v - 0.1) + (v - 0.1).square().sqrt()) / 2, "a power, a root"),
        (lambda v: v * torch.sigmoid(v), "a product of the signal with itself"),
        (lambda v: v / (1 + v.exp()), "a division by the signal, an exponential"),
        (lambda v: torch.log1p(v), "log1p"),
        (lambda v: v / v.detach().abs().max().item(), "a number that Python takes out of the signal"),
        (lambda v: (v * 127).round() / 127, "round"),
        (lambda v: v.amax(-1), "a maximum"),
        (lambda v: v.std(-1), "a standard deviation|std"),
        (lambda v: v.norm(dim=-1), "a norm"),
        (lambda v: torch.fft.rfft(v).abs(), "an absolute value"),
        (lambda v: F.glu(v, 1), "glu"),
        (lambda v: F.scaled_dot_product_attention(v, v, v), "attention|softmax"),
        (top, "topk"),
        (nn.GroupNorm(2, 4), "normalisation by the signal's own statistics"),
        (nn.InstanceNorm1d(4, affine=True), "normalisation by the batch's own statistics"),
        (nn.LayerNorm(16), "normalisation by the signal's own statistics"),
        (nn.TransformerEncoderLayer(16, 2, dim_feedforward=8, batch_first=True), "attention|softmax"),
        (Attentive(), "softmax"),
        (Recurrent(), "a product of the signal with itself"),
        (OwnReLU.apply, "a function with a backward pass of its own .OwnReLU"),
        (scripted, "SiLU|scripted"),
    ],
)
def test_what_is_neither_linear_nor_a_known_relu_is_refused_by_name(layer: Callable, name: str) -> None:
    model = with_layer(layer)
    for _ in range(3):  # scripted code is run by the dispatcher at first, and by itself later
        with pytest.raises(UserError, match=name):
            guided_backprop(model, audio(1).float())


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (lambda v: (v - 0.1) * (v > 0.1), "signal (a product with a mask or whole numbers);"),
        (lambda v: v * (v > 0.1).float(), "signal (a mask or whole numbers made into fractions);"),
        (lambda v: v.abs() + (v > 0.1), "signal (a sum with a mask or whole numbers), an absolute value;"),
        (lambda v: v.where(v > 0.1, 0 * v), "a selection or a step that depends on the signal (where);"),
        (lambda v: torch.cat([torch.maximum(v, -v), v - v.amax(-1, keepdim=True)], -1), "uses a maximum;"),
        (lambda v: torch.cat([torch.minimum(v, -v), v - v.amin(-1, keepdim=True)], -1), "uses a minimum;"),
        (lambda v: torch.cat([torch.std_mean(v, -1)[0], v.std(-1)], -1), "uses a standard deviation;"),
        (F.logsigmoid, "uses log-sigmoid;"),
    ],
)
def test_what_is_refused_is_called_once_by_a_name_that_people_use(layer: Callable, says: str) -> None:
    with pytest.raises(UserError) as refused:
        guided_backprop(with_layer(layer), audio(1).float())
    assert says in str(refused.value)
    assert not re.search(r"\b_\w|\(mul\)|\(add\)", str(refused.value))


def test_scripted_functions_are_right_or_refused_at_every_call() -> None:
    right = guided_backprop(with_layer(lambda v: F.relu(v - 0.1)), audio().float())["output"]
    for _ in range(4):
        try:
            assert torch.equal(guided_backprop(with_layer(scripted_relu), audio().float())["output"], right)
        except UserError as error:
            assert "scripted code" in str(error)  # noqa: PT017  # either is right, and which one is PyTorch's choice


@pytest.mark.long
def test_a_compiled_model_is_refused() -> None:
    with pytest.raises(UserError, match="compiled"):
        guided_backprop(torch.compile(net(), backend="eager"), audio())
    inside = net()
    inside.second.compile(backend="eager")
    with pytest.raises(UserError, match="compiled"):
        guided_backprop(inside, audio())
    with pytest.raises(UserError, match="scripted"):
        guided_backprop(torch.jit.trace(net(), audio()), audio())


def test_without_a_relu_it_is_refused_or_the_gradient() -> None:
    model = net(activation=torch.tanh)
    with pytest.raises(UserError, match="no ReLU between head output"):
        guided_backprop(model, audio())
    assert torch.equal(guided_backprop(model, audio(), strict=False)["output"], gradient(model, audio())["output"])
