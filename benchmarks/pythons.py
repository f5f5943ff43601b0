"""Which versions of Python, torch and torchaudio that pyproject.toml names pass the tests that can differ between them.

Each has an environment of requirements.lock; other pairs of torch and torchaudio take the place of the pinned one. A
version of Python is tried where `python3.X` is on the PATH (`PYENV_VERSION=3.11.7:3.12.1:3.13.0` puts three there); one
that was not tried or that failed must not be named. What does not depend on the version, `make test` says of one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.publish import command, publish, resumed
from elor.errors import UserError
from elor.files import file_digest, scratch
from elor.report.text import Block, Notes, Table

PREFIX = "Programming Language :: Python :: "
PASSED = re.compile(r"(?P<passed>\d+) passed.* in ")

SELECTED = {
    "start-up and commands": ("tests/test_api.py", "tests/commands/test_check.py", "tests/commands/test_predict.py"),
    "parameters and provenance": ("tests/test_params.py", "tests/test_provenance.py", "tests/test_progress.py"),
    "files": ("tests/test_files.py", "tests/test_tables.py", "tests/test_containers.py", "tests/test_audio.py"),
    "readers": ("tests/corpora/test_iemocap.py", "tests/corpora/test_manifest.py", "tests/labelfiles"),
    "features": ("tests/features/test_slices.py", "tests/features/test_store.py", "tests/features/test_table.py"),
    "networks, processes, a toy training": (
        "tests/test_networks.py",
        "tests/training/test_loop.py",
        "tests/training/test_engine.py",
    ),
    "weights, predictions, scores": (
        "tests/training/test_weights_file.py",
        "tests/test_inference.py",
        "tests/evaluation/test_golden.py",
    ),
    "explaining": (
        "tests/explain/test_guided.py",
        "tests/explain/test_guided_operators.py",
        "tests/explain/test_foreign.py",
    ),
}
"""Tests by what they try, also those marked `long`, but not those marked `slow`; first every module is imported."""

IMPORT_ALL = (
    "import importlib, pkgutil, elor\n"
    "for one in pkgutil.walk_packages(elor.__path__, 'elor.'): importlib.import_module(one.name)"
)


def named() -> list[str]:
    """Versions in pyproject.toml, oldest first, as `3.12`."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    return [line.removeprefix(PREFIX) for line in classifiers if re.fullmatch(re.escape(PREFIX) + r"3\.\d+", line)]


TORCHES = {"2.10.0": "2.10.0"}
"""Pairs of torch and torchaudio to try beside the pinned one, which is the newest of the range in pyproject.toml."""


def measure() -> dict[str, Any]:
    """Try every named version that this machine has, and on its oldest the other pairs of torch and torchaudio."""
    locks = {path.name: file_digest(path) for path in sorted(ROOT.glob("requirements*.lock"))}
    pairs = [f"{named()[0]} {torch}" for torch in TORCHES]
    made = resumed("pythons", {"locks": locks, "selected": SELECTED}, [*named(), *pairs], tried)
    by_name = {one["name"]: one for one in made}
    return {
        "pythons": {version: by_name[version] for version in named()},
        "torches": {pair.split()[1]: by_name[pair] for pair in pairs},
    }


def tried(name: str) -> dict[str, Any]:
    """Run the selected tests under a version, in an environment that later runs find again.

    Args:
        name: the version of Python, and after a blank that of torch where it is not the pinned one.
    """
    version, _, torch = name.partition(" ")
    interpreter, full = shutil.which(f"python{version}") or "", ""
    if interpreter:  # a shim of pyenv's is there whether or not PYENV_VERSION names the version
        ask = [interpreter, "-c", "import platform; print(platform.python_version())"]
        full = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    if not full:
        return {"why": "not on this machine"}
    last = ""
    for step in steps(interpreter, version, torch):
        ended = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
        last = (ended.stdout.strip().splitlines() or [""])[-1]
        if ended.returncode:
            break
    found = PASSED.search(last)
    why = "" if ended.returncode == 0 else (last or ended.stderr.strip().splitlines()[-1]).strip("= ")
    if not why and (absent := untried(ended.stdout)):
        why = f"no test of {', '.join(absent)}"
    return {
        "version": full,
        "date": datetime.now(UTC).date().isoformat(),
        "passed": int(found["passed"]) if found else 0,
        "why": why,
    }


def steps(interpreter: str, version: str, torch: str) -> list[list[str | Path]]:
    """The commands: make the environment, put another torch into it, import every module, test."""
    locks = [file_digest(path) for path in sorted(ROOT.glob("requirements*.lock"))]
    venv = scratch("benchmark", {"python": version, "torch": torch, "locks": locks}) / "venv"
    python: list[str | Path] = [venv / "bin" / "python", "-m"]
    pair = [f"torch=={torch}", f"torchaudio=={TORCHES[torch]}"] if torch else []
    return [
        ["make", f"VENV={venv}", f"PYTHON={interpreter}", "venv"],
        *([[*python, "pip", "install", "--quiet", *pair]] if torch else []),
        [*python[:1], "-c", IMPORT_ALL],
        [
            *python,
            "pytest",
            "-q",
            "-m",
            "not slow",
            "-rp",  # names what passed: `untried` looks whether each file is among it
            *(path for paths in SELECTED.values() for path in paths),
        ],
    ]


def untried(told: str) -> list[str]:
    """What is selected and has no passed test in pytest's summary: markers, for one, can leave out whole files."""
    paths = [path for some in SELECTED.values() for path in some]
    return [path for path in paths if not re.search(rf"^PASSED {re.escape(path)}[:/]", told, re.MULTILINE)]


def tables(measured: dict[str, Any]) -> list[Block]:
    """A row per version, and one per pair of torch and torchaudio."""
    pairs = {f"{torch}, {TORCHES.get(torch, '-')}": one for torch, one in measured["torches"].items()}
    return [
        _table("Python versions", "named", measured["pythons"]),
        _table("torch, torchaudio in place of the pinned ones", "pair", pairs),
        Notes("Tried", ("all modules imported", *(f"{what}: {', '.join(paths)}" for what, paths in SELECTED.items()))),
    ]


def _table(caption: str, first: str, tried: dict[str, Any]) -> Table:
    rows = [
        (name, one.get("version", "-"), one.get("date", "-"), f"{one.get('passed', 0):,}", one["why"] or "all passed")
        for name, one in tried.items()
    ]
    return Table(caption, (first, "Python", "date", "tests", ""), (tuple(rows),))


def verdict(measured: dict[str, Any]) -> None:
    """Complain about versions that are named and do not pass.

    Raises:
        UserError: if there is one.
    """
    pairs = {f"torch {torch}": one for torch, one in measured["torches"].items()}
    if bad := [f"{name}: {one['why']}" for name, one in (measured["pythons"] | pairs).items() if one["why"]]:
        raise UserError(f"pyproject.toml names versions that did not pass here: {'; '.join(bad)}.")


def main() -> None:
    """Try the Python versions that pyproject.toml names."""
    verdict(publish("pythons", "pythons", measure, tables))


if __name__ == "__main__":
    command(main)
