"""Does a killed training end with the same numbers? `dvc repro` is killed again and again at random moments.

Two clones have the same features, folds and values. One trains undisturbed; in the other one the whole process group
of `dvc repro` gets SIGKILL, twenty times, before it may finish. Models, predictions, audit and curves must be the same
byte for byte.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.clone import Clone
from benchmarks.publish import command, known, publish
from elor.errors import UserError
from elor.files import file_digest
from elor.params import NETWORKS
from elor.report.results import title
from elor.report.text import Block, Table, number

LOOK_EVERY_S = 0.02


def measure(network: str = "elor", kills: int = 20, seed: int = 1) -> dict[str, Any]:
    """Train a network of the demonstration undisturbed and disturbed.

    Args:
        network: which one.
        kills: how often the second training is killed; fewer if it is over before.
        seed: of the moments.

    Raises:
        UserError: if there is no such network, or a run fails that nobody killed.
    """
    known([network], NETWORKS)
    stage = f"train@{network}"
    with tempfile.TemporaryDirectory(prefix="elor-") as home:
        calm = Clone.fresh(Path(home, "calm"))
        calm.dvc("repro", f"tune@{network}")  # features, folds and values: all that the training reads
        calm.forget()
        disturbed = calm.twin(Path(home, "disturbed"))
        begun, seconds = undisturbed(calm, stage)
        moments = np.random.default_rng(seed).uniform(0, reach(begun, seconds, kills), kills)
        struck = [one for moment in moments if (one := strike(disturbed, stage, moment)) is not None]
        last = disturbed.dvc("repro", stage)
        found, expected = left_by(disturbed, network), left_by(calm, network)
    return {
        "network": network,
        "seconds": seconds,
        "first_epoch_after": begun,
        "kills": struck,
        "last_run_seconds": last,
        "files": len(expected),
        "different": sorted(name for name in expected | found if expected.get(name) != found.get(name)),
    }


def undisturbed(clone: Clone, stage: str) -> tuple[float, float]:
    """Run a stage to its end; seconds until its first epoch was on disk, and in all."""
    begun: float | None = None
    started = time.monotonic()
    run = clone.start("repro", stage)
    while run.poll() is None:
        if begun is None and clone.epochs():
            begun = time.monotonic() - started
        time.sleep(LOOK_EVERY_S)
    clone.check(run.returncode, f"dvc repro {stage}")
    if begun is None:
        raise RuntimeError(f"{stage} ended without an epoch in its scratch folder")
    return begun, time.monotonic() - started


def reach(begun: float, seconds: float, kills: int) -> float:
    """How late a kill may come, in seconds after the start of a run.

    Every run has to start up again, and what it trains after that is kept. With moments uniform up to this one the
    killed runs together train for less than the whole takes, on average, so that all kills find something to kill.
    """
    return begun + 2 * (seconds - begun) / (kills + 1)


def strike(clone: Clone, stage: str, moment: float) -> dict[str, float] | None:
    """Start a stage and kill its whole process group after so many seconds.

    Returns:
        The moment, and how many epochs were on disk then; None if the stage was over before.
    """
    run = clone.start("repro", stage)
    try:
        clone.check(run.wait(timeout=moment), f"dvc repro {stage}")
        return None
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    return {"after_seconds": float(moment), "epochs": clone.epochs()}


def left_by(clone: Clone, network: str) -> dict[str, str]:
    """Digests of everything that a trained network leaves, by path."""
    data = clone.folder / "data"
    paths = list((data / "models" / network).iterdir())
    paths += [data / name / f"{network}.csv" for name in ("predictions", "audit")]
    paths += [clone.folder / "plots" / "data" / "curves" / f"{network}.csv"]
    return {path.relative_to(clone.folder).as_posix(): file_digest(path) for path in paths}


def verdict(measured: dict[str, Any]) -> None:
    """Complain about a difference.

    Raises:
        UserError: if any file differs.
    """
    if measured["different"]:
        raise UserError(f"Killed trainings end differently in {', '.join(measured['different'])}.")


def tables(measured: dict[str, Any]) -> list[Block]:
    """One row: how often, when, and whether anything differs."""
    epochs = [round(kill["epochs"]) for kill in measured["kills"]]
    same = f"all {measured['files']} files" if not measured["different"] else "no: " + ", ".join(measured["different"])
    row = (
        title(measured["network"]),
        str(len(epochs)),
        ", ".join(map(str, epochs)),
        number(measured["seconds"], 0),
        same,
    )
    header = ("network", "kills", "epochs on disk at each", "undisturbed, s", "the same byte for byte")
    return [Table("`dvc repro` killed by SIGKILL at random moments, then left to finish", header, ((row,),))]


def main(
    network: Annotated[str, typer.Option(help="Which network is trained.")] = "elor",
    kills: Annotated[int, typer.Option(min=1, help="How often it is killed.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
) -> None:
    """Kill a training again and again and compare what it leaves with an undisturbed one."""
    verdict(publish("kills", "kills", lambda: measure(network, kills, seed), tables))


if __name__ == "__main__":
    command(main)
