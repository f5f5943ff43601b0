"""The benchmark of the whole demonstration in both arithmetics, on a pipeline whose costs are known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks import arithmetic_demo
from benchmarks.clone import Clone
from elor.arithmetic import SETTINGS
from elor.registry import WORDLESS
from elor.report.text import Format, render

pytestmark = pytest.mark.slow

TRAIN = f"""
import json, os, pathlib
from ruamel.yaml import YAML
fastest = YAML(typ="safe").load(pathlib.Path("params.yaml"))["arithmetic"] == "fastest"
costs, curves = pathlib.Path("metrics/cost"), pathlib.Path("plots/data/curves")
for folder in (costs, curves):
    folder.mkdir(parents=True, exist_ok=True)
for network in {WORDLESS}:
    portable = any(name in os.environ for name in {sorted(SETTINGS)})
    assert not portable, "what this process has set must not reach the clone, where it would count as the user's"
    assert len(os.sched_getaffinity(0)) <= (os.cpu_count() + 1) // 2
    cost = {{"seconds": 9, "cpu_seconds": 40 if fastest else 60}}
    (costs / f"train@{{network}}.json").write_text(json.dumps(cost))
    (curves / f"{{network}}.csv").write_text("fold,epoch\\n" + "a,1\\n" * (5 if fastest else 4))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    stage = {"cmd": "python train.py", "params": ["arithmetic"], "deps": ["train.py"]}
    pipeline = {"stages": {"train": {"foreach": list(WORDLESS), "do": stage}}}
    YAML().dump(pipeline, folder / "dvc.yaml")
    YAML().dump({"arithmetic": "portable", "scale": {"demo": {"utterances": 800}}}, folder / "params.yaml")
    (folder / "dvc.lock").touch()
    identity = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (
        ["git", "init", "-q", "-b", "main"],
        ["dvc", "init", "-q"],
        ["git", "add", "dvc.yaml", "dvc.lock", "params.yaml", "train.py", ".dvc", ".dvcignore"],
        [*identity, "commit", "-qm", "run"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_both_are_run_once_and_an_epoch_is_told_from_how_many_there_were(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clone.fresh.__func__, "__defaults__", (repository,))
    kept = tmp_path / "kept"
    measured = arithmetic_demo.measure(kept=kept)
    assert arithmetic_demo.measure(kept=kept) == measured
    assert measured["utterances"] == 800
    assert (kept / "portable" / "log.txt").read_text().count("Running stage") == len(WORDLESS)
    lines = render(arithmetic_demo.tables(measured), Format.markdown).splitlines()
    assert f"| train | {60 * len(WORDLESS):.1f} | {40 * len(WORDLESS):.1f} | 1.50 |" in lines
    assert "| LoM, an epoch | 15.000 | 8.000 | 1.88 |" in lines
