"""For all tests, before any of them imports torch."""

import gc
import os
import re
from pathlib import Path

import pytest

import elor  # noqa: F401  # before numpy and torch, so that their arithmetic is the portable one
from elor import arithmetic
from tests.worlds.shared import begin

os.environ["DVC_TEST"] = "true"  # else every command of DVC starts another process, which looks for a newer DVC

gc.disable()  # what modules make while they are collected stays: to look through it again and again takes seconds

begin()  # before pytest-xdist starts workers

if "PYTEST_XDIST_WORKER" in os.environ:  # tests run side by side: threads in each would only wait for each other's
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test notes of its process, an invented GPU for instance, says nothing to the next one."""
    monkeypatch.setattr(arithmetic, "_noted", {})


LONGEST = (
    *("pipeline/test_toy", "pipeline/test_outside", "pipeline/test_a_fifth_network", "explain/test_selfcheck"),
    *("pipeline/test_targets", "pipeline/test_words", "stages/test_across", "tests/test_benchmarks"),
    *("docs/test_commands", "training/test_engine", "tests/test_benchmark_gpu", "features/test_is10"),
    *("tests/test_shipped", "training/test_ensembles", "tests/test_benchmark_choices", "tests/test_export"),
    *("pipeline/test_ensembles", "stages/test_bad_input"),
)
"""Files begun first: those that take longest, since whoever ends last should have little left to do; and those that
mostly wait for processes of their own, beside which the others have a core to compute on."""


def pytest_collection_modifyitems(items: list) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(f"{item.path.parent.name}/{item.path.stem}", len(LONGEST)))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where long tests are left out, modules of nothing else are not even imported: that alone takes a minute."""
    if "not long" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return bool(re.search(r"^pytestmark = .*mark\.long", collection_path.read_text(), re.MULTILINE)) or None
