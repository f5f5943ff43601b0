"""Somebody's weights: what is no state dict of numbers for the network is refused by name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from elor.errors import UserError
from elor.explain.any_network import factory
from tests.fuzzing.models import tiny

SPEC = "tests.fuzzing.models:tiny"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({7: torch.zeros(1)}, "holds no state dict"),
        ({"0.bias": torch.tensor([1.0, float("nan")])}, r"no numbers \(NaN or infinite\) in 0\.bias"),
        ({"0.bias": torch.zeros(1).expand(2**31)}, "do not fit the network"),
        ({"0.bias": "x"}, "holds no state dict"),
    ],
)
def test_weights_that_are_none_are_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    torch.save(tiny().state_dict() | change, tmp_path / "weights.pt")
    with pytest.raises(UserError, match=sentence):
        factory.load(SPEC, weights=tmp_path / "weights.pt")


def test_an_archive_that_announces_more_than_it_holds_is_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    with pytest.raises(UserError, match=r"announce 50,000,000 bytes in a file of \d"):
        factory.load(SPEC, weights=tmp_path / "weights.pt")


def test_good_weights_are_taken(tmp_path: Path) -> None:
    state = tiny().state_dict()
    torch.save({"state_dict": state}, tmp_path / "weights.pt")
    found = factory.load(SPEC, weights=tmp_path / "weights.pt").model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())
