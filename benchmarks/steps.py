"""A training step of each network: this project's loop against the plain PyTorch version of the same step.

Both steps, a large matrix product and the rest take turns in one process with one thread, so that other load on the
machine meets all of them; ratios are medians over the rounds. GFLOP/s are dense-equivalent, what direct convolutions
would have to compute, over the time taken. On a machine with a GPU everything runs there, batches resident.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import projection
from benchmarks.measure import ROOT, alternated, ratio
from benchmarks.plainstep import PlainStep
from benchmarks.publish import command, publish
from elor.device import local
from elor.networks import INPUTS, SHAPES, Architecture, TwoHeadNetwork
from elor.params import NETWORKS, Params, Settings, load
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.targets import heads
from elor.training.job import Job, Options
from elor.training.jobs import architecture
from elor.training.loop import Trainer
from elor.workers import available_cores

SLICES = 64
"""Random slices that batches are drawn from."""

LEAST_S = 0.3
"""Seconds that a step is repeated for in each round: a single small one is timed badly."""

HEAVY_BATCH = 8
"""Slices per step of the paper-size networks with convolutions over audio, on a CPU: a step of 32 takes a minute."""

LITERAL = {"filters": [40, 40, 40], "lengths": [80, 4_000, 400], "pools": [2, 10, 32], "stride": 1}
"""The authors' figure, taken literally: filters of 500 ms at 8 kHz."""


@dataclass(frozen=True)
class Case:
    """A network of some size, and what is measured of it."""

    network: str
    size: str
    settings: Settings
    plain: bool = True


def measure(rounds: int = 5, batch: int | None = None, only: str = "", device: str = "auto") -> dict[str, Any]:
    """Measure every case, and project the paper's whole experiment from the paper-size steps.

    Args:
        rounds: how often each step is timed.
        batch: slices per step of the heavy cases; None: `HEAVY_BATCH` on a CPU, the profile's own on a GPU.
        only: measure cases whose network and size hold this text.
        device: `auto`, `cpu`, `cuda`.
    """
    params, where = load(ROOT / "params.yaml"), local(device).type
    torch.set_num_threads(1)
    heavy = batch or (HEAVY_BATCH if where == "cpu" else None)
    found = []
    for case in cases(params):
        if only in f"{case.network} {case.size}":
            print(f"steps: {case.network}, {case.size}", flush=True)
            light = case.size == "demo" or "audio" not in INPUTS[case.network]
            own = case.settings if light or heavy is None else case.settings.model_copy(update={"batch": heavy})
            found.append(measured_case(replace(case, settings=own), params, rounds, where))
    units = available_cores() if where == "cpu" else torch.cuda.device_count()
    result = {"device": where, "threads": 1, "rounds": rounds, "cases": found}
    result["projection"] = projection.project(found, params, units, ROOT / "plots" / "data" / "curves")
    return result if where == "cpu" else result | {"gpu": torch.cuda.get_device_name()}


def cases(params: Params) -> list[Case]:
    """Each network at demo and paper size with its default values, and the literal 500-ms network."""
    found = [
        Case(network, size, params.scales[size].networks[network].defaults)
        for size in ("demo", "paper")
        for network in NETWORKS
    ]
    literal = params.scales["paper"].networks["elor"].defaults.model_copy(update=LITERAL)
    return [*found, Case("elor", "paper, 500 ms", literal, plain=False)]


def measured_case(case: Case, params: Params, rounds: int, device: str) -> dict[str, Any]:
    """Time one case's steps in turns.

    Returns:
        Medians in seconds, ratios, and operations; without `plain` and bfloat16 where the case leaves them out.
    """
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        job = toy_job(case, params, Path(folder), device)
        trainer, size = Trainer(job), job.options.batch
        steps = {"product": product(trainer.device), "step": our_step(trainer), "predict": prediction(trainer)}
        if case.plain:
            halved = Trainer(replace(job, options=replace(job.options, precision="bfloat16")))
            steps |= {"plain": PlainStep(trainer), "bfloat16": our_step(halved)}
        settle = torch.cuda.synchronize if device != "cpu" else None
        times = alternated([settled(step, settle) for step in steps.values()], rounds, LEAST_S)
    taken = dict(zip(steps, times, strict=True))
    product_s, step_s = (statistics.median(taken[name]) for name in ("product", "step"))
    result: dict[str, Any] = {
        "network": case.network,
        "size": case.size,
        "batch": size,
        "slice_seconds": {name: statistics.median(taken[name]) / size for name in steps if name != "product"},
        "gflop": operations(job.architecture) / 1e9,
        "matmul_gflops": 2 * side(device) ** 3 / product_s / 1e9,
    }
    result["gflops"] = result["gflop"] * size / step_s
    if case.plain:
        result["faster"] = ratio(taken["plain"], taken["step"])
        result["bfloat16_faster"] = ratio(taken["step"], taken["bfloat16"])
    return result


def toy_job(case: Case, params: Params, folder: Path, device: str, slices: int = SLICES) -> Job:
    """A training on random slices and labels, with the case's values and the train section of params.yaml."""
    asked = heads(params.labels.target, params.labels.classes)
    random = np.random.default_rng(0)
    count = max(slices, case.settings.batch or 1)
    labels = {head.name: random.integers(0, head.outputs, count) for head in asked}
    own = case.settings.model_dump(include={"batch", "learning_rate", "momentum", "alpha"})
    how = params.train.over(params.scale.train).model_dump(exclude={"standardize"})
    return Job(
        architecture=architecture(case.network, asked, case.settings, params.train.standardize),
        options=Options(**how, **own, epochs=1, patience=1),
        fold="none",
        seed=params.seed,
        files=random_inputs(case.network, count, folder, random),
        train=np.arange(count),
        validation=np.arange(0),
        test=np.arange(0),
        targets=labels,
        truth=labels,
        scratch=folder / "scratch",
        device=device,
    )


def random_inputs(network: str, count: int, folder: Path, random: np.random.Generator) -> dict[str, Path]:
    """Noise in the shape of a network's inputs, as files."""
    files = {}
    for name in INPUTS[network]:
        noise = random.normal(size=(count, *SHAPES[name]))
        files[name] = folder / f"{name}.npy"
        np.save(files[name], (3_000 * noise[:, 0]).astype(np.int16) if name == "audio" else noise.astype(np.float32))
    return files


def our_step(trainer: Trainer) -> Callable[[], object]:
    """A step of the project's loop on random slices, the heads in random order."""
    random = np.random.default_rng(0)

    def step() -> None:
        trainer.network.train()  # predictions in between have switched it
        rows = random.permutation(trainer.job.train)[: trainer.options.batch]
        trainer.step(rows, [trainer.heads[index] for index in random.permutation(len(trainer.heads))])

    return step


def prediction(trainer: Trainer) -> Callable[[], object]:
    """Predict as many slices as a step takes."""
    return partial(trainer.predict, trainer.job.train[: trainer.options.batch])


def product(device: torch.device) -> Callable[[], object]:
    """A large matrix product, whose rate says what the machine can do."""
    matrix = torch.randn(side(device.type), side(device.type), device=device)
    return partial(torch.mm, matrix, matrix)


def side(device: str) -> int:
    """Rows of the matrices of that product."""
    return 1_024 if device == "cpu" else 8_192


def settled(step: Callable[[], object], settle: Callable[[], object] | None) -> Callable[[], object]:
    """A step that waits until the device has done it."""
    if settle is None:
        return step

    def run() -> None:
        step()
        settle()

    return run


def operations(shape: Architecture) -> float:
    """Floating-point operations of a step per slice, both passes, done directly: counted on tensors without content."""
    with torch.device("meta"):
        network = TwoHeadNetwork(shape, fast=False)
        slices = [torch.empty(2, *SHAPES[name]) for name in shape.inputs]
    with FlopCounterMode(display=False) as counter:
        for head in shape.heads:
            network.head(head.name, *slices).sum().backward()
    return counter.get_total_flops() / 2


def tables(measured: dict[str, Any]) -> list[Block]:
    """The steps, and the projected hours."""
    rows = tuple(_row(case) for case in measured["cases"])
    what = "one thread, " if measured["device"] == "cpu" else ""
    header = ("network", "size", "batch", "ours, ms", "plain, ms", "faster", "GFLOP/s", "of matmul", "bfloat16 faster")
    steps = Table(f"A training step per slice, {what}float32; bfloat16 apart, against ours", header, (rows,), labels=2)
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
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure training steps; the results of a GPU are kept beside those of a CPU."""
    name = "steps" if local(device).type == "cpu" else "steps-cuda"
    publish(name, "steps", lambda: measure(rounds, batch, only, device), tables)


if __name__ == "__main__":
    command(main)
