"""What portable arithmetic costs the whole demonstration: `dvc repro` in two fresh clones, one with the fastest.

Both run at the same time, each on half of the cores, so that other load on the machine meets both. They choose and stop
for themselves, on numbers that differ in their last digits: so the trainings are told by epoch as well.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.clone import Clone
from benchmarks.measure import costs_of, set_params
from benchmarks.publish import command, publish
from elor.registry import WORDLESS
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.sections import read_yaml
from elor.tables import read_table

WAYS = ("portable", "fastest")

LEAST_S = 5
"""CPU seconds of the stages that have a row of their own."""


def measure(utterances: int | None = None, kept: Path | None = None) -> dict[str, Any]:
    """Run the demonstration in both arithmetics.

    Args:
        utterances: of the corpus; none: as many as the demonstration has.
        kept: a folder for the clones, which stay there: a run that is there already is not repeated.

    Returns:
        `utterances`, and by arithmetic the seconds and CPU seconds of every stage, and the epochs of each network.
    """
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="elor-") as home:
        clones = {how: prepared(Path(home) / how, how, utterances) for how in WAYS}
        with ThreadPoolExecutor(len(WAYS)) as pool:
            list(pool.map(run, clones.values(), halves()))
        size = read_yaml(clones["portable"].folder / "params.yaml")["scale"]["demo"]["utterances"]
        return {"utterances": size} | {how: costs(clone) for how, clone in clones.items()}


def prepared(home: Path, how: str, utterances: int | None) -> Clone:
    """A clone with one of the arithmetics; as it is, if it is there."""
    if (home / "project").exists():
        return Clone(home)
    home.mkdir(parents=True, exist_ok=True)
    clone = Clone.fresh(home)
    clone.unlock()
    size = {"scale.demo.utterances": utterances} if utterances else {}
    set_params(clone.folder / "params.yaml", {"arithmetic": how} | size)
    return clone


def halves() -> tuple[set[int], set[int]]:
    """The cores of this process in two halves; a single one twice."""
    cores = sorted(os.sched_getaffinity(0))
    half = (len(cores) + 1) // 2
    return set(cores[:half]), set(cores[half:] or cores)


def run(clone: Clone, cores: set[int]) -> None:
    """`dvc repro` on some cores.

    Raises:
        UserError: if it fails.
    """
    process = clone.start("repro")
    os.sched_setaffinity(process.pid, cores)  # before it has started its stages, which inherit them
    clone.check(process.wait(), "dvc repro")


def costs(clone: Clone) -> dict[str, Any]:
    """What a clone's run took."""
    by_stage, curves = costs_of(clone.folder), clone.folder / "plots" / "data" / "curves"
    return {
        "stages": {
            name: {key: by_stage[name][key] for key in ("seconds", "cpu_seconds")}
            for name in clone.stages()
            if name in by_stage
        },
        "epochs": {network: len(read_table(curves / f"{network}.csv")) for network in WORDLESS},
    }


def tables(measured: dict[str, Any]) -> list[Block]:
    """CPU seconds of every kind of stage in both arithmetics; the trainings' also by epoch."""
    kinds = list(dict.fromkeys(name.split("@")[0] for name in measured["portable"]["stages"]))
    shown = [kind for kind in kinds if min(spent(measured[how], kind) for how in WAYS) >= LEAST_S]
    rows = [row(kind, *(spent(measured[how], kind) for how in WAYS)) for kind in shown]
    epochs = [
        row(f"{title(network)}, an epoch", *(epoch(measured[how], network) for how in WAYS), digits=3)
        for network in WORDLESS
    ]
    whole = row("all stages", *(spent(measured[how]) for how in WAYS))
    caption = f"The whole demonstration with {measured['utterances']} utterances, CPU seconds of all processes"
    return [Table(caption, ("stage", *WAYS, "portable / fastest"), (tuple(rows), tuple(epochs), (whole,)))]


def spent(run: dict[str, Any], name: str = "") -> float:
    """CPU seconds of all stages, of those of one name, or of one (`train@lom`)."""
    return sum(cost["cpu_seconds"] for stage, cost in run["stages"].items() if name in ("", stage, stage.split("@")[0]))


def epoch(run: dict[str, Any], network: str) -> float:
    """CPU seconds of a network's training by epoch, all else that its stage does included."""
    return spent(run, f"train@{network}") / run["epochs"][network]


def row(name: str, portable: float, fastest: float, digits: int = 1) -> tuple[str, ...]:
    """Both times and how much longer the portable one is."""
    return name, number(portable, digits), number(fastest, digits), number(portable / fastest, 2)


def main(
    utterances: Annotated[int | None, typer.Option(help="Of the corpus.", show_default="the demonstration's")] = None,
    kept: Annotated[Path | None, typer.Option(help="Keep the clones here, and go on with them.")] = None,
) -> None:
    """Run the demonstration in both arithmetics; it takes twice as long as `make repro`."""
    publish("arithmetic_demo", "arithmetic_demo", lambda: measure(utterances, kept), tables)


if __name__ == "__main__":
    command(main)
