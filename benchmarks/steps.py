"""A training step of each network: this project's loop against the plain PyTorch version of the same step.

Both steps, a large matrix product and the rest take turns in one process with one thread, so that other load on the
machine meets all of them; ratios are medians over the rounds. GFLOP/s are dense-equivalent, what direct convolutions
would have to compute, over the time taken. A GPU has a benchmark of its own, `benchmarks.gpu`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks import projection
from benchmarks.measure import ROOT, alternated, ratio
from benchmarks.plainstep import PlainStep
from benchmarks.publish import command, publish
from benchmarks.toy import Case, operations, our_step, prediction, toy_job
from elor.engine import available_cores
from elor.networks import INPUTS
from elor.params import Params, load
from elor.registry import WORDLESS
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.training.loop import Trainer

SIDE = 1_024
"""Rows of the matrices whose product says what the machine can do."""

LEAST_S = 0.3
"""Seconds that a step is repeated for in each round: a single small one is timed badly."""

HEAVY_BATCH = 8
"""Slices per step of the paper-size networks with convolutions over audio, on a CPU: a step of 32 takes a minute."""

LITERAL = {"filters": [40, 40, 40], "lengths": [80, 4_000, 400], "pools": [2, 10, 32], "stride": 1}
"""The authors' figure, taken literally: filters of 500 ms at 8 kHz."""


def measure(rounds: int = 5, batch: int | None = None, only: str = "") -> dict[str, Any]:
    """Measure every case, and project the paper's whole experiment from the paper-size steps.

    Args:
        rounds: how often each step is timed.
        batch: slices per step of the heavy cases; None: `HEAVY_BATCH`.
        only: measure cases whose network and size hold this text.
    """
    params, heavy = load(ROOT / "params.yaml"), batch or HEAVY_BATCH
    torch.set_num_threads(1)
    found = []
    for case in cases(params):
        if only in f"{case.network} {case.size}":
            print(f"steps: {case.network}, {case.size}", flush=True)
            light = case.size == "demo" or "audio" not in INPUTS[case.network]
            own = case.settings if light else case.settings.model_copy(update={"batch": heavy})
            found.append(measured_case(replace(case, settings=own), params, rounds))
    result = {"threads": 1, "rounds": rounds, "cases": found}
    result["projection"] = projection.project(found, params, available_cores(), ROOT / "plots" / "data" / "curves")
    return result


def cases(params: Params) -> list[Case]:
    """Each network at demo and paper size with its default values, and the literal 500-ms network."""
    found = [
        Case(network, size, params.scales[size].networks[network].defaults)
        for size in ("demo", "paper")
        for network in WORDLESS
    ]
    literal = params.scales["paper"].networks["elor"].defaults.model_copy(update=LITERAL)
    return [*found, Case("elor", "paper, 500 ms", literal, plain=False)]


def product() -> Callable[[], object]:
    """A large matrix product, whose rate says what the machine can do."""
    matrix = torch.randn(SIDE, SIDE)
    return partial(torch.mm, matrix, matrix)


def measured_case(case: Case, params: Params, rounds: int) -> dict[str, Any]:
    """Time one case's steps in turns.

    Returns:
        Medians in seconds, ratios, and operations; without `plain` and bfloat16 where the case leaves them out.
    """
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        job = toy_job(case, params, Path(folder))
        trainer, size = Trainer(job), job.options.batch
        steps = {"product": product(), "step": our_step(trainer), "predict": prediction(trainer)}
        if case.plain:
            halved = Trainer(replace(job, options=replace(job.options, precision="bfloat16")))
            steps |= {"plain": PlainStep(trainer), "bfloat16": our_step(halved)}
        times = alternated(list(steps.values()), rounds, LEAST_S)
    taken = dict(zip(steps, times, strict=True))
    product_s, step_s = (statistics.median(taken[name]) for name in ("product", "step"))
    result: dict[str, Any] = {
        "network": case.network,
        "size": case.size,
        "batch": size,
        "slice_seconds": {name: statistics.median(taken[name]) / size for name in steps if name != "product"},
        "gflop": operations(job.architecture) / 1e9,
        "matmul_gflops": 2 * SIDE**3 / product_s / 1e9,
    }
    result["gflops"] = result["gflop"] * size / step_s
    if case.plain:
        result["faster"] = ratio(taken["plain"], taken["step"])
        result["bfloat16_faster"] = ratio(taken["step"], taken["bfloat16"])
    return result


def tables(measured: dict[str, Any]) -> list[Block]:
    """The steps, and the projected hours."""
    rows = tuple(_row(case) for case in measured["cases"])
    header = ("network", "size", "batch", "ours, ms", "plain, ms", "faster", "GFLOP/s", "of matmul", "bfloat16 faster")
    steps = Table(
        "A training step per slice, one thread, float32; bfloat16 apart, against ours", header, (rows,), labels=2
    )
    return [steps, *projection.tables(measured["projection"])]


def _row(case: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table; missing numbers are those of cases that were measured one way only."""
    seconds = case["slice_seconds"]
    plain = seconds.get("plain")
    return (
        title(case["network"]),
        case["size"],
        str(case["batch"]),
        number(1e3 * seconds["step"], 2),
        number(plain and 1e3 * plain, 2),
        number(case.get("faster"), 1),
        number(case["gflops"], 0),
        number(case["gflops"] / case["matmul_gflops"], 2),
        number(case.get("bfloat16_faster"), 2),
    )


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 5,
    batch: Annotated[int | None, typer.Option(min=1, help="Slices per step of the heavy networks.")] = None,
    only: Annotated[str, typer.Option(help="Measure only cases whose network and size hold this.")] = "",
) -> None:
    """Measure training steps."""
    publish("steps", "steps", lambda: measure(rounds, batch, only), tables)


if __name__ == "__main__":
    command(main)
