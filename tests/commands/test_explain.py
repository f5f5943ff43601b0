"""`elor explain` and `elor selfcheck` as commands: files written, bad input named, the batch going on."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from elor.api import explain as api
from elor.api.heard import windows
from elor.errors import UserError
from elor.explain.any_network.verdicts import LEFT_OUT
from elor.explain.any_network.window import Effort
from elor.explain.selfcheck.scoring import FINDS, MISSES, SOUND
from elor.explain.selfcheck.suite import EXPECTED, failures
from tests.worlds.networks import write_models

MODEL = "tests.explain.foreign_networks"
CHEAP = ("--twins", 2, "--steps", 4, "--restarts", 1, "--ascents", 3)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "voice.wav", 0.1 * rng.standard_normal((9_000, 2)), 8_000)
    return tmp_path / "voice.wav"


def test_a_foreign_network_is_explained_into_a_folder(elor: Callable, voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = elor("explain", voice, "--factory", f"{MODEL}:Functional", "--output", out, *CHEAP)
    assert result.exit_code == 0, result.stderr
    found = json.loads((out / "explain.json").read_text())
    (window,) = found["recordings"]["voice"]["windows"]
    assert window["end_s"] == pytest.approx(9_000 / 8_000, abs=1e-3)
    maps = np.load(out / "voice" / "window-00.npz")
    assert maps["gradient"].shape == (2, len(maps["sound"])) == (2, 18_000)
    players = {path.name for path in (out / "voice").glob("*.wav")}
    assert players == {"window-00.wav", "window-00-0.wav", "window-00-1.wav"}
    assert soundfile.info(out / "voice" / "window-00-0.wav").frames == 18_000
    assert len(list((out / "prototypes").glob("*.wav"))) == 2 * 5
    for text in (result.stdout, (out / "summary.md").read_text()):
        assert "guided backpropagation" in text
        assert "untrained" in text
    assert result.stdout.endswith(f"\nOpen {out / 'explain.html'}\n")
    page = (out / "explain.html").read_text()
    assert "voice, 0.00-1.1" in page
    sections = [page.index(f'<section id="{name}"') for name in ("answer", "maps", "numbers")]
    assert sections == sorted(sections)
    assert "The answer rests most" in page
    assert "Fig. 4 for signals of this run" not in page
    assert window["interventions"] == {}
    assert window["methods"]["occlusion"]["heads"]["0"]["verdict"] == LEFT_OUT
    assert len(window["methods"]["guided"]["heads"]["0"]["initial"]) == 2
    assert window["integrated"]["error"]
    assert "guided backpropagation" in page
    assert "://" not in page.replace("http://www.w3.org/", ""), "the page opens without a network"


@pytest.mark.long
def test_a_fixed_length_is_kept_and_a_refused_one_replaced(elor: Callable, voice: Path, tmp_path: Path) -> None:
    fixed = ("explain", voice, "--factory", f"{MODEL}:Fixed", "--output", tmp_path / "out", *CHEAP)
    result = elor(*fixed, "--samples", 8_000)
    assert result.exit_code == 0, result.stderr
    windows = json.loads((tmp_path / "out" / "explain.json").read_text())["recordings"]["voice"]["windows"]
    assert [(window["start_s"], window["samples"]) for window in windows] == [(0.0, 8_000), (0.5, 8_000)]
    result = elor(*fixed)
    assert result.exit_code == 1
    assert "Trying windows of six seconds." in result.stderr
    assert "got 96000" in result.stderr


def test_bad_recordings_are_named_and_the_others_go_on(elor: Callable, voice: Path, tmp_path: Path) -> None:
    silence = np.zeros(16_000)
    soundfile.write(tmp_path / "empty.wav", silence[:0], 16_000)
    soundfile.write(tmp_path / "silent.wav", silence, 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(16_000, np.nan, dtype=np.float32), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "hours.wav", np.zeros(3_700 * 1_000), 1_000, subtype="PCM_U8")
    (tmp_path / "text.wav").write_text("hello")
    bad = [tmp_path / f"{name}.wav" for name in ("empty", "silent", "nan", "hours", "text", "absent")]
    out = tmp_path / "out"
    result = elor("explain", *bad, voice, "--factory", f"{MODEL}:Outside", "--output", out, *CHEAP)
    assert result.exit_code == 1
    for path, reason in zip(bad, ("no samples", "silent", "NaN", "1 h 01 min", "sound file", "not exist"), strict=True):
        (line,) = [line for line in result.stderr.splitlines() if path.name in line]
        assert reason in line
    assert "6 of 7 recordings could not be explained" in result.stderr
    found = json.loads((out / "explain.json").read_text())
    assert set(found["recordings"]) == {"voice"}
    assert set(found["failed"]) == {str(path) for path in bad}
    assert found["prototypes"]["refused"]
    assert "no parameters in torch" in result.stdout


def test_a_recording_that_fails_halfway_leaves_nothing(
    voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = api._explain_window, []

    def fails_the_second_time(*arguments: object) -> dict:
        asked.append(arguments)
        if len(asked) == 2:
            raise UserError("no more")
        return real(*arguments)

    monkeypatch.setattr(api, "_explain_window", fails_the_second_time)
    network = api.foreign_network(f"{MODEL}:Fixed", samples=8_000)
    effort = Effort(twins=2, steps=2, most=4, thorough=False)
    found = api.explain_files([voice], network, tmp_path / "out", effort)
    assert "no more" in found["failed"][str(voice)]
    assert not (tmp_path / "out").exists()
    asked.clear()
    mine = tmp_path / "out" / "voice" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.touch()
    api.explain_files([voice], network, tmp_path / "out", effort)
    assert mine.exists()


def test_options_of_a_foreign_network_need_one(elor: Callable, voice: Path, tmp_path: Path) -> None:
    result = elor("explain", voice, "--rate", 8_000, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "name it by --factory" in result.stderr
    result = elor("explain", voice, "--model", "mynet:build", "--output", tmp_path / "out")
    assert "mynet:build is no file of trained networks; a network of your own is named by --factory" in result.stderr
    result = elor("explain", voice, "--model", tmp_path, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "no trained network yet" in result.stderr
    for option in (("--fold", "S01"), ("--model", tmp_path)):
        result = elor("explain", voice, "--factory", f"{MODEL}:Outside", *option, "--output", tmp_path / "out")
        assert f"{option[0]} would change nothing without the networks of a run" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_network_that_a_folder_or_file_holds_is_told_why_it_cannot_be_explained(
    elor: Callable, voice: Path, tmp_path: Path
) -> None:
    models = write_models(tmp_path / "models", ("elor_txt", "lom"), folds=("S1", "S2"))
    for name, inputs in (("elor_txt", "audio and text"), ("lom", "mfcc")):
        for model in (models / name, models / name / "S1.safetensors"):
            result = elor("explain", voice, "--model", model, "--output", tmp_path / "out")
            assert result.exit_code == 1
            assert f"The network {name} takes {inputs}; elor explain needs one on raw audio alone" in result.stderr
    assert not (tmp_path / "out").exists()


def entries(verdict: str) -> dict:
    return {"verdict": verdict}


def test_a_self_check_fails_where_the_reference_misses() -> None:
    methods: dict = {"random labels": {"occlusion": entries(SOUND), "gradient": entries(MISSES)}}
    for name, method in EXPECTED:
        methods.setdefault(name, {})[method] = entries(FINDS)
    learned = {name: {"trained": {"accuracy": 0.99, "own": 0.98}} for name in (*methods, "level")}
    assert failures(methods, learned) == []
    methods["hum"]["occlusion, mel bands"] = entries(MISSES)
    methods["random labels"]["gradient"] = entries(FINDS)
    learned["level"] = {"trained": {"accuracy": 0.5, "own": 0.0}}
    wrong = failures(methods, learned)
    assert len(wrong) == 3
    assert "did not learn the planted cue of level" in wrong[0]
    assert "should find the cue of hum" in wrong[1]
    assert "gradient finds a cue of random labels" in wrong[2]


def test_what_sounds_only_at_the_end_is_explained_too() -> None:
    sound = np.zeros(8 * 16_000)
    sound[-16_000:] = 0.1
    ((start, support, window),) = windows(sound, 96_000)
    assert (start, support, len(window)) == (96_000, 32_000, 96_000)
    assert [start for start, *_ in windows(np.full(8 * 16_000, 0.1), 96_000)] == [0]
    assert [start for start, *_ in windows(np.full(10 * 16_000, 0.1), 96_000)] == [0, 96_000]


def test_channels_that_cancel_are_refused_and_one_of_them_taken(elor: Callable, voice: Path, tmp_path: Path) -> None:
    sound, rate = soundfile.read(voice)
    soundfile.write(tmp_path / "down.wav", np.stack([sound[:, 0], -sound[:, 0]], 1), rate)
    order = ("explain", tmp_path / "down.wav", "--factory", f"{MODEL}:Outside", "--output", tmp_path / "out", *CHEAP)
    refused = elor(*order)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "--stereo left" in refused.stderr
    assert elor(*order, "--stereo", "left").exit_code == 0


@pytest.mark.long
def test_the_command_takes_values_and_says_doubts_once_in_plain_words(
    elor: Callable, voice: Path, tmp_path: Path
) -> None:
    asked = ("explain", voice, "--output", tmp_path / "out", "--twins", 2, "--steps", 4)
    result = elor(*asked, "--factory", "tests.explain.test_heads:affect", "--values", "output")
    assert result.exit_code == 0, result.stderr
    window = json.loads((tmp_path / "out" / "explain.json").read_text())["recordings"]["voice"]["windows"][0]
    assert [answer["label"] for answer in window["prediction"].values()] == [None] * 3
    assert "output.2: " in result.stdout
    assert "softmax" not in result.stdout
    result = elor(*asked, "--factory", "tests.explain.test_heads:affect", "--values", "arousal")
    assert result.exit_code == 1
    assert "--values arousal: the network has no such head; it has output" in result.stderr
    with warnings.catch_warnings(record=True) as raw:
        warnings.simplefilter("always", UserWarning)
        torch.manual_seed(0)
        result = elor(*asked, "--factory", "tests.explain.test_heads:drifting")
    assert result.exit_code == 0, result.stderr
    assert not raw
    text = " ".join(result.stdout.split())
    assert text.count("The network's answer depends on chance") == 1
    assert "Unrepeatable" not in text + result.stderr
