"""Python, packages, processors, memory, disk."""

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import psutil

from elor.check import GIB, Finding, size
from elor.engine import available_cores
from elor.errors import UserError

PYTHON = (3, 11)
"""The oldest version that works, as in pyproject.toml."""

TESTED = (3, 13)
"""The newest version that the metadata names."""

FREE_DISK = 2 * 10**9
"""Bytes: the demonstration run needs about a quarter of it."""

FREE_MEMORY = 2 * GIB

LOCK = Path("requirements.lock")
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s*(?:;(?P<marker>.*))?")


def machine(device: str = "auto", folder: Path = Path()) -> list[Finding]:
    """Look at the machine.

    Args:
        device: engine.device of params.yaml; a GPU that it asks for must be there.
        folder: the workspace: its disk and its requirements.lock are looked at.
    """
    return [python(), *packages(folder / LOCK), gpu(device), cores(), memory(), disk(folder)]


def python() -> Finding:
    """The interpreter's version."""
    found = platform.python_version()
    version = tuple(map(int, found.split(".")[:2]))
    if version < PYTHON:
        return Finding("Python", found, remedy="install Python 3.11 or newer, then `make venv PYTHON=python3.11`")
    if version > TESTED:
        return Finding("Python", found, note=f"Python {found} is newer than the versions that this project names.")
    return Finding("Python", found)


def packages(lock: Path) -> Iterator[Finding]:
    """Whether every requirement is installed, and whether in the pinned version."""
    if broken := _unmet():
        text = ", ".join(broken)
        yield Finding("packages", f"{len(broken)} missing or too old", remedy=f"`make venv` installs {text}")
    if not lock.is_file():
        yield Finding("pinned versions", "no requirements.lock here")
        return
    pins = read_pins(lock)
    installed = {name: _version(name) for name in pins}
    other = {name: version for name, version in installed.items() if version not in (None, pins[name])}
    same = sum(version == pins[name] for name, version in installed.items())
    note = ""
    if other:
        shown = ", ".join(f"{name} {version} (tested with {pins[name]})" for name, version in sorted(other.items())[:5])
        more = f" and {len(other) - 5} more" if len(other) > 5 else ""
        note = (
            f"Other versions than the pinned ones may change the last digits: {shown}{more}. `make venv` restores them."
        )
    yield Finding("pinned versions", f"{same} of {len(pins)} installed as pinned", note)


def read_pins(lock: Path) -> dict[str, str]:
    """The versions that a lock file, and those that it includes, pin for this platform, by package."""
    from packaging.markers import Marker

    pins = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            pins |= read_pins(lock.parent / line[3:].strip())
        match = _PIN.fullmatch(line.strip())
        if match and (not match["marker"] or Marker(match["marker"].strip()).evaluate()):
            pins[match["name"]] = match["version"]
    return pins


def _unmet() -> list[str]:
    """What elor's own metadata asks for and is not there, or in a version that it does not allow."""
    from packaging.requirements import Requirement

    found = []
    for requirement in map(Requirement, metadata.requires("elor") or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            version = _version(requirement.name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{requirement.name}{requirement.specifier}")
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def gpu(device: str) -> Finding:
    """The GPUs, and whether the one that is asked for is among them."""
    import torch

    from elor.device import resolved

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    try:
        resolved(device)
    except UserError as error:
        return Finding("GPU", ", ".join(names) or "none", remedy=str(error))
    return Finding("GPU", ", ".join(names) or "none; the processor computes")


def cores() -> Finding:
    """How many processors this process may use."""
    return Finding("processor cores", f"{available_cores()}, load {os.getloadavg()[0]:.1f}")


def memory(free: int | None = None) -> Finding:
    """Total and free memory; `free` in bytes stands for the machine's own."""
    state = psutil.virtual_memory()
    left = state.available if free is None else free
    note = "" if left >= FREE_MEMORY else f"Only {size(left)} of memory are free: give fewer engine.workers."
    return Finding("memory", f"{size(state.total)}, {size(left)} free", note)


def disk(folder: Path, free: Mapping[Path, int] | None = None) -> Finding:
    """Space left below the workspace; `free` in bytes by folder stands for the machine's own."""
    left = shutil.disk_usage(folder).free if free is None else free[folder]
    remedy = "" if left >= FREE_DISK else f"free some disk space: a run needs about {size(FREE_DISK)}"
    return Finding("disk", f"{size(left)} free", remedy=remedy)
