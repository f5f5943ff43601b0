"""The benchmark of seeds on a pipeline of two stages whose scores are a known function of the seeds."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks import publish, seeds
from elor.params import NETWORKS
from elor.report.text import Format, render
from tests.worlds.dvc import dvc

pytestmark = pytest.mark.long

SCRIPT = """
import json, pathlib
from ruamel.yaml import YAML
params = YAML(typ="safe").load(pathlib.Path("params.yaml"))
seed, corpus = params["seed"], params["corpus"]["seed"]
pathlib.Path("data").mkdir(exist_ok=True)
pathlib.Path("metrics").mkdir(exist_ok=True)
"""
CORPUS = SCRIPT + 'pathlib.Path("data/corpus").write_text(str(corpus))\n'
SCORES = f"""{SCRIPT}
scores = {{f"{{h}}.{{n}}": 0.01 * seed**2 + 0.1 * corpus for h in ("arousal", "valence") for n in {NETWORKS}}}
pathlib.Path("metrics/uar.json").write_text(json.dumps(scores))
pathlib.Path("metrics/war.json").write_text(json.dumps({{name: 2 * score for name, score in scores.items()}}))
claims = [{{"id": "rate", "claim": "", "verdict": "holds" if seed % 2 else "undecided"}}]
pathlib.Path("metrics/claims.json").write_text(json.dumps({{"claims": claims}}))
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after its first run."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "corpus.py").write_text(CORPUS)
    (folder / "scores.py").write_text(SCORES)
    (folder / ".gitignore").write_text("/data\n")
    metrics = [{f"metrics/{name}.json": {"cache": False}} for name in ("uar", "war", "claims")]
    stages = {
        "corpus": {
            "cmd": "python corpus.py", "deps": ["corpus.py"], "params": ["corpus"], "outs": ["data/corpus"],
        },
        "scores": {
            "cmd": "python scores.py", "deps": ["scores.py", "data/corpus"], "params": ["corpus", "seed"],
            "metrics": metrics,
        },
    }  # fmt: skip
    YAML().dump({"stages": stages}, folder / "dvc.yaml")
    YAML().dump({"seed": 1, "corpus": {"seed": 1}}, folder / "params.yaml")
    git(folder, "init", "-q", "-b", "main")
    assert dvc(folder, "init", "-q") == dvc(folder, "repro", "-q") == 0
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "run")
    return folder


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def runs(kept: Path) -> int:
    """How often the stage `scores` has run in a kept clone."""
    return (kept / "log.txt").read_text().count("Running stage 'scores'")


@pytest.fixture(scope="module")
def kept(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is kept, with two seeds of one corpus."""
    folder = tmp_path_factory.mktemp("clones") / "kept"
    seeds.measure(seeds=2, corpora=1, source=repository, kept=folder)
    return folder


@pytest.fixture(scope="module")
def measured(repository: Path, kept: Path) -> dict[str, Any]:
    """What the same clone measures, asked for more."""
    before = runs(kept)
    found = seeds.measure(seeds=3, corpora=2, source=repository, kept=kept)
    assert runs(kept) - before == 2, "what it had run was run again"
    return found


def test_seeds_are_run_as_experiments_and_summarised(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured["runs"] == ["HEAD", "seed-2", "seed-3", "corpus-2"]
    assert measured["groups"] == {
        "training seeds": ["HEAD", "seed-2", "seed-3"],
        "fresh corpora": ["HEAD", "corpus-2"],
    }
    assert measured["warnings"] == []
    found = measured["spreads"]["UAR"]["valence.lom"]
    for group, scores in (("training seeds", (0.11, 0.14, 0.19)), ("fresh corpora", (0.11, 0.21))):
        expected = (statistics.mean(scores), statistics.stdev(scores), min(scores), max(scores))
        assert [found[group][key] for key in ("mean", "sd", "low", "high")] == pytest.approx(expected)
    assert measured["verdicts"]["rate"]["training seeds"] == {"holds": 2, "undecided": 1}

    docs, readme = tmp_path / "findings.md", tmp_path / "README.md"
    docs.write_text("<!-- bench:seeds -->\n<!-- /bench:seeds -->\n")
    readme.write_text("<!-- bench:seeds-headline -->\n<!-- /bench:seeds-headline -->\n")
    monkeypatch.setattr(publish, "PAGES", (docs, readme))
    monkeypatch.setattr(publish, "RESULTS", tmp_path / "results")
    publish.publish("seeds", "seeds", lambda: measured, seeds.tables, seeds.headline)
    assert f"| ELoR+FTR | ±{2 * statistics.stdev((0.11, 0.14, 0.19)):.3f} | ±0.040 |" in readme.read_text()
    assert "| rate | holds 2, undecided 1 | holds 2 |" in docs.read_text()
    assert "| valence.lom | 0.147 +- 0.040 [0.110, 0.190] | 0.160 +- 0.071 [0.110, 0.210] |" in docs.read_text()


def test_one_run_of_each_is_no_experiment(repository: Path) -> None:
    measured = seeds.measure(seeds=1, corpora=1, source=repository)
    assert measured["runs"] == ["HEAD"]
    assert "±-" in render(seeds.headline(measured), Format.markdown)  # no deviation of one run


def test_a_kept_clone_runs_only_what_it_has_not_run(repository: Path, kept: Path, measured: dict[str, Any]) -> None:
    before = runs(kept)
    assert measured == seeds.measure(seeds=3, corpora=2, source=repository, kept=kept)
    assert runs(kept) == before


def test_a_run_that_was_killed_is_begun_anew(repository: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    clone = seeds.prepared(kept, repository, None)
    scores = (clone.folder / "scores.py").read_text()
    slow = "import os, pathlib, time\nstarted = pathlib.Path(os.environ['ELOR_SCRATCH']) / 'started'\n"
    slow += "if not started.exists():\n    started.parent.mkdir()\n    started.touch()\n    time.sleep(600)\n"
    (clone.folder / "scores.py").write_text(slow + scores)
    seeds.git(clone, "commit", "--all", "--quiet", "--message", "slow at first")
    process = clone.start("exp", "run", "--temp", "--set-param", "seed=2", "--name", "seed-2")
    while not (kept / "scratch" / "started").exists():
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    measured = seeds.measure(seeds=2, corpora=1, source=repository, kept=kept)
    assert measured["runs"] == ["HEAD", "seed-2"]
    assert measured["verdicts"]["rate"]["training seeds"] == {"holds": 1, "undecided": 1}
