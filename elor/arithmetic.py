"""Portable arithmetic: the same bits on every x86-64 processor with AVX2, of any make and with any number of cores.

The CPU libraries below torch and numpy choose among several kernels by the processor's maker, its vector width and its
number of cores, and kernels add in different orders. All of them can be told which kernels to take, by environment
variables that they read once, when they load. So this module, which imports nothing but the standard library, sets them
when `elor` is imported, before numpy and torch; worker processes inherit them.

    torch     vectors of 256 bits (ATen, oneDNN); of MKL the one branch that is the same on Intel and on other makes
    numpy     no AVX-512 loops; matrix products by OpenBLAS' kernel for Haswell
    threads   one in each process: a sum that is split among threads depends on their number
    soxr      no settings of its own

MKL's faster branches (MKL_CBWR=AVX2) give other bits on AMD than on Intel, in matrix products, Fourier transforms and
exponentials. `fastest` leaves every choice to the libraries and to the user's environment. Where bits may differ all
the same, `doubts` says why.
"""

import os
import platform
import socket
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from elor.portable_environment import SETTINGS

Arithmetic = Literal["portable", "fastest"]

VECTORS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Extensions that decide how fast arithmetic is, and in which order sums are taken."""

CHOICE = "ELOR_ARITHMETIC"
"""Environment variable that carries the choice to worker processes; `fastest` in it is also a user's way out."""

LIBRARIES = ("numpy", "torch")
"""What reads these settings while it loads."""

DECIDING = (
    *("hyperopt", "numpy", "opensmile", "pandas", "scikit-learn", "scipy", "soundfile", "soxr", "torch"),
    "torchaudio",
)
"""The packages whose versions decide numbers, as in requirements-numbers.lock."""

_noted: dict[str, None] = {}
_replaced: dict[str, str | None] = {}
_late: list[str] = []
_held: Arithmetic | None = None


def choice() -> Arithmetic:
    """The arithmetic that the environment asks for: portable unless it says `fastest`."""
    return "fastest" if os.environ.get(CHOICE) == "fastest" else "portable"


def hold(wanted: Arithmetic) -> None:
    """Set this process, and those that it will start, to an arithmetic; before numpy and torch are loaded.

    Warns if they are loaded and have read other settings.
    """
    global _held
    if wanted == _held:
        return
    _held = wanted
    for name, value in _replaced.items():  # the user's own come back
        _set(name, value)
    _replaced.clear()
    os.environ[CHOICE] = wanted
    if wanted == "portable":
        _replaced.update((name, os.environ.get(name)) for name in SETTINGS if os.environ.get(name) != SETTINGS[name])
        for name in _replaced:
            _set(name, SETTINGS[name])
    _late[:] = [name for name in LIBRARIES if name in sys.modules] if _replaced else []
    if _late:
        warnings.warn(f"Results may differ in their last digits on other processors: {late()}.", stacklevel=3)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def late() -> str:
    """What was loaded too early; empty if nothing was."""
    return f"elor was imported after {' and '.join(_late)}; import it first" if _late else ""


def overruled() -> str:
    """The sentence on the user's own settings that portable arithmetic has replaced; empty if there are none."""
    theirs = [f"{name}={value}" for name, value in _replaced.items() if value is not None]
    if not theirs:
        return ""
    return f"Portable arithmetic overrules {', '.join(theirs)} of the environment (params.yaml: arithmetic)."


def note(doubt: str) -> None:
    """Remember why this process' numbers may differ on another machine."""
    _noted[doubt] = None


def doubts() -> list[str]:
    """Why this process' numbers may differ in their last digits on another machine; empty if nothing says so."""
    return [*_noted, *_doubts()]


def _doubts() -> Iterator[str]:
    if choice() == "fastest":
        yield "arithmetic is fastest, not portable"
        return
    if _late:
        yield late()
    if changed := [name for name, value in SETTINGS.items() if os.environ.get(name) != value]:
        yield f"{', '.join(changed)} was set after elor was imported"
    if platform.machine() not in ("x86_64", "AMD64"):
        yield f"the processor is of the kind {platform.machine()}, not x86-64"
    elif "torch" in sys.modules and sys.modules["torch"].backends.cpu.get_cpu_capability() != "AVX2":
        found = sys.modules["torch"].backends.cpu.get_cpu_capability()
        yield f"torch computes with {found} on this processor, {processor()}, not with AVX2"
    if "glibc.cpu" in os.environ.get("GLIBC_TUNABLES", ""):
        yield "GLIBC_TUNABLES changes the functions of the C library"


@dataclass(frozen=True)
class Conditions:
    """Under which a process computes: where it is, why its numbers may differ, and the versions of its packages."""

    where: str
    arithmetic: Arithmetic
    doubts: tuple[str, ...]
    versions: dict[str, str]


def conditions() -> Conditions:
    """Those of this process."""
    versions = {name: metadata.version(name) for name in DECIDING}
    return Conditions(socket.gethostname(), choice(), tuple(doubts()), versions)


def compare(others: Iterable[Conditions]) -> None:
    """Note, by name, the processes elsewhere whose numbers may differ from those of this one."""
    own = conditions()
    for other in others:
        reasons = [doubt for doubt in other.doubts if doubt not in own.doubts]
        if other.arithmetic != own.arithmetic:
            reasons.append(f"its arithmetic is {other.arithmetic}, here it is {own.arithmetic}")
        for name, version in other.versions.items():
            if version != own.versions.get(name):
                reasons.append(f"it has {name} {version}, here it is {own.versions.get(name)}")
        for reason in reasons:
            note(f"the worker {other.where}: {reason}")


@cache
def processor() -> str:
    """The processor as results name it, and which of `VECTORS` it has: `AMD EPYC 7B13 (avx2)`."""
    told: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            told.setdefault(name.strip(), value.strip())
    model = told.get("model name") or platform.processor() or platform.machine()
    known = [vector for vector in VECTORS if vector in told.get("flags", "").split()]
    plain = model.replace("(R)", "").replace("(TM)", "")
    return f"{plain} ({', '.join(known)})" if known else plain
