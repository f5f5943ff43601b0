"""dvc.lock in the repository is in step with code and parameters; needs no data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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


def dry_run(folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["dvc", "repro", "--dry", "--allow-missing"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def stages(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")} - {"sources"}


def test_lock_is_in_step_with_code_and_parameters(clone: Path) -> None:
    result = dry_run(clone)
    assert result.returncode == 0, result.stdout + result.stderr
    assert stages(result.stdout) == set()


def test_a_changed_module_would_be_noticed(clone: Path) -> None:
    with (clone / "elor" / "training" / "loop.py").open("a") as module:
        module.write("\n")
    result = dry_run(clone)
    assert result.returncode != 0 or stages(result.stdout)


def test_readme_shows_this_pipeline() -> None:
    dag = subprocess.run(
        [Path(sys.executable).parent / "dvc", "dag", "--collapse-foreach-matrix", "--mermaid"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert dag in (ROOT / "README.md").read_text()
