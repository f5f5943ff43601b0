"""Occlusion of models whose answer is known."""

from __future__ import annotations

import numpy as np
import torch

from elor.explain.occlusion import band_edges, band_occlusion, occlusion, starts
from tests.explain.models import Linear, audio, net


def test_on_a_linear_model_each_drop_is_the_sum_of_its_window() -> None:
    weight, x = torch.randn(2, 64, dtype=torch.float64), audio(2)
    target = torch.tensor([1, 0])
    found = occlusion(Linear(weight), x, {"output": target}, window=16, hop=8)["output"]
    parts = weight[target] * x[:, 0]
    for index, start in enumerate(starts(64, 16, 8)):
        np.testing.assert_allclose(found[:, index], parts[:, start : start + 16].sum(1), rtol=0, atol=1e-12)


def test_a_mask_of_noise_leaves_the_noise() -> None:
    weight, x, noise = torch.ones(1, 64, dtype=torch.float64), audio(2), audio(2, seed=9)
    found = occlusion(Linear(weight), x, window=32, hop=32, mask=noise)["output"]
    np.testing.assert_allclose(found, (x - noise)[:, 0].reshape(2, 2, 32).sum(-1), atol=1e-12)


def test_windows_reach_the_end() -> None:
    assert starts(96_000)[-1] + 1_600 == 96_000
    assert starts(50, 20, 20) == [0, 20, 40]
    assert starts(10, 20, 20) == [0]


def test_windows_in_the_padding_are_zero_and_not_computed() -> None:
    model, x = net(), audio(1)
    found = occlusion(model, x, window=8, hop=8, supports=[20])["output"][0]
    whole = occlusion(model, x, window=8, hop=8)["output"][0]
    torch.testing.assert_close(found[:3], whole[:3], rtol=0, atol=1e-12)  # products of other sizes round otherwise
    assert found[3:].abs().max() == 0 < whole[3:].abs().max()


def test_bands_share_out_the_whole_spectrum() -> None:
    edges = band_edges(96_000)
    assert edges[0] == 0
    assert edges[-1] == 48_001
    assert (np.diff(edges) > 0).all()
    weight, x = torch.randn(1, 4_000, dtype=torch.float64), audio(1, samples=4_000)
    found = band_occlusion(Linear(weight), x)["output"]
    np.testing.assert_allclose(found.sum(), (weight * x[:, 0]).sum(), atol=1e-9)


def test_the_band_of_a_tone_is_found() -> None:
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(4_000, dtype=torch.float64) / 16_000)[None]
    found = band_occlusion(Linear(tone), tone[None])["output"][0]
    edges = band_edges(4_000)
    band = int(np.searchsorted(edges, 250, side="right")) - 1  # 4 Hz per bin
    assert found.argmax() == band
    assert found[band] / found.abs().sum() > 0.999
