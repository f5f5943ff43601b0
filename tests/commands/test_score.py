"""`elor score`: the pipeline's own numbers, for anybody's file and any corpus."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from typer.testing import Result

from elor.api.score import hold_out_of, rater_of
from elor.corpora.copies import COLUMNS
from elor.corpora.reader import open_corpus
from elor.features.slices import slice_count
from elor.files import write_json
from elor.tables import read_table, write_table
from elor.training.folds import make_folds
from tests.worlds.release import build

Elor = Callable[..., Result]


def measured(path: Path) -> dict:
    """A file of the pipeline's metrics without its schema."""
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "schema"}


def equal(found: dict, expected: dict) -> None:
    """The same keys and values, but for what needs an audit."""
    assert found == {key: value for key, value in expected.items() if not key.startswith("selection_gap")}


@pytest.mark.parametrize("target", ["classes", "regression", "distribution", "emotion"])
def test_scores_are_those_of_the_pipeline(
    target: str, workspace_of: Callable[[str], Path], tmp_path: Path, elor: Elor
) -> None:
    folder, out = workspace_of(target), tmp_path / "out.json"
    files = [folder / "data/predictions" / f"{network}.csv" for network in ("elor", "ftr")]
    where = ("--corpus", folder / "data", "--folds", folder / "data/folds.csv", "--target", target, "--json", "-o", out)
    result = elor("score", *files, *where)
    assert result.exit_code == 0, result.stderr
    found = json.loads(out.read_text())
    dimensions = ["emotion"] if target == "emotion" else ["arousal", "valence"]
    assert list(found["scores"]) == dimensions
    for dimension in dimensions:
        for network in ("elor", "ftr"):
            expected = measured(folder / "metrics" / dimension / f"{network}.json")
            equal(found["scores"][dimension][network], expected)
    assert found["agreement"] == measured(folder / "metrics/agreement.json")
    assert found["corpus"] == measured(folder / "metrics/corpus.json")
    declared = json.loads((folder / "metrics/comparisons.json").read_text())["comparisons"][0]
    ours = found["comparisons"]["comparisons"][0]
    assert (ours["a"], ours["b"]) == (declared["a"], declared["b"]) == ("elor", "ftr")
    assert {**ours, "p_holm": None} == {**declared, "p_holm": None}


@pytest.mark.long
def test_printed_as_the_results_are(workspace: Path, elor: Elor) -> None:
    files = [workspace / "data/predictions" / f"{network}.csv" for network in ("elor", "lom", "ftr", "elor_ftr")]
    folds = ("--folds", workspace / "data/folds.csv")
    scored = elor("score", *files, "--corpus", workspace / "data", *folds).stdout
    printed = elor("results", "--metrics", workspace / "metrics").stdout
    first = ("ELoR", "LoM", "FTR", "guess", "other evaluators")
    table = printed.split("\n\n")[0]
    rows = [line.split() for line in table.splitlines() if line.startswith(first)]
    assert len(rows) == 9
    assert all(row in [line.split() for line in scored.splitlines()] for row in rows)
    flat = " ".join(scored.split())  # six pairs, two dimensions
    assert "corrected for 12 comparisons, all pairs of the files and none of them declared beforehand" in flat
    assert "All pairs, Holm over them" in scored
    assert "Declared" not in scored


def predicted(manifest: Path, by: str, skill: float = 0.5) -> pd.DataFrame:
    """Three classes, right with a share of `skill`, a row per utterance or slice; `truth_*` is never read."""
    rng, rows = np.random.default_rng(1), []
    for _, row in pd.read_csv(manifest, dtype={"speaker": str}).iterrows():
        utterance, turn = row["file"].removesuffix(".wav"), int(row["file"][3])
        for part in range(slice_count(160_000) if turn == 3 else 1):
            truth = {name: (row[name] - 1) // 3 for name in ("valence", "arousal")}
            name = {"utterance": utterance} if by == "utterance" else {"slice": f"{utterance}_{part}"}
            guess = {key: value if rng.random() < skill else rng.integers(3) for key, value in truth.items()}
            rows.append(name | guess | {f"truth_{key}": value for key, value in truth.items()})
            if by == "utterance":
                break
    return pd.DataFrame(rows)


@pytest.mark.parametrize("by", ["slice", "utterance"])
def test_a_manifest_with_its_own_scale(manifest: Path, tmp_path: Path, elor: Elor, by: str) -> None:
    table = predicted(manifest, by)
    table.to_csv(tmp_path / "mine.csv", index=False)
    where = ("--corpus", manifest, "--low", 1, "--high", 7, "--classes", 3, "--json", "-o", tmp_path / "out.json")
    assert elor("score", tmp_path / "mine.csv", *where).stdout == ""
    result = elor("score", tmp_path / "mine.csv", *where[:-3])
    assert result.exit_code == 0, result.stderr
    scores = json.loads((tmp_path / "out.json").read_text())["scores"]["valence"]["mine"]
    prefix, size = ("", 15) if by == "slice" else ("utterance_", 12)
    assert scores[f"{prefix}count"] == size
    expected = metrics.balanced_accuracy_score(table["truth_valence"], table["valence"])
    assert scores[f"{prefix}uar"] == pytest.approx(expected, abs=1e-4)
    assert "15 slices of 12 utterances by 3 speakers; labels: the corpus' own rater, 3 classes" in result.stdout
    assert "other evaluators" not in result.stdout
    assert "there is no human ceiling" in " ".join(result.stdout.split())
    assert "Declared comparisons" not in result.stdout
    assert "All pairs" not in result.stdout  # of one file there are none


def test_an_iemocap_release(tmp_path: Path, elor: Elor) -> None:
    root = build(tmp_path / "release")
    ratings = open_corpus(root).read().ratings
    mine = ratings[(ratings["rater"] == "E-2")].dropna(subset=["valence", "arousal"])
    mine = mine[["utterance"]].assign(valence=mine["valence"] - 1, arousal=mine["arousal"] - 1)
    mine.to_csv(tmp_path / "mine.csv", index=False)
    result = elor("score", tmp_path / "mine.csv", "--corpus", tmp_path, "--json", "-o", tmp_path / "out.json")
    assert result.exit_code == 0, result.stderr
    scores = json.loads((tmp_path / "out.json").read_text())["scores"]
    assert (scores["arousal"]["mine"]["war"], scores["valence"]["mine"]["kappa"]) == (1.0, 1.0)
    assert scores["valence"]["mine"]["utterance_count"] == len(mine) > 5
    short = elor("score", tmp_path / "mine.csv", "--corpus", tmp_path, "--minimum-s", 2)
    assert short.exit_code == 1
    assert "utterances are unknown to the corpus; remove them" in short.stderr


def test_faulty_files_are_refused_with_their_rows(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    good = predicted(manifest, "slice")
    faults = {
        "1 slices are missing; predict them too: 01_0_0.": good.iloc[1:],
        "2 slices are given more than once; keep one row each: 01_0_0, 01_1_0.": pd.concat([good, good.iloc[:2]]),
        "1 slices are unknown to the corpus; remove them: 09_0_0.": pd.concat(
            [good, good.iloc[:1].assign(slice="09_0_0")]
        ),
        "1 rows are with a `valence` that is no class; give an integer 0..2: 01_1_0.": good.assign(
            valence=good["valence"].where(good["slice"] != "01_1_0", 7)
        ),
        "it has nothing on arousal; add it, or score valence alone by --head valence.": good.drop(columns="arousal"),
        "12 slices are missing; predict them too: 01_0_0, 01_1_0, 01_2_0, 01_3_0, 01_3_1, 02_0_0, ": good.iloc[12:],
        "neither a column `slice` nor `utterance`": good.drop(columns="slice"),
    }
    where = ("--corpus", manifest, "--high", 7, "--classes", 3, "--json", "-o", tmp_path / "out.json")
    for sentence, table in faults.items():
        table.to_csv(tmp_path / "bad.csv", index=False)
        result = elor("score", tmp_path / "bad.csv", *where)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith(f"elor score: {tmp_path / 'bad.csv'}: ")
        assert sentence in result.stderr
        assert not (tmp_path / "out.json").exists()


def test_one_head_alone_is_scored_if_asked_for_and_said(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    both = predicted(manifest, "utterance")
    both.to_csv(tmp_path / "both.csv", index=False)
    both.drop(columns="valence").to_csv(tmp_path / "one.csv", index=False)
    where = ("--corpus", manifest, "--high", 7, "--classes", 3, "--json", "-o", tmp_path / "out.json")
    elor("score", tmp_path / "both.csv", *where)
    expected = json.loads((tmp_path / "out.json").read_text())["scores"]["arousal"]["both"]
    files = (tmp_path / "one.csv", tmp_path / "both.csv")
    assert elor("score", *files, *where, "--head", "arousal").exit_code == 0
    result = elor("score", *files, *where[:-3], "--head", "arousal")
    assert result.exit_code == 0, result.stderr
    assert "Scored: arousal only, as --head asks; not scored: valence." in " ".join(result.stdout.split())
    assert "valence WAR" not in result.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found["scores"]) == ["arousal"]
    assert 0 <= expected.pop("joint_war") <= 1  # needs both heads
    assert found["scores"]["arousal"]["both"] == expected
    assert {test["dimension"] for test in found["comparisons"]["comparisons"]} == {"arousal"}
    wrong = elor("score", tmp_path / "one.csv", *where, "--head", "emotion")
    assert "Target classes has no head emotion; choose arousal or valence." in wrong.stderr


def test_emotions_need_no_ratings(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    table = pd.read_csv(manifest, dtype={"speaker": str})
    table = table.drop(columns=["valence", "arousal"]).assign(emotion=["angry", "happy", "sad", "neutral"] * 3)
    table.to_csv(manifest.with_name("emotions.csv"), index=False)
    mine = pd.DataFrame({"utterance": table["file"].str.removesuffix(".wav"), "emotion": [0, 1, 2, 2] * 3})
    mine.to_csv(tmp_path / "mine.csv", index=False)
    where = ("--corpus", manifest.with_name("emotions.csv"), "--json", "-o", tmp_path / "out.json")
    result = elor("score", tmp_path / "mine.csv", *where, "--target", "emotion")
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "out.json").read_text())["scores"]["emotion"]["mine"]["utterance_uar"] == 0.75
    shown = elor("score", tmp_path / "mine.csv", *where[:-3], "--target", "emotion").stdout
    assert "12 of them with one of the four emotions" in " ".join(shown.split())
    for target in ("classes", "regression", "distribution"):
        refused = elor("score", tmp_path / "mine.csv", *where, "--target", target)
        assert refused.exit_code == 1
        assert "no evaluator's rating of valence and arousal; there is nothing to learn but emotion" in refused.stderr


@pytest.mark.parametrize(("speakers", "said"), [(1, "there is only one speaker"), (2, "there are only two speakers")])
def test_too_few_speakers_are_said_plainly(
    manifest: Path, tmp_path: Path, elor: Elor, speakers: int, said: str
) -> None:
    table = pd.read_csv(manifest, dtype={"speaker": str})
    kept = table["speaker"].isin(["01", "02"][:speakers])
    table[kept].to_csv(manifest, index=False)
    mine = predicted(manifest, "utterance")
    mine.to_csv(tmp_path / "mine.csv", index=False)
    result = elor("score", tmp_path / "mine.csv", "--corpus", manifest, "--high", 7, "--classes", 3, "--detail")
    assert result.exit_code == 0, result.stderr
    assert f"No interval respects speakers here: {said}" in result.stdout
    assert not re.search(r"\d \[\d", result.stdout)


def test_files_that_are_no_predictions(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    where = ("--corpus", workspace / "data")
    good = workspace / "data/predictions/elor.csv"
    (tmp_path / "sound.csv").write_bytes(b"RIFF\xff\xfe\x00\x00WAVE" * 10)
    (tmp_path / "roles.csv").write_text("fold,slice\na,b\n")
    for arguments, sentence in (
        ((tmp_path / "absent.csv", *where), "does not exist"),
        ((tmp_path / "sound.csv", *where), "is no CSV table in UTF-8"),
        ((good, *where, "--folds", tmp_path / "roles.csv"), "lacks the columns role"),
        ((good, "--corpus", tmp_path / "nowhere"), "does not exist"),
        ((good, good, *where), "same name (elor, elor); tell them apart by --name"),
        ((good, *where, "--name", "a", "--name", "b"), "2 names are given for 1 files"),
        ((good, *where, "--rater", "E-1"), "slices.csv has other values of `valence` than these options ask for"),
        ((good, *where, "--target", "distribution"), "has other values of"),
        ((good, *where, "--strangers"), "--strangers would change nothing without --model"),
        ((good, *where, "--fold", "a", "--network", "lom"), "--network and --fold would change nothing without"),
        ((good, *where, "--rater", "E-9"), "E-9 rated nothing in this corpus; choose E-1"),
    ):
        result = elor("score", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
    assert elor("score", good).exit_code == 2


@pytest.mark.parametrize("column", ["dialect", "partition"])
def test_what_a_workspace_holds_out_need_not_be_said(column: str, workspace: Path, tmp_path: Path, elor: Elor) -> None:
    """Folds that share their speakers; slices that were published to learn from have no predictions."""
    folder = tmp_path / "run"
    shutil.copytree(workspace / "data", folder / "data")
    shutil.copytree(workspace / "metrics", folder / "metrics")
    slices = read_table(folder / "data/slices.csv")
    names = {"dialect": ["01", "02", "03"], "partition": ["train", "test"]}[column]
    slices[column] = [names[int(name[-1]) % len(names)] for name in slices["utterance"]]
    folds = make_folds(slices, "paper", 0.2, 20, 1, column)
    predicted = read_table(folder / "data/predictions/elor.csv").drop(columns="fold")
    kept = predicted["slice"].isin(folds["slice"][folds["role"] == "test"])
    assert kept.all() == (column == "dialect")
    write_table(slices, folder / "data/slices.csv")
    write_table(folds, tmp_path / "folds.csv")
    write_table(predicted[kept], tmp_path / "mine.csv")
    said = measured(folder / "metrics/protocol.json")
    write_json(folder / "metrics/protocol.json", {"schema": "protocol/1"} | said | {"hold_out": column})
    where = (tmp_path / "mine.csv", "--corpus", folder / "data", "--folds", tmp_path / "folds.csv")
    result = elor("score", *where, "--json")
    assert result.exit_code == 0, result.stderr
    protocol = json.loads(result.stdout)["protocol"]
    assert (protocol["hold_out"], protocol["heard_speakers"] > 0) == (column, True)
    assert elor("score", *where, "--hold-out", column, "--json").stdout == result.stdout
    assert elor("score", *where, "--hold-out", "speaker").exit_code == 1
    assert "has no column tongue whose values" in elor("score", *where, "--hold-out", "tongue").stderr


def test_what_metrics_say_is_of_their_own_data_alone(workspace: Path, tmp_path: Path) -> None:
    """A corpus that lies beside somebody's metrics is not of that run."""
    metrics = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    write_json(metrics / "protocol.json", json.loads((metrics / "protocol.json").read_text()) | {"hold_out": "session"})
    shutil.copytree(workspace / "data", tmp_path / "data")
    (tmp_path / "toy").mkdir()
    assert (rater_of(tmp_path / "data"), hold_out_of(tmp_path / "data")) == ("E-2", "session")
    assert (rater_of(tmp_path / "toy"), hold_out_of(tmp_path / "toy")) == (None, "speaker")


def test_anybodys_folds_are_checked_for_copies(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    data = shutil.copytree(workspace / "data", tmp_path / "data")
    pair = ("Ses01F_001", "Ses01F", "Ses02M_000", "Ses02M", 0.97)
    write_table(pd.DataFrame([pair], columns=list(COLUMNS)), data / "copies.csv")
    result = elor("score", data / "predictions/elor.csv", "--corpus", data, "--folds", data / "folds.csv")
    assert result.exit_code == 1
    assert "the same recording, under two speakers, is tested and learned from: Ses01F_001 (Ses01F) =" in result.stderr


@pytest.mark.parametrize("rater", [(), ("--rater", "mean")])
def test_agreement_is_with_whoever_labelled(rater: tuple[str, ...], manifest: Path, tmp_path: Path, elor: Elor) -> None:
    predicted(manifest, "slice").to_csv(tmp_path / "mine.csv", index=False)
    where = (tmp_path / "mine.csv", "--corpus", manifest, "--high", 7, "--classes", 3, *rater)
    assert json.loads(elor("score", *where, "--json").stdout)["agreement"]["rater"] == "gold"
    assert "labels: the corpus' own rater" in elor("score", *where).stdout


def test_protocol_is_guarded(workspace: Path, elor: Elor) -> None:
    where = ("--corpus", workspace / "data", "--folds", workspace / "data/folds.csv", "--protocol", "strict")
    result = elor("score", workspace / "data/predictions/elor.csv", *where)
    assert result.exit_code == 1
    assert "Protocol `strict` forbids" in result.stderr


@pytest.mark.long
def test_names_and_torch(workspace: Path) -> None:
    code = (
        "import sys; from elor.commands import app; "
        "app(['score', 'data/predictions/elor.csv', 'data/predictions/ftr.csv', '--corpus', 'data', "
        "'--name', 'mine', '--name', 'theirs'], standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=workspace, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine - theirs" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slice,valence,arousal\n01_0_0,1,2,3\n", "Line 2 of .* has 4 fields where the header has 3"),
        ("slice,valence,arousal\n01_0_0,1\n", "Line 2 of .* has 2 fields"),
        ("slice,valence,arousal,valence\n01_0_0,1,2,1\n", "has valence more than once"),
        ("slice;valence;arousal\n01_0_0;1;2\n", "found were slice;valence;arousal"),
        ("name,val,aro\n01_0_0,1,2\n", "found were name, val, aro"),
        ('slice,valence,arousal\n"01_0_0,1,2\n', "cannot be read as a CSV table"),
    ],
)
def test_tables_that_pandas_would_bend_are_refused(
    manifest: Path, tmp_path: Path, elor: Elor, text: str, message: str
) -> None:
    (tmp_path / "bent.csv").write_text(text)
    result = elor("score", tmp_path / "bent.csv", "--corpus", manifest, "--high", 7, "--classes", 3)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.search(message, result.stderr)
