"""Git and DVC: a small pipeline, put into every state that is told apart."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.exceptions import ReproductionError
from dvc.repo import Repo

from elor.check import Finding
from elor.check import workspace as workspaces
from tests.worlds.dvc import dvc

pytestmark = pytest.mark.long

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    git(folder, "init", "-q", "-b", "trunk")
    assert dvc(folder, "init", "-q") == 0
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "in.txt").write_text("a" * 1000)
    assert dvc(folder, "repro", "-q") == 0
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


def test_an_object_of_equal_size_that_was_damaged_is_noticed_and_mended(project: Path) -> None:
    """DVC restores it and calls it up to date: nothing but reading it tells."""
    (big,) = [path for path in (project / ".dvc/cache/files/md5").rglob("*") if path.stat().st_size == 1000]
    big.chmod(0o644)
    big.write_text("a" * 999 + "b")
    os.utime(big, (0, 0))
    big.chmod(0o444)
    shutil.rmtree(project / "folder")
    (project / "kept.txt").unlink()
    assert dvc(project, "repro", "-q") == 0
    assert (project / "kept.txt").read_text().endswith("b")
    finding = found(project)["DVC cache"]
    assert found(project)["stages"].found == "all up to date"  # so DVC says
    assert "copy of folder, kept.txt is damaged" in finding.remedy
    orders = finding.remedy.split("`")[1]
    subprocess.run(orders, shell=True, cwd=project, check=True)
    assert dvc(project, "repro", "-q") == 0
    assert (project / "kept.txt").read_text() == (project / "folder/a").read_text() == "a" * 1000
    assert {finding.state for finding in found(project).values()} == {"ok"}


@pytest.mark.parametrize(
    "left", ['{"write": {"/x/ke', '{"other": 1}', *(pytest.param(text, marks=pytest.mark.slow) for text in ("", "[]"))]
)
def test_half_a_lock_file_of_a_killed_run_is_mended_and_named(project: Path, left: str) -> None:
    path = project / ".dvc/tmp/rwlock"
    path.write_text(left)
    with contextlib.chdir(project), pytest.raises(ReproductionError) as refused:
        Repo().reproduce()
    assert "rwlock" in str(refused.value.__cause__)
    finding = found(project)["DVC's lock file"]
    assert (finding.state, finding.found) == ("note", "mended")
    assert str(path) in finding.note
    assert dvc(project, "repro", "-q") == 0
    assert "DVC's lock file" not in found(project)


def test_a_lock_file_in_order_is_left_alone(project: Path) -> None:
    text = '{"write": {}, "read": {"/x": [{"pid": 1, "cmd": "dvc repro"}]}}'
    (project / ".dvc/tmp/rwlock").write_text(text)
    assert list(workspaces.lock_file(project)) == []
    assert (project / ".dvc/tmp/rwlock").read_text() == text


@pytest.mark.parametrize("text", ["stages: [", "- a", "stages: {one: {outs: [1]}}"])
def test_half_a_dvc_lock_is_said_with_its_remedy(project: Path, text: str) -> None:
    (project / "dvc.lock").write_text(text)
    (finding,) = workspaces.cache(project)
    assert finding.remedy.startswith("`git checkout dvc.lock` restores")


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
    (only,) = workspaces.workspace(project)  # an installed elor works without one
    assert (only.state, "change into the project's folder" in only.note) == ("note", True)
