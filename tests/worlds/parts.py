"""A part of a long measurement; here, as a process that makes one imports the module that it stands in."""

from __future__ import annotations

import time
from pathlib import Path


def part(name: str, folder: Path) -> dict:
    """Notes that it was made; `b` fails until something is mended."""
    if name == "b" and not (folder / "mended").exists():
        raise ValueError(name)
    (folder / f"{name}.{time.time_ns()}").touch()
    return {"value": name.upper()}
