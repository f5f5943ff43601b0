"""Several seeds per fold (`train.seeds`): what they answer together, what they leave, and what one of them leaves."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elor.engine import Engine
from elor.errors import UserError
from elor.inference import load, load_networks
from elor.onnx_model import write_onnx
from elor.safetensors_model import write_weights
from elor.tables import read_table
from elor.targets import FLOOR, Head
from elor.training import budget, outputs, resume, weights_file
from elor.training.job import TrainingJob
from elor.training.task import Task
from elor.training.train import place, train_all_here, train_folds
from elor.training.tuning_file import Tuning
from tests.worlds import toy
from tests.worlds.stages import run_here

pytestmark = pytest.mark.long

FOLDS = ("S00", "S01", "S02")


@pytest.fixture
def asked(files: dict[str, Path], slices: pd.DataFrame):
    def make(network: str, seeds: int, **changes: object) -> Task:
        how = toy.TRAIN.model_copy(update={"seeds": seeds})
        return toy.task(network, files, changes.pop("slices", slices), how=how, **changes)

    return make


def learned(folder: Path, task: Task, max_hours: float = 24.0) -> list[TrainingJob]:
    """What the stage `train@<net>` does, in this process; its scratch folders are left."""
    values = dict.fromkeys(task.fold_names(), toy.settings(task.network))
    tuning = Tuning(task.network, "none", None, values, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "run", run_here)
        jobs, outcomes = train_folds(task, tuning, Engine("cpu", 2), max_hours)
    outputs.write_results(folder / "data", folder / "curves", task, jobs, outcomes)
    return jobs


def left(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("network", ["ftr", "lom"])  # members of one stack, and each a training of its own
def test_they_answer_by_their_mean_and_the_first_is_what_one_seed_leaves(network: str, asked, tmp_path: Path) -> None:
    learned(tmp_path / "one", asked(network, 1))
    task = asked(network, 3)
    jobs = learned(tmp_path / "three", task)
    assert len({job.seed for job in jobs}) == 3
    alone, together = left(tmp_path / "one"), left(tmp_path / "three")
    further = {f"data/models/{network}/{fold}/{number}.safetensors" for fold in FOLDS for number in (2, 3)}
    assert set(together) - set(alone) == further
    assert {name for name in alone if alone[name] != together[name]} == {f"data/predictions/{network}.csv"}

    table = read_table(tmp_path / f"three/data/predictions/{network}.csv")
    assert table["slice"].tolist() == task.slices["slice"].tolist()
    (values,) = [np.load(path) for path in task.files.values()]
    models = tmp_path / "three/data/models" / network
    for fold in FOLDS:
        rows = table[table["fold"] == fold]
        heard = torch.from_numpy(values[task.slices["speaker"] == fold])
        members = []
        for name in (fold, f"{fold}/2", f"{fold}/3"):
            with torch.no_grad():
                members.append(weights_file.load_network(models / f"{name}.safetensors")(heard))
        for head in ("arousal", "valence"):
            one, two, three = (member[head].softmax(1).double().numpy() for member in members)
            assert min(abs(one - two).max(), abs(one - three).max(), abs(two - three).max()) > 1e-3
            shown = rows[[f"{head}_p{k}" for k in range(3)]].to_numpy()
            np.testing.assert_allclose(shown, (one + two + three) / 3, atol=1e-5)
            assert rows[head].tolist() == shown.argmax(1).tolist()

    learned(tmp_path / "three", asked(network, 1))  # the further ones do not stay behind, to answer along
    assert left(tmp_path / "three") == alone


def test_whatever_is_loaded_or_exported_answers_with_what_was_scored(asked, tmp_path: Path) -> None:
    task = asked("ftr", 2)
    learned(tmp_path, task)
    table, models = read_table(tmp_path / "data/predictions/ftr.csv"), tmp_path / "data/models"
    networks = load_networks(models, "ftr")
    assert list(networks) == [name for fold in FOLDS for name in (fold, f"{fold}/2")]
    write_weights(networks, tmp_path / "all.safetensors")
    write_onnx(networks, tmp_path / "all.onnx")
    write_weights(load_networks(models, "ftr", "S01"), tmp_path / "S01.safetensors")
    vectors = np.load(task.files["is10"])
    given = [(models / "ftr", FOLDS), *((tmp_path / name, FOLDS) for name in ("all.safetensors", "all.onnx"))]
    for path, folds in (*given, (tmp_path / "S01.safetensors", ("S01",))):
        for fold in folds:
            ensemble = load(path, fold=fold)
            assert ensemble.folds == (fold, f"{fold}/2")
            heard = [f"toy-{name}" for name in FOLDS if name != fold]
            assert [list(one or ()) for one in ensemble.heard] == [heard, heard]
            rows = table[table["fold"] == fold]
            logits = ensemble.run([vectors[rows.index]])
            for head in ("arousal", "valence"):
                mean = torch.from_numpy(logits[head]).softmax(2).mean(1)
                np.testing.assert_allclose(rows[[f"{head}_p{k}" for k in range(3)]], mean, atol=1e-4)
    assert load(models / "ftr", fold="S01/2").folds == ("S01/2",)
    with pytest.raises(
        UserError, match=r"ftr/S01 holds only the further networks of a fold; give .*, or S01/2 for one"
    ):
        load(models / "ftr/S01")
    write_weights(networks, models / "ftr.safetensors")  # beside a folder of all of them it says nothing
    assert load(models / "ftr", fold="S01").folds == ("S01", "S01/2")
    with pytest.raises(UserError, match="has no fold S09; choose one of S00, S00/2, S01"):
        load(models, "ftr", "S09")


def test_a_spread_is_that_of_the_mixture(asked, slices: pd.DataFrame, tmp_path: Path) -> None:
    deviations = {f"{name}_deviation": 0.5 + 0.1 * (slices.index % 4) for name in ("arousal", "valence")}
    heads = tuple(Head(name, None, spread=True) for name in ("arousal", "valence"))
    task = asked("ftr", 2, slices=slices.assign(**deviations), heads=heads)
    learned(tmp_path, task)
    table, vectors = read_table(tmp_path / "data/predictions/ftr.csv"), np.load(task.files["is10"])
    rows = table[table["fold"] == "S02"]
    said = []
    for name in ("S02", "S02/2"):
        network = weights_file.load_network(tmp_path / f"data/models/ftr/{name}.safetensors")
        with torch.no_grad():
            raw = network.outputs(torch.from_numpy(vectors[rows.index]))["valence"].double()
        said.append((raw[:, 0].numpy(), FLOOR + np.log1p(np.exp(raw[:, 1].numpy()))))
    draws = np.random.default_rng(0).standard_normal((2, 200_000, 1))
    drawn = np.concatenate([mean + deviation * draw for (mean, deviation), draw in zip(said, draws, strict=True)])
    np.testing.assert_allclose(rows["valence_value"], (said[0][0] + said[1][0]) / 2, atol=1e-5)
    np.testing.assert_allclose(rows["valence_deviation"], drawn.std(0), rtol=0.01)


@pytest.mark.parametrize(("network", "epochs"), [("ftr", 80), ("lom", 8)])
def test_killed_in_any_member_they_go_on(network: str, epochs: int, asked, tmp_path: Path, capsys) -> None:
    task = asked(network, 2, epochs=epochs, patience=epochs)
    jobs = learned(tmp_path / "calm", task)
    for job in jobs:
        for path in job.scratch.iterdir():
            path.unlink()
    placed = place([one for fold in FOLDS for one in task.ensemble(fold, toy.settings(network))], Engine("cpu"))
    assert [job.scratch for job in placed] == [job.scratch for job in jobs]
    worker = multiprocessing.get_context("forkserver").Process(target=train_all_here, args=(placed,))
    worker.start()
    while not resume.epochs_done(placed[1].scratch):  # the second network of the first fold has begun
        assert worker.is_alive()
        time.sleep(0.005)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert resume.epochs_done(placed[-1].scratch) < epochs
    capsys.readouterr()
    learned(tmp_path / "killed", task)
    assert left(tmp_path / "killed") == left(tmp_path / "calm")
    assert "left aside" not in capsys.readouterr().err  # what a sibling has begun is no other run's


def test_the_guard_counts_every_member(asked, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training would take up to .* \(12 trainings of up to 3 epochs"):
        learned(tmp_path, asked("ftr", 4), max_hours=1e-9)


def test_the_guard_asks_the_largest_network(asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a search per fold, networks differ in size."""
    task, seen = asked("ftr", 1), []
    monkeypatch.setattr(budget, "check", lambda job, *rest: seen.append(job.architecture.hidden))
    values = dict.fromkeys(task.fold_names(), toy.settings("ftr"))
    values["S01"] = values["S01"].model_copy(update={"hidden": [64, 8]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "run", run_here)
        train_folds(task, Tuning("ftr", "nested", None, values, {}), Engine("cpu", 2), 24.0)
    assert [tuple(hidden) for hidden in seen] == [(64, 8)]


def test_a_member_shares_nothing_with_those_of_the_seeds_beside_it(asked) -> None:
    runs = [
        [job.seed for job in replace(asked("ftr", 10), seed=seed).ensemble("S00", toy.settings("ftr"))]
        for seed in range(6)
    ]
    assert [run[0] for run in runs] == list(range(6))
    assert len(set(np.ravel(runs))) == 60
