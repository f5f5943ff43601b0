"""`elor runs`: several runs summarised, from git alone."""

import json
import statistics
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elor.commands import app

SCORES = (0.30, 0.36, 0.33)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "metrics").mkdir()
    for index, score in enumerate(SCORES):
        (tmp_path / "metrics" / "uar.json").write_text(json.dumps({"valence.elor": score, "arousal.elor": 0.5}))
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", str(index)], check=True)
        subprocess.run([*git, "tag", f"seed-{index}"], check=True)
    return tmp_path


def test_mean_deviation_and_range_of_the_runs(repository: Path) -> None:
    result = CliRunner().invoke(app, ["runs", "seed-0", "seed-1", "seed-2"])
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if line.startswith("valence.elor")).split()
    expected = [*SCORES, statistics.mean(SCORES), statistics.stdev(SCORES), min(SCORES), max(SCORES)]
    assert row[1:] == [f"{value:.3f}" for value in expected]


def test_an_experiment_is_found_by_its_name(repository: Path) -> None:
    """As `dvc exp run --name` keeps it: a ref that git does not find by the name alone."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def experiment(base: str, commit: str) -> None:
        sha = git("rev-parse", base)
        git("update-ref", f"refs/exps/{sha[:2]}/{sha[2:]}/wide", commit)

    experiment("seed-0", "seed-1")
    row = CliRunner().invoke(app, ["runs", "wide"]).output.splitlines()[3]
    assert row.split()[:2] == ["valence.elor", "0.360"]
    experiment("seed-1", "seed-2")
    result = CliRunner().invoke(app, ["runs", "wide"])
    assert result.exit_code == 1
    assert "2 experiments are called wide" in result.output
    experiment("HEAD", "seed-0")
    assert CliRunner().invoke(app, ["runs", "wide"]).output.splitlines()[3].split()[1] == "0.300"


def test_one_run_has_no_deviation(repository: Path) -> None:
    row = CliRunner().invoke(app, ["runs", "seed-0"]).output.splitlines()[3]
    assert row.split() == ["valence.elor", "0.300", "0.300", "-", "0.300", "0.300"]


@pytest.mark.parametrize("arguments", [["nowhere"], ["seed-0", "--metrics", "metrics/none.json"]])
def test_what_is_not_there_is_named(arguments: list[str], repository: Path) -> None:
    result = CliRunner().invoke(app, ["runs", *arguments])
    assert result.exit_code == 1
    assert "cannot be read" in result.output
    (repository / "metrics" / "uar.json").write_text("{")
