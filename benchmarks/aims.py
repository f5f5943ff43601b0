"""Small works that have an aim: raters compared, a corpus of full size judged, and a slice drawn with its map."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.evaluation.agreement import agreement
from elor.report.figures import waveform_map
from elor.report.style import save
from elor.report.text import Block, Table, number
from elor.targets import Target
from tests.evaluation.test_agreement import crowd
from tests.report.conftest import read
from tests.report.world import World

AIMS = {"agreement of 1,000 raters on 1,500 utterances": 10.0, "a slice with its map as PNG, fonts loaded": 0.5}
"""CPU seconds."""


def measure() -> dict[str, Any]:
    """CPU seconds of each, the best of three."""
    ratings, utterances = crowd(1_000, 1_500, 8)
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        folder = Path(name)
        shown = read(World(folder / "run")).shown[0]
        works = (
            lambda: agreement(ratings, utterances, "mean", Target()),
            lambda: save(waveform_map(shown, "guided", "arousal"), folder / "map.png"),
        )
        return {"seconds": {title: best(work) for title, work in zip(AIMS, works, strict=True)}}


def best(work: Callable[[], object], rounds: int = 3) -> float:
    """CPU seconds of this process, whatever else the machine does; a first round loads what is loaded once."""
    taken = []
    for _ in range(1 + rounds):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken[1:])


def tables(measured: dict[str, Any]) -> list[Block]:
    """Each beside its aim."""
    rows = [(title, number(seconds, 2), f"< {AIMS[title]:g}") for title, seconds in measured["seconds"].items()]
    return [Table("Small works", ("work", "CPU seconds", "aim"), tuple(rows))]


def verdict(measured: dict[str, Any]) -> None:
    """Complain about what takes longer than its aim.

    Raises:
        UserError: if something does.
    """
    if late := [title for title, seconds in measured["seconds"].items() if seconds >= AIMS[title]]:
        raise UserError(f"Longer than their aim took: {'; '.join(late)}.")


def main() -> None:
    """Measure the small works that have an aim."""
    verdict(publish("aims", "aims", measure, tables))


if __name__ == "__main__":
    command(main)
