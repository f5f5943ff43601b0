"""What pyproject.toml says of the package agrees with what the code checks."""

import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import pythons
from elor import arithmetic
from elor.check import machine

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def test_pythons_of_the_classifiers_are_those_that_are_checked() -> None:
    named = [text.rsplit(" ", 1)[1] for text in PROJECT["classifiers"] if text.startswith("Programming Language")]
    versions = [tuple(map(int, name.split("."))) for name in named]
    assert (min(versions), max(versions)) == (machine.PYTHON, machine.TESTED)
    assert PROJECT["requires-python"] == f">={min(named)}"


def test_what_is_tried_under_every_python_is_there() -> None:
    missing = [path for paths in pythons.SELECTED.values() for path in paths if not (pythons.ROOT / path).exists()]
    assert not missing


def test_a_file_of_which_no_test_has_run_was_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    *_, test = pythons.steps("python", "3.11", "")
    assert "not slow" in test  # only these: whole files are marked `long`
    told = ["PASSED tests/a.py::test_one", "1 passed in 0.1 s"]
    monkeypatch.setattr(pythons.shutil, "which", lambda name: sys.executable)
    monkeypatch.setattr(pythons, "steps", lambda *asked: [[sys.executable, "-c", f"print({chr(10).join(told)!r})"]])
    monkeypatch.setattr(pythons, "SELECTED", {"files": ("tests/a.py", "tests/b")})
    assert pythons.tried("3.11")["why"] == "no test of tests/b"
    told.insert(0, "PASSED tests/b/test_c.py::test_two")
    assert (pythons.tried("3.11")["passed"], pythons.tried("3.11")["why"]) == (1, "")


def test_every_requirement_is_pinned() -> None:
    pins = machine.read_pins(Path(__file__).parents[1] / "requirements.lock")
    names = {name.lower().replace("_", "-") for name in pins}
    lacking = [text for text in PROJECT["dependencies"] if text.split(">")[0].split("=")[0].strip() not in names]
    assert lacking == []


def test_what_decides_numbers_is_pinned_where_stages_see_it() -> None:
    root = Path(__file__).parents[1]
    assert set(machine.read_pins(root / "requirements-numbers.lock")) == set(arithmetic.DECIDING)
    assert len(machine.read_pins(root / "requirements.lock")) > 100  # both files


def test_the_citation_names_this_version() -> None:
    citation = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT['version']}\n" in citation
