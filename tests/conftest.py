"""For all tests, before any of them imports torch."""

import os
import re
from pathlib import Path

import pytest

import elor  # noqa: F401  # before numpy and torch, so that their arithmetic is the portable one
from elor import arithmetic

if "PYTEST_XDIST_WORKER" in os.environ:  # tests run side by side: threads in each would only wait for each other's
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test notes of its process, an invented GPU for instance, says nothing to the next one."""
    monkeypatch.setattr(arithmetic, "_noted", {})


def pytest_collection_modifyitems(items: list) -> None:
    """The pipeline's own tests first: they take minutes each, and whoever runs last should have little left to do."""
    items.sort(key=lambda item: "pipeline" not in item.keywords)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where long tests are left out, modules of nothing else are not even imported: that alone takes a minute."""
    if "not long" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return bool(re.search(r"^pytestmark = .*mark\.long", collection_path.read_text(), re.MULTILINE)) or None
