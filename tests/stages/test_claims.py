"""The claims stage on every target, and the control that shuffles labels."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from elor.tables import read_table
from stages.claims import claims
from tests.worlds.run import make_workspace
from tests.worlds.stages import READING, Workspace

pytestmark = pytest.mark.long

KEYS = {
    "id",
    "group",
    "claim",
    "where",
    "paper",
    "ours",
    "control",
    "control_value",
    "test",
    "p",
    "p_holm",
    "confirmatory",
    "nulled",
    "verdict",
    "truth",
    "needed",
    "evidence",
}
PIECE = {
    "what",
    "role",
    "ours",
    "unit",
    "control",
    "control_value",
    "control_low",
    "control_high",
    "low",
    "high",
    "p",
    "points",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the paper's target."""
    return make_workspace(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "copy")


def decided(folder: Path) -> dict:
    with contextlib.chdir(folder):
        claims()
    return json.loads((folder / "metrics/claims.json").read_text())


@pytest.mark.parametrize("target", ["classes", "regression", "distribution", "emotion"])
def test_every_target_has_a_table(target: str, tmp_path: Path) -> None:
    make_workspace(tmp_path, target)
    found = decided(tmp_path)
    rows = {row["id"]: row for row in found["claims"]}
    assert found["schema"] == "claims/2"
    assert all(set(row) >= KEYS for row in rows.values())
    assert all(set(piece) >= PIECE for row in rows.values() for piece in row["evidence"])
    assert sum(row["confirmatory"] for row in rows.values()) == 21
    assert sum(found["counts"].values()) == len(rows) == 25
    assert found["family"] == {"claims": 21, "method": "Benjamini-Hochberg", "level": 0.05}
    easier = rows["arousal-easier"]
    if target == "emotion":
        assert {row["verdict"] for name, row in rows.items() if name != "rater-balanced"} == {"undecided"}
        assert "the networks were not asked for arousal" in easier["evidence"][0]["missing"]
        assert "not asked for arousal" in rows["arousal-rate"]["evidence"][0]["missing"]
    else:
        measured = {net: json.loads((tmp_path / f"metrics/arousal/{net}.json").read_text()) for net in ("elor", "ftr")}
        score = "ccc" if target == "regression" else "uar"
        assert easier["ours"] is not None
        assert rows["elor-best-arousal"]["evidence"][0]["ours"] == pytest.approx(measured["elor"][score], abs=1e-4)
    no_recall = target in ("regression", "emotion")
    assert (rows["war-above-uar"]["ours"] is None) == no_recall


def test_a_comparison_is_the_one_that_evaluate_prints(folder: Path) -> None:
    rows = {row["id"]: row for row in decided(folder)["claims"]}
    declared = json.loads((folder / "metrics/comparisons.json").read_text())["comparisons"]
    test = next(test for test in declared if (test["dimension"], test["a"], test["b"]) == ("arousal", "elor", "ftr"))
    piece = next(piece for piece in rows["elor-best-arousal"]["evidence"] if piece["control"] == "FTR")
    printed = [test[key] for key in ("difference", "ci_low", "ci_high")]
    assert [piece[key] for key in ("difference", "low", "high")] == pytest.approx(printed, abs=1e-4)


def test_a_corpus_without_other_raters_leaves_balance_undecided(folder: Path) -> None:
    ratings = read_table(folder / "data/ratings.csv")
    ratings[ratings["rater"] == "E-2"].to_csv(folder / "data/ratings.csv", index=False)
    row = next(row for row in decided(folder)["claims"] if row["id"] == "rater-balanced")
    assert row["verdict"] == "undecided"
    assert "no other evaluator" in row["evidence"][0]["missing"]


def test_a_shuffled_run_is_marked(folder: Path) -> None:
    assert decided(folder)["shuffled"] is False
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["labels"]["shuffle"] = True
    yaml.dump(params, folder / "params.yaml")
    assert decided(folder)["shuffled"] is True


def test_shuffled_labels_reach_the_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "project", monkeypatch)
    workspace.run_all(*READING)
    before = read_table(Path("data/slices.csv")).drop_duplicates("utterance")
    workspace.set_params(labels__shuffle=True)
    workspace.run_all(("labels",), ("slices",))
    after = read_table(Path("data/slices.csv")).drop_duplicates("utterance")
    labels = ["valence", "arousal"]
    assert after.drop(columns=labels).equals(before.drop(columns=labels))
    assert (after[labels] != before[labels]).any(axis=1).mean() > 0.3
    for speaker, own in before.groupby("speaker"):
        assert sorted(map(tuple, own[labels].to_numpy())) == sorted(
            map(tuple, after.loc[after["speaker"] == speaker, labels].to_numpy())
        )
