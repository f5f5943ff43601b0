"""What a factory reads from files is no constant: a twin that keeps it is none, wherever it is held."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from elor.api.explain import explain_files, foreign_network
from elor.explain.any_network import factory
from tests.explain.strange import Plain
from tests.explain.test_strange import QUICK, SAMPLES

HERE = __name__
FOLDER = Path()


class Scaled(Plain):
    """Scales its channels by something that it holds."""

    def __init__(self, held: object, get: Callable[[object], object]) -> None:
        super().__init__()
        self.held, self.get = held, get

    def forward(self, audio: Tensor) -> Tensor:
        scale = torch.as_tensor(self.get(self.held)).float()
        return self.out(F.relu(self.two(F.relu(self.one(audio)))).mean(-1) * scale)


class Buffered(Plain):
    """The same, in a buffer, beside a window that is loaded with it."""

    def __init__(self, scale: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(6) if scale is None else scale)
        self.register_buffer("window", torch.hann_window(32))

    def forward(self, audio: Tensor) -> Tensor:
        one = F.conv1d(audio, self.one.weight * self.window, self.one.bias, stride=8)
        return self.out(F.relu(self.two(F.relu(one))).mean(-1) * self.scale)


def in_list() -> nn.Module:
    return Scaled([torch.load(FOLDER / "scale.pt")], lambda held: held[0])


def in_dict() -> nn.Module:
    return Scaled({"scale": np.load(FOLDER / "scale.npy")}, lambda held: held["scale"])


def in_attribute() -> nn.Module:
    return Scaled(load_file(FOLDER / "scale.safetensors")["scale"], lambda held: held)


def opened() -> nn.Module:
    with safe_open(FOLDER / "scale.safetensors", "pt") as file:
        return Scaled(file.get_tensor("scale"), lambda held: held)


def read_only() -> nn.Module:
    return Scaled(np.frombuffer((FOLDER / "scale.raw").read_bytes(), np.float32), lambda held: held)


def derived() -> nn.Module:
    with (FOLDER / "scale.pkl").open("rb") as file:
        return Scaled(1 / np.asarray(pickle.load(file)).clip(0.1), lambda held: held)


def buffer() -> nn.Module:
    return Buffered(torch.from_numpy(np.fromfile(FOLDER / "scale.raw", np.float32)))


def buffer_of_state() -> nn.Module:
    net = Buffered()
    net.load_state_dict(torch.load(FOLDER / "buffers.pt"), strict=False)
    return net


def reads_for_nothing() -> nn.Module:
    np.load(FOLDER / "scale.npy")
    return Scaled(np.hanning(8)[1:7], lambda held: held)


def loads_a_window() -> nn.Module:
    net = Buffered()
    net.load_state_dict({"window": torch.load(FOLDER / "buffers.pt")["window"]}, strict=False)
    return net


def reads_settings() -> nn.Module:
    (FOLDER / "settings.json").read_text()
    return Scaled(np.hanning(8)[1:7], lambda held: held)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{HERE}.FOLDER", tmp_path)
    scale = torch.linspace(0.5, 2, 6)
    torch.save(scale, tmp_path / "scale.pt")
    np.save(tmp_path / "scale.npy", scale.numpy())
    save_file({"scale": scale}, tmp_path / "scale.safetensors")
    (tmp_path / "scale.raw").write_bytes(scale.numpy().tobytes())
    (tmp_path / "scale.pkl").write_bytes(pickle.dumps(scale.numpy()))
    (tmp_path / "settings.json").write_text("{}")
    torch.save({"scale": scale, "window": torch.hann_window(32)}, tmp_path / "buffers.pt")


READING = {"in_list": "held.0", "in_dict": "held.scale", "in_attribute": "held", "opened": "held", "read_only": "held"}
READING |= {"derived": "held", "buffer": "scale", "buffer_of_state": "scale"}


@pytest.mark.parametrize("name", READING)
def test_a_twin_that_keeps_what_was_read_is_none(name: str, tmp_path: Path) -> None:
    subject = factory.load(f"{HERE}:{name}", samples=SAMPLES)
    assert subject.twin is None
    assert f"gives {READING[name]} alike whatever the seed" in subject.reason
    assert "window" not in subject.reason
    assert "Nobody loaded all of its weights" in subject.unloaded
    given = Plain().state_dict() if "buffer" not in name else Buffered(torch.linspace(0.5, 2, 6)).state_dict()
    torch.save(given, tmp_path / "weights.pt")
    filled = factory.load(f"{HERE}:{name}", tmp_path / "weights.pt", samples=SAMPLES)
    assert filled.twin is None
    assert f"gives {READING[name]} alike" in filled.reason


@pytest.mark.parametrize("name", ["reads_for_nothing", "loads_a_window", "reads_settings"])
def test_constants_are_the_twins_too(name: str) -> None:
    subject = factory.load(f"{HERE}:{name}", samples=SAMPLES)
    assert subject.twin is not None, subject.reason
    assert not torch.equal(subject.model.one.weight, subject.twin(0).one.weight)


def _explained(spec: str, tmp_path: Path, weights: Path | None = None) -> str:
    """What the page says of the network, of a sound of its own."""
    sound = 0.1 * torch.randn(SAMPLES, generator=torch.Generator().manual_seed(0)).numpy()
    soundfile.write(tmp_path / "noise.wav", sound, 16_000)
    network = foreign_network(spec, weights, files=[tmp_path / "noise.wav"])
    return explain_files([tmp_path / "noise.wav"], network, tmp_path / "out", QUICK)._repr_html_()


def test_a_network_whose_weights_nobody_loaded_is_called_so(tmp_path: Path) -> None:
    text = _explained("tests.explain.strange:Plain", tmp_path)
    assert "Nobody loaded its weights: there are no --weights" in text
    assert "it is untrained" in text
    assert "shows that training changed it" not in text
    torch.save(Plain().state_dict(), tmp_path / "weights.pt")
    text = _explained("tests.explain.strange:Plain", tmp_path, tmp_path / "weights.pt")
    assert "Nobody loaded" not in text
    assert "shows that training changed it" in text


def half_loaded() -> nn.Module:
    net = Plain()
    net.one.load_state_dict(torch.load(FOLDER / "one.pt"))
    return net


def wholly_loaded() -> nn.Module:
    net = Plain()
    net.load_state_dict(torch.load(FOLDER / "all.pt"))
    return net


def test_weights_that_are_loaded_in_part_are_told_apart(tmp_path: Path) -> None:
    torch.save(Plain().one.state_dict(), tmp_path / "one.pt")
    torch.save(Plain().state_dict(), tmp_path / "all.pt")
    half, whole = (factory.load(f"{HERE}:{name}_loaded", samples=SAMPLES) for name in ("half", "wholly"))
    assert "Nobody loaded all of its weights" in half.unloaded
    assert "two.weight, two.bias, out.weight, out.bias" in half.unloaded
    assert "one.weight" not in half.unloaded
    assert whole.unloaded == ""
    assert whole.twin is not None, whole.reason
