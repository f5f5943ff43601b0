"""What portable arithmetic costs: a training step of each demonstration network, portable against fastest.

An arithmetic is chosen before numpy and torch load, so each is a process of its own; the two take turns in one run, and
ratios are medians over the rounds. The network without convolutions is measured as it is trained, all folds together.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.measure import ROOT, ratio
from benchmarks.publish import command, publish
from benchmarks.steps import cases, our_step, toy_job
from elor import arithmetic
from elor.params import load
from elor.registry import WORDLESS
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.training.loop import Trainer
from elor.training.together import Stack, stackable

FOLDS = 10
"""Trained together, as in the demonstration."""

LEAST_S = 0.2
"""Seconds that a step is repeated for in each round."""


def measure(rounds: int = 15) -> dict[str, Any]:
    """Time every network's step in both arithmetics, in turns.

    Args:
        rounds: how often each is timed.
    """
    return {"rounds": rounds, "networks": {network: measured(network, rounds) for network in WORDLESS}}


def measured(network: str, rounds: int) -> dict[str, float]:
    """Seconds of a step in either arithmetic, and how much longer the portable one takes."""
    print(f"arithmetic: {network}", flush=True)
    served = {how: serve(network, how) for how in ("portable", "fastest")}
    times: dict[str, list[float]] = {how: [] for how in served}
    try:
        for _ in range(rounds + 1):
            for how, process in served.items():
                times[how].append(ask(process))
    finally:
        for process in served.values():
            process.kill()
            process.wait()
    portable, fastest = (times[how][1:] for how in ("portable", "fastest"))  # the first ones warmed up
    return {
        "portable_s": statistics.median(portable),
        "fastest_s": statistics.median(fastest),
        "ratio": ratio(portable, fastest),
    }


def serve(network: str, how: str) -> subprocess.Popen[str]:
    """A process with an arithmetic, which times a step whenever it is asked."""
    environment = os.environ | {arithmetic.CHOICE: how, "PYTHONPATH": str(ROOT)}
    if how == "fastest":  # what portable has set here is not what the libraries would choose
        environment = {name: value for name, value in environment.items() if name not in arithmetic.SETTINGS}
    code = f"from benchmarks.arithmetic import answer; answer({network!r})"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)


def ask(process: subprocess.Popen[str]) -> float:
    """Seconds of a step in another process."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    return float(process.stdout.readline())


def answer(network: str) -> None:
    """The other process: time a step for every line that comes in."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        step = step_of(network, Path(folder))
        for _ in sys.stdin:
            print(timed(step), flush=True)


def timed(step: Callable[[], object]) -> float:
    """Seconds of the processor per step: with one thread, the time that it takes where nobody else is at work."""
    started, count = time.process_time(), 0
    while count == 0 or time.process_time() - started < LEAST_S:
        step()
        count += 1
    return (time.process_time() - started) / count


def step_of(network: str, folder: Path) -> Callable[[], object]:
    """A step as the demonstration takes it: of one fold, or an epoch of all folds together."""
    params = load(ROOT / "params.yaml")
    case = next(case for case in cases(params) if (case.network, case.size) == (network, "demo"))
    job = toy_job(case, params, folder, "cpu")
    if not stackable(job):
        return our_step(Trainer(job))
    stack = Stack([Trainer(replace(job, fold=str(fold))) for fold in range(FOLDS)])
    return stack.epoch


def tables(measured: dict[str, Any]) -> list[Block]:
    """Milliseconds of both, and their ratio."""
    rows = []
    for network, found in measured["networks"].items():
        portable, fastest = (number(1e3 * found[f"{how}_s"], 1) for how in ("portable", "fastest"))
        rows.append((title(network), portable, fastest, number(found["ratio"], 2)))
    header = ("network", "portable, ms", "fastest, ms", "portable / fastest")
    return [
        Table(
            "A training step, CPU time of one thread (FTR: an epoch of 64 slices of ten folds together)",
            header,
            (tuple(rows),),
        )
    ]


def main(rounds: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 15) -> None:
    """Measure both arithmetics; write benchmarks/results/arithmetic.json and its page's table."""
    publish("arithmetic", "arithmetic", lambda: measure(rounds), tables)


if __name__ == "__main__":
    command(main)
