"""Integrated gradients: completeness, other bases, memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elor.explain.attribution import gradient
from elor.explain.integrated import NOISE_FLOOR, integrated_gradients, noise_like
from tests.explain.models import Linear, audio, net


def test_the_attributions_add_up_to_the_change_of_the_logit() -> None:
    model, x = net(classes=(3, 2), as_dict=True), audio()
    path = integrated_gradients(model, x, most=256, tolerance=1e-3)
    for head, value in path.time().items():
        change = (
            model(x)[head].max(1).values
            - model(torch.zeros_like(x))[head].gather(1, model(x)[head].argmax(1)[:, None])[:, 0]
        )
        np.testing.assert_allclose(value.sum(1), change.detach(), rtol=1e-3, atol=1e-4)
        expected = (value.sum(1) - change).abs() / change.abs()
        np.testing.assert_allclose(path.error()[head], expected.detach(), rtol=1e-6, atol=1e-12)


def test_on_a_linear_net_it_is_weight_times_difference() -> None:
    weight, x = torch.randn(2, 64, dtype=torch.float64), audio()
    base = 0.1 * audio(seed=5)
    target = torch.tensor([0, 1, 1])
    path = integrated_gradients(Linear(weight, 3.0), x, {"output": target}, base, steps=1)
    np.testing.assert_allclose(path.time()["output"], weight[target] * (x - base)[:, 0])
    assert path.steps.tolist() == [1, 1, 1]


def test_on_a_relu_net_without_biases_it_is_input_times_gradient() -> None:
    x, target = audio(), {"output": torch.tensor([2, 0, 1])}
    for model, equal in ((net(bias=False), True), (net(), False)):  # the one is linear on the way from silence
        found = integrated_gradients(model, x, target, steps=3, most=3).time()["output"]
        expected = x[:, 0] * gradient(model, x, target)["output"]
        assert found.abs().max() > 1e-2
        assert np.allclose(found, expected, rtol=0, atol=1e-12) == equal


def test_steps_are_doubled_only_where_needed() -> None:
    class Kink(nn.Module):  # z = |x0|^5 bends: the midpoint rule needs many steps; x0 = 0 needs none
        def forward(self, x):
            return (x[:, 0, :1] ** 6) + x[:, 0, 1:2]

    x = torch.tensor([[[3.0, 0.0]], [[0.0, 1.0]]], dtype=torch.float64)
    path = integrated_gradients(Kink(), x, steps=2, tolerance=1e-3)
    assert path.steps.tolist() == [64, 2]
    assert path.error()["output"].max() < 1e-3
    short = integrated_gradients(Kink(), x, steps=2, tolerance=1e-3, most=4)
    assert short.steps.tolist() == [4, 2]
    assert short.error()["output"][0] > 1e-3


@pytest.mark.parametrize("samples", [64, 63])
def test_every_basis_has_the_same_total(samples: int) -> None:
    weight = torch.randn(1, samples, dtype=torch.float64)
    path = integrated_gradients(Linear(weight), audio(samples=samples), steps=2)
    total = path.time()["output"].sum(-1)
    np.testing.assert_allclose(path.frequency()["output"].sum(-1), total, atol=1e-12)
    assert path.frequency()["output"].shape == (3, samples // 2 + 1)
    np.testing.assert_allclose(path.stft(16, 4)["output"].sum((-1, -2)), total, atol=1e-12)


def test_a_tone_detector_is_found_in_its_bin_and_frame() -> None:
    time = torch.arange(4_000, dtype=torch.float64) / 16_000
    tone = torch.sin(2 * torch.pi * 1_000 * time)
    x = (tone + 0.5 * audio(1, samples=4_000)[0, 0])[None, None]
    share = integrated_gradients(Linear(tone[None]), x, steps=1).frequency()["output"][0]
    assert share[250] / share.abs().sum() > 0.99  # 1000 Hz at 4 Hz per bin
    half = torch.where(time < 0.125, tone, 0.0)
    frames = integrated_gradients(Linear(half[None]), x, steps=1).stft()["output"][0].sum(-1)
    assert frames[:13].sum() / frames.sum() > 0.99  # 12.5 frames of 10 ms


def test_the_noise_floor_lies_at_60_db_below_full_scale() -> None:
    noise = noise_like(torch.zeros(2, 1, 50_000))
    assert noise.square().mean().sqrt().item() == pytest.approx(NOISE_FLOOR, rel=0.02)
    assert torch.equal(noise, noise_like(torch.zeros(2, 1, 50_000)))


def test_one_step_at_a_time() -> None:
    seen = []

    class Watched(Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    integrated_gradients(Watched(torch.ones(1, 64, dtype=torch.float64)), audio(2), steps=128)
    assert max(seen) == 2
