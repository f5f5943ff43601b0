"""Which versions of Python, torch and torchaudio that pyproject.toml names pass the quick tests.

Each has an environment of requirements.lock; other pairs of torch and torchaudio take the place of the pinned one. A
version of Python is tried where `python3.X` is on the PATH; one that was not tried or that failed must not be named.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import tomllib
from datetime import UTC, datetime
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.files import file_digest, scratch
from elor.report.text import Block, Table

PREFIX = "Programming Language :: Python :: "
PASSED = re.compile(r"(?P<passed>\d+) passed.* in ")


def named() -> list[str]:
    """Versions in pyproject.toml, oldest first, as `3.12`."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    return [line.removeprefix(PREFIX) for line in classifiers if re.fullmatch(re.escape(PREFIX) + r"3\.\d+", line)]


TORCHES = {"2.10.0": "2.10.0"}
"""Pairs of torch and torchaudio to try beside the pinned one, which is the newest of the range in pyproject.toml."""


def measure() -> dict[str, Any]:
    """Try every named version that this machine has, and on its oldest the other pairs of torch and torchaudio."""
    pythons = {version: tried(version) for version in named()}
    oldest = named()[0]
    return {"pythons": pythons, "torches": {torch: tried(oldest, torch) for torch in TORCHES}}


def tried(version: str, torch: str = "") -> dict[str, Any]:
    """Run `make test-fast` under a version, in an environment that later runs find again.

    Args:
        version: of Python.
        torch: of torch, in place of the pinned one, with its torchaudio of `TORCHES`.
    """
    interpreter, full = shutil.which(f"python{version}") or "", ""
    if interpreter:  # a shim of pyenv's is there whether or not PYENV_VERSION names the version
        ask = [interpreter, "-c", "import platform; print(platform.python_version())"]
        full = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    if not full:
        return {"why": "not on this machine"}
    locks = [file_digest(path) for path in sorted(ROOT.glob("requirements*.lock"))]
    venv = scratch("benchmark", {"python": version, "torch": torch, "locks": locks}) / "venv"
    make = ["make", f"VENV={venv}", f"PYTHON={interpreter}"]
    pair = ["pip", "install", "--quiet", f"torch=={torch}", f"torchaudio=={TORCHES[torch]}"] if torch else []
    started = time.monotonic()
    steps = ([*make, "venv"], [venv / "bin" / "python", "-m", *pair]) if torch else ()
    for step in (*steps, [*make, "test-fast"]):
        ended = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
        if ended.returncode:
            break
    last = (ended.stdout.strip().splitlines() or [""])[-1]
    found = PASSED.search(last)
    return {
        "version": full,
        "date": datetime.now(UTC).date().isoformat(),
        "passed": int(found["passed"]) if found else 0,
        "seconds": time.monotonic() - started,
        "why": "" if ended.returncode == 0 else (last or ended.stderr.strip().splitlines()[-1]).strip("= "),
    }


def tables(measured: dict[str, Any]) -> list[Block]:
    """A row per version, and one per pair of torch and torchaudio."""
    pairs = {f"{torch}, {TORCHES.get(torch, '-')}": one for torch, one in measured["torches"].items()}
    return [
        _table("Python versions: make test-fast", "named", measured["pythons"]),
        _table("torch, torchaudio in place of the pinned ones: make test-fast", "pair", pairs),
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
