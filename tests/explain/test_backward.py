"""The quick way back through a strided convolution is PyTorch's own, in other steps."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from elor.explain import backward
from elor.explain.attribution import gradient
from elor.explain.backward import QuickBackward, signal_gradient
from tests.worlds.networks import new_network


@pytest.mark.parametrize(
    ("samples", "filters", "length", "stride", "padding"),
    [(960, 4, 96, 8, 0), (50, 3, 7, 3, 2), (11, 2, 5, 2, 1), (100, 2, 3, 20, 0), (333, 2, 40, 16, 5), (23, 1, 2, 5, 0)],
)
def test_it_is_the_gradient_by_pytorch(samples: int, filters: int, length: int, stride: int, padding: int) -> None:
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(2, 1, samples, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.randn(filters, 1, length, dtype=torch.float64, generator=generator)
    output = F.conv1d(signal, weight, stride=stride, padding=padding)
    upstream = torch.randn(output.shape, dtype=torch.float64, generator=generator)
    (expected,) = torch.autograd.grad(output, signal, upstream)
    found = signal_gradient(upstream, weight, stride, padding, samples)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.long
def test_saliency_takes_it_and_gets_the_same_map(monkeypatch: pytest.MonkeyPatch) -> None:
    network = new_network().double()
    audio = 0.1 * torch.randn(2, 1, 96_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    taken = []
    monkeypatch.setattr(backward, "signal_gradient", lambda *args: taken.append(1) or signal_gradient(*args))
    quick = gradient(network, audio)
    asked = len(taken)
    assert asked >= 2  # one per head, and those of the check that the gradient is true
    monkeypatch.setattr(backward, "_wins", lambda *args: False)
    for head, plain in gradient(network, audio).items():
        torch.testing.assert_close(quick[head], plain, rtol=0, atol=1e-12 * plain.abs().max().item())
    assert len(taken) == asked


@pytest.mark.parametrize(
    "how", [{"stride": 1}, {"stride": 2, "dilation": 2}, {"stride": 2, "channels": 2}, {"stride": 2, "weights": True}]
)
def test_other_convolutions_go_pytorchs_way(how: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backward, "signal_gradient", lambda *args: pytest.fail("taken"))
    channels = how.get("channels", 1)
    signal = torch.randn(1, channels, 40, requires_grad=True)
    weight = torch.randn(2, channels, 5, requires_grad=how.get("weights", False))
    output = F.conv1d(signal, weight, stride=how["stride"], dilation=how.get("dilation", 1))
    wanted = [signal, weight] if weight.requires_grad else [signal]
    with QuickBackward():
        found = torch.autograd.grad(output.sum(), wanted, retain_graph=True)
    for one, other in zip(found, torch.autograd.grad(output.sum(), wanted), strict=True):
        assert torch.equal(one, other)
