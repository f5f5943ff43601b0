"""Controls: what is put back to chance, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elor.errors import UserError
from elor.explain.controls import SHIFTS, cascade, model_free, partly_untrained, runner_up, shifted_range, untrained
from elor.explain.correlation import pearson
from tests.explain.models import Convolutional
from tests.worlds.networks import new_network


def test_untrained_networks_follow_their_seed_and_leave_the_global_one() -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one, same, other = (untrained(lambda: Convolutional(), seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.first.weight, same.first.weight)
    assert not torch.equal(one.first.weight, other.first.weight)
    assert not one.training


def test_each_weight_is_looked_at_a_fixed_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], nn.parameter.is_lazy
    monkeypatch.setattr(nn.parameter, "is_lazy", lambda value: seen.append(value) or real(value))
    counts = []
    for layers in (4, 8):
        seen.clear()
        untrained(lambda layers=layers: nn.Sequential(*[nn.Linear(2, 2) for _ in range(layers)]), 1)
        counts.append(len(seen))
    assert counts[1] == 2 * counts[0]


def test_only_the_named_parts_are_put_back() -> None:
    trained, fresh = new_network(seed=1), new_network(seed=2)
    mixed = partly_untrained(trained, new_network(seed=2), ("heads", "cnn.2")).state_dict()
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


@pytest.mark.parametrize("count", [240, 249])
def test_the_range_of_shifts_is_that_of_rolled_maps(count: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, count)) + 0.3
    used = 243 if count == 249 else 240  # cut to a length that is transformed fast
    every = [pearson(np.roll(a[:used], lag), b[:used]) for lag in range(50, used - 50 + 1)]
    assert len(every) < SHIFTS  # so that all are taken
    assert shifted_range(a, b, 50) == pytest.approx(np.percentile(every, [2.5, 97.5]))


def test_of_many_shifts_some_are_drawn() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 20_000)).astype(np.float32)
    low, high = shifted_range(a, b, 50)
    assert (low, high) == pytest.approx((-1.96 / 20_000**0.5, 1.96 / 20_000**0.5), rel=0.3)
    assert shifted_range(a, b, 50) == (low, high)


def test_a_signal_is_shifted_away_from_itself() -> None:
    pulse = np.zeros(500)
    pulse[100:110] = 1
    assert shifted_range(pulse, pulse, 50)[1] < 0  # its own peak is left out
    assert shifted_range(np.ones(500), pulse, 50) is None
