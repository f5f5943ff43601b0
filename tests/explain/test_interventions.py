"""Planted networks, whose one cue is known, are moved by the interventions on that cue and by no other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from elor.engine import Engine
from elor.evidence.interventions import Interventions
from elor.explain.interventions import run as running
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.changes import changes_by_speaker
from elor.explain.interventions.gather import curves, gather
from elor.explain.interventions.run import (
    answers,
    extremities,
    inputs_of,
    intervene,
    moved_mfcc,
    normalised,
    plan,
    run,
    versions,
)
from elor.explain.interventions.summary import summarise
from elor.explain.pauses import pauses
from elor.features.mfcc import mfcc
from elor.files import plain
from elor.networks import Architecture, MultiHeadNetwork
from elor.targets import Head, Target
from elor.training import checkpoint
from tests.explain.models import elor
from tests.explain.sounds import speech

SPEAKERS = ("F", "G", "M")
EACH = 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six slices of three speakers with pauses, and for each an (untrained) network on audio and one on MFCCs."""
    root = tmp_path_factory.mktemp("corpus")
    supports = [36_000, 32_000] * len(SPEAKERS)
    sounds = [np.pad(speech(n / 16_000, seed) * (1 + seed / 5), (0, 96_000 - n)) for seed, n in enumerate(supports)]
    np.save(root / "slices.npy", np.round(np.stack(sounds) * 32_767).astype(np.int16))
    speakers = np.repeat(SPEAKERS, EACH)
    names = [f"{s}_{i}" for i, s in enumerate(speakers)]
    slices = pd.DataFrame({"slice": names, "speaker": speakers, "samples": supports})
    folds = pd.DataFrame({"fold": speakers, "slice": names, "role": "test"})
    for seed, speaker in enumerate(SPEAKERS):
        for name, network in (("elor", elor(seed=seed)), ("lom", lom(seed))):
            notes = {"architecture": asdict(network.architecture), "fold": speaker}
            checkpoint.save(root / name / f"{speaker}.safetensors", network.state_dict(), notes)
    return root, slices, folds


def lom(seed: int) -> MultiHeadNetwork:
    torch.manual_seed(seed)
    shape = Architecture("lom", Target("classes", 5).heads, (4, 4, 4), (4, 4, 4), (6, 6, 6), 1, (8,), 0.5, True)
    return MultiHeadNetwork(shape).eval()


def jobs_of(corpus, networks=("elor",)) -> list[running.InterventionJob]:
    root, slices, folds = corpus
    return plan(slices, folds, root, networks, root / "slices.npy", 6, 2, seed=1, devices=["cpu"])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELOR_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        patch.setattr(Engine, "run", here)
        yield


def here(self: Engine, function: Callable, jobs: list[tuple], finished: Callable[[int], None]) -> list:
    """Run jobs in this process."""
    return [(function(*job), finished(index))[0] for index, job in enumerate(jobs)]


@pytest.fixture(scope="module")
def found(corpus, scratch) -> pd.DataFrame:
    return run(jobs_of(corpus, ("elor", "lom")), Engine("cpu"))


@pytest.fixture(scope="module")
def summary(found, corpus) -> dict:
    return summarise(found, corpus[1]).tree()


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
def planted(corpus, scratch) -> dict[str, dict]:
    """By cue and intervention the effect on the network that knows only this cue."""
    cues = (level, brightness, interruptions, crest, linear, padding, tempo)
    models = {(cue.__name__, -1): Planted(cue) for cue in cues} | {(cue.__name__, 0): Planted(guess) for cue in cues}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_models", lambda job, sounds, device: models)
        summary = summarise(run(jobs_of(corpus), Engine("cpu")), corpus[1]).tree()
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


LENGTHENING = ("pause_insertion", "pause_removal", "pause_lengthening", "time_stretch")


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


def test_a_linear_network_changes_in_closed_form(planted, corpus) -> None:
    sounds = torch.from_numpy(np.load(corpus[0] / "slices.npy") / 32_768)
    mean = float(linear(sounds).mean())  # speakers have equally many slices
    for dose, entry in planted["linear"]["gain"]["doses"].items():
        assert entry["change"] == pytest.approx((10 ** (float(dose) / 20) - 1) * mean, rel=1e-4, abs=1e-6)


@pytest.fixture(scope="module")
def polarised(corpus, scratch) -> dict[str, dict]:
    """By intervention what it does to a network whose extremity answers to brightness."""
    models = {("elor", -1): Polarised(brightness), ("elor", 0): Polarised(guess)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_models", lambda job, sounds, device: models)
        return summarise(run(jobs_of(corpus), Engine("cpu")), corpus[1]).tree()["networks"]["elor"]


def test_extremity_answers_to_its_cue_where_the_expected_label_stays(polarised) -> None:
    effects = {name: entry["extremity"]["valence"] for name, entry in polarised.items()}
    assert verdicts(effects, "high_shelf", "high_pass") == {"raises"}
    assert verdicts(effects, "low_shelf", "low_pass") == {"lowers"}
    assert verdicts(effects, "gain") == {"no effect found"}
    assert effects["high_shelf"]["slope"]["per_unit"] > effects["high_shelf"]["slope"]["untrained"][1]
    assert "moves elor's extremity of valence by +" in effects["high_shelf"]["text"]
    expected = [entry["heads"]["valence"] for entry in polarised.values()]
    assert {effect["verdict"] for effect in expected} == {"no effect found"}
    assert not any(dose["change"] for effect in expected for dose in effect["doses"].values())


def test_the_sample_is_the_same_number_of_every_speaker_and_seeds_are_every_folds_own(corpus, scratch) -> None:
    jobs = jobs_of(corpus)
    assert [job.fold for job in jobs] == list(SPEAKERS)
    assert [len(job.rows) for job in jobs] == [2, 2, 2]
    assert len({seed for job in jobs for seed in job.seeds}) == 6
    assert [job.networks["elor"].stem for job in jobs] == list(SPEAKERS)
    assert all((corpus[1]["speaker"][job.rows] == job.fold).all() for job in jobs)


def test_versions_are_the_slice_and_all_its_alterations_with_padding_left_zero() -> None:
    sound = speech(3.0)
    some = list(versions(sound, [1, 2]))
    assert (some[0].intervention, len({v.intervention for v in some})) == ("", 1 + len(ALTERATIONS))
    np.testing.assert_array_equal(some[0].sound[:48_000], sound)
    assert all(v.sound.shape == (96_000,) and not v.sound[90_000:].any() for v in some)
    doses = sum(len(alteration.doses) - 1 for alteration in ALTERATIONS.values())
    shams = sum(alteration.sham is not None for alteration in ALTERATIONS.values())
    controls = [v for v in some if v.length]
    assert len(some) == 1 + doses + shams + len(controls)
    assert {v.intervention for v in controls} == set(LENGTHENING)
    for one in controls:  # in front of it stands its dose, of the same length
        dose = some[[v is one for v in some].index(True) - 1]
        assert (dose.intervention, dose.dose, dose.length) == (one.intervention, one.dose, False)
        assert len(np.trim_zeros(dose.sound, "b")) == len(np.trim_zeros(one.sound, "b"))
    without = {v.intervention for v in versions(sound[:9_000], [1, 2])}  # nothing to lengthen or to take out
    assert without == {"", *ALTERATIONS} - {"pause_removal", "pause_lengthening"}


def test_answers_are_expected_labels_values_and_class_probabilities() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]]))
    assert answers([Head("arousal", 3)], {"arousal": logits})["arousal"] == pytest.approx([1.6, 0.5])
    assert answers([Head("valence", 3, soft=True)], {"valence": logits})["valence"] == pytest.approx([1.6, 0.5])
    assert answers([Head("arousal", None)], {"arousal": torch.tensor([[3.5]])})["arousal"] == pytest.approx([3.5])
    emotion = answers(Target("emotion").heads, {"emotion": torch.zeros(1, 4)})
    assert emotion == {f"emotion.{name}": [0.25] for name in ("angry", "happy", "sad", "neutral")}


@pytest.mark.parametrize(
    ("probabilities", "distance"),
    [
        ([0.5, 0.0, 0.0, 0.0, 0.5], 2.0),  # its expected label is 2
        ([0.0, 0.0, 1.0, 0.0, 0.0], 0.0),
        ([0.0, 0.0, 0.0, 0.25, 0.75], 1.75),
        ([0.2] * 5, 1.2),
        ([0.1, 0.6, 0.1, 0.2], 0.1 * 1.5 + 0.6 * 0.5 + 0.1 * 0.5 + 0.2 * 1.5),
    ],
)
def test_extremity_is_the_expected_distance_from_the_middle(probabilities: list[float], distance: float) -> None:
    logits = {"valence": torch.log(torch.tensor([probabilities]) + 1e-30)}
    for soft in (False, True):
        found = extremities([Head("valence", len(probabilities), soft)], logits)
        assert found == {"valence.extremity": pytest.approx([distance], abs=1e-6)}


def test_what_has_no_middle_has_no_extremity() -> None:
    logits = {"arousal": torch.zeros(1, 2), "emotion": torch.zeros(1, 4), "valence": torch.zeros(1, 1)}
    assert extremities([Head("arousal", 2), Head("valence", None), *Target("emotion").heads], logits) == {}


def test_networks_eat_the_altered_sound() -> None:
    sounds = np.stack([np.pad(speech(3.0), (0, 48_000))])
    found = inputs_of(sounds, {"audio", "mfcc", "is10"})
    assert found["audio"].shape == (1, 1, 96_000)
    assert found["is10"].shape == (1, 1_582)
    as_stored = torch.from_numpy(np.round(sounds * 32_768).astype(np.int16))
    assert (found["mfcc"] - mfcc(as_stored)).abs().median() < 0.05  # not rounded to 16 bit


def test_untrained_networks_get_the_datas_normalisations_and_keep_their_weights() -> None:
    trained, fresh, same = lom(1), lom(2), lom(2)
    trained.standardize["mfcc"].fit(torch.full((26,), 3.0), torch.full((26,), 2.0))
    values = 3 + 2 * torch.randn(4, 26, 599, generator=torch.Generator().manual_seed(0))
    normalised(fresh, trained, {"mfcc": values})
    assert fresh.standardize["mfcc"].mean.eq(3).all()
    assert not fresh.training
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), same.parameters(), strict=True))
    first = fresh.cnn[0]
    outputs = first.conv(nn.functional.pad((values - 3) / 2, first.padding))
    torch.testing.assert_close(first.norm.running_mean, outputs.mean((0, 2)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first.norm.running_var, outputs.var((0, 2)), atol=1e-5, rtol=1e-3)


def test_every_number_stands_in_the_summary_and_no_slice_is_named(summary, corpus) -> None:
    text = json.dumps(plain(summary), allow_nan=False)
    assert not any(name in text for name in corpus[1]["slice"])
    assert summary["settings"]["slices"] == 6
    assert summary["settings"]["unit"] == "speaker"
    for network in ("elor", "lom"):
        assert list(summary["networks"][network]) == list(ALTERATIONS)
        for name, entry in summary["networks"][network].items():
            assert entry["unit"] == ALTERATIONS[name].unit
            assert list(entry["heads"]) == list(entry["extremity"]) == ["arousal", "valence"]
            for kind, head in itertools.product(("heads", "extremity"), ("arousal", "valence")):
                effect = entry[kind][head]
                finite = [dose for dose in ALTERATIONS[name].doses if np.isfinite(dose)]
                assert list(effect["doses"]) == [f"{dose:g}" for dose in finite]
                assert ("sham" in effect) == (ALTERATIONS[name].sham is not None)
                assert ("length_control" in effect) == ("altered" in effect["slope"]) == (name in LENGTHENING)
                assert list(effect.get("length_control", effect["doses"])) == list(effect["doses"])
                assert effect["slope"]["untrained"][0] <= effect["slope"]["untrained"][1]
                assert effect["text"].endswith(f"{effect['verdict']}.")
        table = curves(Interventions.of(summary), network)
        assert list(table) == ["intervention", "unit", "head", "dose", "change", "low", "high"]
        assert (table.loc[(table["intervention"] == "gain") & (table["dose"] == "0"), "change"] == 0).all()
        assert set(table["head"]) == {"arousal", "valence"}
        assert set(summary["spread"][network]) == {"arousal", "valence", "arousal.extremity", "valence.extremity"}


def test_networks_asked_one_by_one_are_gathered_into_the_same_summary(found, summary, corpus) -> None:
    numbers = {"elor": 1.0, "lom": 2.0}
    features = {network: {"mfcc": {"gain": {"moved_sd": [number]}}} for network, number in numbers.items()}
    alone = [
        summarise(found[found["network"] == network], corpus[1], features={network: moved})
        for network, moved in features.items()
    ]
    expected = summary | {"features": features}
    assert json.dumps(plain(gather(alone).tree(), 6)) == json.dumps(plain(expected, 6))
    stored = [Interventions.of(json.loads(json.dumps(one.tree()))) for one in alone]  # as the stage hands them on
    assert gather(stored) == gather(alone)


def test_the_means_over_speakers_are_means_of_the_table(found, summary, corpus) -> None:
    table = changes_by_speaker(found, corpus[1])
    keys = ["fold", "speaker", "network", "head", "intervention", "dose", "length"]
    assert list(table) == [*keys, "slices", "change", "sd", "untrained"]
    assert not table.duplicated(keys).any()
    means = table.groupby(["network", "head", "intervention", "dose", "length"], dropna=False)["change"].mean()
    for (network, head, name, dose, length), mean in means.items():
        kind, head = ("extremity", head.partition(".")[0]) if "." in head else ("heads", head)
        effect = summary["networks"][network][name][kind][head]
        stated = effect["sham"] if np.isnan(dose) else effect["length_control" if length else "doses"][f"{dose:g}"]
        assert mean == pytest.approx(stated["change"], abs=1e-9)
    each = [(len(one.doses) - 1) * (2 if one.to_length else 1) + bool(one.sham) for one in ALTERATIONS.values()]
    assert len(means) == sum(each) * 2 * 4  # networks, answers


def test_networks_that_were_never_trained_have_few_effects(summary) -> None:
    verdicts = [
        effect["verdict"]
        for entries in summary["networks"].values()
        for entry in entries.values()
        for effect in entry["heads"].values()
    ]
    assert len(verdicts) == 48
    assert sum(verdict in ("raises", "lowers") for verdict in verdicts) <= 5


def test_a_job_gives_the_same_numbers_twice(found, corpus, scratch) -> None:
    job = jobs_of(corpus, ("elor",))[1]
    again = intervene(job)
    same = found[(found["fold"] == job.fold) & (found["network"] == "elor")].drop(columns="fold")
    pd.testing.assert_frame_equal(same.reset_index(drop=True), again, check_exact=False, atol=1e-6)


def test_progress_counts_slices(corpus, scratch, capsys: pytest.CaptureFixture) -> None:
    jobs = jobs_of(corpus)[:1]
    run(jobs, Engine("cpu"))
    assert "interventions: 2/2 slices" in capsys.readouterr().err


def test_gain_moves_the_first_of_the_mfccs_and_no_other(corpus, scratch) -> None:
    found = moved_mfcc(jobs_of(corpus, ("elor", "lom")))
    assert list(found) == ["lom"]
    moved = found["lom"]["mfcc"]["gain"]["moved_sd"]
    assert len(moved) == 26
    assert max(moved[1:]) < 1e-3
    sounds, supports = np.load(corpus[0] / "slices.npy"), corpus[1]["samples"]
    frames = [1 + (support - 400) // 160 for support in supports]
    first = [mfcc(torch.from_numpy(sounds[k : k + 1]))[0, 0, :n].double() for k, n in enumerate(frames)]
    step = np.log(10 ** (24 / 10))  # the log energy rises by as much in every frame
    assert moved[0] == pytest.approx(step / float(torch.cat(first).std(correction=0)), rel=1e-4)
    assert moved_mfcc(jobs_of(corpus)) == {}


def test_untrained_networks_are_fitted_on_the_device_of_the_job(corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = []
    real = running.normalised

    def spied(fresh: MultiHeadNetwork, trained: MultiHeadNetwork, inputs: dict) -> MultiHeadNetwork:
        devices.append({value.device.type for value in [*fresh.state_dict().values(), *inputs.values()]})
        return real(fresh, trained, inputs)

    monkeypatch.setattr(running, "normalised", spied)
    running._models(jobs_of(corpus, ("elor", "lom"))[0], np.zeros((2, 96_000), np.float32), torch.device("meta"))
    assert devices == [{"meta"}] * 4
