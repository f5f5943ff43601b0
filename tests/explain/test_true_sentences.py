"""What is said beside maps of somebody's network is true: controls, refusals, doubts, and whom they are about."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.explain.any_network import factory
from tests.explain.strange import Plain
from tests.explain.test_strange import SAMPLES


class Cosines(nn.Module):
    """Filters that begin as cosines, whatever the seed, and are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.hertz = nn.Parameter(torch.linspace(100, 3_000, 6))

    def forward(self, audio: Tensor) -> Tensor:
        time = torch.arange(32) / 16_000
        return F.conv1d(audio, (2 * torch.pi * self.hertz[:, None] * time).cos()[:, None] / 6, stride=8)


class Begins(Plain):
    """Its first layer begins alike, the others follow the seed."""

    def __init__(self) -> None:
        super().__init__()
        self.one = Cosines()


class HalfLoaded(Begins):
    """Loads its second layer itself, too."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(7)
            self.two = nn.Conv1d(6, 6, 9, stride=4)


def _trained(net: nn.Module, folder: Path, *left: str) -> Path:
    """A file of weights of which all are changed but some."""
    state = {name: value if name in left else 1.1 * value + 0.01 for name, value in net.state_dict().items()}
    torch.save(state, folder / "best.pt")
    return folder / "best.pt"


def test_weights_that_begin_alike_do_not_hinder_a_twin_where_training_changed_them(tmp_path: Path) -> None:
    subject = factory.load(f"{__name__}:Begins", _trained(Begins(), tmp_path), samples=SAMPLES)
    assert subject.twin is not None, subject.reason
    one, other = (dict(subject.twin(seed).named_parameters()) for seed in (1, 2))
    for name, value in subject.model.named_parameters():
        assert not torch.equal(value, one[name])
        assert torch.equal(one[name], other[name]) == (name == "one.hertz")
    assert torch.equal(one["one.hertz"], torch.linspace(100, 3_000, 6))


@pytest.mark.parametrize(
    ("make", "left", "reason"),
    [
        (Begins, "one.hertz", "gives one.hertz alike whatever the seed, which the weights given have too"),
        (Begins, None, "gives one.hertz alike whatever the seed, and Cosines has parameters but no reset_parameters"),
        (HalfLoaded, "", "gives two.weight, two.bias, one.hertz alike whatever the seed, and Cosines"),
    ],
)
def test_what_begins_alike_and_may_be_trained_is_named(tmp_path: Path, make, left: str | None, reason: str) -> None:
    weights = None if left is None else _trained(make(), tmp_path, left)
    subject = factory.load(f"{__name__}:{make.__name__}", weights, samples=SAMPLES)
    assert subject.twin is None
    names = reason.split(" alike")[0].removeprefix("gives ").split(", ")
    assert all(name in subject.reason for name in names)
    assert reason[reason.index(" alike") :] in subject.reason
