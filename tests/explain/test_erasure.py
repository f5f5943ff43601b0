"""Deletion and insertion on models whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elor.explain.erasure import LEVELS, baselines, erasure, from_windows, points
from elor.explain.integrated import noise_like
from tests.explain.models import Linear


def test_on_a_linear_model_the_best_order_is_that_of_the_segment_sums() -> None:
    parts = torch.tensor([5.0, -1.0, 3.0, 0.0, 2.0, 1.0, 0.0, 0.0, -2.0, 4.0], dtype=torch.float64)
    signal = torch.ones(40, dtype=torch.float64)
    model = Linear(parts.repeat_interleave(4)[None] / 4)
    found = erasure(model, signal, "output", 0, {"best": parts, "worst": -parts}, support=40, segment=4)
    kept = [max(1, round(level * 10)) for level in LEVELS]
    best = sum(parts.sort(descending=True).values[:k].sum().item() for k in kept) / len(kept)
    worst = sum(parts.sort().values[:k].sum().item() for k in kept) / len(kept)
    for order, value in (("best", best), ("worst", worst)):
        assert found[order]["deletion"] == pytest.approx(value)
        assert found[order]["insertion"] == pytest.approx(value)
    first = parts.sort(descending=True).values.cumsum(0)
    assert [found["best"][name] for name in points("deletion").values()] == pytest.approx(
        first[[k - 1 for k in kept]].tolist()
    )


def test_changes_may_be_counted_by_their_size() -> None:
    parts = torch.tensor([5.0, -9.0, 3.0, 0.0, 2.0, 1.0, 0.0, 0.0, -2.0, 4.0], dtype=torch.float64)
    model, order = Linear(parts.repeat_interleave(4)[None] / 4), parts.abs()
    signal = torch.ones(40, dtype=torch.float64)
    found = erasure(model, signal, "output", 0, {"size": order}, support=40, segment=4, either_way=True)["size"]
    kept = [max(1, round(level * 10)) for level in LEVELS]  # -9; -9; -9 + 5; -9 + 5 + 4 + 3; ..
    sums = parts[order.argsort(descending=True)].cumsum(0)[[k - 1 for k in kept]].abs()
    assert found["deletion"] == found["insertion"] == pytest.approx(float(sums.mean()))
    assert [found[name] for name in points("deletion").values()] == pytest.approx(sums.tolist())


def test_on_a_linear_model_noise_takes_the_place_of_what_is_taken_away() -> None:
    parts = torch.tensor([5.0, -1.0, 3.0, 0.0, 2.0, 1.0, 0.0, 0.0, -2.0, 4.0], dtype=torch.float64)
    signal = torch.ones(40, dtype=torch.float64)
    weights = parts.repeat_interleave(4) / 4
    found = erasure(Linear(weights[None]), signal, "output", 0, {"best": parts}, support=40, segment=4, seed=3)["best"]
    floor = (weights * noise_like(signal, seed=3)).reshape(10, 4).sum(1)
    order = parts.argsort(descending=True)
    removed = [(parts - floor)[order[: max(1, round(level * 10))]].sum().item() for level in LEVELS]
    assert found["noise deletion"] == pytest.approx(sum(removed) / len(removed))
    assert found["noise insertion"] == pytest.approx(sum(removed) / len(removed))
    assert found["noise deletion"] != pytest.approx(found["deletion"], abs=1e-6)


def test_a_network_that_hears_only_silence_is_found_out_by_noise() -> None:
    class Gaps(nn.Module):
        """Its logit is minus the share of samples that are exactly zero: an answer to the mask, not to speech."""

        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            return -(audio == 0).float().mean(-1)

    found = erasure(Gaps(), torch.ones(40), "output", 0, {"any": torch.rand(10)}, support=40, segment=4)["any"]
    assert found["deletion"] > 0.2
    assert found["noise deletion"] == 0


def test_the_padding_is_never_chosen() -> None:
    scores = torch.tensor([0.0, 1.0, 9.0, 9.0])
    signal = torch.tensor([1.0, 2.0, 0.0, 0.0])
    found = erasure(Linear(torch.ones(1, 4)), signal, "output", 0, {"map": scores}, support=2, segment=1)
    assert found["map"]["deletion"] == found["map"]["insertion"] == pytest.approx(2.0)  # one of two segments


def test_the_padding_stays_silent_under_noise() -> None:
    signal = torch.cat([torch.ones(30), torch.zeros(10)])
    seen: list[torch.Tensor] = []

    class Watching(nn.Module):
        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            seen.append(audio[..., 30:].abs().max())
            return audio.sum(-1)

    erasure(Watching(), signal, "output", 0, {"any": torch.rand(10)}, support=30, segment=4, trusted=True)
    assert max(seen) == 0


def test_baselines_and_windows() -> None:
    signal = torch.tensor([1.0, -1.0, 3.0, 0.0, 0.1, 0.1])
    found = baselines(signal, seed=0, segment=2)
    assert found["loudest"].argsort(descending=True).tolist() == [1, 0, 2]
    assert torch.equal(found["random"], baselines(signal, seed=0, segment=2)["random"])
    assert not torch.equal(found["random"], baselines(signal, seed=1, segment=2)["random"])
    assert from_windows(torch.tensor([2.0, 4.0])).tolist() == [2.0, 3.0, 4.0]
