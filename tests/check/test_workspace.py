"""Git and DVC: a small pipeline, put into every state that is told apart."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from elor.check import Finding
from elor.check import workspace as workspaces

PIPELINE = """\
stages:
  one:
    cmd: mkdir folder && cp in.txt kept.txt && cp in.txt folder/a && echo b > folder/b && echo {} > shown.json
    deps: [in.txt]
    outs: [kept.txt, folder]
    metrics: [{shown.json: {cache: false}}]
"""


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def dvc(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    git(folder, "init", "-q", "-b", "trunk")
    dvc(folder, "init", "-q")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "in.txt").write_text("a" * 1000)
    dvc(folder, "repro", "-q")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    folder = shutil.copytree(made, tmp_path / "project", symlinks=True)
    git(folder, "config", "user.name", "a")
    git(folder, "config", "user.email", "a@b")
    return folder


def found(folder: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in workspaces.workspace(folder)}


def test_a_finished_run_is_in_order(project: Path) -> None:
    findings = found(project)
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert findings["git"].found == "branch trunk"
    assert findings["DVC cache"].found == "2 of 2 outputs, 2 kB"  # the metric is git's
    assert findings["stages"].found == "all up to date"


def test_a_changed_input_makes_its_stage_stale(project: Path) -> None:
    (project / "in.txt").write_text("b")
    assert found(project)["stages"].note == "`dvc repro` runs one."


def test_lost_and_cut_objects_of_the_cache_are_told_apart(project: Path) -> None:
    objects = [path for path in (project / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    (listing,) = [path for path in objects if path.suffix == ".dir"]
    (big,) = [path for path in objects if path.stat().st_size == 1000]
    big.chmod(0o644)
    big.write_text("a" * 10)
    cut = found(project)["DVC cache"]
    assert (cut.state, cut.found[:6]) == ("fix", "2 of 2")
    assert "copy of folder, kept.txt is damaged" in cut.remedy  # both hold the same bytes
    assert not big.exists()  # dvc status has dropped it
    lost = found(project)["DVC cache"]
    assert (lost.state, lost.found[:6]) == ("note", "0 of 2")
    listing.chmod(0o644)
    listing.write_text("no list")
    assert "copy of folder is damaged" in found(project)["DVC cache"].remedy


def test_no_identity_no_branch_no_repository(project: Path) -> None:
    git(project, "commit", "-qm", "x", "--allow-empty")
    git(project, "checkout", "-q", "--detach")
    git(project, "config", "--unset", "user.email")
    first, second = list(workspaces.git(project))
    assert (first.found, first.state) == ("no branch", "note")
    assert (second.found, second.state) == ("no user.email", "fix")
    shutil.rmtree(project / ".git")
    (only,) = workspaces.git(project)
    assert (only.found, only.state) == ("no repository", "fix")


def test_what_is_no_project_is_said(project: Path) -> None:
    (project / "dvc.lock").unlink()
    assert found(project)["DVC cache"].found == "empty"
    (project / "dvc.yaml").write_text("stages: [")
    assert found(project)["stages"].state == "fix"
    shutil.rmtree(project / ".dvc")
    assert "dvc init" in found(project)["pipeline"].remedy
    (project / "dvc.yaml").unlink()
    assert "change into the project's folder" in found(project)["pipeline"].remedy
