"""A corpus of the size of IEMOCAP's release: what the stages before training take, and the evaluation after it.

The demonstration corpus is generated once at full size, 10,039 turns, into a scratch folder that later runs find
again. Each stage then runs as a process of its own, without DVC. The four networks' predictions are invented.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ruamel.yaml import YAML

from benchmarks.invented import invent
from benchmarks.measure import ROOT, costs_of, run_stage
from benchmarks.publish import command, publish
from elor.audio import SAMPLE_RATE
from elor.engine import available_cores
from elor.files import file_digest, replacing, scratch
from elor.progress import clock, track
from elor.report.text import Block, Table, number

FULL = 10_039
"""Turns of the release."""

AIMS = {"labels": 10, "slices": 60, "mfcc": 180, "evaluate": 60}
"""Seconds."""

AIM_GB = 1.5
"""Private memory before training."""

MB = 1024**2 / 1e9
"""GB in what the stages' costs call MB."""

SAMPLE = 64
"""Slices from which IS10 is projected."""


def measure(utterances: int = FULL, full: bool = False) -> dict[str, Any]:
    """Run the stages on a corpus of so many turns.

    Args:
        utterances: how many turns.
        full: compute IS10 for all slices (about 13 minutes of one core) instead of projecting it.
    """
    workspace = prepared(utterances)
    stages = {name: run_stage(workspace, name) for name in ("labels", "slices", "mfcc", "folds")}
    slices = pd.read_csv(workspace / "data" / "slices.csv")
    stages["is10"] = is10(workspace, len(slices) if full else min(SAMPLE, len(slices)))
    invent(workspace / "data")
    stages["evaluate"] = run_stage(workspace, "evaluate")
    return {
        "utterances": utterances,
        "hours": float(pd.read_csv(workspace / "data" / "utterances.csv")["samples"].sum() / SAMPLE_RATE / 3600),
        "slices": len(slices),
        "corpus": costs_of(workspace)["corpus"],
        "stages": stages,
    }


def prepared(utterances: int) -> Path:
    """A workspace with params.yaml and the generated corpus; a corpus of the same recipe and code is used again."""
    sources = sorted((ROOT / "elor" / "corpora" / "demo").glob("*.py"))
    key = {"utterances": utterances, "recipe": file_digest(ROOT / "data" / "demo.yaml")}
    workspace = scratch("benchmark", key | {"code": [file_digest(path) for path in sources]})
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["profile"] = "paper"
    params["scale"]["paper"]["utterances"] = utterances
    params["corpus"]["path"] = "data/demo.yaml"
    with replacing(workspace / "params.yaml") as part:
        yaml.dump(params, part)
    (workspace / "data").mkdir(exist_ok=True)
    shutil.copy(ROOT / "data" / "demo.yaml", workspace / "data")
    if "corpus" not in costs_of(workspace):
        for stage in ("sources", "corpus"):
            run_stage(workspace, stage)
    return workspace


def is10(workspace: Path, count: int) -> dict[str, float]:
    """Run the stage on the first slices of a workspace, in an empty store, and project what all of them take.

    Returns:
        As `run_stage`, and `slices`, `slice_seconds` (one slice on one core, alone), and `projected_seconds` on all
        cores.
    """
    from elor.features.is10 import functionals

    signals = np.load(workspace / "data" / "slices.npy", mmap_mode="r")
    functionals(signals[0])
    taken = []
    for signal in track(signals[: min(count, SAMPLE)], "IS10 alone", total=min(count, SAMPLE), unit="slice"):
        started = time.perf_counter()
        functionals(signal)
        taken.append(time.perf_counter() - started)
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        shutil.copy(workspace / "params.yaml", folder)
        np.save(folder / "data" / "slices.npy", signals[:count])
        cost = run_stage(folder, "is10", {"ELOR_SCRATCH": str(folder / "scratch")})
    alone = statistics.median(taken)
    projected = cost["seconds"] if count == len(signals) else alone * len(signals) / available_cores()
    return cost | {"slices": count, "slice_seconds": alone, "projected_seconds": projected}


def tables(measured: dict[str, Any]) -> list[Block]:
    """Time and memory of each stage beside the aims."""
    rows = []
    for name, cost in measured["stages"].items():
        seconds, title = cost.get("projected_seconds", cost["seconds"]), name
        if name == "is10" and cost["slices"] < measured["slices"]:
            title = f"is10, projected from {cost['slices']} slices of {cost['slice_seconds']:.3f} s and core"
        aim = f"< {clock(AIMS[name])}" if name in AIMS else ""
        memory_aim = "" if name == "evaluate" else f"< {AIM_GB}"
        rows.append((title, clock(seconds), aim, number(cost["peak_mb"] * MB, 2), memory_aim))
    caption = (
        f"A corpus of {measured['utterances']:,} turns, {measured['hours']:.1f} h, {measured['slices']:,} slices; the "
        "evaluation is of four networks with 10,000 bootstrap draws"
    )
    return [Table(caption, ("stage", "time", "aim", "private memory, GB", "aim"), (tuple(rows),))]


def main(
    utterances: Annotated[int, typer.Option(min=200, help="How many turns.")] = FULL,
    full: Annotated[bool, typer.Option("--full", help="Compute IS10 for all slices instead of projecting it.")] = False,
) -> None:
    """Measure the stages before training, and the evaluation, on a corpus of full size."""
    publish("scale", "scale", lambda: measure(utterances, full), tables)


if __name__ == "__main__":
    command(main)
