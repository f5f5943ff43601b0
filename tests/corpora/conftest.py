"""Every test has a scratch folder of its own; and sounds that tables name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.release import write_sound


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("ELOR_SCRATCH", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sounds a, b (one second, 16 kHz), long (ten seconds, 8 kHz), fast (half a second, 44.1 kHz)."""
    for name, seconds, rate in (("a", 1.0, 16_000), ("b", 1.0, 16_000), ("long", 10.0, 8_000), ("fast", 0.5, 44_100)):
        write_sound(tmp_path / f"wav/{name}.wav", round(seconds * rate), rate)
    return tmp_path
