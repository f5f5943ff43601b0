"""Workspaces for the stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.stages import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A fresh workspace; nothing has run in it."""
    return Workspace(tmp_path / "project", monkeypatch)
