"""Networks of other rates hear the recording itself, all of it or with a word on the rest; and what files and networks
of other kinds are taken for."""

from collections import OrderedDict, namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.api.explain import QUICK, explain_files, foreign_network
from elor.api.heard import left_out, windows
from elor.errors import UserError
from elor.report.explanation import blocks, opening
from elor.report.recording import recordings
from elor.report.text import Format, render

FEW = replace(QUICK, twins=2, steps=2, most=4)
HERE = __name__


def tone(rate: int, seconds: float, hertz: float, begin: float, end: float) -> NDArray:
    """Faint noise with a tone in it."""
    time = np.arange(round(rate * seconds)) / rate
    sounding = (time >= begin) & (time < end)
    return 1e-4 * np.random.default_rng(0).standard_normal(len(time)) + sounding * 0.5 * np.sin(
        2 * np.pi * hertz * time
    )


class Above(nn.Module):
    """Class 1 by what lies above half the band."""

    def forward(self, audio: Tensor) -> Tensor:
        power = torch.fft.rfft(audio[:, 0]).abs().square() / audio.shape[-1]
        score = power[:, power.shape[1] // 2 :].sum(1).div(10)
        return torch.stack([torch.full_like(score, 0.5), score], 1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100])
def test_a_network_is_asked_about_the_file_at_its_own_rate(rate: int, tmp_path: Path) -> None:
    sound = tone(rate, 1.0, 0.27 * rate, 0.4, 0.6)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="DOUBLE")
    network = foreign_network(f"{HERE}:Above", rate=rate)
    found = explain_files([tmp_path / "a.wav"], network, tmp_path / "out", FEW)
    (window,) = found["recordings"]["a"]["windows"]
    with torch.no_grad():
        right = Above()(torch.from_numpy(sound).float()[None, None])[0].tolist()
    assert window["prediction"]["output"]["logits"] == pytest.approx(right, rel=1e-5)
    assert window["prediction"]["output"]["label"] == 1
    where = window["strongest"]["output"]
    assert where["end_s"] - where["start_s"] == pytest.approx(0.1, abs=1e-3)
    assert where["start_s"] >= 0.39
    assert where["end_s"] <= 0.61
    maps = np.load(tmp_path / "out" / "a" / "window-00.npz")
    assert (len(maps["sound"]), maps["occlusion"].shape[1]) == (rate, 19)
    assert {soundfile.info(path).samplerate for path in (tmp_path / "out" / "a").glob("*.wav")} == {rate}
    page = recordings(found, tmp_path / "out")
    assert f'"rate": {rate}' in page.replace('"rate":', '"rate": ').replace("  ", " ")
    assert found.plot()[0].get_xlim() == (0, 1)


def test_another_rate_is_reached_once_and_in_floats(tmp_path: Path) -> None:
    sound = tone(44_100, 1.0, 9_000, 0.0, 1.0)
    soundfile.write(tmp_path / "a.wav", sound, 44_100, subtype="DOUBLE")
    explain_files([tmp_path / "a.wav"], foreign_network(f"{HERE}:Above", rate=22_050), tmp_path / "out", FEW)
    heard = np.load(tmp_path / "out" / "a" / "window-00.npz")["sound"]
    time = np.arange(22_050) / 22_050
    assert np.abs(heard - 0.5 * np.sin(2 * np.pi * 9_000 * time))[500:-500].max() < 1e-3


class Loud(nn.Module):
    """Two values, the sum and its double: linear."""

    def forward(self, audio: Tensor) -> Tensor:
        first = audio[:, 0, :2_000].sum(1)
        return torch.stack([first, -first], 1)


def test_alterations_are_made_at_16_khz_or_said_to_be_missing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    said = {}
    for rate in (8_000, 24_000):
        sound = 0.1 + 0.01 * rng.standard_normal(rate // 2)
        soundfile.write(tmp_path / "a.wav", sound, rate, subtype="DOUBLE")
        network = foreign_network(f"{HERE}:Loud", rate=rate)
        found = explain_files([tmp_path / "a.wav"], network, tmp_path / "out", replace(FEW, thorough=True))
        said[rate] = found["recordings"]["a"]["windows"][0]
    gain, logit = said[8_000]["interventions"]["gain"]["heads"]["output"], said[8_000]["prediction"]["output"]["logits"]
    assert gain["6"]["change"] == pytest.approx((10 ** (6 / 20) - 1) * logit[0], rel=0.01)
    assert said[24_000]["interventions"] == {}
    assert any("this network hears 24000 Hz" in one for one in said[24_000]["remarks"])


def test_what_no_window_holds_is_said(tmp_path: Path) -> None:
    sound = tone(8_000, 4.4, 400, 4.06, 4.38)
    sound[8_000:16_000] = 0
    soundfile.write(tmp_path / "a.wav", sound, 8_000, subtype="DOUBLE")
    network = foreign_network(f"{HERE}:Above", rate=8_000, samples=8_000)
    found = explain_files([tmp_path / "a.wav"], network, tmp_path / "out", FEW)
    starts = [window["start_s"] for window in found["recordings"]["a"]["windows"]]
    assert starts == [0, 2, 3]
    assert found["recordings"]["a"]["left_out"] == [
        {"start_s": 1, "end_s": 2, "sounds": False},
        {"start_s": 4, "end_s": 4.4, "sounds": True},
    ]
    for said in (blocks(found), opening(found)):
        text = " ".join(render(said, Format.markdown).split())
        assert "4.00-4.40 s was not explained: it fills up to half a window" in text
        assert "1.00-2.00 s was not explained: it is digital silence" in text
    assert "4.00-4.40 s was not explained" in recordings(found, tmp_path / "out")


def test_silence_and_a_short_rest_beside_it_are_told_apart() -> None:
    sound = np.concatenate([np.ones(100), np.zeros(200), np.ones(40)])
    held = [{"start_s": start / 100, "samples": 100} for start, _, _ in windows(sound, 100)]
    assert left_out(sound, held, 100) == [
        {"start_s": 1, "end_s": 3, "sounds": False},
        {"start_s": 3, "end_s": 3.4, "sounds": True},
    ]


def test_faint_sounds_are_not_rounded_to_silence(tmp_path: Path) -> None:
    sound = 3e-5 * np.sin(np.arange(8_000) / 20)
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="PCM_24")
    explain_files([tmp_path / "a.wav"], foreign_network(f"{HERE}:Loud"), tmp_path / "out", FEW)
    heard = np.load(tmp_path / "out" / "a" / "window-00.npz")["sound"]
    assert np.abs(heard - sound).max() < 2**-23


class Flat(nn.Module):
    """Takes (batch, samples), and says so in words of its own."""

    def forward(self, audio: Tensor) -> Tensor:
        assert audio.dim() == 2, f"expected (batch, time), got {tuple(audio.shape)}"
        return audio[:, :3]


def test_a_network_of_sounds_without_a_channel_is_told_of_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 0.5, 400, 0, 1), 16_000)
    for samples in (None, 4_000):
        network = foreign_network(f"{HERE}:Flat", samples=samples)
        failed = explain_files([tmp_path / "a.wav"], network, tmp_path / "out", FEW)["failed"]
        (why,) = failed.values()
        assert "audio[:, 0]" in why
        assert "--samples" not in why


Affect = namedtuple("Affect", "emotion valence")


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emotion, self.valence = nn.Linear(1, 3), nn.Linear(1, 1)

    def forward(self, audio: Tensor) -> Affect:
        level = audio.square().mean(-1)
        return Affect(self.emotion(level), self.valence(level))


def test_heads_of_a_named_tuple_have_its_names_and_a_single_value_that_of_its_head() -> None:
    model = foreign_network(f"{HERE}:Named", values=["valence"]).subject.model
    assert {name: value.shape[1] for name, value in model(torch.randn(1, 1, 80)).items()} == {
        "emotion": 3,
        "valence": 1,
    }


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "model._orig_mod."])
def test_weights_of_a_wrapped_network_are_its_own(prefix: str, tmp_path: Path) -> None:
    made = Named().state_dict()
    torch.save(OrderedDict((prefix + name, value) for name, value in made.items()), tmp_path / "w.pt")
    loaded = foreign_network(f"{HERE}:Named", tmp_path / "w.pt").subject.model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in made.items())
    torch.save({prefix + name: value for name, value in list(made.items())[1:]}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="do not fit"):
        foreign_network(f"{HERE}:Named", tmp_path / "w.pt")
