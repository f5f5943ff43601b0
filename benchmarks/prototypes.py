"""Prototypes of one demonstration network: ten labels, ten restarts, two parametrisations, 300 steps.

The network has the demo's default shape and random weights, which take as long as trained ones. The whole search runs
as the stage runs it, as jobs of the engine, but what has converged goes on, so that every search takes all its steps.
Beside it a step of one signal is timed on one thread, in turns with the same step without the quick backward pass of
`elor.explain.backward`, and without that and the fast layers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from unittest import mock

import torch
import typer

from benchmarks.measure import ROOT, alternated
from benchmarks.publish import command, publish
from elor.audio import SAMPLE_RATE
from elor.engine import Engine, available_cores
from elor.explain.controls import untrained
from elor.explain.prototypes.ascent import Ascent, Goal, Parametrisation, prototypes, targets_of_heads
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.params import load
from elor.progress import clock
from elor.report.text import Block, Table, number
from elor.targets import Target
from elor.training.task import architecture
from stages.cost import MIB, Watch

LEVEL = 0.05
PENALTY = 1 / (SLICE_SAMPLES * LEVEL**2)
PARAMETRISATIONS: tuple[Parametrisation, ...] = ("time", "fourier")
VARIANTS = {"ours": (True, True), "PyTorch's backward pass": (True, False), "plain layers": (False, False)}
"""Whether the layers are fast, and whether the backward pass is quick."""

ENDLESS = -1.0
"""A tolerance that nothing meets."""

AIM_S, AIM_GB = 300, 3.0
TIMED_STEPS = 10


def measure(steps: int = 300, restarts: int = 10, rounds: int = 5) -> dict[str, Any]:
    """Run the whole search, and time single steps.

    Args:
        steps, restarts: of the search.
        rounds: how often the steps of each variant are timed.
    """
    watch, started = Watch(), time.monotonic()
    watch.start()
    targets = targets_of_heads({head.name: head.outputs for head in Target("classes").heads})
    half = len(targets) // 2
    jobs = [(how, part, steps, restarts) for how in PARAMETRISATIONS for part in (targets[:half], targets[half:])]
    Engine("cpu").run(sought, jobs)
    watch.stop()
    return {
        "labels": len(targets),
        "restarts": restarts,
        "steps": steps,
        "cores": available_cores(),
        "seconds": time.monotonic() - started,
        "cpu_seconds": sum(watch.cpu.values()),
        "peak_mb": watch.peak / MIB,
        "step_ms": timed(targets, rounds),
    }


def network(fast: bool = True) -> MultiHeadNetwork:
    """A network of the demo's default shape, with random weights."""
    settings = load(ROOT / "params.yaml").scales["demo"].networks["elor"].defaults
    shape = architecture("elor", Target("classes").heads, settings, standardize=True)
    return untrained(lambda: MultiHeadNetwork(shape, fast), seed=0)


def sought(how: Parametrisation, targets: list[Goal], steps: int, restarts: int) -> None:
    """A part of the search."""
    prototypes(network(), targets, ascent(how, steps, restarts), SLICE_SAMPLES)


def ascent(how: Parametrisation, steps: int, restarts: int) -> Ascent:
    """The paper's search, to its last step."""
    given = Ascent(penalty=PENALTY, level=LEVEL, rate=SAMPLE_RATE, tolerance=ENDLESS)
    return replace(given, parametrisation=how, steps=steps, restarts=restarts)


def timed(targets: list[Goal], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one step of one signal, by variant and parametrisation: medians over rounds, one thread."""
    torch.set_num_threads(1)
    searches = {
        (name, how): partial(_search, network(fast), quick, how, targets)
        for name, (fast, quick) in VARIANTS.items()
        for how in PARAMETRISATIONS
    }
    seconds = dict(zip(searches, alternated(list(searches.values()), rounds), strict=True))
    per = 1e3 / (TIMED_STEPS * len(targets))
    return {name: {how: per * statistics.median(seconds[name, how]) for how in PARAMETRISATIONS} for name in VARIANTS}


def _search(model: MultiHeadNetwork, quick: bool, how: Parametrisation, targets: list[Goal]) -> None:
    with nullcontext() if quick else _torch_backward():
        prototypes(model, targets, ascent(how, TIMED_STEPS, 1), SLICE_SAMPLES)


@contextmanager
def _torch_backward() -> Iterator[None]:
    """The search with PyTorch's own backward pass."""
    with mock.patch("elor.explain.prototypes.ascent.QuickBackward", nullcontext):
        yield


def tables(measured: dict[str, Any]) -> list[Block]:
    """The whole search beside its aims, and single steps."""
    what = (
        f"Prototypes of the demonstration network: {measured['labels']} labels, {measured['restarts']} restarts, "
        f"{len(PARAMETRISATIONS)} parametrisations, {measured['steps']} steps, on {measured['cores']} cores"
    )
    whole = (
        clock(measured["seconds"]),
        f"< {clock(AIM_S)}",
        clock(measured["cpu_seconds"]),
        number(measured["peak_mb"] * MIB / 1e9, 2),
        f"< {AIM_GB:g}",
    )
    rows = tuple(
        (name, *(number(times[how], 1) for how in PARAMETRISATIONS)) for name, times in measured["step_ms"].items()
    )
    return [
        Table(what, ("time", "aim", "CPU time", "private memory, GB", "aim"), ((whole,),)),
        Table("One step of one signal, one thread, ms", ("with", *PARAMETRISATIONS), (rows,)),
    ]


def main(
    steps: Annotated[int, typer.Option(min=2, help="Steps of each search.")] = 300,
    restarts: Annotated[int, typer.Option(min=1, help="Restarts of each label.")] = 10,
    rounds: Annotated[int, typer.Option(min=1, help="How often single steps are timed.")] = 5,
) -> None:
    """Measure the search for prototypes."""
    publish("prototypes", "prototypes", lambda: measure(steps, restarts, rounds), tables)


if __name__ == "__main__":
    command(main)
