"""The saliency of a small corpus from end to end: which maps are made, and every number beside its controls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import pearsonr

from elor.engine import Engine
from elor.evaluation.intervals import percentile_coverage
from elor.explain.correlation import View
from elor.explain.erasure import MEASURES
from elor.explain.exemplary_speaker import exemplary_speaker, fold_of
from elor.explain.experiment import stratified
from elor.explain.guided import guided_backprop
from elor.explain.occlusion import band_occlusion
from elor.explain.saliency import run as running
from elor.explain.saliency.measure import measure
from elor.explain.saliency.run import PART, plan, run, table_of, write_maps
from elor.explain.saliency.slow import overlap
from elor.explain.saliency.summary import summarise
from elor.files import plain
from elor.params import load
from elor.training import data
from elor.training.weights_file import load_network
from tests.explain.sounds import as_audio, harmonics
from tests.worlds.networks import new_network, save
from tests.worlds.slices import SPEAKERS, Slices, write_slices

pytestmark = pytest.mark.long

AMOUNT = load(Path(__file__).parents[2] / "params.yaml").scale.explain.model_copy(
    update={"slices": 3, "steps": 2, "shown": 1, "untrained": 2}
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Slices:
    """Nine slices of three speakers, a fold and an (untrained) network for each."""
    supports = [96_000, 40_000, 20_000] * len(SPEAKERS)
    return write_slices(tmp_path_factory.mktemp("corpus"), [harmonics(i, n) for i, n in enumerate(supports)])


@pytest.fixture(scope="module")
def jobs(corpus):
    patch = pytest.MonkeyPatch()
    patch.setenv("ELOR_SCRATCH", str(corpus.folder / "scratch"))
    yield plan(corpus.experiment, "G", AMOUNT, first_steps=2)
    patch.undo()


@pytest.fixture(scope="module")
def uploads() -> list[list[int]]:
    """Slices of each upload, job by job."""
    return []


@pytest.fixture(scope="module")
def found(jobs, uploads):
    patch, real = pytest.MonkeyPatch(), data._upload
    patch.setattr(data, "_upload", lambda values, device: uploads[-1].append(len(values)) or real(values, device))
    done = [uploads.append([]) or measure(job) for job in jobs]
    patch.undo()
    return done


@pytest.fixture(scope="module")
def result(jobs, found, corpus) -> dict[str, Any]:
    """What the stage writes."""
    return summarise(jobs, found, corpus.slices).tree()


def test_a_job_uploads_its_own_slices_alone(jobs, found, uploads) -> None:
    """All of its rows at once; those that are looked at more closely again for each model, shown ones for one."""
    models = 2 + AMOUNT.untrained  # the trained one, the one with untrained heads
    assert [sum(sizes) for sizes in uploads] == [
        len(job.rows) + models * len(job.sample) + len(job.shown) for job in jobs
    ]
    assert {sizes[0] for sizes in uploads} == {3}  # of nine in the corpus


def test_every_slice_is_measured_by_its_fold_and_by_the_exemplary_network(jobs, corpus) -> None:
    assert sorted(np.concatenate([job.rows for job in jobs]).tolist()) == list(range(9))
    assert [job.networks["own"].stem for job in jobs] == list(SPEAKERS)
    assert {job.networks["exemplary"].stem for job in jobs} == {"G"}
    assert [len(job.sample) for job in jobs] == [1, 1, 1]
    assert [len(job.shown) for job in jobs] == [0, 1, 0]
    seeds = [seed for job in jobs for seed in job.seeds]
    assert len(set(seeds)) == 6  # untrained networks of their own for every fold


def test_a_fold_is_dealt_out_in_even_parts_with_the_same_untrained_networks(corpus) -> None:
    slices = corpus.slices
    many = pd.concat([slices.assign(slice=slices["slice"] + f"_{i}") for i in range(12)], ignore_index=True)
    folds = pd.DataFrame({"fold": many["speaker"], "slice": many["slice"], "role": "test"})
    parts = plan(replace(corpus.experiment, slices=many, folds=folds), "G", AMOUNT)
    assert [(part.fold, len(part.rows)) for part in parts] == [(s, 18) for s in SPEAKERS for _ in range(2)]
    assert 18 <= PART < 36
    assert parts[0].seeds == parts[1].seeds != parts[2].seeds
    assert sum(len(part.sample) for part in parts) == 3


def test_progress_is_told_in_slices(jobs, found, monkeypatch, capsys: pytest.CaptureFixture) -> None:
    def measured(self, function, some, finished):
        for index in range(len(some)):
            finished(index, None)
        return found

    monkeypatch.setattr(Engine, "run", measured)
    assert run(jobs, Engine("cpu")) is found
    assert "saliency: 9/9 slices, done" in capsys.readouterr().err


def test_a_corpus_without_the_speaker_shows_its_first_one(corpus, capsys: pytest.CaptureFixture) -> None:
    slices = corpus.slices
    assert exemplary_speaker(slices, "M") == "M"
    assert exemplary_speaker(slices, "X") == "F"
    assert "explain.speaker X is not in this corpus; F stands in for her." in capsys.readouterr().err
    folds = corpus.folds[(corpus.folds["role"] != "test") | (corpus.folds["fold"] != "M")]
    assert exemplary_speaker(slices, "M", folds) == "F"
    assert "explain.speaker M is tested by no fold; F stands in for her." in capsys.readouterr().err


def test_of_a_speaker_whom_folds_share_her_first_network_and_slices_that_it_tests_are_shown(corpus) -> None:
    """Each speaker's slices are tested by fold G, by fold F, and by none."""
    slices = corpus.slices
    folds = pd.DataFrame({"fold": ["G", "F", "G"] * 3, "slice": slices["slice"], "role": ["test", "test", "train"] * 3})
    folds = folds.sort_values("fold", kind="stable", ignore_index=True)
    what = replace(corpus.experiment, folds=folds)
    found = plan(what, "M", AMOUNT.model_copy(update={"slices": 6, "shown": 2}))
    shown = fold_of("M", slices, folds)  # as prototypes and words have it
    assert {job.networks["exemplary"] for job in found} == {what.model(shown)}
    assert [(job.fold, job.rows.tolist()) for job in found] == [("G", [0, 3, 6]), ("F", [1, 4, 7])]
    assert {job.fold: job.shown.tolist() for job in found} == {"G": [], "F": [7]}
    assert sum(len(job.sample) for job in found) == 6  # all that are asked for lie among those that are tested


def test_the_sample_is_stratified() -> None:
    speakers = np.array(["a"] * 50 + ["b"] * 5 + ["c"] * 1)
    rows = stratified(speakers, 9, np.random.default_rng(0))
    assert np.unique(speakers[rows], return_counts=True)[1].tolist() == [3, 3, 1]
    assert len(set(rows.tolist())) == len(rows)


def test_the_rows_are_the_correlations_of_the_maps(jobs, found, corpus) -> None:
    slices = corpus.slices
    table = table_of(jobs, found, "correlations", slices)
    network, support = new_network(seed=1), 40_000
    audio = as_audio([np.load(corpus.sound)[4]])
    maps = guided_backprop(network, audio)
    views = {head: View(value[0].numpy(), support) for head, value in maps.items()}
    rows = table[(table["slice"] == "G_4") & (table["method"] == "guided") & (table["model"] == "trained")]
    for role in ("own", "exemplary"):
        own = rows[(rows["role"] == role) & (rows["control"] == "")].set_index("pair")
        expected = views["arousal"].r(View(audio[0, 0].numpy(), support))
        for reading, value in expected.items():
            assert own.loc["arousal~input", reading] == pytest.approx(value, abs=1e-5)
        assert own.loc["arousal~valence", "signed"] == pytest.approx(
            views["arousal"].r(views["valence"])["signed"], abs=1e-5
        )


def test_every_number_stands_beside_its_controls(result) -> None:
    json.dumps(plain(result), allow_nan=False)
    assert set(result["own"]) == {"guided", "gradient", "integrated", "occlusion"}
    assert set(result["exemplary"]) == {"guided", "gradient"}
    for role in ("own", "exemplary"):
        for method, pairs in result[role].items():
            expected = {"arousal~input", "valence~input", "arousal~valence"}
            assert set(pairs) == expected | ({"flattened"} if method == "gradient" else set()), method
            for entry in pairs.values():
                assert entry["controls"]["initial"]["readings"]
                assert entry["verdict"] in entry["text"]
    own = result["own"]["guided"]
    swaps = {"class swap", "other waveform", "shifted", "initial", "heads", "heads cnn.2"}
    for role, method in ((role, method) for role in ("own", "exemplary") for method in ("guided", "gradient")):
        assert swaps <= set(result[role][method]["arousal~input"]["controls"]), (role, method)
        assert "class swap" in result[role][method]["arousal~valence"]["controls"]
    for method in ("integrated", "occlusion"):
        controls = {"class swap", "initial", "heads"}
        assert controls <= set(result["own"][method]["arousal~input"]["controls"]), method
        assert result["own"][method]["arousal~input"]["controls"]["initial"]["readings"]["envelope"]["slices"] == 6
    assert "exploratory" in result["exploratory"]
    assert own["arousal~input"]["paper"] == 0.50
    assert result["own"]["gradient"]["arousal~input"]["paper"] is None
    assert set(result["model_free"]) == {"x", "|x|", "|dx|"}
    assert result["model_free"]["x"]["signed"]["r"] > 0.999
    assert set(result["overlap"]) == {"trained", "initial"}
    assert result["integrated"]["arousal"]["maps"] == 3
    orders = {"guided", "gradient", "integrated", "occlusion", "loudest", "random"}
    assert set(result["erasure"]["valence"]) == orders
    assert set(result["erasure"]["valence"]["loudest"]) == set(MEASURES)


@pytest.mark.parametrize("kind", MEASURES)
def test_loudest_first_stands_beside_untrained_networks(jobs, found, corpus, kind, result) -> None:
    entry = result["erasure"]["arousal"]["loudest"][kind]
    table = table_of(jobs, found, "erasures", corpus.slices).query("head == 'arousal'")
    for model, key in (("trained", "wins"), ("initial", "initial wins")):
        falls = table[table["model"].str.startswith(model)].pivot(
            index=["slice", "model"], columns="order", values=kind
        )
        assert entry[key] == pytest.approx((falls["loudest"] > falls["random"]).mean())
        assert (set(falls) == {"loudest", "random"}) == (model != "trained")
    assert np.mean(list(entry["curve"].values())) == pytest.approx(entry["mean"], abs=1e-5)
    assert list(entry["curve"]) == ["5", "10", "20", "40", "60"]
    assert entry["over initial"]["difference"] == pytest.approx(entry["wins"] - entry["initial wins"])


def test_a_foreign_waveform_is_of_another_utterance(jobs, corpus) -> None:
    utterances = corpus.slices["utterance"]
    for job in jobs:
        for row, other in zip(job.rows, job.others, strict=True):
            assert utterances[row] != utterances[other]
    assert running._others(np.array(["a", "a"])).tolist() == [0, 1]  # there is none


def test_shifted_maps_have_a_spread_that_r_is_compared_with(jobs, found, corpus, result) -> None:
    shifted = result["own"]["guided"]["arousal~input"]["controls"]["shifted"]
    table = table_of(jobs, found, "correlations", corpus.slices)
    rows = table[(table["role"] == "own") & (table["method"] == "guided") & (table["pair"] == "arousal~input")]
    reach, own = rows[rows["control"] == "shifted"], rows[(rows["control"] == "") & (rows["model"] == "trained")]
    beyond = ~own["signed"].between(reach["low"].to_numpy(), reach["high"].to_numpy())
    assert shifted["outside"] == beyond.mean()
    assert shifted["readings"]["signed"]["low"] == pytest.approx(reach["low"].mean())
    assert shifted["readings"]["signed"]["low"] < 0 < shifted["readings"]["signed"]["high"]
    assert shifted["over chance"]["difference"] == pytest.approx(shifted["outside"] - 0.05)


def test_the_share_in_the_padding_is_that_of_padded_slices(corpus, result) -> None:
    entry = result["own"]["guided"]["arousal~input"]["padding"]
    padded = corpus.slices[corpus.slices["samples"] < 96_000]
    shares = []
    for row, fold, samples in zip(padded.index, padded["speaker"], padded["samples"], strict=True):
        network = load_network(corpus.models / f"elor/{fold}.safetensors")
        values = guided_backprop(network, as_audio([np.load(corpus.sound)[row]]))["arousal"][0].abs().numpy()
        shares.append(values[samples:].sum() / values.sum())
    assert len(shares) == 6
    assert entry["trained"] == pytest.approx(np.mean(shares), rel=1e-4)
    assert 0 < entry["initial"] < 1


def test_labels_are_the_predicted_ones_with_intervals_beside_untrained_networks(result) -> None:
    entry = result["own"]["guided"]["valence~input"]
    assert sum(one["slices"] for one in entry["labels"].values()) == 9
    assert all(abs(one["initial"]) < 1 for one in entry["labels"].values())
    whole = np.average(
        [o["r"] for o in entry["labels"].values()], weights=[o["slices"] for o in entry["labels"].values()]
    )
    assert whole == pytest.approx(entry["as_the_paper"])


def test_bootstrap_intervals_stand_beside_the_t_interval_with_their_coverage(result) -> None:
    entry = result["own"]["guided"]["arousal~input"]
    known, bootstrap = entry["readings"]["signed"]["trained"], entry["bootstrap"]
    assert bootstrap["percentile"][0] < known["r"] < bootstrap["percentile"][1]
    assert known["low"] < bootstrap["percentile"][0]  # too narrow with few speakers, which is why it says so
    assert bootstrap["percentile_covers"] == pytest.approx(percentile_coverage(3))


def test_masks_and_bands_are_those_of_the_methods(jobs, corpus, result) -> None:
    assert all(0.2 < one["r"] <= 1 for by_head in result["masks"].values() for one in by_head.values())
    assert set(result["masks"]) == {"integrated", "occlusion"}
    bands = result["bands"]["arousal"]
    assert len(bands["edges_hz"]) == 1 + len(bands["trained"]) == 1 + len(bands["initial"])
    drops = []
    for job in jobs:
        audio = as_audio([np.load(corpus.sound)[row] for row in job.sample])
        falls = band_occlusion(load_network(job.networks["own"]), audio)["arousal"]
        drops.append((falls / falls.abs().sum(1, keepdim=True)).mean(0).numpy())
    assert max(map(abs, bands["initial"])) <= 1
    assert bands["trained"] == pytest.approx(np.mean(drops, axis=0), rel=1e-3, abs=1e-6)


def test_overlap_is_compared_with_untrained_networks_slice_by_slice(result) -> None:
    overlap = result["overlap"]
    difference = overlap["trained"]["overlap"] - overlap["initial"]["overlap"]
    assert overlap["trained"]["over initial"]["difference"] == pytest.approx(difference)
    assert overlap["initial"]["slices"] == 3


def test_the_flattened_layer_is_compared_by_its_gradients(jobs, found, corpus, result) -> None:
    slices = corpus.slices
    entry = result["own"]["gradient"]["flattened"]
    assert {"initial", "class swap", "heads"} <= set(entry["controls"])
    network, audio = new_network(seed=2), as_audio([np.load(corpus.sound)[7]])
    features = network.features(audio).detach().requires_grad_()
    by_head = {}
    for head, layers in network.heads.items():
        logits = layers(features)[0]
        by_head[head] = [
            torch.autograd.grad(z, features, retain_graph=True)[0][0].numpy() for z in logits.sort().values
        ]
    table = table_of(jobs, found, "correlations", slices)
    rows = table[(table["slice"] == "M_7") & (table["pair"] == "flattened") & (table["role"] == "own")]
    values = rows[rows["model"] == "trained"].set_index("control")["signed"]
    expected = pearsonr(by_head["arousal"][-1], by_head["valence"][-1])[0]
    assert values[""] == pytest.approx(expected, abs=1e-4)
    swapped = [pearsonr(maps[-1], maps[-2])[0] for maps in by_head.values()]
    assert values["class swap"] == pytest.approx(np.mean(swapped), abs=1e-4)


def test_folds_of_several_speakers_are_the_units_of_own_networks(jobs, found, corpus, result) -> None:
    grouped = [replace(job, fold="group-00" if job.fold in ("F", "G") else "group-01") for job in jobs]
    together = summarise(grouped, found, corpus.slices).tree()
    for one, units in ((result, 3), (together, 2)):
        entry = one["own"]["guided"]["arousal~input"]
        assert entry["readings"]["signed"]["contrast"]["units"] == units
        assert entry["controls"]["class swap"]["contrast"]["units"] == units
        assert entry["readings"]["signed"]["trained"]["speakers"] == 3
        single = one["exemplary"]["guided"]["arousal~input"]
        assert single["controls"]["class swap"]["contrast"]["units"] == 3  # one network: its speakers


def test_networks_that_were_never_trained_are_called_so(result) -> None:
    for pair, entry in result["own"]["guided"].items():
        assert entry["verdict"] == "not distinguishable from initial", pair


def test_a_job_gives_the_same_numbers_twice_with_or_without_a_sample(jobs, found) -> None:
    again = measure(replace(jobs[1], sample=jobs[1].sample[:0], shown=jobs[1].shown[:0]))
    assert not again.integrals
    assert not again.maps
    first, second = found[1].table("correlations"), again.table("correlations")
    fast = first[first["method"].isin(["guided", "gradient", "none"])]
    pd.testing.assert_frame_equal(fast.reset_index(drop=True), second, check_like=True)


def test_the_maps_of_exemplary_slices_are_kept(found, corpus, tmp_path) -> None:
    write_maps(tmp_path, found, corpus.slices)
    (path,) = tmp_path.iterdir()
    maps = np.load(path)
    assert path.stem.startswith("G_")
    assert maps["guided"].shape == maps["integrated"].shape == (2, 96_000)
    assert maps["stft"].shape == (2, 601, 201)
    assert maps["occlusion"].shape == (2, 119)
    assert maps["target"].shape == (2,)


@pytest.mark.parametrize(("target", "pairs"), [("regression", {"arousal~valence", "flattened"}), ("emotion", set())])
def test_networks_of_values_or_of_one_head_are_explained_too(jobs, corpus, target: str, pairs: set[str]) -> None:
    slices = corpus.slices
    made = new_network(target=target)
    path = save(corpus.folder / f"{target}.safetensors", made)
    some = [replace(job, networks=dict.fromkeys(job.networks, path), seeds=job.seeds[:1]) for job in jobs[:2]]
    result = summarise(some, [measure(job) for job in some], slices).tree()
    json.dumps(plain(result), allow_nan=False)
    assert set(result["own"]["gradient"]) == {f"{head.name}~input" for head in made.architecture.heads} | pairs
    swaps = {"class swap"} & set(result["own"]["guided"][f"{made.architecture.heads[0].name}~input"]["controls"])
    assert bool(swaps) == (target == "emotion")  # a single value has no class next to it


def test_overlap_is_jaccard_beside_chance() -> None:
    one = np.arange(20.0)
    assert overlap(one, one)["overlap"] == 1.0
    assert overlap(one, -one)["overlap"] == 0.0
    shifted = np.where(one == 19, -1, one)  # top two: 18, 17 instead of 19, 18
    assert overlap(one, shifted)["overlap"] == pytest.approx(1 / 3)
    rng = np.random.default_rng(0)
    drawn = [overlap(*rng.random((2, 20))) for _ in range(400)]
    assert np.mean([d["overlap"] for d in drawn]) == pytest.approx(drawn[0]["chance"], abs=0.03)
