"""docs/scores.md names every key that the evaluation writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.docs.place import ROOT
from tests.worlds.run import make_workspace

TEXT = re.sub(r"^```.*?^```", "", (ROOT / "docs/scores.md").read_text(), flags=re.MULTILINE | re.DOTALL)
NAMED = [name.replace("<k>", "[0-9]") for name in re.findall(r"`([^`]+)`", TEXT)]
NAMES = {"valence", "arousal", "comparisons"}
"""Keys that are no scores."""


def keys(found: Any) -> Iterator[str]:
    """All keys of nested values."""
    for value in found if isinstance(found, list) else []:
        yield from keys(value)
    for name, value in found.items() if isinstance(found, dict) else []:
        yield name
        if name not in ("search_has_seen", "selected", "vectors"):  # what is in them is told by docs/evidence.md
            yield from keys(value)


@pytest.mark.parametrize(
    "target",
    ["regression", *(pytest.param(name, marks=pytest.mark.long) for name in ("classes", "distribution", "emotion"))],
)
def test_every_key_is_defined(target: str, tmp_path: Path) -> None:
    metrics = make_workspace(tmp_path, target) / "metrics"
    heads = {name.split(".")[0] for name in json.loads((metrics / "uar.json").read_text())}
    paths = [path for head in heads for path in (metrics / head).glob("*.json")]
    paths += [metrics / f"{name}.json" for name in ("comparisons", "agreement", "protocol")]
    found = {name.removeprefix("utterance_") for path in paths for name in keys(json.loads(path.read_text()))}
    assert len(found) > 40
    unknown = {name for name in found - NAMES if not any(fnmatchcase(name, pattern) for pattern in NAMED)}
    assert unknown == set()
