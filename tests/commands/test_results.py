"""`elor results`: the numbers are the predictions' own, in every format and for every target."""

import itertools
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
from elor.evidence.model import write
from elor.files import write_json
from tests.report.test_across import across

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


@pytest.mark.long
def test_the_table_is_what_scikit_learn_finds(workspace: Path, elor: Elor) -> None:
    text = elor("results", "--metrics", workspace / "metrics").stdout
    assert cells(text, "network")[1::2] == ["arousal WAR", "valence WAR"]
    for network, title in {"elor": "ELoR ", "lom": "LoM", "ftr": "FTR", "elor_ftr": "ELoR+FTR", "svm": "SVM"}.items():
        rows, row = truth_and_prediction(workspace, network), cells(text, title)
        for place, name in ((1, "arousal"), (3, "valence")):
            pair = rows[name], rows[f"{name}_predicted"]
            assert float(row[place]) == pytest.approx(metrics.accuracy_score(*pair), abs=6e-4)
            uar, low, high = (float(value) for value in re.findall(r"[\d.]+", row[place + 1]))
            assert uar == pytest.approx(metrics.balanced_accuracy_score(*pair), abs=6e-4)
            assert low < uar < high
    assert cells(text, "guess: uniform")[1:] == ["0.200"] * 4
    order = re.findall(r"^(?:ELoR|LoM|FTR|SVM|guess|other)[\w+]*(?!,)", text, re.MULTILINE)  # no sentence
    assert order == ["ELoR", "LoM", "FTR", "ELoR+FTR", "SVM", *["guess"] * 4, "other"]
    slices = pd.read_csv(workspace / "data/slices.csv")
    right = (rows["arousal"] == rows["arousal_predicted"]) & (rows["valence"] == rows["valence_predicted"])
    said = " ".join(text.split("one of 25 combinations")[1].split())
    assert said.startswith(": ELoR 0.")
    assert f"SVM {right.mean():.3f}. UAR utterances" in said
    most = [int(slices[name].mode()[0]) for name in ("arousal", "valence")]
    assert cells(text, "guess: majority, tests")[0].endswith(f"({most[0]}, {most[1]})")  # the class, by dimension


def test_a_guess_whose_class_differs_between_folds_keeps_its_place(workspace: Path, elor: Elor, tmp_path: Path) -> None:
    """Then evaluate writes no class; the other dimension's must not be read as this one's."""
    shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    for path in (tmp_path / "metrics/arousal").glob("*.json"):
        scores = json.loads(path.read_text())
        write_json(path, {key: value for key, value in scores.items() if key != "baseline_tested_class"})
    said = json.loads((tmp_path / "metrics/valence/elor.json").read_text())["baseline_tested_class"]
    text = elor("results", "--metrics", tmp_path / "metrics").stdout
    assert cells(text, "guess: majority, tests")[0] == f"guess: majority, tests (-, {said})"


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


def test_time_and_memory_stand_at_the_end(workspace: Path, elor: Elor, tmp_path: Path) -> None:
    metrics_folder = tmp_path / "metrics"
    shutil.copytree(workspace / "metrics", metrics_folder)
    assert "Time and memory" not in elor("results", "--metrics", metrics_folder).stdout  # as in a fresh clone
    for stage, seconds, peak in (("train@elor", 100.0, 480.0), ("interventions@lom", 32.4, 1936.0)):
        cost = {"seconds": seconds, "cpu_seconds": 190.5, "peak_mb": peak, "cores": 2, "processor": "Some CPU"}
        write_json(metrics_folder / "cost" / f"{stage}.json", cost)
    flat = " ".join(elor("results", "--metrics", metrics_folder).stdout.split())
    assert "2 stages took 2 min 12 s when they last ran on this machine, the longest 1 min 40 s (train@elor)" in flat
    assert flat.endswith("peak memory 1936 MiB (interventions@lom).")
    detailed = elor("results", "--detail", "--metrics", metrics_folder).stdout
    assert cells(detailed, "train@elor ") == ["train@elor", "100.0", "190.5", "480", "2"]


def test_what_must_be_known_stands_below(workspace: Path, elor: Elor) -> None:
    text = elor("results", "--metrics", workspace / "metrics").stdout
    row = cells(text, "arousal  ELoR ")
    assert (row[-3], row[-1]) == ("<0.001", "1.000")  # chance, and the gap that the invented audit has
    declared = json.loads((workspace / "metrics/comparisons.json").read_text())["comparisons"]
    assert len(declared) == 6
    for test, line in zip(declared, text.split("Declared comparisons")[1].splitlines()[3:9], strict=True):
        assert line.startswith(test["dimension"])
        assert line.endswith(f"{test['p']:.3f}   {test['p_holm']:.3f}")
    flat = " ".join(text.split())
    assert "all 8 sign flips over speakers, two-sided; p Holm: corrected for 6 comparisons." in flat
    assert "Search (ELoR, LoM, FTR): One search for all folds" in flat
    assert "the values have seen test speakers." in flat
    assert "Search (ELoR+FTR): No search: the values have seen no test speaker." in flat
    assert "Protocol paper: 4 folds." in flat
    assert "64 slices of 48 utterances by 4 speakers; labels: E-2, 5 classes" in flat
    assert "Corpus: 48 utterances, 48 of them labelled by E-2; 3.0 min, 4 speakers" in flat


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_fits_a_terminal(target: str, workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of(target) / "metrics"
    text = elor("results", "--metrics", folder, columns=80).stdout
    assert max(map(len, text.splitlines())) <= 80
    detailed = elor("results", "--metrics", folder, "--detail", columns=80).stdout
    assert max(map(len, detailed.splitlines())) <= 80
    assert "\x1b" not in text
    for key, value in json.loads((folder / "uar.json").read_text()).items():
        assert f"{value:.3f} [" in text, key
    assert ("other evaluators" in text) == (target != "emotion")
    assert ("guess: majority" in text) == (target != "regression")
    assert ("raters' entropy" in text) == (target == "distribution")
    assert ("guess: training mean" in text) == (target == "regression")
    assert ("RMSE" in text) == (target == "regression")
    assert ("kappa" in text) == (target in ("classes", "distribution"))


@pytest.mark.parametrize("target", TARGETS)
def test_details_of_every_target(target: str, workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of(target) / "metrics"
    text = elor("results", "--detail", "--metrics", folder).stdout
    assert max(map(len, text.splitlines())) <= 100
    for dimension in {key.split(".")[0] for key in json.loads((folder / "uar.json").read_text())}:
        scores = json.loads((folder / dimension / "elor.json").read_text())
        for key in ("ci", "bootstrap_t", "bootstrap", "utterance_bootstrap_t"):
            assert f"[{scores[f'{key}_low']:.3f}, {scores[f'{key}_high']:.3f}]" in text, key
        if target != "regression":
            assert f"{scores['war']:.3f} [{scores['war_ci_low']:.3f}, {scores['war_ci_high']:.3f}]" in text
            assert cells(text.split("Calibration")[1], f"{dimension}  ELoR ")[2] == f"{scores['ece']:.3f}"
    agreement = json.loads((folder / "agreement.json").read_text())
    for dimension in () if target == "emotion" else ("arousal", "valence"):
        raters = text.split("Raters as predictors of")[1]
        for one in agreement[dimension]["raters"]:
            assert re.search(rf"^{dimension}  {one['rater']} .*{one['kappa']:.3f}$", raters, re.MULTILINE), one
        assert f"{agreement[dimension]['alpha']:.3f}" in raters


def test_people_stand_beside_the_networks_also_by_kappa(workspace: Path, elor: Elor) -> None:
    text = elor("results", "--metrics", workspace / "metrics").stdout
    agreement = json.loads((workspace / "metrics/agreement.json").read_text())
    for dimension in ("arousal", "valence"):
        row = cells(text, f"{dimension}  evaluators")
        assert row[3] == f"{agreement[dimension]['others']['kappa']:.3f}"


def test_what_a_mean_over_folds_does_is_said(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    scores = json.loads((folder / "arousal/elor.json").read_text())
    change = {"folds_lacking_a_class": 3, "fewest_of_a_class": 7, "fewest_speakers_of_a_class": 2}
    write_json(folder / "arousal/elor.json", scores | change | {"caution": "It is narrow."})
    flat = " ".join(elor("results", "--metrics", folder).stdout.split())
    assert "mean over 4 folds, each over the classes that it has; folds that lack a class: arousal 3" in flat
    assert "There it is not comparable with the pooled UAR." in flat
    assert "fewest speakers: arousal 7 and 2 of 4, valence" in flat
    assert "arousal ELoR: It is narrow." in flat


def test_selected_values_say_who_selected_them(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    protocol = json.loads((folder / "protocol.json").read_text())
    values = {"hidden": [96, 48], "alpha": 1.5e-5, "stride": 16}
    provenance = {"hidden": "search", "alpha": "search", "stride": "pinned"}
    shared = {"scope": "shared", "fold": "Ses01F", "provenance": provenance, "values": values}
    by_fold = {"Ses01F": {"alpha": 0.25}, "Ses01M": {"alpha": 0.5}}
    nested = {"scope": "nested", "fold": None, "provenance": {"alpha": "search"}, "values": by_fold}
    write_json(folder / "protocol.json", protocol | {"selected": {"elor": shared, "ftr": nested}}, digits=None)
    lines = elor("results", "--metrics", folder).stdout.splitlines()
    assert ["hidden", "96,", "48", "-"] in [line.split() for line in lines]
    assert ["alpha", "1.5e-05", "by", "fold"] in [line.split() for line in lines]
    assert ["stride", "16", "(pinned)", "-"] in [line.split() for line in lines]


def test_interval_and_test_that_disagree_are_named(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    found = json.loads((folder / "comparisons.json").read_text())
    limits = ((-0.1, 0.3, 0.01), (0.1, 0.3, 0.2), (0.1, 0.3, 0.01), *[(-0.1, 0.3, 0.2)] * 3)
    for test, (low, high, p) in zip(found["comparisons"], limits, strict=True):
        test |= {"ci_low": low, "ci_high": high, "p": p}
    write_json(folder / "comparisons.json", found)
    text = elor("results", "--metrics", folder).stdout
    lines = text.split("Interval and test disagree\n")[1].splitlines()
    assert lines[0].endswith("the interval holds 0, but p is 0.010.")
    assert lines[1].endswith("the interval excludes 0, but p is 0.200.")
    assert lines[2].startswith("The interval is about the size")


def test_an_interval_without_width_is_no_certainty(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    scores = json.loads((folder / "valence/elor.json").read_text())
    write_json(folder / "valence/elor.json", scores | {"uar": 0.5, "ci_low": 0.5, "ci_high": 0.5})
    text = elor("results", "--metrics", folder).stdout
    assert "0.500 [no spread]" in text
    assert "[0.500, 0.500]" not in text


def test_the_gap_of_values_is_that_of_the_mean_over_folds(workspace_of: Callable[[str], Path], elor: Elor) -> None:
    text = elor("results", "--metrics", workspace_of("regression") / "metrics").stdout
    flat = " ".join(text.split())
    assert "gap: what the mean over folds of CCC (the column CCC folds, not the pooled CCC of the first table)" in flat


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


def test_a_fresh_clone_shows_what_its_metrics_hold(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    folder = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    write(folder / "across.json", across(arousal={"demo": 5, "acted": 2}), beside=tmp_path / "data/evidence/across")
    whole = elor("results", "--metrics", folder, "--detail").stdout
    shutil.rmtree(tmp_path / "data")
    found = elor("results", "--metrics", folder, "--detail")
    assert found.exit_code == 0
    shown, said = found.stdout.split("Not in this folder\n")
    assert "From demo to acted, arousal is not shown to transfer" in " ".join(shown.split())
    assert whole.startswith(shown.rstrip())
    words = "data/evidence/across/alterations.csv is absent, so nothing in it is shown: dvc pull brings it"
    assert words.replace(" ", "") in "".join(said.split())  # a long path breaks anywhere


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


def test_json_and_files_hold_what_is_printed(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    where = ("--metrics", workspace / "metrics")
    found = json.loads(elor("results", "--json", *where).stdout)
    assert found["scores"]["arousal"]["elor"]["uar"] == json.loads(
        (workspace / "metrics/arousal/elor.json").read_text()
    ).get("uar")
    assert elor("results", "--json", "-o", tmp_path / "a.json", *where).stdout == ""
    assert json.loads((tmp_path / "a.json").read_text()) == found
    elor("results", "--format", "markdown", "-o", tmp_path / "a.md", *where)
    assert (tmp_path / "a.md").read_text() == elor("results", "--format", "markdown", *where).stdout


def test_the_page_is_named_where_there_is_one(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    assert "Open " not in elor("results", "--metrics", tmp_path / "metrics").stdout
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/report.html").write_text("")
    page = f"Open {tmp_path / 'plots/report.html'}"
    assert elor("results", "--metrics", tmp_path / "metrics").stdout.splitlines()[-1] == page
    assert "Open " not in elor("results", "--metrics", tmp_path / "metrics", "--format", "latex").stdout


@pytest.mark.parametrize("verb", ["results", "score", "explain", "predict"])
def test_help_has_no_line_breaks_of_its_source(elor: Elor, verb: str) -> None:
    lines = elor(verb, "--help", columns=100).stdout.split("Examples")[0].splitlines()
    pairs = [(a.rstrip(), b.split()) for a, b in itertools.pairwise(lines) if not b.startswith("     ")]
    early = [a for a, words in pairs if a.strip() and words and len(a) + len(words[0]) < 96]
    assert early == []


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
