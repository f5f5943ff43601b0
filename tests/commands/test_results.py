"""`elor results`: the numbers are the predictions' own, in every format and for every target."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sklearn import metrics
from typer.testing import Result

from elor.commands import app
from elor.files import write_json

Elor = Callable[..., Result]
TARGETS = ("classes", "regression", "distribution", "emotion")


def cells(text: str, first: str) -> list[str]:
    """The cells of the first row on the terminal that starts with `first`."""
    line = next(line for line in text.splitlines() if line.startswith(first))
    return re.split(r" {2,}", line.strip())


def truth_and_prediction(workspace: Path, network: str) -> pd.DataFrame:
    slices = pd.read_csv(workspace / "data/slices.csv")
    table = pd.read_csv(workspace / "data/predictions" / f"{network}.csv")
    return slices.merge(table, on="slice", suffixes=("", "_predicted"))


def test_the_table_is_what_scikit_learn_finds(workspace: Path, elor: Elor) -> None:
    text = elor("results", "--metrics", workspace / "metrics").stdout
    assert cells(text, "network")[1::2] == ["arousal WAR", "valence WAR"]
    for network, title in {"elor": "ELoR ", "lom": "LoM", "ftr": "FTR", "elor_ftr": "ELoR+FTR"}.items():
        rows, row = truth_and_prediction(workspace, network), cells(text, title)
        for place, name in ((1, "arousal"), (3, "valence")):
            pair = rows[name], rows[f"{name}_predicted"]
            assert float(row[place]) == pytest.approx(metrics.accuracy_score(*pair), abs=6e-4)
            uar, low, high = (float(value) for value in re.findall(r"[\d.]+", row[place + 1]))
            assert uar == pytest.approx(metrics.balanced_accuracy_score(*pair), abs=6e-4)
            assert low < uar < high
    assert cells(text, "guess: uniform")[1:] == ["0.200"] * 4
    order = re.findall(r"^(?:ELoR|LoM|FTR|guess|other)[\w+]*", text, re.MULTILINE)
    assert order == ["ELoR", "LoM", "FTR", "ELoR+FTR", "guess", "guess", "guess", "other"]


def test_people_are_the_other_evaluators(workspace: Path, elor: Elor) -> None:
    ratings = pd.read_csv(workspace / "data/ratings.csv")
    evaluators = ratings[ratings["kind"] == "evaluator"]
    chosen = evaluators[evaluators["rater"] == "E-2"]
    pairs = chosen.merge(evaluators[evaluators["rater"] != "E-2"], on="utterance")
    text = elor("results", "--metrics", workspace / "metrics").stdout
    row = cells(text, "other evaluators")
    assert float(row[1]) == pytest.approx((pairs["arousal_x"] == pairs["arousal_y"]).mean(), abs=6e-4)
    recall = metrics.recall_score(pairs["valence_x"], pairs["valence_y"], average="macro")
    assert float(row[4].split()[0]) == pytest.approx(recall, abs=6e-4)
    assert f"{len(pairs)} ratings of {pairs['utterance'].nunique()} utterances as predictions of E-2's" in text


def test_what_must_be_known_stands_below(workspace: Path, elor: Elor) -> None:
    text = elor("results", "--metrics", workspace / "metrics").stdout
    row = cells(text, "arousal  ELoR ")
    assert (row[-3], row[-1]) == ("<0.001", "1.000")  # chance, and the gap that the invented audit has
    declared = json.loads((workspace / "metrics/comparisons.json").read_text())["comparisons"]
    assert len(declared) == 4
    for test, line in zip(declared, text.split("Declared comparisons")[1].splitlines()[3:7], strict=True):
        assert line.startswith(test["dimension"])
        assert line.endswith(f"{test['p']:.3f}   {test['p_holm']:.3f}")
    flat = " ".join(text.split())
    assert "all 8 sign flips over speakers, two-sided; p Holm: corrected for 4 comparisons." in flat
    assert "Search (ELoR, LoM, FTR): One search for all folds" in flat
    assert "the values have seen test speakers." in flat
    assert "Search (ELoR+FTR): No search: the values have seen no test speaker." in flat
    assert "Protocol paper: 4 folds." in flat
    assert "64 slices of 48 utterances by 4 speakers; labels: E-2, 5 classes" in flat
    assert "Corpus: 48 utterances, 48 of them labelled by E-2; 3.0 min, 4 speakers" in flat


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_fits_a_terminal(target: str, workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of(target) / "metrics"
    text = elor("results", "--metrics", folder).stdout
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    for key, value in json.loads((folder / "uar.json").read_text()).items():
        assert f"{value:.3f} [" in text, key
    assert ("other evaluators" in text) == (target == "classes")
    assert ("guess: majority" in text) == (target != "regression")
    assert ("raters' entropy" in text) == (target == "distribution")
    assert ("RMSE" in text) == (target == "regression")
    assert ("kappa" in text) == (target in ("classes", "distribution"))


@pytest.mark.parametrize("target", TARGETS)
def test_markdown_and_latex_are_well_formed(target: str, workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of(target) / "metrics"
    markdown = elor("results", "--format", "markdown", "--metrics", folder).stdout
    for block in markdown.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    latex = elor("results", "-f", "latex", "--metrics", folder).stdout
    assert latex.count("{") == latex.count("}")
    for table in re.findall(r"\\begin\{tabular\}\{(l+r+)\}(.*?)\\end\{tabular\}", latex, re.DOTALL):
        rows = [line for line in table[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(table[0])}
    assert re.sub(r"\\[%&_]", "", latex).count("%") == 0


def test_the_level_of_the_intervals_is_printed_where_the_metrics_say_it(
    workspace: Path, tmp_path: Path, elor: Elor
) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    protocol = json.loads((folder / "protocol.json").read_text())
    write_json(folder / "protocol.json", protocol | {"confidence": 0.9})
    assert "arousal UAR [90 %]" in elor("results", "--metrics", folder).stdout
    protocol.pop("confidence", None)
    write_json(folder / "protocol.json", protocol)
    assert "arousal UAR [interval]" in elor("results", "--metrics", folder).stdout


def test_deviations_of_the_corpus_are_told(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    corpus = json.loads((folder / "corpus.json").read_text())
    write_json(folder / "corpus.json", corpus | {"deviations": ["one", "two", "three", "four", "five"]})
    assert "Its deviations: one; two; three; and 2 more." in elor("results", "--metrics", folder).stdout
    write_json(folder / "corpus.json", corpus | {"deviations": ["one"]})
    assert "Its deviations: one." in elor("results", "--metrics", folder).stdout


@pytest.mark.parametrize("lost", ["uar.json", "valence/ftr.json", "corpus.json"])
def test_missing_metrics_are_one_sentence(workspace: Path, tmp_path: Path, elor: Elor, lost: str) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    (folder / lost).unlink()
    result = elor("results", "--metrics", folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"elor results: {folder / lost} does not exist: run dvc repro")
    assert result.stderr.count("\n") == 1


def test_broken_metrics_are_one_sentence(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    (folder / "uar.json").write_text("<<<<<<< HEAD\n")
    result = elor("results", "--metrics", folder)
    assert result.exit_code == 1
    assert "uar.json is no JSON" in result.stderr


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_captions_stand_out_on_a_terminal_only_if_wanted(
    workspace: Path, environment: dict[str, str], coloured: bool
) -> None:
    own = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from elor.commands import app; app()", "results"]
    done = subprocess.Popen(command, cwd=workspace, stdout=theirs, env=own | {"TERM": "xterm"} | environment)
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.close(ours)
    assert done.wait(60) == 0
    assert (b"\x1b[1m" in text) == coloured
    assert b"ELoR+FTR" in text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""


def test_start_up_is_light(workspace: Path) -> None:
    code = (
        "import sys; from elor.commands import app; app(['results'], standalone_mode=False); "
        "heavy = {'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=workspace, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["results", "score"])
def test_help_has_examples(elor: Elor, verb: str) -> None:
    result = elor(verb, "--help")
    assert result.exit_code == 0
    assert f"elor {verb} " in result.stdout.split("Examples")[1]


def test_usage_and_bare_command(elor: Elor) -> None:
    assert elor("results", "--format", "word").exit_code == 2
    assert elor("nonsense").exit_code == 2
    assert "results" in elor().output
    assert {command.callback.__name__ for command in app.registered_commands} >= {"results", "score"}
