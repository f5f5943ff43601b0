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


@pytest.fixture(scope="module")
def before() -> dict[tuple[str, ...], Any]:
    """Every key of the file with its value."""
    found = dict(leaves(YAML(typ="safe").load(PARAMS)))
    assert {"demo", "lab", "paper"} == {key[1] for key in found if key[0] == "scale"}
    return found


def overridden(path: Path, values: dict[tuple[str, ...], Any]) -> dict[tuple[str, ...], Any]:
    """What a copy of params.yaml holds once some of it is set, in this order."""
    shutil.copy(PARAMS, path)
    apply_overrides(path, [f"{'.'.join(key)}={value}" for key, value in values.items()])
    return dict(leaves(YAML(typ="safe").load(path)))


def test_one_key_is_set_alone(tmp_path: Path, before: dict) -> None:
    """The last of each section, and of each profile's."""
    for key in {key[: 1 + (key[0] == "scale")]: key for key in before}.values():
        assert overridden(tmp_path / "params.yaml", {key: 7531}) == before | {key: 7531}, ".".join(key)


def test_each_key_is_set_and_moves_no_other(tmp_path: Path, before: dict) -> None:
    """All at once, each to a value of its own: what moved another key would be seen in one of the two orders."""
    wanted = {key: 7_000 + number for number, key in enumerate(before)}
    for order in (wanted, dict(reversed(wanted.items()))):
        assert overridden(tmp_path / "params.yaml", order) == wanted
