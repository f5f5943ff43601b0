"""What portable arithmetic costs the whole demonstration: `dvc repro` in two fresh clones, one with the fastest.

Both run one after the other in one session, each with both cores. They choose and stop for themselves, on numbers that
differ in their last digits: so the epochs that their searches and trainings took stand beside their times.
"""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from benchmarks.clone import Clone
from benchmarks.measure import costs_of
from benchmarks.publish import command, publish
from elor.registry import WORDLESS
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.tables import read_table

WAYS = ("portable", "fastest")

LEAST_S = 5
"""CPU seconds of the stages that have a row of their own."""


def measure(kept: Path | None = None) -> dict[str, Any]:
    """Run the demonstration in both arithmetics.

    Args:
        kept: a folder for the clones, which stay there: a run that is there already is not repeated.

    Returns:
        By arithmetic the seconds and CPU seconds of every stage, and the epochs of each network's trainings.
    """
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="elor-") as home:
        return {how: run(Path(home) / how, how) for how in WAYS}


def run(home: Path, how: str) -> dict[str, Any]:
    """What the demonstration costs in one arithmetic."""
    clone = Clone(home)
    if not clone.folder.exists():
        home.mkdir(parents=True, exist_ok=True)
        clone = Clone.fresh(home)
        (clone.folder / "dvc.lock").unlink()  # else results that git holds would count as done
        set_arithmetic(clone.folder / "params.yaml", how)
    clone.dvc("repro")
    costs = costs_of(clone.folder)
    curves = clone.folder / "plots" / "data" / "curves"
    return {
        "stages": {
            name: {key: costs[name][key] for key in ("seconds", "cpu_seconds")}
            for name in clone.stages()
            if name in costs
        },
        "epochs": {network: len(read_table(curves / f"{network}.csv")) for network in WORDLESS},
    }


def set_arithmetic(path: Path, how: str) -> None:
    """Choose an arithmetic in a params.yaml."""
    yaml = YAML()
    params = yaml.load(path)
    params["arithmetic"] = how
    yaml.dump(params, path)


def tables(measured: dict[str, Any]) -> list[Block]:
    """CPU seconds of every kind of stage in both arithmetics; the trainings' also by epoch."""
    kinds = list(dict.fromkeys(name.split("@")[0] for name in measured["portable"]["stages"]))
    shown = [kind for kind in kinds if min(spent(measured[how], kind) for how in WAYS) >= LEAST_S]
    rows = [row(kind, *(spent(measured[how], kind) for how in WAYS)) for kind in shown]
    epochs = [
        row(f"{title(network)}, an epoch", *(epoch(measured[how], network) for how in WAYS)) for network in WORDLESS
    ]
    whole = row("all stages", *(spent(measured[how]) for how in WAYS))

    caption = "The whole demonstration, CPU seconds of all its processes"
    return [Table(caption, ("stage", *WAYS, "portable / fastest"), (tuple(rows), tuple(epochs), (whole,)))]


def spent(run: dict[str, Any], name: str = "") -> float:
    """CPU seconds of all stages, of those of one name, or of one (`train@lom`)."""
    return sum(cost["cpu_seconds"] for stage, cost in run["stages"].items() if name in ("", stage, stage.split("@")[0]))


def epoch(run: dict[str, Any], network: str) -> float:
    """CPU seconds of a network's training by epoch, all else that its stage does included."""
    return spent(run, f"train@{network}") / run["epochs"][network]


def row(name: str, portable: float, fastest: float) -> tuple[str, ...]:
    """Both times and how much longer the portable one is."""
    return name, number(portable, 1), number(fastest, 1), number(portable / fastest, 2)


def main(kept: Annotated[Path | None, typer.Option(help="Keep the clones here, and go on with them.")] = None) -> None:
    """Run the demonstration in both arithmetics; it takes twice as long as `make repro`."""
    publish("arithmetic_demo", "arithmetic_demo", lambda: measure(kept), tables)


if __name__ == "__main__":
    command(main)
