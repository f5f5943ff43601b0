"""The same bits on this machine as on every processor seen, and as if this one were another."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from elor import arithmetic
from tests.portability.digests import KEPT, ROOT
from tests.worlds.project import NETWORKS

pytestmark = pytest.mark.long

IMITATIONS = {
    "an older processor": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "2",
    },
    "a newer processor": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_CBWR": "AVX2",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
    },
}
"""What the CPU libraries would choose on other processors, as a user's environment."""

TRAININGS = {f"training of {network}" for network in NETWORKS} | {"training of ftr, folds together", "map", "prototype"}

portable = pytest.mark.skipif(
    bool(arithmetic.doubts()), reason=f"not portable here: {'; '.join(arithmetic.doubts())}; results say so"
)


def digests(*arguments: str, **environment: str) -> dict[str, str]:
    """What `tests.portability.digests` prints in an environment, by name, in its order."""
    plain = {name: value for name, value in os.environ.items() if name not in {*arithmetic.SETTINGS, arithmetic.CHOICE}}
    command = [sys.executable, "-m", "tests.portability.digests", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=plain | environment, capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1)[1].rsplit(maxsplit=1) for line in done.stdout.splitlines())
    return {name.strip(): value for name, value in lines}


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    return digests()


@portable
@pytest.mark.parametrize("processor", json.loads(KEPT.read_text()))
def test_every_processor_seen_gave_the_bits_of_this_one(processor: str, here: dict[str, str]) -> None:
    kept = json.loads(KEPT.read_text())[processor]
    others = [name for kind in kept.values() for name, value in kind.items() if here.get(name) != value]
    assert not others, (
        f"{arithmetic.processor()} differs from {processor}, first in: {others[0]}; then in {', '.join(others[1:])}. "
        "If the code was meant to change these numbers: python -m tests.portability.digests --renew NAME"
    )


def test_at_least_two_makes_and_every_work_are_on_record(here: dict[str, str]) -> None:
    kept = json.loads(KEPT.read_text())
    assert any("AMD" in name for name in kept)
    assert any("Intel" in name for name in kept)
    assert all(set(found["operation"]) <= set(here) for found in kept.values())
    assert {name for found in kept.values() for name in found.get("work", {})} >= TRAININGS


@portable
@pytest.mark.parametrize("processor", ["an older processor", pytest.param("a newer processor", marks=pytest.mark.slow)])
def test_no_environment_changes_a_byte(processor: str, here: dict[str, str]) -> None:
    assert digests(**IMITATIONS[processor]) == here


def test_without_the_guard_every_training_changes(here: dict[str, str]) -> None:
    found = digests("--only", *TRAININGS, ELOR_ARITHMETIC="fastest", **IMITATIONS["an older processor"])
    assert set(found) == TRAININGS
    same = {name for name in TRAININGS if found[name] == here[name]}
    assert not same, "this test would notice nothing"
