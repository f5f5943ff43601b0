"""Twenty thousand spoiled inputs over all readers: how many were read, refused in one sentence, or broke something.

The readers and the spoiling are those of the suite (tests/fuzzing), with other seeds. Each reader has a process of its
own, so that one that crashes is counted and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.report.text import Block, Notes, Table
from tests.fuzzing.judge import BROKEN, judge
from tests.fuzzing.readers import TARGETS

DEAR = {"names": 0.2, "params.yaml": 0.3, "recipe": 0.3, "tuning": 0.5, "IEMOCAP": 0.5}
"""Shares of readers that take long for an input; the others share the rest."""

EXAMPLES = 5


def measure(inputs: int = 20_000, seed: int = 2) -> dict[str, Any]:
    """Try spoiled inputs.

    Args:
        inputs: how many, over all readers.
        seed: of all of them.
    """
    shares = np.array([DEAR.get(title, 1.0) for title in TARGETS])
    counts = np.floor(inputs * shares / shares.sum()).astype(int)
    counts[-2] += inputs - counts.sum()
    started = {title: start(title, count, seed) for title, count in zip(TARGETS, counts.tolist(), strict=True)}
    return {"inputs": inputs, "seed": seed, "readers": {title: answer(*one) for title, one in started.items()}}


def start(title: str, count: int, seed: int) -> tuple[BaseProcess, Connection, int]:
    """Try one reader's inputs in a process of its own."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_try_all, args=(title, count, seed, theirs))
    process.start()
    theirs.close()
    return process, mine, count


def answer(process: BaseProcess, mine: Connection, count: int) -> dict[str, Any]:
    """What came of them: counts by outcome, examples of what broke, and files that were left behind."""
    try:
        found: dict[str, Any] = mine.recv()
    except EOFError:
        process.join()
        return {"counts": {"crash": count}, "examples": [f"the process ended with {process.exitcode}"]}
    process.join()
    return found


def _try_all(title: str, count: int, seed: int, answer: Connection) -> None:
    sys.stderr = open(os.devnull, "w")  # progress of readers  # noqa: SIM115
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        home = Path(name)
        os.environ["ELOR_SCRATCH"] = str(home / "scratch")
        for folder in ("files", "here"):
            (home / folder).mkdir()
        os.chdir(home / "here")
        attempt = TARGETS[title](home / "files")
        verdicts = [judge(attempt, np.random.default_rng([seed, number])) for number in range(count)]
        left = [path.name for path in (home / "here").iterdir()]
        os.chdir(home)
    counts = Counter(verdict.outcome for verdict in verdicts)
    examples = [
        f"input {number}: {verdict.outcome} {verdict.text}"
        for number, verdict in enumerate(verdicts)
        if verdict.outcome in BROKEN
    ]
    answer.send({"counts": dict(counts), "examples": examples[:EXAMPLES], "left_behind": left})


def faults(measured: dict[str, Any]) -> int:
    """How many inputs broke something or left a file behind."""
    each = measured["readers"].values()
    broken = sum(number for one in each for outcome, number in one["counts"].items() if outcome not in GOOD)
    return broken + sum(len(one.get("left_behind", [])) for one in each)


GOOD = ("read", "refused")


def verdict(measured: dict[str, Any]) -> None:
    """Complain about what broke.

    Raises:
        UserError: if anything did.
    """
    if count := faults(measured):
        examples = [example for one in measured["readers"].values() for example in one["examples"]]
        raise UserError(f"{count} of {measured['inputs']} inputs broke something: {'; '.join(examples[:3])}")


def tables(measured: dict[str, Any]) -> list[Block]:
    """One row per reader."""
    rows = []
    for title, one in measured["readers"].items():
        counts = one["counts"]
        other = sum(number for outcome, number in counts.items() if outcome not in GOOD)
        left = len(one.get("left_behind", []))
        cells = (sum(counts.values()), counts.get("read", 0), counts.get("refused", 0), other, left)
        rows.append((title, *(f"{cell:,}" for cell in cells)))
    header = ("reader", "inputs", "read", "refused in one sentence", "traceback, hang, blow-up, wrong", "left behind")
    total = f"{measured['inputs']:,} inputs of seed {measured['seed']}; {faults(measured):,} of them broke something."
    return [Table("Spoiled inputs", header, (tuple(rows),)), Notes("In all", (total,))]


def main(
    inputs: Annotated[int, typer.Option(min=100, help="How many, over all readers.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of all of them.")] = 2,
) -> None:
    """Spoil inputs and see what readers make of them."""
    verdict(publish("fuzz", "fuzz", lambda: measure(inputs, seed), tables))


if __name__ == "__main__":
    command(main)
