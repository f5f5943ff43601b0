"""The whole pipeline in a fresh clone: how long until the table of results, and how long when nothing has changed."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.clone import Clone
from benchmarks.measure import costs_of
from benchmarks.publish import command, publish
from elor.progress import clock
from elor.report.text import Block, Table, number

AIMS = {"first": 960, "everything": 1_500, "again": 6}
"""Seconds on two cores, without the installation."""

ANALYSIS, ANALYSIS_S = ("saliency", "prototypes", "interventions", "gather", "claims"), 420
"""The stages of the analysis, and the seconds that they may take in all."""

RUNS = {
    "first": "`dvc repro {until}` in a fresh clone",
    "everything": "`dvc repro`, all stages",
    "again": "`dvc repro` once more",
}


def measure(until: str = "evaluate", keep: Path | None = None) -> dict[str, Any]:
    """Run the demonstration corpus' pipeline in a fresh clone: up to a stage, then all of it, then again.

    Args:
        until: the stage that ends the first run; another one than `evaluate` ends the second as well, for a quick look.
        keep: a folder for the clone, which stays there; without one it is removed.
    """
    rest = [] if until == "evaluate" else [until]
    with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="elor-") as home:
        clone = Clone.fresh(Path(home))
        clone.unlock()
        first = clone.dvc("repro", until)
        everything = first + clone.dvc("repro", *rest)
        again = clone.dvc("repro", *rest)
        costs = costs_of(clone.folder)
        stages = {name: costs[name] for name in clone.stages() if name in costs}
    return {"until": until, "runs": {"first": first, "everything": everything, "again": again}, "stages": stages}


def tables(measured: dict[str, Any]) -> list[Block]:
    """The runs beside their aims, and the stages."""
    runs = tuple(
        (RUNS[name].format(until=measured["until"]), clock(seconds), _aim(seconds, AIMS[name]))
        for name, seconds in measured["runs"].items()
    )
    stages = tuple(
        (name, *(number(cost[key], 1) for key in ("seconds", "cpu_seconds")), number(cost["peak_mb"], 0))
        for name, cost in measured["stages"].items()
    )
    parts = {name: cost["seconds"] for name, cost in measured["stages"].items() if name.split("@")[0] in ANALYSIS}
    if {name.split("@")[0] for name in parts} == set(ANALYSIS):
        took = sum(parts.values())
        runs += ((f"the analysis alone: {', '.join(ANALYSIS)}", clock(took), _aim(took, ANALYSIS_S)),)
    return [
        Table("The demonstration corpus, from nothing", ("run", "time", "aim"), (runs,)),
        Table("Its stages, each with its worker processes", ("stage", "seconds", "CPU seconds", "peak MiB"), (stages,)),
    ]


def _aim(seconds: float, most: float) -> str:
    """An aim, and whether it was missed."""
    return f"< {clock(most)}" + ("" if seconds < most else ", missed")


def main(
    until: Annotated[str, typer.Option(help="The stage that ends the first run.")] = "evaluate",
    keep: Annotated[Path | None, typer.Option(help="A folder in which the clone stays.", show_default=False)] = None,
) -> None:
    """Measure the pipeline in a fresh clone."""
    publish("pipeline", "pipeline", lambda: measure(until, keep), tables)


if __name__ == "__main__":
    command(main)
