"""Every value of params.yaml can be set by DVC's `-S`, in each profile, and nothing else changes with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"
pytestmark = pytest.mark.long


def leaves(tree: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Keys and values; a list is a value."""
    if not isinstance(tree, dict):
        yield before, tree
        return
    for key, value in tree.items():
        yield from leaves(value, (*before, str(key)))


def test_no_anchor_and_no_alias_ties_two_values_together() -> None:
    assert [
        event for event in YAML(typ="safe", pure=True).parse(PARAMS.read_text()) if getattr(event, "anchor", None)
    ] == []


def test_each_key_is_set_alone(tmp_path: Path) -> None:
    before = dict(leaves(YAML(typ="safe").load(PARAMS)))
    assert {"demo", "lab", "paper"} == {key[1] for key in before if key[0] == "scale"}
    for key in before:
        path = shutil.copy(PARAMS, tmp_path / "params.yaml")
        apply_overrides(path, [f"{'.'.join(key)}=7531"])
        after = dict(leaves(YAML(typ="safe").load(path)))
        assert after == before | {key: 7531}, ".".join(key)
