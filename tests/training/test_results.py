"""What a training leaves on disk, read back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from elor.engine import Engine
from elor.errors import UserError
from elor.sections import read_yaml
from elor.tables import read_table
from elor.training import outputs, weights_file
from elor.training.train import place, run
from tests.worlds import toy

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("results")
    slices = toy.tables()
    task = toy.task("elor_ftr", toy.write_inputs(folder, slices), slices)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELOR_SCRATCH", str(folder / "scratch"))
        jobs = place([task.job(fold, toy.settings("elor_ftr")) for fold in task.fold_names()], Engine("cpu"))
        outcomes = run(jobs, Engine("cpu", 2), "toy")
        outputs.write_results(folder / "data", folder / "curves", task, jobs, outcomes)
    return folder, task, jobs, outcomes


def test_a_model_file_alone_gives_the_saved_probabilities(trained) -> None:
    folder, task, jobs, _ = trained
    predictions = read_table(folder / "data" / "predictions" / "elor_ftr.csv")
    assert predictions["slice"].tolist() == task.slices["slice"].tolist()
    arrays = {name: np.load(path) for name, path in task.files.items()}
    for job in jobs:
        network = weights_file.load_network(folder / "data" / "models" / "elor_ftr" / f"{job.fold}.safetensors")
        audio = torch.from_numpy(arrays["audio"][job.test])[:, None].float() / 32768
        with torch.no_grad():
            outputs = network(audio, torch.from_numpy(arrays["is10"][job.test]))
        rows = predictions[predictions["fold"] == job.fold]
        for head in ("valence", "arousal"):
            columns = [f"{head}_p{k}" for k in range(3)]
            np.testing.assert_allclose(rows[columns], outputs[head].softmax(1), atol=1e-5)
            np.testing.assert_array_equal(rows[head], rows[columns].to_numpy().argmax(1))


def test_network_yaml_says_what_it_is(trained) -> None:
    value = read_yaml(trained[0] / "data" / "models" / "elor_ftr" / "network.yaml")
    assert value["network"] == "elor_ftr"
    assert value["inputs"] == ["audio", "is10"]
    assert value["filters"] == [2, 3]
    assert [head["name"] for head in value["heads"]] == ["arousal", "valence"]


def test_curves_and_audit_have_a_row_per_epoch_and_one_selected(trained) -> None:
    folder, _, _, outcomes = trained
    curves = read_table(folder / "curves" / "elor_ftr.csv")
    assert len(curves) == sum(len(outcome.history) for outcome in outcomes)
    assert (curves.groupby("fold")["selected"].sum() == 1).all()
    audit = read_table(folder / "data" / "audit" / "elor_ftr.csv")
    kept = audit[audit["selected"] == 1].groupby(["fold", "head"])["count"].sum()
    assert (kept == 10).all()


def test_checkpoints_are_plain_safetensors(trained) -> None:
    path = trained[0] / "data" / "models" / "elor_ftr" / "S00.safetensors"
    assert "cnn.0.conv.weight" in load_file(path)


def test_files_that_are_no_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist: train the network first"):
        weights_file.load_network(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"pickle")
    with pytest.raises(UserError, match="is damaged"):
        weights_file.load_network(tmp_path / "bad.safetensors")
    weights_file.save(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {})
    with pytest.raises(UserError, match="holds no network of this project"):
        weights_file.load_network(tmp_path / "other.safetensors")


def test_folds_of_different_shapes_are_described_one_by_one(trained, tmp_path: Path) -> None:
    _, task, jobs, outcomes = trained
    other = task.job("S01", toy.settings("elor_ftr", hidden=[7, 7]))
    outputs.write_models(tmp_path, task.slices["speaker"], [jobs[0], other], outcomes[:2])
    value = read_yaml(tmp_path / "network.yaml")
    assert value["folds"]["S01"]["hidden"] == [7, 7]
    assert value["folds"]["S00"]["hidden"] == [6, 5]


def test_values_have_a_column_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elor.targets import Head

    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    slices = toy.tables()
    task = toy.task("ftr", toy.write_inputs(tmp_path, slices), slices, heads=(Head("valence", None),))
    jobs = place([task.job("S00", toy.settings("ftr"))], Engine("cpu"))
    table = outputs.predictions_of(task, jobs, run(jobs, Engine("cpu", 1), "toy"))
    assert list(table.columns) == ["slice", "utterance", "fold", "speaker", "valence_value"]
    assert isinstance(table, pd.DataFrame)
