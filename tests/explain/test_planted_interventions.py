"""Planted networks, whose one cue is known, are moved by the interventions on that cue and by no other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elor.engine import Engine
from elor.explain.interventions import run as running
from elor.explain.interventions.run import run
from elor.explain.interventions.summary import summarise
from elor.explain.pause_detection import pauses
from elor.targets import Head
from tests.explain.altered import LENGTHENING, jobs_of

pytestmark = pytest.mark.long


class Planted(nn.Module):
    """One head whose value is a known function of the signal (batch, samples)."""

    architecture = SimpleNamespace(inputs=("audio",), heads=(Head("arousal", None),))

    def __init__(self, cue: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.cue = cue

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        return {"arousal": self.cue(audio[:, 0].double())[:, None]}


class Polarised(Planted):
    """A head of five classes: the more of the cue, the likelier are both extremes, whichever label is expected."""

    architecture = SimpleNamespace(inputs=("audio",), heads=(Head("valence", 5),))

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        return {"valence": super().forward(audio)["arousal"] * torch.tensor([2.0, 1.0, 0.0, 1.0, 2.0])}


def level(signals: Tensor) -> Tensor:
    """RMS, dB."""
    return 10 * torch.log10(signals.square().mean(1))


def brightness(signals: Tensor) -> Tensor:
    """The energy above 2 kHz in tenths of a per cent of all: beside it untrained guesses (-1 to 1) are small."""
    power = torch.fft.rfft(signals).abs().square()
    return 1_000 * power[:, 12_000:].sum(1) / power.sum(1)


def interruptions(signals: Tensor) -> Tensor:
    return torch.tensor([float(len(pauses(np.trim_zeros(signal.numpy(), "b")))) for signal in signals])


def crest(signals: Tensor) -> Tensor:
    """Peak over RMS, of the slice and its padding."""
    return signals.abs().max(1).values / signals.square().mean(1).sqrt()


def padding(signals: Tensor) -> Tensor:
    """Share of the slice behind its last sample that is not zero."""
    return torch.tensor([1 - len(np.trim_zeros(signal.numpy(), "b")) / len(signal) for signal in signals])


def tempo(signals: Tensor) -> Tensor:
    """Minus the mean length of pauses, seconds: whatever speeds speech up raises it, whatever the padding."""
    spans = [pauses(np.trim_zeros(signal.numpy(), "b")) for signal in signals]
    return torch.tensor([-np.mean([stop - start for start, stop in some] or [0]) / 16_000 for some in spans])


def linear(signals: Tensor) -> Tensor:
    return signals @ torch.sin(torch.arange(96_000, dtype=torch.float64) / 50)


def guess(signals: Tensor) -> Tensor:
    """What stands for an untrained network here: at random, but the same twice."""
    noise = torch.randn(96_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 300
    return torch.tanh(signals @ noise)


@pytest.fixture(scope="module")
def planted(speech_corpus, here) -> dict[str, dict]:
    """By cue and intervention the effect on the network that knows only this cue."""
    cues = (level, brightness, interruptions, crest, linear, padding, tempo)
    models = {(cue.__name__, -1): Planted(cue) for cue in cues} | {(cue.__name__, 0): Planted(guess) for cue in cues}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_models", lambda job, sounds, device: models)
        summary = summarise(run(jobs_of(speech_corpus), Engine("cpu")), speech_corpus.slices).tree()
    return {
        cue: {name: entry["heads"]["arousal"] for name, entry in entries.items()}
        for cue, entries in summary["networks"].items()
    }


def verdicts(effects: dict, *names: str) -> set[str]:
    return {effects[name]["verdict"] for name in names}


def test_a_level_network_is_moved_by_gain_and_by_nothing_that_keeps_the_level(planted) -> None:
    effects = planted["level"]
    assert verdicts(effects, "gain") == {"raises"}
    assert effects["gain"]["slope"]["per_unit"] == pytest.approx(1.0, abs=1e-6)  # the answer is the level in dB
    assert {dose: entry["change"] for dose, entry in effects["gain"]["doses"].items()} == pytest.approx(
        {"-12": -12, "-6": -6, "0": 0, "6": 6, "12": 12}, abs=1e-5
    )
    kept = ("low_pass", "high_pass", "low_shelf", "high_shelf", "peak_limiting", "pitch")
    assert verdicts(effects, *kept) == {"no effect found"}
    assert max(abs(dose["change"]) for name in kept for dose in effects[name]["doses"].values()) < 1e-5
    assert effects["noise"]["doses"]["0"]["change"] == pytest.approx(3.01, abs=0.1)  # as much noise as signal


def test_a_brightness_network_is_moved_by_the_spectrum_and_not_by_gain(planted) -> None:
    effects = planted["brightness"]
    assert verdicts(effects, "gain") == {"no effect found"}
    assert verdicts(effects, "low_pass", "low_shelf") == {"lowers"}
    assert verdicts(effects, "high_pass", "high_shelf", "noise") == {"raises"}
    span = effects["high_shelf"]["doses"]["12"]["change"]
    assert abs(effects["pitch"]["doses"]["2"]["change"]) < 0.1 * span  # the envelope stays


def test_a_network_that_counts_pauses_is_moved_by_their_number_alone(planted) -> None:
    effects = planted["interruptions"]
    assert verdicts(effects, "pause_insertion") == {"raises"}
    assert effects["pause_insertion"]["slope"]["per_unit"] == pytest.approx(1.0, abs=0.05)
    assert effects["pause_insertion"]["sham"]["change"] == 0.0
    assert effects["pause_removal"]["doses"]["1"]["change"] <= -1
    assert verdicts(effects, "gain", "pause_lengthening", "time_stretch") == {"no effect found"}


def test_a_network_that_sees_only_the_padding_has_no_effect_although_every_dose_moves_it(planted) -> None:
    for name in LENGTHENING:
        effect = planted["padding"][name]
        assert effect["verdict"] == "no effect found", name
        assert effect["slope"]["per_unit"] == pytest.approx(0.0, abs=1e-6)
        altered = effect["slope"]["altered"]
        assert not altered["low"] <= 0 <= altered["high"]  # without the control it would have been one
        for dose, control in effect["length_control"].items():
            assert control["change"] == pytest.approx(effect["doses"][dose]["change"], abs=2e-5)
    insertion = planted["padding"]["pause_insertion"]["doses"]
    assert insertion["4"]["change"] == pytest.approx(-4 * 4_800 / 96_000, abs=1e-5)


def test_a_network_that_adds_up_energy_is_moved_by_no_change_of_length(planted) -> None:
    """Slow speech has more of it, and a slice cut to the length of one without pauses has less."""
    stretched = planted["level"]["time_stretch"]
    assert stretched["slope"]["altered"]["per_unit"] < -3  # dB per rate; without the control it would be an effect
    assert stretched["slope"]["altered"]["high"] < 0
    assert abs(stretched["slope"]["per_unit"]) < 1
    assert stretched["verdict"].startswith("undecided")
    assert planted["level"]["pause_removal"]["length_control"]["1"]["change"] < -0.5
    assert planted["level"]["pause_removal"]["verdict"] == "undecided: seen only against its length control"
    for name in ("pause_insertion", "pause_lengthening"):  # dB: the fades at the joints
        assert all(abs(dose["change"]) < 0.05 for dose in planted["level"][name]["length_control"].values())
        assert abs(planted["level"][name]["slope"]["per_unit"]) < 0.05


def test_a_tempo_network_is_found_beyond_the_length(planted) -> None:
    effects = planted["tempo"]
    assert verdicts(effects, "time_stretch", "pause_removal") == {"raises"}
    assert verdicts(effects, "pause_lengthening") == {"lowers"}
    assert effects["pause_lengthening"]["slope"]["per_unit"] == pytest.approx(-1.0, abs=0.05)
    assert effects["time_stretch"]["doses"]["0.8"]["change"] == pytest.approx(-0.1, abs=0.02)  # 0.4 s become 0.5 s
    assert abs(effects["time_stretch"]["length_control"]["0.8"]["change"]) < 0.02
    assert "cut or extended" in effects["time_stretch"]["text"]
    assert "cut or extended" not in effects["gain"]["text"]


def test_a_peak_network_is_lowered_by_limiting_at_equal_level(planted) -> None:
    assert verdicts(planted["crest"], "peak_limiting") == {"lowers"}
    assert verdicts(planted["crest"], "gain") == {"no effect found"}


def test_a_linear_network_changes_in_closed_form(planted, speech_corpus) -> None:
    sounds = torch.from_numpy(np.load(speech_corpus.sound) / 32_768)
    mean = float(linear(sounds).mean())  # speakers have equally many slices
    for dose, entry in planted["linear"]["gain"]["doses"].items():
        assert entry["change"] == pytest.approx((10 ** (float(dose) / 20) - 1) * mean, rel=1e-4, abs=1e-6)


@pytest.fixture(scope="module")
def polarised(speech_corpus, here) -> dict[str, dict]:
    """By intervention what it does to a network whose extremity answers to brightness."""
    models = {("elor", -1): Polarised(brightness), ("elor", 0): Polarised(guess)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_models", lambda job, sounds, device: models)
        return summarise(run(jobs_of(speech_corpus), Engine("cpu")), speech_corpus.slices).tree()["networks"]["elor"]


def test_extremity_answers_to_its_cue_where_the_expected_label_stays(polarised) -> None:
    effects = {name: entry["extremity"]["valence"] for name, entry in polarised.items()}
    assert verdicts(effects, "high_shelf", "high_pass") == {"raises"}
    assert verdicts(effects, "low_shelf", "low_pass") == {"lowers"}
    assert verdicts(effects, "gain") == {"no effect found"}
    assert effects["high_shelf"]["slope"]["per_unit"] > effects["high_shelf"]["slope"]["calibrated"][1]
    assert "moves elor's extremity of valence by +" in effects["high_shelf"]["text"]
    expected = [entry["heads"]["valence"] for entry in polarised.values()]
    assert {effect["verdict"] for effect in expected} == {"no effect found"}
    assert not any(dose["change"] for effect in expected for dose in effect["doses"].values())
