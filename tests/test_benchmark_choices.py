"""Benchmarks that learn from a table: the SVM, searches, and the choices of training."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import choices, learning, publish, search, svm
from benchmarks.invented import invent
from benchmarks.measure import ROOT, set_params
from elor.engine import Engine
from elor.errors import UserError
from elor.evaluation.predictions import check_predictions
from elor.params import NETWORKS, load
from elor.tables import read_table
from elor.targets import Target
from elor.training.folds import make_folds
from elor.vectors import IS10
from tests.worlds.stages import run_here

pytestmark = pytest.mark.long

FTR = "scale.demo.networks.ftr"


def workspace(folder: Path) -> pd.DataFrame:
    """params.yaml, slices, folds and features whose first column tells the arousal; returns the slices."""
    random = np.random.default_rng(0)
    names = [f"S{speaker}_{index}" for speaker in range(4) for index in range(30)]
    slices = pd.DataFrame({"slice": [f"{name}_0" for name in names], "utterance": names, "part": 0, "samples": 96_000})
    slices["speaker"] = [name[:2] for name in names]
    slices["gender"] = ["FM"[int(name[1]) % 2] for name in names]
    slices["valence"], slices["arousal"] = random.integers(0, 5, 120), random.permutation(np.arange(120) % 5)
    features = random.normal(size=(120, 30)).astype(np.float32)
    features[:, :5] += 8 * np.eye(5)[slices["arousal"]]
    data = folder / "data"
    data.mkdir()
    slices.to_csv(data / "slices.csv", index=False)
    make_folds(slices, "paper", 0.2, 10, seed=1).to_csv(data / "folds.csv", index=False)
    np.save(data / "is10.npy", features)
    IS10.write(data / "is10.json")
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return slices


def test_invented_predictions_pass_the_evaluations_checks(tmp_path: Path) -> None:
    slices = workspace(tmp_path)
    invent(tmp_path / "data")
    folds = read_table(tmp_path / "data" / "folds.csv")
    for network in NETWORKS:
        table = read_table(tmp_path / "data" / "predictions" / f"{network}.csv")
        checked = check_predictions(table, slices, Target("classes").heads, folds)
        assert 0.2 < (checked["arousal"] == slices["arousal"]).mean() < 0.8


def test_the_svm_learns_what_is_there_and_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "run", run_here)
    slices = workspace(tmp_path)
    invent(tmp_path / "data")
    found = svm.measure(tmp_path)
    arousal, valence = found["heads"]["arousal"], found["heads"]["valence"]
    assert arousal["svm"]["uar"] > 0.9  # planted in the features
    assert valence["svm"]["uar"] < 0.45  # not planted
    assert arousal["svm"]["uar_low"] <= arousal["svm"]["uar"] <= arousal["svm"]["uar_high"]
    assert arousal["difference"]["difference"] == pytest.approx(arousal["ftr"]["uar"] - arousal["svm"]["uar"])
    assert set(arousal["chosen"]) == set(slices["speaker"])
    assert {row["balanced"] for row in arousal["chosen"].values()} <= {True, False}
    assert [row[:2] for row in svm.tables(found)[0].groups[0]][1] == ("arousal", "SVM")


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose FTR trains two epochs in three trials; results of benchmarks are kept there.

    Processes are another test's matter (tests/test_benchmark_truth.py); here everything is made in this one.
    """
    workspace(tmp_path)
    monkeypatch.setattr(Engine, "run", run_here)
    monkeypatch.setattr(publish, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(workers))
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(publish, "RESULTS", tmp_path)
    path = tmp_path / "data" / "is10.npy"
    np.save(path, np.pad(np.load(path), ((0, 0), (0, 1_552))))
    set_params(tmp_path / "params.yaml", {f"{FTR}.evaluations": 3, f"{FTR}.epochs": 2})
    return tmp_path


@pytest.mark.slow
def test_searches_of_both_kinds_begin_with_the_default_and_are_not_made_twice(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search.measure(quick, seeds=2)
    best = found["best"]
    assert [row[0] for row in best["tpe"]] == [row[0] for row in best["random"]]  # the default
    for rows in best.values():
        assert all(row == sorted(row) and len(row) == 3 for row in rows)
    table = search.tables(found)[0]
    assert table.header == ("search", "1", "2", "3", "ends ahead")
    assert float(table.groups[0][0][3]) == pytest.approx(np.mean([row[-1] for row in best["tpe"]]), abs=6e-4)
    with monkeypatch.context() as patch:
        patch.setattr(search, "_searched", partial(pytest.fail, "a search was made again"))
        again = search.measure(quick, seeds=2)
    for way, rows in best.items():
        assert again["best"][way] == pytest.approx(np.array(rows), abs=1e-6)
    path = quick / "data" / "is10.npy"
    np.save(path, np.load(path)[::-1])
    assert search.measure(quick, seeds=2)["best"] != again["best"]  # other vectors: made anew


def test_a_search_of_nothing_and_unknown_names_are_refused_before_anything_is_made(quick: Path) -> None:
    with pytest.raises(UserError, match=r"Nothing of elor_ftr is searched here; choose another --network"):
        search.measure(quick, "elor_ftr")
    with pytest.raises(UserError, match="There is no nosuch; choose elor, lom, ftr"):
        search.measure(quick, "nosuch")
    with pytest.raises(UserError, match="There is no elor_txt; choose ftr, lom, elor, elor_ftr"):
        choices.measure(quick, ("elor_txt",))
    with pytest.raises(UserError, match="There is no nosuch; choose constant rate"):
        learning.measure(("nosuch",))


def test_choices_are_trained_beside_the_papers_with_several_seeds_averaged_and_none_twice(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "SEEDS", (1, 2))
    found, asked = choices.measure(quick, ("ftr",)), (quick / "params.yaml").read_text()
    by_choice = {one["choice"]: one["counts"] for one in found["runs"]}
    assert set(by_choice) == {*choices.ASKED["ftr"], choices.AVERAGED}
    slices = len(pd.read_csv(quick / "data" / "slices.csv"))
    for name, counts in by_choice.items():
        for table in counts.values():
            assert np.sum(table) == len(choices.SEEDS) * slices, name
    averaged = np.array(by_choice[choices.AVERAGED]["arousal"])
    assert (averaged % len(choices.SEEDS) == 0).all()  # one answer, counted once a seed
    assert (averaged != by_choice[choices.BASE]["arousal"]).any()
    rows = choices.tables(found)[0].groups[0]
    assert [row[1] for row in rows] == [*choices.ASKED["ftr"], choices.AVERAGED]
    monkeypatch.setattr(choices, "_trained", partial(pytest.fail, "a training was made again"))
    assert choices.measure(quick, ("ftr",)) == found
    (quick / "choices.json").write_text(json.dumps({"measured": found}))
    (quick / "choices.parts.json").unlink()
    assert choices.measure(quick, ("ftr",)) == found
    for other in ({"features.set": "ComParE_2016"}, {"search.score": "valence"}, {f"{FTR}.epochs": 3}):
        set_params(quick / "params.yaml", other)
        with pytest.raises(UserError, match=r"another corpus or other values called demo; give another --corpus"):
            choices.measure(quick, ("ftr",))
        (quick / "params.yaml").write_text(asked)
    path = quick / "data" / "is10.npy"
    np.save(path, np.load(path)[::-1])  # other vectors under the same name
    with pytest.raises(UserError, match="another corpus or other values called demo"):
        choices.measure(quick, ("ftr",))


def test_a_row_of_lom_does_not_say_that_its_mfccs_had_gain_and_noise() -> None:
    counts = {head: [[[3, 1], [1, 3]]] * 4 for head in ("arousal", "valence")}
    named = ((network, choice) for network in ("elor", "lom") for choice in ("the paper's", "gain, noise, masks"))
    runs = [{"corpus": "one", "network": network, "choice": choice, "counts": counts} for network, choice in named]
    elor, lom = choices.tables({"runs": runs})[0].groups
    assert [row[1] for row in elor] == ["the paper's", "gain, noise, masks"]
    assert [row[1] for row in lom] == ["the paper's", "masks"]


def test_a_choice_of_the_epoch_is_what_training_keeps_by_itself(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_params(quick / "params.yaml", {f"{FTR}.epochs": 8})
    monkeypatch.chdir(quick)
    params = load()
    _, watched = choices._one_seed(params, "ftr", choices.BASE, 1)
    for choice in choices.trainings("ftr")[choices.BASE]:
        _, trained = choices._one_seed(params, "ftr", choice, 1)
        assert [choices.kept(one, choices.PAPER | choices.CHOICES[choice]) for one in watched] == [
            one.kept for one in trained
        ]


def test_the_svm_wants_a_finished_run_and_classes(tmp_path: Path) -> None:
    workspace(tmp_path)
    with pytest.raises(UserError, match="run dvc repro"):
        svm.measure(tmp_path)
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("target: classes", "target: regression"))
    with pytest.raises(UserError, match="regression has no single classes"):
        svm.measure(tmp_path)
