"""Controls: what is put back to chance, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elor.errors import UserError
from elor.explain.controls import cascade, mean_shift, model_free, partly_untrained, runner_up, untrained
from elor.explain.correlation import pearson
from tests.explain.models import Convolutional, elor


def test_untrained_networks_follow_their_seed_and_leave_the_global_one() -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one, same, other = (untrained(lambda: Convolutional(), seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.first.weight, same.first.weight)
    assert not torch.equal(one.first.weight, other.first.weight)
    assert not one.training


def test_only_the_named_parts_are_put_back() -> None:
    trained, fresh = elor(seed=1), elor(seed=2)
    mixed = partly_untrained(trained, elor(seed=2), ("heads", "cnn.2")).state_dict()
    for name, value in mixed.items():
        source = fresh if name.startswith(("heads.", "cnn.2.")) else trained
        assert torch.equal(value, source.state_dict()[name]), name
    assert not torch.equal(mixed["cnn.2.conv.weight"], trained.state_dict()["cnn.2.conv.weight"])
    assert not torch.equal(mixed["cnn.0.conv.weight"], fresh.state_dict()["cnn.0.conv.weight"])
    with pytest.raises(UserError, match="no part head "):
        partly_untrained(trained, fresh, ("head",))


def test_the_cascade_runs_from_the_top() -> None:
    assert cascade(["heads", "cnn.1", "cnn.0"]) == [("heads",), ("heads", "cnn.1"), ("heads", "cnn.1", "cnn.0")]


def test_the_runner_up_is_the_second_class() -> None:
    found = runner_up({"a": torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 0.0]]), "value": torch.tensor([[1.0], [2.0]])})
    assert found["a"].tolist() == [2, 1]
    assert set(found) == {"a"}


def test_signals_without_a_model() -> None:
    found = model_free(np.array([1.0, -2.0, 0.5]))
    assert found["|x|"].tolist() == [1.0, 2.0, 0.5]
    assert found["|dx|"].tolist() == [0.0, 3.0, 2.5]


@pytest.mark.parametrize("count", [500, 499])
def test_r_with_the_mean_shift_is_the_mean_r_of_the_shifts(count: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, count)) + 0.3
    mean = mean_shift(b, seed=3, shifts=20, nearest=50)
    lags = np.random.default_rng(3).integers(50, count - 50 + 1, size=20)
    expected = np.mean([pearson(np.roll(a, lag), b) for lag in lags])
    assert (a - a.mean()) @ mean / np.linalg.norm(a - a.mean()) / np.linalg.norm(b - b.mean()) == pytest.approx(
        expected
    )


def test_a_signal_is_shifted_away_from_itself() -> None:
    pulse = np.zeros(500)
    pulse[100] = 1
    found = mean_shift(pulse, seed=0, nearest=50) + 1 / 500
    assert found.sum() == pytest.approx(1)
    assert np.abs(found[51:150]).max() < 1e-12  # nothing within 50 samples
    assert (found[:50] > 1e-3).any()
