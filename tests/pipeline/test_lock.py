"""dvc.lock in the repository is in step with code and parameters; needs no data."""

import contextlib
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.exceptions import ReproductionError
from dvc.repo import Repo

from tests.worlds.dvc import dvc

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]

LOOKERS = {"sources"}
"""Stages that only look whether something has changed: everything depends on them, and nobody reads them."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git holds, as it stands in the working tree, without any data."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def would_run(folder: Path) -> set[str]:
    """The stages that `dvc repro --dry --allow-missing` names."""
    with contextlib.chdir(folder):
        return {stage.addressing for stage in Repo().reproduce(dry=True, allow_missing=True)} - {"sources"}


def test_lock_is_in_step_with_code_and_parameters(clone: Path) -> None:
    assert would_run(clone) == set()


def test_a_changed_module_would_be_noticed(clone: Path) -> None:
    with (clone / "elor" / "training" / "loop.py").open("a") as module:
        module.write("\n")
    with contextlib.suppress(ReproductionError):  # which notices it, too
        assert would_run(clone)


def test_readme_draws_this_pipeline(capsys: pytest.CaptureFixture) -> None:
    """Every stage stands in one box, and boxes are tied as DVC's own drawing ties their stages."""
    assert dvc(ROOT, "dag", "--collapse-foreach-matrix", "--mermaid") == 0
    graph = capsys.readouterr().out
    names = dict(re.findall(r'(node\d+)\["(.*?)"\]', graph))
    ties = {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", graph)}
    drawing = (ROOT / "README.md").read_text().split("```mermaid\n")[1].split("```")[0]
    titles = dict(re.findall(r'(\w+)\["(.*?)"\]', drawing))
    arrows = set()
    for line in drawing.splitlines():
        boxes = re.findall(r"(\w+)(?:\[.*?\])?(?= -->|$)", line.strip()) if "-->" in line else []
        arrows |= set(pairwise(boxes))
    box = {stage: name for name in set().union(*arrows) for stage in titles.get(name, name).split(", ")}
    assert set(box) == set(names.values()) - LOOKERS
    needed = {(box[a], box[b]) for a, b in ties if a in box and b in box} - {(name, name) for name in box.values()}
    assert arrows <= needed, f"drawn, but no stage needs it: {arrows - needed}"
    missing = {tie for tie in needed if tie[1] not in reached(tie[0], arrows)}
    assert missing == set(), f"needed, and not drawn: {missing}"


def reached(box: str, arrows: set[tuple[str, str]]) -> set[str]:
    """All boxes to which arrows lead from one."""
    found, new = set(), {box}
    while new:
        found |= new
        new = {b for a, b in arrows if a in new} - found
    return found
