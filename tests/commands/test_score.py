"""`elor score`: the pipeline's own numbers, for anybody's file and any corpus."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn import metrics
from typer.testing import Result

from elor.api.score import dimensions_of, rater_of
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.features.slices import slice_count
from elor.inference import load
from tests.worlds.networks import FOLDS, write_models
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


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three speakers, one file in stereo, one of two slices; labels 1..7, three classes."""
    rng, rows = np.random.default_rng(0), []
    for speaker in ("01", "02", "03"):
        for turn in range(4):
            seconds, channels = (10.0, 1) if turn == 3 else (0.5, 1 + (turn == 2))
            name = f"{speaker}_{turn}.wav"
            noise = rng.normal(scale=0.1, size=(int(seconds * 8000), channels))
            soundfile.write(tmp_path / name, noise, 8000)
            rows.append(
                {"file": name, "speaker": speaker, "valence": (1, 4, 7, 4)[turn], "arousal": (7, 1, 4, 7)[turn]}
            )
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


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
        ((good, *where, "--rater", "E-9"), "E-9 rated nothing in this corpus; choose E-1"),
    ):
        result = elor("score", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
    assert elor("score", good).exit_code == 2


def test_protocol_is_guarded(workspace: Path, elor: Elor) -> None:
    where = ("--corpus", workspace / "data", "--folds", workspace / "data/folds.csv", "--protocol", "strict")
    result = elor("score", workspace / "data/predictions/elor.csv", *where)
    assert result.exit_code == 1
    assert "Protocol `strict` forbids" in result.stderr


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


def test_the_raters_of_a_workspace_need_not_be_said_again(workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of("classes")
    labelled = json.loads((folder / "metrics/corpus.json").read_text())["labels"]["rater"]
    where = (folder / "data/predictions/elor.csv", "--corpus", folder / "data")
    assert rater_of(folder / "data") == labelled == "E-2"
    assert rater_of(folder) is None
    said = elor("score", *where).stdout
    assert "labels: E-2" in said
    assert elor("score", *where, "--rater", "E-2").stdout == said
    assert elor("score", *where, "--rater", "E-1").exit_code == 1


def test_the_dimensions_of_a_workspace_need_not_be_said_either(tmp_path: Path) -> None:
    (tmp_path / "slices.csv").write_text("slice,speaker,dominance,arousal,dominance_p0\na_0,s,1,2,0.5\n")
    assert dimensions_of(tmp_path) == ("arousal", "dominance")
    assert dimensions_of(tmp_path / "elsewhere") == ()


@pytest.fixture
def heard_corpus(manifest: Path) -> Path:
    """The manifest, two of whose speakers bear the names of speakers that all but one network have heard."""
    text = manifest.read_text().replace(",01,", ",Ses01F,").replace(",02,", ",Ses01M,")
    manifest.write_text(text)
    return manifest


def test_networks_are_scored_on_a_corpus_and_never_on_whom_they_heard(
    heard_corpus: Path, tmp_path: Path, elor: Elor
) -> None:
    models = write_models(tmp_path / "models")
    where = ("--corpus", heard_corpus, "--high", 7)
    result = elor("score", "--model", models, *where, "--detail", "--csv", tmp_path / "said.csv")
    assert result.exit_code == 0, result.stderr
    elor("score", "--model", models, *where, "--json", "-o", tmp_path / "out.json")
    said = pd.read_csv(tmp_path / "said.csv", dtype={"speaker": str})
    every = load(models)
    rows = pd.read_csv(heard_corpus, dtype={"speaker": str})
    for _, row in rows.iterrows():
        prediction = every.predict(heard_corpus.parent / row["file"])
        mine = said[said["utterance"] == row["file"].removesuffix(".wav")]
        for head in ("arousal", "valence"):
            folds = prediction.answers[head]
            own = folds[:, [FOLDS.index(row["speaker"])]] if row["speaker"] in FOLDS else folds
            np.testing.assert_allclose(mine[[f"{head}_p{k}" for k in range(5)]], own.mean(1), rtol=1e-5)
        assert set(mine["networks"]) == {1 if row["speaker"] in FOLDS else 3}
    found = json.loads((tmp_path / "out.json").read_text())
    truth = said["utterance"].map({row["file"][:-4]: (row["valence"] - 1) * 2 // 3 for _, row in rows.iterrows()})
    uar = metrics.balanced_accuracy_score(truth, said["valence"])
    assert found["scores"]["valence"]["elor"]["uar"] == pytest.approx(uar, abs=1e-4)
    flat = " ".join(result.stdout.split())
    assert "ELoR: 1 speaker that no network has heard; Ses01F, Ses01M: heard by some of 3 networks" in flat
    groups = {(row["factor"], row["group"]) for row in found["breakdown"]}
    assert {("speaker", "Ses01F"), ("speaker", "03"), ("length", "0.0-1.0 s")} <= groups
    assert "valence by group" in result.stdout


@pytest.mark.parametrize(
    ("speakers", "networks", "said"),
    [
        # of the networks' own run: namesakes in its corpora are two people, and only her own network is told apart
        (
            {"fin": ["fin-anna"], "ger": ["ger-anna", "ger-cleo"]},
            [1, 1, 1],
            "fin-anna, ger-anna, ger-cleo: heard by some",
        ),
        ({"fin": ["anna", "new"]}, [1, 2], "1 speaker that no network has heard; anna: heard by some of 2 networks"),
        ({"elsewhere": ["anna"]}, [2], "anna: heard by every network in training"),
        # the run's own name for her, in another table
        ({"elsewhere": ["fin-anna", "fin-new"]}, [1, 2], "fin-anna: heard by some of 2 networks"),
        ({"elsewhere": ["cleo"]}, [1], "cleo: heard by some of 2 networks"),
    ],
)
def test_who_was_heard_is_known_by_corpus_and_name(
    speakers: dict[str, list[str]], networks: list[int], said: str
) -> None:
    from types import SimpleNamespace

    from elor.api.answers import answered

    heard = (("ger-anna", "ger-cleo"), ("fin-anna", "fin-hugo"))
    ensemble = SimpleNamespace(folds=("fin", "ger"), heads=(), heard=heard, answers=lambda sounds: {})
    rows = [(corpus, name) for corpus, names in speakers.items() for name in names]
    slices = pd.DataFrame(rows, columns=["corpus", "speaker"]).assign(slice="s_0", utterance="s")
    found, sentences = answered(ensemble, slices, np.zeros((len(slices), 96_000), np.int16))  # type: ignore[arg-type]
    assert found["networks"].tolist() == networks
    assert said in "; ".join(sentences)


def test_what_predict_writes_can_be_scored(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    models = write_models(tmp_path / "models")
    sounds = sorted(manifest.parent.glob("*.wav"))
    assert elor("predict", *sounds, "--model", models, "--csv", tmp_path / "elor.csv").exit_code == 0
    where = ("--corpus", manifest, "--high", 7, "--json", "-o")
    assert elor("score", tmp_path / "elor.csv", *where, tmp_path / "a.json").exit_code == 0
    assert elor("score", "--model", models, *where, tmp_path / "b.json").exit_code == 0
    by_file, by_model = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert by_file["scores"] == by_model["scores"]
    elor("predict", *sounds, "--model", models, "--csv", tmp_path / "dense.csv", "--hop", 1)
    refused = elor("score", tmp_path / "dense.csv", *where, tmp_path / "c.json")
    assert "neither a column `slice` nor `utterance`" in refused.stderr


def test_networks_of_a_spread_are_known_as_such_and_may_be_scored_as_values() -> None:
    from types import SimpleNamespace

    from elor.api.score import _check_heads, asked_by
    from elor.evaluation.settings import Settings
    from elor.targets import Target

    model = SimpleNamespace(heads=Target("spread").heads)
    assert asked_by(model.heads) == {"target": "spread"}
    for target in ("spread", "regression"):
        _check_heads("mine", model, Settings(target=target))
    with pytest.raises(UserError, match="answer the target spread"):
        _check_heads("mine", model, Settings(target="classes"))
    values = SimpleNamespace(heads=Target("regression").heads)
    with pytest.raises(UserError, match="answer the target regression"):
        _check_heads("mine", values, Settings(target="spread"))


@pytest.mark.parametrize("target", ["regression", "emotion"])
def test_networks_say_what_they_answer_and_an_export_what_it_heard(
    target: str, manifest: Path, tmp_path: Path, elor: Elor
) -> None:
    from elor.inference import load_networks
    from elor.safetensors_model import write_weights

    table = pd.read_csv(manifest, dtype={"speaker": str}).assign(emotion=["angry", "happy", "sad", "neutral"] * 3)
    table.assign(speaker=table["speaker"].replace("03", "Ses02F")).to_csv(manifest, index=False)
    networks = load_networks(write_models(tmp_path / "models", target=target))
    write_weights({name: networks[name] for name in FOLDS[:2]}, tmp_path / "two.safetensors")  # both heard Ses02F
    where = ("--corpus", manifest, "--high", 7)
    result = elor("score", "--model", tmp_path / "two.safetensors", *where)
    assert result.exit_code == 0, result.stderr
    flat = " ".join(result.stdout.split())
    assert "two: 2 speakers that no network has heard; Ses02F: heard by every network in training" in flat
    assert ("CCC" if target == "regression" else "emotion WAR") in result.stdout
    wrong = elor("score", "--model", tmp_path / "two.safetensors", *where, "--target", "classes")
    assert "The networks two answer the target" in wrong.stderr
    assert "There is nothing to score" in elor("score", "--corpus", manifest).stderr


def test_a_recipe_is_spoken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elor.corpora.making import spoken

    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    release = spoken(Path("data/demo.yaml"), 35)
    written = release.stat().st_mtime_ns
    assert len(open_corpus(release).read().utterances) == 35
    assert spoken(Path("data/demo.yaml"), 35).stat().st_mtime_ns == written
