"""Interventions from end to end: the sample, the altered sounds, what networks answer to them, and the summary."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

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
    level_sd,
    moved_mfcc,
    normalised,
    run,
    versions,
)
from elor.explain.interventions.summary import summarise
from elor.features import is10
from elor.features.mfcc import mfcc
from elor.files import plain
from elor.networks import MultiHeadNetwork
from elor.targets import Head, Target
from tests.explain.altered import LENGTHENING, jobs_of
from tests.explain.sounds import speech
from tests.worlds.networks import new_network
from tests.worlds.slices import SPEAKERS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def found(speech_corpus, here) -> pd.DataFrame:
    return run(jobs_of(speech_corpus, ("elor", "lom")), Engine("cpu"))


@pytest.fixture(scope="module")
def summary(found, speech_corpus) -> dict:
    return summarise(found, speech_corpus.slices).tree()


def test_the_sample_is_the_same_number_of_every_speaker_and_seeds_are_every_folds_own(speech_corpus, here) -> None:
    jobs = jobs_of(speech_corpus)
    assert [job.fold for job in jobs] == list(SPEAKERS)
    assert [len(job.rows) for job in jobs] == [2, 2, 2]
    assert len({seed for job in jobs for seed in job.seeds}) == 6
    assert [job.networks["elor"].stem for job in jobs] == list(SPEAKERS)
    assert all((speech_corpus.slices["speaker"][job.rows] == job.fold).all() for job in jobs)


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


def test_functionals_that_are_not_finite_are_0_as_in_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(is10, "functionals", lambda sound, which: np.float32([1, np.nan, np.inf, -np.inf]))
    np.testing.assert_array_equal(inputs_of(np.zeros((1, 96_000)), {"is10"})["is10"], [[1, 0, 0, 0]])


def test_a_fold_of_which_nothing_is_drawn_is_not_asked(speech_corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where folds are no speakers: the sample has some slices of every speaker, and perhaps none of a fold."""
    every, what = jobs_of(speech_corpus), speech_corpus.experiment
    drawn = np.concatenate([every[0].rows, every[2].rows])
    monkeypatch.setattr(type(what), "sample", lambda self, count, least: drawn)
    jobs = running.plan(what, ("elor",), 6, 2)
    assert [(job.fold, job.seeds, job.rows.tolist()) for job in jobs] == [
        (job.fold, job.seeds, job.rows.tolist()) for job in (every[0], every[2])
    ]


def test_untrained_networks_get_the_datas_normalisations_and_keep_their_weights() -> None:
    trained, fresh, same = (new_network("lom", seed=seed) for seed in (1, 2, 2))
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


def test_every_number_stands_in_the_summary_and_no_slice_is_named(summary, speech_corpus) -> None:
    text = json.dumps(plain(summary), allow_nan=False)
    assert not any(name in text for name in speech_corpus.slices["slice"])
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
                assert effect["slope"]["calibrated"][0] <= effect["slope"]["calibrated"][1]
                assert effect["text"].endswith(f"{effect['verdict']}.")
        table = curves(Interventions.of(summary), network)
        assert list(table) == ["intervention", "unit", "head", "dose", "change", "low", "high"]
        assert (table.loc[(table["intervention"] == "gain") & (table["dose"] == "0"), "change"] == 0).all()
        assert set(table["head"]) == {"arousal", "valence"}
        assert set(summary["spread"][network]) == {"arousal", "valence", "arousal.extremity", "valence.extremity"}


def test_networks_asked_one_by_one_are_gathered_into_the_same_summary(found, summary, speech_corpus) -> None:
    numbers = {"elor": 1.0, "lom": 2.0}
    features = {network: {"mfcc": {"gain": {"moved_sd": [number]}}} for network, number in numbers.items()}
    alone = [
        summarise(found[found["network"] == network], speech_corpus.slices, features={network: moved})
        for network, moved in features.items()
    ]
    expected = summary | {"features": features}
    assert json.dumps(plain(gather(alone).tree(), 6)) == json.dumps(plain(expected, 6))
    stored = [Interventions.of(json.loads(json.dumps(one.tree()))) for one in alone]  # as the stage hands them on
    assert gather(stored) == gather(alone)


def test_the_means_over_speakers_are_means_of_the_table(found, summary, speech_corpus) -> None:
    table = changes_by_speaker(found, speech_corpus.slices)
    keys = ["fold", "speaker", "network", "head", "intervention", "dose", "length"]
    assert list(table) == [*keys, "slices", "change", "sd", "calibrated", "language"]
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


def test_a_job_gives_the_same_numbers_twice(found, speech_corpus, here) -> None:
    job = jobs_of(speech_corpus, ("elor",))[1]
    again = intervene(job)
    same = found[(found["fold"] == job.fold) & (found["network"] == "elor")].drop(columns="fold")
    pd.testing.assert_frame_equal(same.reset_index(drop=True), again, check_exact=False, atol=1e-6)


def test_progress_counts_slices(speech_corpus, here, capsys: pytest.CaptureFixture) -> None:
    jobs = jobs_of(speech_corpus)[:1]
    run(jobs, Engine("cpu"))
    assert "interventions: 2/2 slices" in capsys.readouterr().err


def test_gain_moves_the_first_of_the_mfccs_and_no_other(speech_corpus, here) -> None:
    found = moved_mfcc(jobs_of(speech_corpus, ("elor", "lom")))
    assert list(found) == ["lom"]
    moved = found["lom"]["mfcc"]["gain"]["moved_sd"]
    assert len(moved) == 26
    assert max(moved[1:]) < 1e-3
    sounds, supports = np.load(speech_corpus.sound), speech_corpus.slices["samples"]
    frames = [1 + (support - 400) // 160 for support in supports]
    first = [mfcc(torch.from_numpy(sounds[k : k + 1]))[0, 0, :n].double() for k, n in enumerate(frames)]
    step = np.log(10 ** (24 / 10))  # the log energy rises by as much in every frame
    assert moved[0] == pytest.approx(step / float(torch.cat(first).std(correction=0)), rel=1e-4)
    assert moved_mfcc(jobs_of(speech_corpus)) == {}


def test_the_spread_of_levels_is_of_the_slices_own_sound(speech_corpus) -> None:
    sounds, supports = np.load(speech_corpus.sound) / 32768, speech_corpus.slices["samples"]
    levels = [10 * np.log10(np.mean(sounds[k, :n] ** 2)) for k, n in enumerate(supports)]
    assert level_sd(jobs_of(speech_corpus)) == pytest.approx(np.std(levels, ddof=1))
    assert np.isnan(level_sd(jobs_of(speech_corpus)[:0]))


def test_untrained_networks_are_fitted_on_the_device_of_the_job(speech_corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = []
    real = running.normalised

    def spied(fresh: MultiHeadNetwork, trained: MultiHeadNetwork, inputs: dict) -> MultiHeadNetwork:
        devices.append({value.device.type for value in [*fresh.state_dict().values(), *inputs.values()]})
        return real(fresh, trained, inputs)

    monkeypatch.setattr(running, "normalised", spied)
    running._models(jobs_of(speech_corpus, ("elor", "lom"))[0], np.zeros((2, 96_000), np.float32), torch.device("meta"))
    assert devices == [{"meta"}] * 4
