"""Which methods of attribution find what was planted: `elor selfcheck` in full, with the demonstration run's networks.

It reads the data that `dvc repro` has left in a workspace; without one the planted sets alone are measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.explain.selfcheck.suite import selfcheck
from elor.report.selfcheck import blocks
from elor.report.text import Block


def measure(workspace: Path = Path(), seed: int = 1) -> dict[str, Any]:
    """Run the self-check."""
    return selfcheck(data=workspace / "data", seed=seed)


def tables(found: dict[str, Any]) -> list[Block]:
    """The tables that the command prints."""
    return blocks(found)


def verdict(found: dict[str, Any]) -> None:
    """Fail where the command would.

    Raises:
        UserError: if a valid method misses its truth.
    """
    if found["failures"]:
        raise UserError(" ".join(found["failures"]))


def main(workspace: Annotated[Path, typer.Option(help="A folder with the data of a finished run.")] = Path()) -> None:
    """Measure every method and write its page's table."""
    verdict(publish("selfcheck", "selfcheck", lambda: measure(workspace), tables))


if __name__ == "__main__":
    command(main)
