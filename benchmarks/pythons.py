"""Which Python versions that pyproject.toml names pass the quick tests: each in an environment of requirements.lock.

A version is tried where `python3.X` is on the PATH; one that was not tried or that failed must not be named.
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


def measure() -> dict[str, Any]:
    """Try every named version that this machine has."""
    return {"pythons": {version: tried(version) for version in named()}}


def tried(version: str) -> dict[str, Any]:
    """Run `make test-fast` under a version, in an environment that later runs find again."""
    interpreter, full = shutil.which(f"python{version}") or "", ""
    if interpreter:  # a shim of pyenv's is there whether or not PYENV_VERSION names the version
        ask = [interpreter, "-c", "import platform; print(platform.python_version())"]
        full = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    if not full:
        return {"why": "not on this machine"}
    home = scratch(
        "benchmark",
        {"python": version, "locks": [file_digest(path) for path in sorted(ROOT.glob("requirements*.lock"))]},
    )
    started = time.monotonic()
    make = ["make", "test-fast", f"VENV={home / 'venv'}", f"PYTHON={interpreter}"]
    ended = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
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
    """A row per version."""
    rows = [
        (
            version,
            one.get("version", "-"),
            one.get("date", "-"),
            f"{one.get('passed', 0):,}",
            one["why"] or "all passed",
        )
        for version, one in measured["pythons"].items()
    ]
    return [Table("Python versions: make test-fast", ("named", "tried", "date", "tests", ""), tuple(rows))]


def verdict(measured: dict[str, Any]) -> None:
    """Complain about versions that are named and do not pass.

    Raises:
        UserError: if there is one.
    """
    if bad := [f"{version}: {one['why']}" for version, one in measured["pythons"].items() if one["why"]]:
        raise UserError(f"pyproject.toml names versions of Python that did not pass here: {'; '.join(bad)}.")


def main() -> None:
    """Try the Python versions that pyproject.toml names."""
    verdict(publish("pythons", "pythons", measure, tables))


if __name__ == "__main__":
    command(main)
