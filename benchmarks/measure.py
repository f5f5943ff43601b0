"""How things are measured: steps in turns, commands with their worker processes, and the machine that does it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from elor.arithmetic import processor
from elor.check import GIB
from elor.engine import available_cores
from elor.errors import UserError

ROOT = Path(__file__).parents[1]
PACKAGES = ("torch", "numpy", "scikit-learn", "opensmile", "dvc")


def alternated(
    steps: Sequence[Callable[[], object]],
    rounds: int,
    least_s: float = 0.0,
    before: Callable[[], object] = lambda: None,
) -> list[list[float]]:
    """Time steps in turns, after one round that does not count, so that other load on the machine meets all of them.

    Args:
        steps: what is timed.
        rounds: how often.
        least_s: seconds that a quick step is repeated for in each round.
        before: what must be done before each turn of a step, and is not timed.

    Returns:
        For each step the mean seconds of its repetitions in each round.
    """
    repeats = [max(1, round(least_s / _timed(step, 1, before))) for step in steps]
    rows = [[_timed(step, times, before) for step, times in zip(steps, repeats, strict=True)] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]


def _timed(step: Callable[[], object], repeats: int, before: Callable[[], object]) -> float:
    before()
    started = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - started) / repeats


def ratio(slow: Sequence[float], quick: Sequence[float]) -> float:
    """The median over rounds of how much longer one step took than the other in the same round."""
    return statistics.median(one / other for one, other in zip(slow, quick, strict=True))


def run_stage(workspace: Path, stage: str, environment: dict[str, str] | None = None) -> dict[str, float]:
    """Run a stage of this repository, such as `labels` or `train@elor`, in a folder with a params.yaml, without DVC.

    Returns:
        `seconds` of the whole process, imports included; `peak_mb`, private memory with that of its workers, in MiB.

    Raises:
        UserError: if the stage fails.
    """
    started = time.monotonic()
    name, *network = stage.split("@")
    command = [sys.executable, "-m", f"stages.{name}", *network]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(command, cwd=workspace, env=os.environ | {"PYTHONPATH": path} | (environment or {}))
    if ended.returncode:
        raise UserError(f"The stage {stage} ended with status {ended.returncode}; its message stands above.")
    seconds = time.monotonic() - started
    return {"seconds": seconds, "peak_mb": costs_of(workspace)[stage]["peak_mb"]}


def set_params(path: Path, changes: dict[str, Any]) -> None:
    """Change some values of a params.yaml (`{"scale.demo.utterances": 60}`)."""
    yaml = YAML()
    params = yaml.load(path)
    put(params, changes)
    yaml.dump(params, path)


def put(params: dict[str, Any], changes: dict[str, Any]) -> None:
    """Change some values of a tree, named as in `set_params`."""
    for name, value in changes.items():
        *parts, last = name.split(".")
        section = params
        for part in parts:
            section = section[part]
        section[last] = value


def costs_of(workspace: Path) -> dict[str, dict[str, float]]:
    """What each stage left in metrics/cost/."""
    return {path.stem: json.loads(path.read_text()) for path in (workspace / "metrics" / "cost").glob("*.json")}


def machine() -> dict[str, Any]:
    """The machine, its load, the code and the packages; names no host and no path."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": processor(),
        "cores": available_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": commit(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    """Its version; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit(folder: Path = ROOT) -> str:
    """The commit, with a plus where files differ from it; `unknown` outside a repository, or without git."""
    asked = (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"])
    try:
        head, changed = (
            subprocess.run(["git", *one], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for one in asked
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")
