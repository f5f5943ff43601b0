"""`elor predict`: the table, its files, and one sentence for each recording that cannot be predicted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from typer.testing import Result

from elor.inference import load
from elor.recording import Recording
from elor.report.prediction_over_time import envelope
from tests.features.speech import pseudo_speech
from tests.worlds.networks import FOLDS, write_models

Elor = Callable[..., Result]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), ("elor", "lom"))


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 s at 22,050 Hz in two channels: three windows."""
    path = tmp_path_factory.mktemp("speech") / "talk.flac"
    sound = pseudo_speech(3).reshape(-1)[: 16 * 16_000] / 32_768
    up = np.interp(np.arange(16 * 22_050) / 22_050, np.arange(len(sound)) / 16_000, sound)
    soundfile.write(path, np.stack([up, up / 2], 1), 22_050)
    return path


def row(text: str, first: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(first)).split()


def test_the_table_is_the_ensemble(elor: Elor, models: Path, speech: Path) -> None:
    result = elor("predict", speech, "--model", models)
    prediction = load(models).predict(speech)
    assert (result.exit_code, result.stderr) == (0, "")
    cells = row(result.stdout, "talk.flac")
    assert cells[1] == "16.0"
    for place, head in ((2, "arousal"), (6, "valence")):
        whole = prediction.whole(head)
        assert int(cells[place]) == whole.argmax()
        numbers = [float(cell) for cell in cells[place + 1 : place + 4]]
        assert numbers == pytest.approx([whole.max(), whole @ range(5), prediction.spread(head)], abs=0.0051)
    assert result.stdout.startswith("ELoR, mean of 3 networks\n")
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_windows_folds_and_networks(elor: Elor, models: Path, speech: Path) -> None:
    chosen = ("--model", models, "--fold", "Ses01M", "--network", "lom", "--hop", 2, "--windows")
    text = elor("predict", speech, *chosen).stdout
    assert text.startswith("LoM, network of fold Ses01M\n")
    rows = [line.split() for line in text.splitlines() if line.startswith("talk.flac")]
    assert [each[1:3] for each in rows] == [[f"{k}.0", f"{k + 6}.0"] for k in (0, 2, 4, 6, 8, 10)]
    assert "+-" not in text
    assert "needs --fold" not in text


@pytest.mark.parametrize("target", ["classes", "regression", "spread", "emotion"])
def test_files_hold_what_was_predicted(target: str, elor: Elor, speech: Path, tmp_path: Path) -> None:
    models = write_models(tmp_path / "models", target=target)
    out = ("--json", "-o", tmp_path / "a.json", "--csv", tmp_path / "a.csv")
    assert elor("predict", speech, "--model", models, *out).exit_code == 0
    prediction = load(models).predict(speech)
    found = json.loads((tmp_path / "a.json").read_text())
    table = pd.read_csv(tmp_path / "a.csv")
    assert (found["network"], found["folds"], found["failed"]) == ("elor", list(FOLDS), [])
    (recording,) = found["recordings"]
    assert recording["seconds"] == 16
    assert table["start_s"].tolist() == [0, 6, 12] == [window["start_s"] for window in recording["windows"]]
    assert ("`spread` in JSON and CSV, say how far the networks lie apart" in " ".join(found["care"])) == (
        target == "spread"
    )
    for head in prediction.heads:
        answers = prediction.windows(head.name)
        if head.classes is None:
            np.testing.assert_allclose(table[f"{head.name}_value"], answers[:, 0], rtol=1e-6)
            assert recording[head.name]["value"] == pytest.approx(prediction.whole(head.name)[0])
            continue
        columns = [f"{head.name}_p{k}" for k in range(head.classes)]
        np.testing.assert_allclose(table[columns], answers, rtol=1e-6)
        assert table[head.name].tolist() == answers.argmax(1).tolist()
        np.testing.assert_allclose(recording[head.name]["probabilities"], prediction.whole(head.name))
        assert recording["windows"][2][head.name]["label"] == answers[2].argmax()
        assert (recording[head.name]["expected"] is None) == (target == "emotion")
    if target == "emotion":
        assert found["heads"] == {"emotion": ["angry", "happy", "sad", "neutral"]}
        text = elor("predict", speech, "--model", models).stdout
        assert row(text, "talk.flac")[2] == found["heads"]["emotion"][prediction.whole("emotion").argmax()]


def test_the_course_is_drawn(elor: Elor, models: Path, speech: Path, tmp_path: Path) -> None:
    for suffix in ("png", "svg"):
        assert elor("predict", speech, "--model", models, "--plot", tmp_path / f"a.{suffix}").exit_code == 0
    with Image.open(tmp_path / "a.png") as image:
        assert len(image.convert("L").getcolors()) > 50
    text = (tmp_path / "a.svg").read_text()
    for part in ("talk.flac", "time (s)", "ELoR, mean of 3 networks. n = 3 windows", "valence", "probability"):
        assert part in text
    for files, plot, sentence in (
        ((speech,), "a.doc", "has no known format"),
        ((speech, speech), "a.png", "draws one recording, and 2 are given"),
    ):
        result = elor("predict", *files, "--model", models, "--plot", tmp_path / plot)
        assert (result.exit_code, result.stdout) == (1, "")
        assert sentence in result.stderr


@pytest.mark.parametrize("target", ["regression", "emotion"])
def test_the_course_of_other_heads(target: str, elor: Elor, speech: Path, tmp_path: Path) -> None:
    models = write_models(tmp_path / "models", target=target)
    assert elor("predict", speech, "--model", models, "--plot", tmp_path / "a.svg").exit_code == 0
    text = (tmp_path / "a.svg").read_text()
    assert ("angry" in text) == (target == "emotion")
    assert ("Line: value; band" in text) == (target == "regression")
    assert "expected label" not in text


def test_an_envelope_holds_every_peak() -> None:
    sound = np.zeros(50_000, np.int16)
    sound[[0, 30_000, 49_999]] = 16_384, -32_768, 8_192
    extremes = envelope(Recording(sound, 16_000), columns=100)
    assert np.flatnonzero(extremes[1]).tolist() == [0, 99]
    assert (extremes[1, 0], extremes[0, 60], extremes[1, 99]) == (0.5, -1.0, 0.25)
    short = envelope(Recording(np.array([100, -200], np.int16), 16_000), columns=10)
    np.testing.assert_array_equal(short[0] * 32_768, [100] * 5 + [-200] * 5)


def test_what_cannot_be_read_is_named_and_the_others_go_on(
    elor: Elor, models: Path, speech: Path, tmp_path: Path
) -> None:
    bad = {
        "text.wav": "cannot be read as a sound file",
        "nothing.wav": "cannot be read as a sound file",
        "empty.wav": "holds no samples",
        "gone.wav": "does not exist",
        "folder": "is a folder",
        "a" * 300: "cannot be read",
        "silent.wav": "is silent",
        "nan.wav": "holds samples that are not numbers",
    }
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "nothing.wav").touch()
    (tmp_path / "folder").mkdir()
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(44_100 * 7), 44_100)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan] * 8_000), 16_000, "FLOAT")
    paths = [tmp_path / name for name in bad]
    result = elor("predict", *paths, speech, "--model", models, "--json", "-o", tmp_path / "a.json")
    assert (result.exit_code, result.stdout) == (1, "")
    shown = elor("predict", *paths, speech, "--model", models)
    assert row(shown.stdout, "talk.flac")[1] == "16.0"
    assert shown.stderr == result.stderr
    *lines, last = result.stderr.splitlines()
    for name, sentence in bad.items():
        (line,) = [line for line in lines if str(tmp_path / name) in line]
        assert line.startswith("elor predict: ")
        assert sentence in line
    assert len(lines) == len(bad)
    assert last == "elor predict: 8 of 9 recordings could not be predicted."
    found = json.loads((tmp_path / "a.json").read_text())
    assert {Path(each["recording"]).name for each in found["failed"]} == set(bad)
    assert len(found["recordings"]) == 1
    for path in paths:
        result = elor("predict", path, "--model", models, "--csv", tmp_path / "none.csv")
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert not (tmp_path / "none.csv").exists()


def test_models_that_are_not_there(elor: Elor, models: Path, speech: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((models / "elor/Ses01F.safetensors").read_bytes()[:-50])
    for arguments, sentence in (
        (("--model", tmp_path / "data/models"), "holds no trained network yet; run dvc repro"),
        (("--model", damaged), "is damaged"),
        (("--model", models, "--network", "ftr"), "has no network ftr; there is elor, lom"),
        (("--model", models, "--fold", "Ses09F"), "has no fold Ses09F"),
    ):
        result = elor("predict", speech, *arguments)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert sentence in result.stderr
    assert elor("predict").exit_code == elor("predict", speech, "--hop", 0).exit_code == 2


def test_namesakes_keep_their_folders(elor: Elor, models: Path, speech: Path, tmp_path: Path) -> None:
    twin = shutil.copy(speech, tmp_path / "talk.flac")
    text = elor("predict", speech, twin, "--model", models).stdout
    assert row(text, str(speech))[1:] == row(text, str(twin))[1:]


def test_sounds_that_lie_cost_no_other_and_notes_are_told(
    elor: Elor, models: Path, speech: Path, tmp_path: Path
) -> None:
    sound = pseudo_speech(4).reshape(-1)[: 4 * 8_000] / 32_768
    soundfile.write(tmp_path / "gsm.wav", sound, 8_000, "GSM610")
    soundfile.write(tmp_path / "down.wav", np.stack([sound, -sound], 1), 8_000)
    soundfile.write(tmp_path / "large.wav", sound * 32_768, 8_000, "FLOAT")
    soundfile.write(tmp_path / "half.mp3", sound, 16_000)
    whole = (tmp_path / "half.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    soundfile.write(tmp_path / "piped.wav", sound, 8_000, "PCM_16")
    whole = (tmp_path / "piped.wav").read_bytes()
    (tmp_path / "piped.wav").write_bytes(whole[:40] + bytes(4) + whole[44:])
    names = ("half.mp3", "gsm.wav", "down.wav", "large.wav", "piped.wav")
    out = ("--csv", tmp_path / "a.csv", "--json", "-o", tmp_path / "a.json")
    result = elor("predict", *(tmp_path / name for name in names), speech, "--model", models, *out)
    assert result.exit_code == 1
    found = json.loads((tmp_path / "a.json").read_text())
    assert [Path(each["recording"]).name for each in found["recordings"]] == ["gsm.wav", "piped.wav", "talk.flac"]
    assert [bool(each["note"]) for each in found["recordings"]] == [False, True, False]
    assert {Path(name).name for name in pd.read_csv(tmp_path / "a.csv").recording} == {
        "gsm.wav",
        "piped.wav",
        "talk.flac",
    }
    for said in (
        "piped.wav: its header announces 0 bytes",
        "half.mp3 is truncated",
        "--stereo left",
        "beyond full scale",
    ):
        assert said in result.stderr
    left = elor("predict", tmp_path / "down.wav", "--model", models, "--stereo", "left")
    assert (left.exit_code, left.stderr) == (0, "")
