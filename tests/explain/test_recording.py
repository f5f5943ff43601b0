"""One recording on anybody's network: factories and their mistakes, twins, maps beside controls, trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.alterations_and_prototypes import interventions, seek
from elor.explain.any_network.subjects import Resampled, Subject, committee, probabilities
from elor.explain.any_network.verdicts import NO_CONTROL
from elor.explain.any_network.window import Effort, Explained, asked, explain
from elor.explain.controls import shifted_range
from elor.explain.correlation import pearson
from elor.explain.erasure import MEASURES
from elor.explain.prototypes.ascent import Ascent
from elor.registry import METHODS
from tests.explain.foreign_networks import Functional, Outside, faint
from tests.worlds.networks import new_network

pytestmark = pytest.mark.long

HERE = "tests.explain.foreign_networks"
QUICK = Effort(twins=3, steps=8, most=16)


def voice(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Bursts of noise with a pause."""
    rng = np.random.default_rng(seed)
    count = round(16_000 * seconds)
    level = np.where(np.abs(np.linspace(0, 1, count) - 0.5) < 0.15, 0.001, 0.1)
    return level * rng.standard_normal(count)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nowhere.to.be:found", "no module nowhere.to.be"),
        (f"{HERE}", "write it as package.module:factory"),
        (f"{HERE}:nothing", "has no nothing"),
        (f"{HERE}:NUMBER", "an int and cannot be called"),
        (f"{HERE}:a_list", "returns a list"),
        (f"{HERE}:broken", "fails when it is called without arguments: KeyError"),
        (f"{HERE}:needs_an_argument", "needs_an_argument.*size"),
    ],
)
def test_what_is_no_network_is_said_in_one_sentence(spec: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        factory.load(spec)
    assert "\n" not in str(raised.value)


def test_weights_are_loaded_and_those_of_another_network_refused(tmp_path: Path) -> None:
    state = Functional().state_dict()
    save_file(state, tmp_path / "own.safetensors")
    torch.save({"state_dict": state}, tmp_path / "own.pt")
    for name in ("own.safetensors", "own.pt"):
        subject = factory.load(f"{HERE}:Functional", tmp_path / name)
        assert torch.equal(subject.model.first.weight, state["first.weight"])
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="do not fit the network: Missing key"):
        factory.load(f"{HERE}:Functional", tmp_path / "other.safetensors")
    torch.save(Functional(), tmp_path / "whole.pt")
    with pytest.raises(UserError, match=r"whole.pt .*could run code"):
        factory.load(f"{HERE}:Functional", tmp_path / "whole.pt")
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        factory.load(f"{HERE}:Functional", tmp_path / "damaged.safetensors")
    with pytest.raises(UserError, match="do not exist"):
        factory.load(f"{HERE}:Functional", tmp_path / "absent.pt")


def test_twins_are_untrained_even_where_the_factory_loads_weights() -> None:
    for name in ("Functional", "pretrained", "transformer"):
        subject = factory.load(f"{HERE}:{name}")
        assert subject.twin is not None, subject.reason
        twin, again, other = subject.twin(1), subject.twin(1), subject.twin(2)
        for own, a, b, c in zip(*(m.parameters() for m in (subject.model, twin, again, other)), strict=True):
            assert torch.equal(a, b)
            if own.numel() > 1 and own.min() != own.max():  # constants (norms, zero biases) stay what they are
                assert not torch.equal(a, c)
                assert not torch.equal(a, own)


def test_where_no_twin_can_be_made_it_is_said() -> None:
    assert "Scaled has parameters but no reset_parameters" in factory.load(f"{HERE}:pretrained_scaled").reason
    assert factory.load(f"{HERE}:Outside").reason == "the network has no parameters in torch that could be drawn anew"
    found = explain(factory.load(f"{HERE}:pretrained_scaled"), voice(), 16_000, QUICK).summary
    entry = found["methods"]["gradient"]["heads"]["output"]
    assert entry["verdict"] == NO_CONTROL
    assert "Scaled" in entry["reason"]
    assert entry["reason"] in entry["text"]


def test_a_network_of_another_rate_hears_the_same_sound() -> None:
    class Frequency(nn.Module):
        """The bin of the strongest frequency, as logits."""

        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft(audio[:, 0]).abs()[:, :2_000]

    tone = torch.sin(2 * torch.pi * 440 * torch.arange(16_000) / 16_000)[None, None]
    spectrum = Resampled(Frequency(), 8_000, 8_000)(tone)
    assert int(spectrum.argmax()) == 440


@pytest.fixture(scope="module")
def functional() -> Explained:
    return explain(factory.load(f"{HERE}:Functional"), voice(), 16_000, QUICK, voice(seed=1))


def test_a_functional_network_is_explained_by_every_method(functional: Explained) -> None:
    sound, found = voice(), functional
    methods = found.summary["methods"]
    assert not [name for name, method in methods.items() if method["refused"]]
    assert set(found.maps) == set(METHODS)
    assert found.maps["gradient"].shape == (2, 16_000)
    for method in set(METHODS) - {"stft"}:
        for head in ("0", "1"):
            entry = methods[method]["heads"][head]
            assert len(entry["initial"]) == QUICK.twins
            assert ("class_swap" in entry) == (head == "0")  # the second head has a single value
            assert str(round(entry["r"], 2)) in entry["text"] or f"{entry['r']:.2f}" in entry["text"]
    guided = methods["guided"]["heads"]["0"]
    assert guided["r"] == pytest.approx(pearson(found.maps["guided"][0], sound), abs=1e-5)
    assert guided["verdict"] == "not distinguishable from untrained twins"  # it has learned nothing
    assert guided["shifted"][0] < guided["other"] < guided["shifted"][1]
    assert found.summary["prediction"]["1"]["label"] is None
    falls = found.summary["erasure"]["0"]
    assert set(falls) == {"guided", "gradient", "integrated", "occlusion", "random", "loudest"}
    assert set(falls["random"]) == set(MEASURES)


def test_padding_does_not_count(functional: Explained) -> None:
    sound = np.concatenate([voice(), np.zeros(16_000)])
    found = explain(factory.load(f"{HERE}:Functional"), sound, 16_000, QUICK).summary
    pair = [each["methods"]["gradient"]["heads"]["0"]["r"] for each in (found, functional.summary)]
    assert pair[0] == pytest.approx(pair[1], abs=1e-3)
    assert found["strongest"]["0"]["end_s"] <= 1.0


def test_a_transformer_refuses_guided_backprop_and_nothing_else() -> None:
    found = explain(factory.load(f"{HERE}:transformer"), voice(0.5), 8_000, Effort(twins=2, steps=8, most=8)).summary
    refused = {name: method["refused"] for name, method in found["methods"].items() if method["refused"]}
    assert set(refused) == {"guided"}
    assert "GELU" in refused["guided"]
    assert found["integrated"]["baseline"] in ("silence", "noise at -60 dBFS")


def test_a_classifier_outside_torch_is_explained_by_occlusion() -> None:
    rng = np.random.default_rng(0)
    sound = 0.3 * rng.standard_normal(16_000)
    subject = factory.load(f"{HERE}:Outside")
    found = explain(subject, sound, 16_000, QUICK)
    methods = found.summary["methods"]
    assert {name for name, method in methods.items() if not method["refused"]} == {"occlusion", "bands"}
    assert "try occlusion" in methods["gradient"]["refused"]
    label = found.summary["prediction"]["output"]["label"]
    seventh = slice(round(0.7 * 20), round(0.8 * 20) - 1)
    drops = found.maps["occlusion"][0]
    assert np.abs(drops[seventh]).mean() > 5 * np.abs(drops[:12]).mean(), label
    sought = seek(subject, {"output": 2}, {"output": label}, 4_000, Ascent(steps=3, restarts=1))
    assert "cannot be differentiated" in sought.summary["refused"]
    assert not sought.signals


@pytest.mark.slow
def test_a_classifier_on_is10_is_explained_by_occlusion() -> None:
    """As the one above it, and on openSMILE's vectors."""
    found = explain(factory.load(f"{HERE}:OnIs10"), faint(101, burst=0.4), 16_000, QUICK)
    assert {name for name, one in found.summary["methods"].items() if not one["refused"]} == {"occlusion", "bands"}
    assert found.summary["prediction"]["output"]["label"] == 1
    strongest = found.summary["strongest"]["output"]
    assert strongest["start_s"] == pytest.approx(0.4, abs=0.051)
    assert strongest["drop"] > 1


def test_a_shorter_other_sound_is_compared_on_what_both_have() -> None:
    sound, other = voice(0.5), voice(0.2, seed=1)
    found = explain(factory.load(f"{HERE}:Functional"), sound, len(sound), QUICK, other)
    (entry, *_), cells = found.summary["methods"]["gradient"]["heads"].values(), found.maps["gradient"][0]
    assert entry["other"] == pytest.approx(np.corrcoef(cells[: len(other)], other)[0, 1], abs=1e-5)


def test_interventions_ask_the_network_itself() -> None:
    class Level(nn.Module):
        """Loud or soft, from the level in dB; and the level itself as a value."""

        def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
            level = 10 * audio[:, 0].square().mean(1, keepdim=True).log10()
            return {"loud": torch.cat([-level - 20, level + 20], 1), "level": level}

    sound = voice()
    found = interventions(Level(), sound, 16_000)
    gains = found["gain"]["heads"]["level"]
    assert {dose: round(effect["change"], 3) for dose, effect in gains.items()} == {
        "-12": -12.0,
        "-6": -6.0,
        "6": 6.0,
        "12": 12.0,
    }
    assert gains["6"]["label"] is None
    label = int(10 * np.log10(np.mean(sound**2)) > -20)
    flipped = found["gain"]["heads"]["loud"]["12" if label == 0 else "-12"]
    assert flipped["label"] == 1 - label
    assert abs(found["low_pass"]["heads"]["level"]["2"]["change"]) < 0.1  # the RMS is kept
    assert {"pause_removal", "pause_lengthening"} <= set(found)
    steady = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    assert "pause_removal" not in interventions(Level(), steady, 16_000)


def test_prototypes_of_a_foreign_network_beat_those_of_its_start() -> None:
    subject = factory.load(f"{HERE}:Functional")
    found = seek(subject, {"0": 3, "1": 1}, {"0": 0, "1": 0}, 4_000, Ascent(steps=12, restarts=2))
    assert found.summary["refused"] is None
    assert set(found.signals) == {
        f"{kind}.{t}" for kind in ("time", "fourier") for t in ("0.0", "0.1", "0.2", "1.0", "1.1")
    }
    entry = found.summary["targets"]["time"]["0"]["2"]
    signal = torch.from_numpy(found.signals["time.0.2"])[None, None]
    assert asked(subject.model, signal)["0"][0, 2].item() == pytest.approx(entry["logit"], abs=1e-3)
    noise = torch.randn(20, 1, 4_000, generator=torch.Generator().manual_seed(0))
    level = signal.square().mean().sqrt()
    assert entry["logit"] > asked(subject.model, level * noise)["0"][:, 2].max().item()
    assert np.isfinite(entry["initial_logit"])


def test_where_classes_are_many_both_ends_of_a_value_are_sought_and_no_head_that_was_left_out() -> None:
    class Many(nn.Module):
        """Twelve classes, a value, and a head without a derivative."""

        def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
            level = audio[:, 0].square().mean(1, keepdim=True)
            return {"tune": level * torch.arange(12), "level": level, "rounded": level.round().expand(-1, 2)}

    subject = Subject("many", Many().eval(), None)
    predicted = {"tune": 3, "level": 0, "rounded": 1}
    found = seek(subject, {"tune": 12, "level": 1}, predicted, 4_000, Ascent(steps=2, restarts=1))
    assert {name.partition(".")[2] for name in found.signals} == {"tune.3", "level.0", "level.1"}


def test_a_committee_is_the_mean_of_its_members() -> None:
    members = [new_network(seed=seed) for seed in range(3)]
    subject = committee("three", members)
    audio = torch.from_numpy(voice(6.0)).float()[None, None]
    mean = torch.stack([member(audio)["valence"].softmax(-1) for member in members]).mean(0)
    torch.testing.assert_close(probabilities(subject.model, audio)["valence"], mean.detach())
    assert not torch.equal(subject.twin(0).members[0].cnn[0].conv.weight, subject.twin(1).members[0].cnn[0].conv.weight)


def test_a_network_that_fails_or_answers_nonsense_is_said_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"cannot be run on .*8000 samples"):
        explain(factory.load(f"{HERE}:Fixed"), voice(), 16_000, QUICK)

    class Nothing(Outside):
        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            return torch.full((len(audio), 2), torch.nan)

    with pytest.raises(UserError, match="answers with NaN"):
        explain(Subject("nan", Nothing(), None), voice(), 16_000, QUICK)


def test_shifts_are_those_of_rolling() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200))
    rolled = [np.corrcoef(np.roll(a, lag), b)[0, 1] for lag in range(10, 191)]
    assert shifted_range(a, b, 10) == pytest.approx(np.percentile(rolled, [2.5, 97.5]).tolist(), abs=1e-12)
    assert shifted_range(np.ones(200), b, 10) is None
