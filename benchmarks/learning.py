"""What makes the networks learn: settings beside each other, on demonstration corpora of seeds that no result is of.

Every setting changes the demonstration's training; a run is one fold of one network on one corpus. Its scores are
taken after every epoch, on the validation slices and, by the audit, on the held-out speaker. Runs that the results hold
are not made again, so that the log grows by what is asked for. The settings here were tried to choose the profile
`demo`: what is chosen by them must be judged on other seeds (`python -m benchmarks.fresh`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ruamel.yaml import YAML

from benchmarks.measure import ROOT, run_stage
from benchmarks.publish import command, known, publish, runs_of
from elor.engine import Engine
from elor.evaluation.recall import uar
from elor.params import Params, Settings, load
from elor.progress import Progress
from elor.report.text import Block, Table, number
from elor.tables import read_table
from elor.targets import Head
from elor.training.job import Outcome
from elor.training.task import Task, input_files
from elor.training.train import place, run
from elor.training.tune import merge

STAGES = ("sources", "corpus", "labels", "slices", "folds")
FEATURES = {"elor": (), "lom": ("mfcc",), "ftr": ("is10",), "elor_ftr": ("is10",)}
"""The stages that make a corpus, and what a network needs besides."""

LAST = 5
"""Epochs at the end over which scores are averaged: a single one is a draw."""

STRIDE_8 = {"stride": 8, "pools": [12, 8, 26]}
STRIDE_16 = {"stride": 16, "pools": [6, 8, 26]}
LATE = {"stride": 16, "pools": [6, 8, 125]}
EARLY = {"stride": 16, "pools": [12, 4, 26]}
STRIDE_32 = {"stride": 32, "pools": [6, 4, 26], "filters": [32, 24, 32]}
BALANCED = {"balance": True}


@dataclass(frozen=True)
class Setting:
    """One way to train.

    Attributes:
        network: which of the four.
        epochs: all of them are made; nothing stops early.
        train: changes of section `train`; the learning rate falls unless it says otherwise.
        values: changes of the network's values.
    """

    network: str = "elor"
    epochs: int = 30
    train: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


SETTINGS = {
    "constant rate, dropout 0.5, stride 8": Setting(
        epochs=40, train={"schedule": "constant"}, values=STRIDE_8 | {"dropout": 0.5}
    ),
    "dropout 0.5, stride 8": Setting(epochs=40, values=STRIDE_8 | {"dropout": 0.5}),
    "dropout 0.2, stride 8": Setting(values=STRIDE_8 | {"dropout": 0.2}),
    "dropout 0.2": Setting(values=STRIDE_16 | {"dropout": 0.2}),
    "dropout 0": Setting(values=STRIDE_16 | {"dropout": 0.0}),
    "dropout 0.2, rate 0.1": Setting(values=STRIDE_16 | {"dropout": 0.2, "learning_rate": 0.1}),
    "dropout 0.2, balanced": Setting(train=BALANCED, values=STRIDE_16 | {"dropout": 0.2}),
    "balanced, rate 0.02": Setting(train=BALANCED, values=STRIDE_16 | {"dropout": 0.2, "learning_rate": 0.02}),
    "balanced, batch 8": Setting(train=BALANCED, values=STRIDE_16 | {"dropout": 0.2, "batch": 8}),
    "balanced, stride 8": Setting(train=BALANCED, values=STRIDE_8 | {"dropout": 0.2}),
    "balanced, pools 6-8-125": Setting(train=BALANCED, values=LATE | {"dropout": 0.2}),
    "balanced, pools 12-4-26": Setting(epochs=45, train=BALANCED, values=EARLY | {"dropout": 0.2}),
    "balanced, pools 12-4-26, alpha 0.01": Setting(
        epochs=45, train=BALANCED, values=EARLY | {"dropout": 0.2, "alpha": 0.01}
    ),
    "balanced, pools 12-4-26, batch 8, rate 0.025": Setting(
        epochs=45, train=BALANCED, values=EARLY | {"dropout": 0.2, "batch": 8, "learning_rate": 0.025}
    ),
    "balanced, pools 6-4-26, stride 32, filters 32-24-32": Setting(
        epochs=45, train=BALANCED, values=STRIDE_32 | {"dropout": 0.2}
    ),
    "lom, constant rate": Setting("lom", epochs=24, train={"schedule": "constant"}),
    "lom": Setting("lom", epochs=24),
    "lom, balanced": Setting("lom", epochs=24, train=BALANCED),
    "ftr, constant rate": Setting("ftr", epochs=40, train={"schedule": "constant"}),
    "ftr": Setting("ftr", epochs=40),
    "ftr, balanced": Setting("ftr", epochs=40, train=BALANCED),
}
"""What was tried; stride 16 and pools 6-8-26 unless the name says otherwise, dropout 0.2 where it is `balanced`."""


def measure(
    names: tuple[str, ...] = tuple(SETTINGS), seeds: tuple[int, ...] = (11,), folds: int = 2, utterances: int = 800
) -> dict[str, Any]:
    """Train the settings that the results do not hold yet.

    Args:
        names: of `SETTINGS`.
        seeds: of corpora and trainings.
        folds: how many folds of each corpus, evenly spaced.
        utterances: of each corpus.

    Returns:
        `runs`: setting, seed, utterances, fold, training slices, seconds; by dimension and epoch the training `loss`
        and the UAR of `validation` and `test` (null where an epoch was not scored); and the `confusion` of the last
        epoch's test slices.
    """
    known(names, SETTINGS)
    runs = runs_of("learning")
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="elor-") as folder:
            runs += _on_corpus(Path(folder), seed, utterances, names, folds, runs)
    return {"runs": runs}


def _on_corpus(
    folder: Path, seed: int, utterances: int, names: tuple[str, ...], folds: int, known: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The runs on one corpus that are not known yet."""
    key = {"seed": seed, "utterances": utterances}
    made, done = [], {(r["setting"], r["fold"]) for r in known if key.items() <= r.items()}
    params = make_corpus(folder, seed, utterances)
    for name in names:
        task, settings = _task(folder, params, SETTINGS[name])
        spaced = np.linspace(0, len(task.fold_names()), folds, endpoint=False).astype(int)
        for fold in [task.fold_names()[index] for index in spaced]:
            if (name, fold) in done:
                continue
            began = time.monotonic()
            jobs = place([task.job(fold, settings)], Engine("cpu", 1))
            (outcome,) = run(jobs, Engine("cpu", 1), f"{name}, {fold}")
            seconds = time.monotonic() - began
            found = {"setting": name, **key, "fold": fold, "slices": len(jobs[0].train), "seconds": seconds}
            made.append(found | _curves(outcome, task.heads))
    return made


def make_corpus(folder: Path, seed: int, utterances: int = 800) -> Params:
    """A corpus of another seed in a workspace, up to its folds."""
    value = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    value["seed"] = value["corpus"]["seed"] = seed
    value["features"] = {"set": "IS10", "table": None}  # which `dvc exp run -S` may have left otherwise
    value["scale"]["demo"]["utterances"] = utterances
    (folder / "data").mkdir()
    (folder / "data" / "demo.yaml").write_bytes((ROOT / "data" / "demo.yaml").read_bytes())
    YAML().dump(value, folder / "params.yaml")
    with Progress(f"corpus of seed {seed}", len(STAGES), "stage") as progress:
        for stage in STAGES:
            run_stage(folder, stage)
            progress.advance(1, note=stage)
    return load(folder / "params.yaml")


def _task(folder: Path, params: Params, setting: Setting) -> tuple[Task, Settings]:
    """What a setting trains, on features that are made if they are not there."""
    data = folder / "data"
    for feature in FEATURES[setting.network]:
        if not (data / f"{feature}.npy").exists():
            run_stage(folder, feature)
    how = params.train.over(params.scale.train).model_copy(
        update={"schedule": "cosine", "select": "uar", "keep": "best", "balance": False}
    )
    task = Task(
        network=setting.network,
        heads=params.labels.asked.heads,
        files=input_files(data, setting.network),
        slices=read_table(data / "slices.csv"),
        folds=read_table(data / "folds.csv"),
        how=how.model_copy(update=setting.train),
        epochs=setting.epochs,
        patience=setting.epochs,
        score="mean",
        seed=params.seed,
    )
    return task, merge(params.scale.networks[setting.network].defaults, Settings(**setting.values))


def _curves(outcome: Outcome, asked: Sequence[Head]) -> dict[str, Any]:
    """Losses and scores by epoch."""
    audit = pd.DataFrame(outcome.audit)
    found: dict[str, Any] = {"loss": {}, "validation": {}, "test": {}, "confusion": {}}
    for head in asked:
        name = head.name
        tables = list(_tables(audit[audit["head"] == name], len(outcome.history), head.classes or 0))
        found["loss"][name] = [row[f"loss_{name}"] for row in outcome.history]
        found["validation"][name] = [row[f"validation_{name}"] for row in outcome.history]
        found["test"][name] = [float(uar(table)) for table in tables]
        found["confusion"][name] = tables[-1].tolist()
    return found


def _tables(audit: pd.DataFrame, epochs: int, classes: int) -> Iterator[np.ndarray]:
    """The test slices' confusion counts, epoch by epoch."""
    for epoch in range(epochs):
        rows = audit[audit["epoch"] == epoch]
        table = np.zeros((classes, classes), dtype=int)
        table[rows["actual"], rows["predicted"]] = rows["count"]
        yield table


def tables(measured: dict[str, Any]) -> list[Block]:
    """A row per setting and corpus size: means over its runs, scores over the last epochs."""
    rows = []
    for (name, utterances), runs in _grouped(measured["runs"]).items():
        cells = [name, str(utterances), str(len(runs)), str(len(runs[0]["loss"]["valence"]))]
        for dimension in ("valence", "arousal"):
            cells.append(number(np.mean([one["loss"][dimension][-1] for one in runs]), 2))
            for part in ("validation", "test"):
                cells.append(number(np.mean([np.mean(one[part][dimension][-LAST:]) for one in runs])))
        rows.append(tuple(cells))
    header = ("setting", "utterances", "runs", "epochs")
    header += tuple(f"{d}: {what}" for d in ("valence", "arousal") for what in ("loss", "validation", "test"))
    seeds = ", ".join(str(seed) for seed in sorted({one["seed"] for one in measured["runs"]}))
    caption = f"Training loss after the last epoch, UAR (mean of the last {LAST} epochs), corpora of seed {seeds}"
    return [Table(caption, header, (tuple(rows),)), _keeping(measured["runs"])]


def _keeping(runs: list[dict[str, Any]]) -> Table:
    """What the held-out speaker gets from the epoch of the best mean validation UAR, and from the last one."""
    scored = [one for one in runs if None not in one["validation"]["valence"]]
    rows = []
    for (name, utterances), some in _grouped(scored).items():
        best = [int(np.argmax(np.add(*(one["validation"][d] for d in ("valence", "arousal"))))) for one in some]
        cells = [name, str(utterances), str(len(some)), number(np.mean(best), 1)]
        for dimension in ("valence", "arousal"):
            tests = [one["test"][dimension] for one in some]
            kept = [scores[epoch] for scores, epoch in zip(tests, best, strict=True)]
            cells += [number(np.mean(kept)), number(np.mean([scores[-1] for scores in tests]))]
        rows.append(tuple(cells))
    header = ("setting", "utterances", "runs", "best epoch")
    header += tuple(f"{head}: {epoch}" for head in ("valence", "arousal") for epoch in ("best", "last"))
    return Table("UAR of the held-out speaker after the best epoch and after the last one", header, (tuple(rows),))


def _grouped(runs: list[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for one in runs:
        found.setdefault((one["setting"], one["utterances"]), []).append(one)
    return found


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which settings; all if none is named.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Of corpora and trainings; may be given again.")] = None,
    folds: Annotated[int, typer.Option(min=1, max=10, help="How many folds of each corpus.")] = 2,
    utterances: Annotated[int, typer.Option(min=60, help="Of each corpus.")] = 800,
) -> None:
    """Train settings beside each other; a run takes about a minute."""
    asked = tuple(names or SETTINGS), tuple(seed or (11,))
    publish("learning", "learning", lambda: measure(*asked, folds, utterances), tables, adding=True)


if __name__ == "__main__":
    command(main)
