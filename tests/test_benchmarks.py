"""The benchmarks' own machinery: the pages' tables, what counts as the same step, and small runs of each kind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import kills, lab, learning, maps, projection, publish, results, spread, steps, toy, untrained
from benchmarks.measure import ROOT, alternated, ratio
from benchmarks.plainstep import PlainStep
from elor.errors import UserError
from elor.evidence.claims import Claims
from elor.evidence.model import read, write
from elor.evidence.names import Verdict
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.explain import controls
from elor.explain.correlation import pearson
from elor.explain.guided import guided_backprop
from elor.files import write_json
from elor.networks import MultiHeadNetwork
from elor.params import Settings, load
from elor.registry import WORDLESS
from elor.report.results import Results
from elor.report.text import Format, render
from elor.runs.run import Folder
from elor.targets import Head
from elor.training.loop import Trainer
from elor.training.task import architecture
from tests.worlds.networks import new_network
from tests.worlds.stages import stage_here

pytestmark = pytest.mark.long

SMALL = Settings(
    filters=[3, 4], lengths=[16, 5], pools=[20, 30], stride=8, hidden=[6, 5], dropout=0.0,
    batch=4, learning_rate=0.05, momentum=0.9, alpha=0.001,
)  # fmt: skip
HEADS = (Head("arousal", 5), Head("valence", 5))


def test_processors_are_recorded_of_just_these_outputs(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("stages: {a: {outs: [{path: metrics/uar.json, md5: one}]}}\n")
    with pytest.raises(UserError, match="names no processor"):
        results.record(tmp_path)
    for stage, processor in (("a", "One"), ("b", "Two"), ("c", "One")):
        cost = {"seconds": 1.0, "processor": processor}
        write_json(tmp_path / "metrics/cost" / f"{stage}.json", cost)
    results.record(tmp_path)
    assert Folder(tmp_path).made_on() == ["One", "Two"]
    (tmp_path / "dvc.lock").write_text("stages: {a: {outs: [{path: metrics/uar.json, md5: another}]}}\n")
    shutil.rmtree(tmp_path / "metrics/cost")  # else it says where these others were made
    assert Folder(tmp_path).made_on() == []


def test_a_run_stands_beside_the_committed_one() -> None:
    base = Results.read(ROOT / "metrics")
    scores = {head: {"ftr": by["ftr"] | {"uar": by["ftr"]["uar"] + 0.1}} for head, by in base.scores.items()}
    table = results.compared(replace(base, scores=scores), base, "committed")
    assert table.header[1:3] == ("arousal, here", "arousal, committed")
    (((name, *cells),),) = table.groups
    assert name == "FTR"
    arousal_here, arousal, valence_here, valence = (float(cell.split()[0]) for cell in cells)
    assert arousal_here - arousal == pytest.approx(0.1, abs=0.001)
    assert valence_here - valence == pytest.approx(0.1, abs=0.001)


def test_verdicts_stand_beside_the_committed_ones_in_the_same_order() -> None:
    base = read(Claims, ROOT / "metrics" / "claims.json")
    table = results.tally(base.model_copy(update={"counts": {Verdict.holds: 25}}), base, "committed")
    assert table.header == ("verdict", "here", "committed")
    assert table.groups[0][0] == ("holds", "25", str(base.counts[Verdict.holds]))


def test_every_claim_is_put_into_words() -> None:
    judged = read(Claims, ROOT / "metrics" / "claims.json")
    (rows,) = results.sentences_of(judged).groups
    assert len(rows) == 25
    assert all(len(row) == 3 and all(row) for row in rows)
    assert ("arousal-rate", "more arousal goes with a faster speaking rate") in {row[:2] for row in rows}


def test_untrained_networks_are_set_beside_what_was_said_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone = np.sin(np.arange(96_000) / 5) * np.random.default_rng(0).uniform(0.1, 1, 96_000)
    tone[60_000:] = 0
    for folder in ("data", "metrics"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "metrics" / "saliency.json", Saliency())
    write(tmp_path / "metrics" / "prototypes.json", Prototypes(speaker="F"))
    np.save(tmp_path / "data" / "slices.npy", (8_000 * np.stack([tone, tone[::-1], tone])).astype(np.int16))
    table = "slice,speaker,samples\na,F,60000\nb,G,96000\nc,G,60000\n"
    (tmp_path / "data" / "slices.csv").write_text(table)
    small = new_network().architecture
    monkeypatch.setattr(untrained, "_shapes", lambda: {"small": small})
    found = untrained.measure(tmp_path, seeds=1)
    assert found["slices"] == 2  # one of each speaker
    network = controls.untrained(lambda: MultiHeadNetwork(small), 0)
    audio = torch.from_numpy(np.load(tmp_path / "data" / "slices.npy")[:2] / np.float32(32_768))[:, None]
    values = guided_backprop(network, audio)
    r = [pearson(a.numpy(), b.numpy()) for a, b in zip(values["arousal"], values["valence"], strict=True)]
    assert found["shapes"]["small"]["guided"]["arousal~valence"] == pytest.approx(np.mean(r), abs=1e-4)
    text = render(untrained.tables(found), Format.markdown)
    assert "untrained, small" in text
    assert "the gradient's \\|r\\|" in text
    with pytest.raises(UserError, match="run dvc repro"):
        untrained.measure(tmp_path / "nowhere")


def test_steps_take_turns_and_quick_ones_are_repeated() -> None:
    calls: list[str] = []
    times = alternated([lambda: calls.append("a"), lambda: calls.append("b")], rounds=3)
    assert calls == ["a", "b"] * 4
    assert [len(taken) for taken in times] == [3, 3]
    calls.clear()
    alternated([lambda: calls.append("a")], rounds=1, least_s=0.01)
    assert len(calls) > 10
    calls.clear()
    alternated([lambda: calls.append("a"), lambda: calls.append("b")], rounds=1, before=lambda: calls.append("-"))
    assert "".join(calls) == 2 * "-a-b"
    assert ratio([2.0, 9.0, 4.0], [1.0, 3.0, 2.0]) == 2.0


@pytest.mark.parametrize("network", WORDLESS)
def test_the_plain_step_does_what_ours_does(tmp_path: Path, network: str) -> None:
    """All slices in one batch: their order does not matter then."""
    job = small_job(tmp_path, network)
    trainer = Trainer(job)
    plain = PlainStep(trainer)
    order = np.random.default_rng(0).permutation(2)
    trainer.network.train()
    trainer.step(job.train, [trainer.heads[index] for index in order])
    plain()
    ours, theirs = trainer.network.state_dict(), plain.network.state_dict()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=2e-4, atol=2e-6)


def test_operations_are_those_of_direct_convolutions(tmp_path: Path) -> None:
    """networks.md gives 12.9 GFLOP forward for paper-size elor; two passes of thrice that, less the first layer's."""
    params = load(ROOT / "params.yaml")
    case = toy.Case("elor", "paper", params.scales["paper"].networks["elor"].defaults)
    shape = toy.architecture("elor", HEADS, case.settings, True)
    layers = 1 * 40 * 80 * 96_000, 40 * 40 * 40 * 48_000, 40 * 40 * 400 * 4_800
    dense = 6_000 * 256 + 256 * 256 + 256 * 5
    assert sum(2 * layer for layer in layers) + 2 * 2 * dense == pytest.approx(12.9e9, rel=0.01)
    expected = 2 * 2 * (2 * layers[0] + 3 * layers[1] + 3 * layers[2] + 3 * dense)
    assert toy.operations(shape) == pytest.approx(expected, rel=0.002)


def test_a_small_case_is_measured_and_tabled(tmp_path: Path) -> None:
    params = load(ROOT / "params.yaml")
    found = steps.measured_case(toy.Case("elor", "paper", SMALL), params, rounds=1)
    assert found["batch"] == 4
    assert min(found["slice_seconds"].values()) > 0
    assert found["gflops"] == pytest.approx(found["gflop"] / found["slice_seconds"]["step"])
    projected = projection.project([found], params, 2, tmp_path)
    table, hours = steps.tables({"cases": [found], "projection": projected})
    assert table.groups[0][0][:3] == ("ELoR", "paper", "4")
    assert hours.groups[0][0][4] == "unknown"


def test_projected_hours_follow_from_the_step(tmp_path: Path) -> None:
    params = load(ROOT / "params.yaml")
    seconds = {"step": 0.1, "predict": 0.0}
    case = {"network": "elor", "size": "paper", "slice_seconds": seconds}
    risen = [0.2, 0.3, 0.3, 0.4] + 12 * [0.4]  # the best of them is the fourth, which patience of ten leaves behind
    curves = pd.DataFrame({"fold": ["a"] * 16 + ["b"] * 12, "epoch": [*range(16), *range(12)], "score": risen + [
        0.1 * number for number in range(12)]})  # fmt: skip
    curves.to_csv(tmp_path / "elor.csv", index=False)
    found = projection.project([case], params, 4, tmp_path)["networks"][0]
    train = 8_681 * 0.9 * (1 - params.folds.validation)
    assert found["hours"]["search"] == pytest.approx(70 * 100 * train * 0.1 / 4 / 3600)
    assert found["hours"]["folds"] == pytest.approx(10 * 100 * train * 0.1 / 4 / 3600)
    ended, unended = 4 + 10, 100  # whose end was not seen is counted with all epochs
    assert found["share"] == pytest.approx((ended + unended) / 2 / 100)


def test_settings_are_tried_on_corpora_of_other_seeds_and_known_runs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"filters": [2, 2], "lengths": [8, 4], "pools": [40, 5], "hidden": [4]}
    settings = {"lom": learning.Setting("lom", epochs=2, values=small), "ftr": learning.Setting("ftr", epochs=1)}
    monkeypatch.setattr(learning, "SETTINGS", settings)
    monkeypatch.setattr(publish, "RESULTS", tmp_path)
    monkeypatch.setattr(learning, "run_stage", stage_here)
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    found = learning.measure(("lom",), seeds=(7,), folds=1, utterances=60)
    (one,) = found["runs"]
    assert (one["setting"], one["seed"], one["fold"], len(one["loss"]["valence"])) == ("lom", 7, "Ses01F", 2)
    table = np.array(one["confusion"]["valence"])
    assert one["test"]["valence"][-1] == pytest.approx(np.mean([r[k] / sum(r) for k, r in enumerate(table) if sum(r)]))
    (tmp_path / "learning.json").write_text(json.dumps({"measured": found}))
    monkeypatch.setattr(learning, "run", lambda *arguments: pytest.fail("a run that was known was made again"))
    assert learning.measure(("lom",), seeds=(7,), folds=1, utterances=60) == found
    assert learning.tables(found)[0].groups[0][0][:4] == ("lom", "60", "1", "2")


def test_the_profile_lab_is_projected_from_a_sample_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "WORDLESS", ("ftr",))
    found = lab.measure(seconds=0.5, shapes=2)
    one, scale = found["networks"]["ftr"], load(ROOT / "params.yaml").scales["lab"]
    assert one["projected"] > 0 < one["drawn"]
    assert 0 < one["measured"] < 50 * one["projected"]  # what a training takes to begin is not counted by the slice
    assert one["besides"] > 0
    epoch = 8_681 * 0.9 * 0.8 * one["measured"] / 3600
    assert one["folds"] == pytest.approx(scale.networks["ftr"].epochs * epoch)  # ten folds on 16 cores: one turn
    rounds = scale.networks["ftr"].evaluations / scale.round
    assert one["search"] == pytest.approx(rounds * one["folds"] * one["drawn"])
    first, hours = lab.tables(found)
    assert float(first.groups[0][0][3]) == pytest.approx(one["measured"] / one["projected"], abs=0.01)
    assert f"{one['search'] + one['folds']:.1f} in all" in hours.caption


def test_a_difference_after_kills_is_a_failure() -> None:
    measured = {"network": "ftr", "kills": [{"epochs": 3}], "seconds": 20.0, "files": 14, "different": []}
    kills.verdict(measured)
    assert kills.tables(measured)[0].groups[0][0][-1] == "all 14 files"
    with pytest.raises(UserError, match=r"data/models/ftr/a\.safetensors"):
        kills.verdict(measured | {"different": ["data/models/ftr/a.safetensors"]})


def test_kills_leave_time_for_all_of_them() -> None:
    """On average the killed runs train for less than the whole takes."""
    begun, seconds, count = 5.0, 65.0, 20
    moments = np.random.default_rng(0).uniform(0, kills.reach(begun, seconds, count), (1_000, count))
    trained = np.maximum(moments - begun, 0).sum(axis=1)
    assert trained.mean() < 0.8 * (seconds - begun)
    assert (trained > 0).all()


def small_job(folder: Path, network: str) -> toy.TrainingJob:
    """A training on four random slices, without dropout and without doubt about the order."""
    settings = SMALL if network != "lom" else SMALL.model_copy(update={"stride": 1, "lengths": [5, 3], "pools": [6, 9]})
    if network == "ftr":
        settings = SMALL.model_copy(update={"filters": None, "lengths": None, "pools": None, "stride": None})
    params = load(ROOT / "params.yaml")
    job = toy.toy_job(toy.Case(network, "toy", settings), params, folder, "cpu", slices=4)
    return replace(
        job, options=replace(job.options, fast=True, update="alternating", precision="float32", balance=False)
    )


@pytest.mark.slow
def test_every_method_of_maps_is_timed_and_told() -> None:
    shape = architecture("elor", HEADS, SMALL, standardize=True)
    seconds = maps.seconds_per_map(MultiHeadNetwork(shape).eval(), batch=2, rounds=1)
    assert set(seconds) == set(maps.TITLES)
    assert seconds["guided"] < seconds["integrated"]  # 64 steps
    measured = {"seconds": {"demo": seconds}, "cores": 2, "peak_mb": {"64": 500.0, "1024": 501.2}, "release_s": 301.0}
    times, limits = maps.tables(measured)
    assert len(times.groups[0]) == len(maps.TITLES)
    assert limits.groups[0][-1][1:] == ("5 min 01 s", "< 10 min 00 s")


@pytest.mark.slow
def test_the_memory_of_integrated_gradients_does_not_grow_with_their_steps() -> None:
    network = MultiHeadNetwork(architecture("elor", HEADS, SMALL, standardize=True)).eval()
    _, few, many = (maps.peak_memory(network, steps) for steps in (16, 16, 96))  # at first the heap grows
    assert many < few + 40  # MiB; expanded, 80 more steps of four slices of float32 would be 117 for the signals alone


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_spread_of_ratings_is_learned_and_shuffled_ones_are_not(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the recipe has it: raters lie further apart the higher the arousal, on valence, too, where there is room.

    Of arousal itself the ends of the scale take away what is planted. Shuffled within speakers the spread goes with
    nothing that can be heard. Each of the six corpora is one test at 5 %, by Bonferroni.
    """
    monkeypatch.setattr(spread, "RESULTS", tmp_path)
    planted = {"disagreement": 2.0, "seed": seed}
    monkeypatch.setattr(spread, "CASES", {"planted": planted, "shuffled": planted | {"shuffle": True}})
    found = spread.measure(("planted", "shuffled"), ("ftr",), utterances=600, folds=3, epochs=30)["cases"]
    scores = {name: one["scores"]["ftr"] for name, one in found.items()}
    assert scores["planted"]["valence"]["spread_r_low"] > 0
    assert scores["planted"]["valence"]["spread_p"] < 0.05 / 6
    for head in ("arousal", "valence"):
        assert scores["shuffled"][head]["spread_r_low"] <= 0
        assert scores["shuffled"][head]["spread_p"] > 0.05 / 6
