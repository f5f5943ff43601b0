"""Two seeds per fold, from a corpus to scores: what the commands answer is what was scored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from elor.api.explain import own_networks
from elor.commands import app
from elor.explain.any_network.subjects import probabilities as probabilities_of
from elor.inference import load as load_ensemble
from elor.params import load
from elor.tables import read_table
from stages.report import settings
from tests.worlds.project import NETWORKS
from tests.worlds.stages import LEARNING, READING, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.long]  # quickly: training/, commands/test_score_networks.py


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as patch:
        made = Workspace(tmp_path_factory.mktemp("ensembles") / "project", patch)
        unsearched = {f"scale__demo__networks__{net}__evaluations": 0 for net in ("elor", "lom", "ftr")}
        made.set_params(train__seeds=2, folds__most=3, **unsearched)
        made.run_all(*READING, ("mfcc",), ("is10",), *LEARNING)
        yield made


def elor(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def probabilities(path: Path) -> pd.DataFrame:
    return read_table(path).set_index("slice").filter(regex="_p[0-4]$")


def test_all_networks_are_there_and_scored(workspace: Workspace) -> None:
    for network in NETWORKS:
        models = workspace.folder / "data/models" / network
        folds = {path.stem for path in models.glob("*.safetensors")}
        assert {path.relative_to(models).as_posix() for path in models.glob("*/*")} == {
            f"{fold}/2.safetensors" for fold in folds
        }
        assert len(folds) == 3
        for head in ("arousal", "valence"):
            assert 0 <= workspace.json(f"metrics/{head}/{network}.json")["uar"] <= 1
    assert settings(load())["train"]["seeds"] == 2


def test_score_says_what_the_stage_said(workspace: Workspace) -> None:
    for network in ("elor", "ftr"):
        out = workspace.folder / "said.csv"
        elor("score", "--model", "data/models", "--network", network, "--corpus", "data", "--csv", out)
        expected = probabilities(workspace.folder / f"data/predictions/{network}.csv")
        found = read_table(out).set_index("slice")
        assert set(found["networks"]) == {2}
        np.testing.assert_allclose(found.loc[expected.index, expected.columns], expected, atol=2e-5)


def test_an_exported_fold_predicts_what_was_scored(workspace: Workspace) -> None:
    elor("export", "ftr", "--no-onnx")
    assert "The networks of a fold were tested as one" in (workspace.folder / "data/export/ftr.md").read_text()
    said = read_table(workspace.folder / "data/predictions/ftr.csv").set_index("slice")
    expected = probabilities(workspace.folder / "data/predictions/ftr.csv")
    places = read_table(workspace.folder / "data/utterances.csv").set_index("utterance")["file"]
    for name in said.index[:2]:
        (file,) = (workspace.folder / "data/corpus").rglob(Path(places[said.loc[name, "utterance"]]).name)
        fold = said.loc[name, "fold"]
        text = elor("predict", file, "--model", "data/export/ftr.safetensors", "--fold", fold, "--csv", "one.csv")
        assert f"mean of 2 networks of fold {fold}" in " ".join(text.split())
        found = probabilities(workspace.folder / "one.csv")
        np.testing.assert_allclose(found.loc[name, expected.columns], expected.loc[name], atol=2e-5)


def test_explain_takes_the_networks_that_answer(workspace: Workspace) -> None:
    models = workspace.folder / "data/models"
    fold = read_table(workspace.folder / "data/predictions/elor.csv")["fold"][0]
    assert own_networks(models).subject.name == "ELoR, mean of 3 folds, 6 networks"
    subject = own_networks(models, fold).subject
    assert subject.name == f"ELoR, fold {fold}, 2 networks"
    sound = torch.from_numpy(np.load(workspace.folder / "data/slices.npy")[:1] / 32_768).float()[:, None]
    said = load_ensemble(models, fold=fold).answers(np.load(workspace.folder / "data/slices.npy")[:1])
    for head, answer in probabilities_of(subject.model, sound).items():
        np.testing.assert_allclose(answer[0], said[head][0].mean(0), atol=1e-5)


def test_one_seed_leaves_the_first_networks(workspace: Workspace) -> None:
    models = workspace.folder / "data/models/ftr"
    before = {path.name: path.read_bytes() for path in models.iterdir() if path.is_file()}
    workspace.set_params(train__seeds=1)
    workspace.run_all(("train", "ftr"))
    assert {path.name: path.read_bytes() for path in models.iterdir()} == before
