"""Deletion and insertion on models whose answer is known."""

from __future__ import annotations

import pytest
import torch

from elor.explain.erasure import LEVELS, baselines, erasure, from_windows
from tests.explain.models import Linear


def test_on_a_linear_model_the_best_order_is_that_of_the_segment_sums() -> None:
    parts = torch.tensor([5.0, -1.0, 3.0, 0.0, 2.0, 1.0, 0.0, 0.0, -2.0, 4.0], dtype=torch.float64)
    signal = torch.ones(40, dtype=torch.float64)
    model = Linear(parts.repeat_interleave(4)[None] / 4)
    found = erasure(model, signal, "output", 0, {"best": parts, "worst": -parts}, support=40, segment=4)
    kept = [max(1, round(level * 10)) for level in LEVELS]
    best = sum(parts.sort(descending=True).values[:k].sum().item() for k in kept) / len(kept)
    worst = sum(parts.sort().values[:k].sum().item() for k in kept) / len(kept)
    assert found["best"] == pytest.approx((best, best))
    assert found["worst"] == pytest.approx((worst, worst))


def test_the_padding_is_never_chosen() -> None:
    scores = torch.tensor([0.0, 1.0, 9.0, 9.0])
    signal = torch.tensor([1.0, 2.0, 0.0, 0.0])
    found = erasure(Linear(torch.ones(1, 4)), signal, "output", 0, {"map": scores}, support=2, segment=1)
    assert found["map"] == pytest.approx((2.0, 2.0))  # one of two segments at every level


def test_baselines_and_windows() -> None:
    signal = torch.tensor([1.0, -1.0, 3.0, 0.0, 0.1, 0.1])
    found = baselines(signal, seed=0, segment=2)
    assert found["loudest"].argsort(descending=True).tolist() == [1, 0, 2]
    assert torch.equal(found["random"], baselines(signal, seed=0, segment=2)["random"])
    assert not torch.equal(found["random"], baselines(signal, seed=1, segment=2)["random"])
    assert from_windows(torch.tensor([2.0, 4.0])).tolist() == [2.0, 3.0, 4.0]
