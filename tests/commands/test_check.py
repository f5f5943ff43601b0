"""`elor check`: the verdict, its exit status, and --clean."""

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from elor.commands import app
from elor.files import scratch
from tests.check.test_corpus import table
from tests.features.speech import pseudo_speech

Elor = Callable[..., Result]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no workspace, a scratch folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))


def test_a_corpus_in_order(tmp_path: Path, elor: Elor) -> None:
    result = elor("check", table(tmp_path, "xyz"))
    assert result.exit_code == 0, result.stdout
    assert result.stdout.endswith("In order\nNothing must be done.\n")
    assert re.search(r"^corpus +six-second slices +4 +ok$", result.stdout, re.MULTILINE)
    assert max(map(len, result.stdout.splitlines())) <= 110


def test_what_must_be_done_stands_last_and_decides_the_status(tmp_path: Path, elor: Elor) -> None:
    result = elor("check", table(tmp_path, "xx", valence=7), "--high", "6")
    assert result.exit_code == 1
    verdict = result.stdout.split("One thing must be done\n")[1]
    assert "outside the declared range 1..6" in " ".join(verdict.split())
    assert elor("check", table(tmp_path, "xyz", valence=7), "--high", "7").exit_code == 0


def test_without_a_workspace_or_a_path_it_says_what_is_missing(elor: Elor) -> None:
    result = elor("check")
    assert result.exit_code == 0  # an installed elor works without a workspace
    assert "change into the project's folder" in " ".join(result.stdout.split())


def test_a_workspace_gives_the_corpus_its_rater_and_range(tmp_path: Path, elor: Elor) -> None:
    root = Path(__file__).parents[2]
    text = (root / "params.yaml").read_text().replace("path: data/demo.yaml", f"path: {table(tmp_path, 'xyz', 7)}")
    Path("params.yaml").write_text(text)
    assert "outside the declared range 1..5" in " ".join(elor("check").stdout.split())
    Path("params.yaml").write_text(text.replace("\n  high: 5\n", "\n  high: 9\n"))
    assert "six-second slices" in elor("check").stdout
    Path("params.yaml").write_text(text.replace(f"path: {tmp_path / 'table.csv'}", f"path: {root / 'data/demo.yaml'}"))
    assert "not made yet" in elor("check").stdout
    Path("params.yaml").write_text("profile: demo\n")
    broken = elor("check")
    assert (broken.exit_code, broken.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(("answer", "options", "left"), [("n\n", [], 1), ("y\n", [], 0), ("", ["--yes"], 0)])
def test_clean_asks(tmp_path: Path, answer: str, options: list[str], left: int) -> None:
    (scratch("train/elor/Ses01F", 1) / "state").write_bytes(b"x" * 2000)
    arguments = ["check", str(table(tmp_path, "xyz")), "--clean", *options]
    result = CliRunner().invoke(app, arguments, input=answer)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "scratch").rglob("state"))) == left
    assert re.search(r"^train/elor/Ses01F +2 kB$", result.stdout, re.MULTILINE)  # said before it asks
    assert ("2 kB removed" if not left else "Nothing was removed") in result.stdout


def test_version_and_completion(elor: Elor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert elor("--version").stdout == f"elor {metadata.version('elor')}\n"
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(app, ["--show-completion", "bash"], prog_name="elor")
    assert shown.exit_code == 0
    assert "_ELOR_COMPLETE=complete_bash" in shown.stdout
    words = {"_ELOR_COMPLETE": "complete_bash", "COMP_WORDS": "elor ch", "COMP_CWORD": "1"}
    completed = CliRunner().invoke(app, [], env=words, prog_name="elor")
    assert completed.stdout.split() == ["check"]


def test_help_has_examples(elor: Elor) -> None:
    assert "elor check --clean" in elor("check", "--help").stdout.split("Examples")[1]


def test_a_path_in_a_workspace_asks_for_the_identity_and_not_for_the_cache(tmp_path: Path, elor: Elor) -> None:
    Path("dvc.yaml").write_text("stages: {}\n")
    result = elor("check", table(tmp_path, "xyz"))
    assert result.exit_code == 1
    assert "`git init`: DVC needs one" in result.stdout
    assert "cache" not in result.stdout


def test_what_the_run_takes_the_check_takes(tmp_path: Path, elor: Elor) -> None:
    rng = np.random.default_rng(6)
    rows = ["file,speaker,rater,valence,arousal,emotion"]
    for who, emotion in zip("wxyz", ("happy", "joy", "sad", "angry"), strict=True):
        soundfile.write(tmp_path / f"{who}.wav", 0.1 * rng.standard_normal((16_000, 2)), 16_000)
        rows += [f"{who}.wav,{who},{rater},2,3,{emotion}" for rater in ("r1", "r2")]
    path = tmp_path / "stereo.csv"
    path.write_text("\n".join(rows) + "\n")
    refused = " ".join(elor("check", path).stdout.split())
    assert "say which channel counts: corpus.stereo, or --stereo, is mean, left or right" in refused
    unrated = elor("check", path, "--stereo", "left")
    assert unrated.exit_code == 1
    assert "choose r1 (4 utterances), r2 (4 utterances) or mean, by labels.rater or --rater" in " ".join(
        unrated.stdout.split()
    )
    for options in (("--rater", "r2"), ("--rater", "mean")):
        result = elor("check", path, "--stereo", "mean", *options)
        assert result.exit_code == 0, result.stdout
        assert f"4 utterances have classes by {options[1]}" in result.stdout
    emotions = elor("check", path, "--stereo", "right", "--rater", "r1", "--emotion")
    assert emotions.exit_code == 0, emotions.stdout
    assert "3 utterances have emotion" in emotions.stdout
    assert "left out: joy (1; or happy?)." in " ".join(emotions.stdout.split())


def test_every_sound_is_heard_to_its_end(tmp_path: Path, elor: Elor) -> None:
    path = table(tmp_path, "wxyz")
    speech = pseudo_speech(1)[0]
    for name in "12":
        soundfile.write(tmp_path / f"{name}.wav", speech, 16_000)
    soundfile.write(tmp_path / "3.wav", np.full(16_000, 9_000.0), 16_000, "FLOAT")
    result = elor("check", path)
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "3 of 4 utterances heard to their end" in said
    assert "3.wav would be clipped: 100% of its samples" in said
    assert "the same recording stands under two speakers: 1 (x) and 2 (y)" in said


def test_a_name_that_is_too_long_for_a_file_is_one_sentence(tmp_path: Path, elor: Elor) -> None:
    result = elor("check", "x" * 5000)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    long = elor("check", table(tmp_path, ["A" * 300, "y", "z"]))
    assert "speakers' names are longer than 200 bytes" in " ".join(long.stdout.split())
