"""Somebody's weights: what is no state dict of numbers for the network is refused by name."""

from __future__ import annotations

import re
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


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
def test_what_is_advised_about_weights_that_are_not_read_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quantised network's are packed, and those of a lazy one are not made: its factory loads them, or it runs."""
    monkeypatch.chdir(tmp_path)
    Path("weighed.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "def lazy():\n"
        "    return nn.Sequential(nn.LazyConv1d(3, 16, 8), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())\n"
        "def packed():\n"
        "    net = nn.Sequential(nn.Conv1d(1, 3, 16, 8), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 3))\n"
        "    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear})\n"
        "def loading():\n"
        "    net = packed()\n"
        "    net.load_state_dict(torch.load('packed.pt'))\n"
        "    return net\n"
    )
    sound = torch.ones(1, 1, 4_000)
    lazy, packed = (factory.network_of(f"weighed:{name}") for name in ("lazy", "packed"))
    torch.save(packed.state_dict(), "packed.pt")
    with pytest.raises(UserError, match=r"packed weights of a quantised network.*let the factory load them, without"):
        factory.load("weighed:packed", weights=Path("packed.pt"), samples=4_000)
    loaded = factory.load("weighed:loading", samples=4_000).model
    assert torch.equal(loaded(sound), packed(sound))
    unmade = torch.nn.Sequential(torch.nn.LazyConv1d(3, 16, 8))
    torch.save(unmade.state_dict(), "lazy.pt")
    with pytest.raises(UserError, match="lazy parameters that have no numbers yet; run the network on a sound first"):
        factory.load("weighed:lazy", weights=Path("lazy.pt"), samples=4_000)
    torch.save(lazy.state_dict(), "made.pt")
    assert torch.equal(factory.load("weighed:lazy", weights=Path("made.pt"), samples=4_000).model(sound), lazy(sound))


def test_a_file_is_told_by_its_module_and_from_where_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "there" / "parted"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "tiny_one.py").write_text("from tests.fuzzing.models import tiny\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in (str(package / "tiny_one.py"), "../there/parted/tiny_one.py"):
        with pytest.raises(UserError) as told:
            factory.load(f"{path}:tiny")
        folder, module = re.search(r"run in (.*), or put that into PYTHONPATH, .*: (\S+)\.$", str(told.value)).groups()
        assert (folder, module) == (str(tmp_path / "there"), "parted.tiny_one:tiny")
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=r"write its module: parted\.tiny_one:tiny\."):
        factory.load("./parted/tiny_one.py:tiny")
    factory.load(module, samples=4_000)
