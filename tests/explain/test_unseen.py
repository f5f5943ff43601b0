"""Kinds of networks that people bring, against references of their own: a guided ReLU in the place of each, and finite
differences in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.overrides import TorchFunctionMode

from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.occlusion import occlusion
from tests.explain.strange import Plain
from tests.explain.test_guided import Layer
from tests.explain.test_questions import voice
from tests.explain.test_strange import made

pytestmark = pytest.mark.long

SAMPLES = 1_600


class GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class Replaced(TorchFunctionMode):
    """Every ReLU is one whose way back is guided."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in ("relu", "relu_"):
            return GuidedReLU.apply(args[0])
        return func(*args, **(kwargs or {}))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(8, 8, 3, padding=1), nn.BatchNorm1d(8)

    def forward(self, values: Tensor) -> Tensor:
        return F.relu(values + self.norm(self.conv(values)))


class LongFilter(nn.Module):
    """As long as the signal, in the frequency domain."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, 97) / 30)

    def forward(self, values: Tensor) -> Tensor:
        count = 2 * values.shape[-1]
        both = torch.fft.rfft(values, count) * torch.fft.rfft(self.kernel, count)
        return torch.fft.irfft(both, count)[..., : values.shape[-1]]


class Scan(nn.Module):
    """A state-space layer, step by step; its gate may come from the signal."""

    def __init__(self, selective: bool) -> None:
        super().__init__()
        self.decay, self.gate = nn.Parameter(torch.rand(8) / 2 + 0.4), nn.Conv1d(8, 8, 1) if selective else None

    def forward(self, values: Tensor) -> Tensor:
        gates = self.gate(values).sigmoid() if self.gate else self.decay[:, None].expand(8, values.shape[-1])
        state, found = torch.zeros_like(values[..., 0]), []
        for step in range(0, values.shape[-1], 8):
            state = gates[..., step] * state + values[..., step]
            found.append(state)
        return torch.stack(found, -1)


class Spectrum(nn.Module):
    """Complex numbers as two channels."""

    def forward(self, values: Tensor) -> Tensor:
        frames = torch.stft(values[:, :1].flatten(1), 32, 16, window=torch.hann_window(32), return_complex=True)
        return torch.view_as_real(frames).permute(0, 3, 1, 2).flatten(1, 2)[:, :8]


class DropPath(nn.Module):
    """Draws in evaluation too, and does not use it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 8, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        keep = torch.rand([]) < 0.5 or not self.training
        return values + F.relu(self.conv(values)) if keep else values


class Routed(nn.Module):
    """The two best of four experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 4), nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, values: Tensor) -> Tensor:
        mean = values.mean(-1)
        weight, index = self.gate(mean).softmax(-1).topk(2)
        every = torch.stack([expert(mean) for expert in self.experts], 1)
        return (every.gather(1, index[..., None].expand(-1, -1, 8)) * weight[..., None]).sum(1)[..., None]


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 4, bidirectional=True, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        return self.lstm(values[..., ::8].transpose(1, 2))[0].transpose(1, 2)


class Hooked(nn.Module):
    """Rectified by a hook, scaled by another."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.conv.register_forward_pre_hook(lambda module, values: (2 * values[0],))
        self.conv.register_forward_hook(lambda module, values, found: F.relu(found))

    def forward(self, values: Tensor) -> Tensor:
        return self.conv(values)


class Complex(nn.Module):
    """Complex weights on a spectrum, and a ReLU of either part (Trabelsi et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 8, dtype=torch.cfloat) / 3)

    def forward(self, values: Tensor) -> Tensor:
        found = torch.einsum("oc,bct->bot", self.weight.to(torch.fft.rfft(values)), torch.fft.rfft(values))
        return torch.cat([F.relu(found.real), F.relu(found.imag)], 1)


class LayerScaled(nn.Module):
    """A residual block of ConvNeXt (Liu et al. 2022), with a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.wide, self.back = nn.Conv1d(8, 8, 7, padding=3, groups=8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale = nn.Parameter(torch.full((8,), 0.3))

    def forward(self, values: Tensor) -> Tensor:
        inner = F.relu(self.wide(self.depth(values).transpose(1, 2)))
        return values + (self.scale * self.back(inner)).transpose(1, 2)


class Resized(nn.Module):
    """As an image, by cubic splines; half mirrored."""

    def forward(self, values: Tensor) -> Tensor:
        image = F.interpolate(values[:, None], (8, 40), mode="bicubic")[:, 0]
        return torch.lerp(image, image.flip(-1), 0.3)


class HardlyRouted(nn.Module):
    """Every frame goes to one expert."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 3), nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, values: Tensor) -> Tensor:
        frames = values.transpose(1, 2)
        chosen, found = self.gate(9 * frames).argmax(-1), torch.zeros_like(frames)
        for index, expert in enumerate(self.experts):
            found[chosen == index] = expert(frames[chosen == index])
        return found.transpose(1, 2)


class Distances(nn.Module):
    """From stored points, as a siamese network's."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(8, 8))

    def forward(self, values: Tensor) -> Tensor:
        return -torch.cdist(values.transpose(1, 2), self.points[None]).transpose(1, 2)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 8, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        frames = values[..., ::8].transpose(1, 2)
        packed = pack_padded_sequence(frames, [frames.shape[1] - 2] * len(frames), batch_first=True)
        return pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0].transpose(1, 2)


def network(layer: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(4)
    front = nn.Sequential(nn.Conv1d(1, 8, 64, stride=16), nn.ReLU())
    return nn.Sequential(front, layer(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.LazyLinear(3)).eval()


def asked(layer: Callable[[], nn.Module]) -> tuple[nn.Module, Tensor]:
    model, audio = network(layer), 0.3 * torch.randn(1, 1, SAMPLES, generator=torch.Generator().manual_seed(2))
    model(audio)
    return model, audio


GUIDED = [Residual, LongFilter, lambda: Scan(False), Spectrum, DropPath, lambda: nn.Upsample(scale_factor=2)]
GUIDED += [Hooked, Complex, LayerScaled, Resized]
OTHERS = [
    (lambda: Scan(True), "a product of the signal with itself"),
    (Routed, "softmax"),
    (Recurrent, "rnn|product|lstm"),
    (HardlyRouted, "a selection or a step that depends on the signal"),
    (Distances, "a distance;"),
    (Packed, "a product of the signal with itself"),
    (lambda: nn.TransformerEncoderLayer(97, 1, 8, batch_first=True, norm_first=True), "normalisation by the signal's"),
    (lambda: Layer(lambda h: h.unflatten(1, (4, 2)).amax(2)), "a maximum"),
    (lambda: Layer(lambda h: h.logsumexp(-1, keepdim=True)), "logsumexp"),
    (lambda: Layer(lambda h: h.topk(9, -1).values), "topk"),
    (lambda: nn.LPPool1d(2, 4), "a power"),
]


@pytest.mark.parametrize("layer", GUIDED)
def test_guided_backpropagation_is_that_of_guided_relus(layer: Callable[[], nn.Module]) -> None:
    model, audio = asked(layer)
    found, label = guided_backprop(model, audio)["output"], int(model(audio).argmax())
    signal = audio.clone().requires_grad_()
    with Replaced():
        (reference,) = torch.autograd.grad(model(signal)[0, label], signal)
    torch.testing.assert_close(found, reference[:, 0], rtol=1e-4, atol=1e-5 * float(reference.abs().max()))
    assert not torch.allclose(found, gradient(model, audio)["output"], rtol=0.1)


@pytest.mark.parametrize(("layer", "name"), OTHERS)
def test_what_is_not_guided_is_refused_by_name(layer: Callable[[], nn.Module], name: str) -> None:
    with pytest.raises(UserError, match=name):
        guided_backprop(*asked(layer))


@pytest.mark.parametrize("layer", [*GUIDED, *(layer for layer, _ in OTHERS)])
def test_gradients_are_those_of_finite_differences(layer: Callable[[], nn.Module]) -> None:
    model, audio = asked(layer)
    found, label = gradient(model, audio)["output"].double(), int(model(audio).argmax())
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        exact, ways = copy.deepcopy(model).double(), torch.randn(4, 1, 1, SAMPLES)
        with torch.no_grad():
            changes = [exact(audio + 1e-6 * way)[0, label] - exact(audio - 1e-6 * way)[0, label] for way in ways]
    finally:
        torch.set_default_dtype(before)
    torch.testing.assert_close((ways[:, 0] * found).sum((1, 2)), torch.stack(changes) / 2e-6, rtol=1e-3, atol=1e-6)


class SparseWeights(Plain):
    """Mixes its channels by a matrix that is kept sparse, in a buffer."""

    def __init__(self, layout: torch.layout) -> None:
        super().__init__()
        kept = torch.randn(6, 6) * (torch.rand(6, 6) < 0.5)
        self.register_buffer("mixing", kept.to_sparse(layout=layout))

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio)))).transpose(0, 1)
        mixed = (self.mixing @ h.flatten(1)).unflatten(1, h.shape[1:])
        return self.out(F.relu(mixed).transpose(0, 1).mean(-1))


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_buffers_are_left_as_they_were(layout: torch.layout) -> None:
    net, dense = made(SparseWeights, layout), made(SparseWeights, layout)
    dense.mixing = dense.mixing.to_dense()
    for method in (gradient, occlusion):
        torch.testing.assert_close(method(net, voice())["output"], method(dense, voice())["output"])
    assert net.mixing.layout == layout
