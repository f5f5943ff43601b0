"""Measures ten folds trained together against ten separate trainings: `python -m benchmarks.folds`.

Invented data of the demo's size (340 slices), whole trainings of some epochs with all that belongs to them:
initialisation, standardisation, validation, audit, checkpoints. The ways alternate, so that other load on the machine
meets all of them; ratios are medians over the repetitions. `plain` is a training as one would write it in PyTorch: a
DataLoader, plain layers, dropout drawn on the way, an optimiser that loops over tensors. The second table says why
the folds of `lom` are trained one by one: its time is spent in convolutions, which folds do not share.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import alternated, ratio
from benchmarks.publish import command, publish
from elor.device import one_thread
from elor.fastconv import ConvBlock, same_padding
from elor.networks import SHAPES, Architecture
from elor.report.text import Block, Table, number
from elor.targets import Target
from elor.training.job import Options, TrainingJob
from elor.training.loop import Trainer, train
from elor.training.together import train_together

FOLDS, SLICES, TESTED = 10, 340, 34
SIZES = {  # hidden, batch, and the CNN of lom
    "demo": ((64, 32), 16, ((32, 8, 4), (32, 6, 6), (32, 4, 5))),
    "paper": ((256, 256), 32, ((32, 3, 2), (64, 3, 2), (128, 3, 2))),
}


class Slices(Dataset):
    """One slice at a time, as a DataLoader wants them."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __len__(self) -> int:
        return len(self.trainer.job.train)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        row = self.trainer.job.train[index]
        (value,) = self.trainer.inputs.batch(np.array([row]))
        return value[0], {name: target[row] for name, target in self.trainer.targets.items()}


class Plain(Trainer):
    """The same training, fed by a DataLoader."""

    def epoch(self) -> dict[str, float]:
        sums = dict.fromkeys(self.targets, 0.0)
        self.network.train()
        for value, targets in DataLoader(Slices(self), self.options.batch, shuffle=True):
            for index in np.random.default_rng(self.state.epoch).permutation(len(self.heads)):
                head = self.heads[index]
                sums[head.name] += self.update(head, (value,), targets[head.name]).item() * len(value)
        return self.mean_losses(sums)


def make_jobs(folder: Path, size: str, epochs: int) -> list[TrainingJob]:
    """Ten folds of `ftr` on noise."""
    random = np.random.default_rng(0)
    files = {"is10": folder / "is10.npy"}
    np.save(files["is10"], random.normal(size=(SLICES, *SHAPES["is10"])).astype(np.float32))
    truth = {head.name: random.integers(0, 5, SLICES) for head in Target("classes").heads}
    hidden, batch, _ = SIZES[size]
    architecture = Architecture("ftr", Target("classes").heads, (), (), (), 1, hidden, 0.5, True)
    options = Options(batch, 0.01, 0.9, 0.001, epochs, patience=epochs, fast=False)
    jobs = []
    for fold in range(FOLDS):
        rows = random.permutation(SLICES)
        tested = TESTED + fold - FOLDS // 2  # speakers differ in how much they say
        validated = tested + (SLICES - tested) // 5
        parts = (rows[validated:], rows[tested:validated], rows[:tested])
        whole, scratch = np.ones(SLICES), folder / str(fold)
        jobs.append(TrainingJob(architecture, options, str(fold), 1, files, *parts, truth, truth, whole, scratch))
    return jobs


def plain(jobs: Sequence[TrainingJob]) -> None:
    """Ten separate trainings, plain."""
    for job in jobs:
        Plain(job).run()


def separately(jobs: Sequence[TrainingJob]) -> None:
    """Ten separate trainings by `elor.training.loop`."""
    for job in jobs:
        train(job)


def alternately(
    ways: dict[str, Callable[[], object]], repetitions: int, before: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """The seconds of several ways of doing the same, in turn: name -> one number per repetition."""
    return dict(zip(ways, alternated(list(ways.values()), repetitions, before=before), strict=True))


def measure(repetitions: int = 5, epochs: int = 6) -> dict[str, Any]:
    """Both tables' numbers; one thread per process."""
    with one_thread():
        return {"epochs": epochs, "ftr": measure_ftr(repetitions, epochs), "lom": measure_lom(repetitions)}


def measure_ftr(repetitions: int, epochs: int) -> list[dict[str, Any]]:
    """Whole trainings of `ftr`, in one process and in two."""
    rows = []
    workers = multiprocessing.get_context("spawn").Pool(2, torch.set_num_threads, (1,))
    with workers, tempfile.TemporaryDirectory() as name:
        workers.map(abs, range(8))  # both have started
        for size in SIZES:
            jobs = make_jobs(Path(name), size, epochs)
            ways = {"plain": plain, "loop": separately, "together": train_together}

            def forget(jobs: Sequence[TrainingJob] = jobs) -> None:
                for job in jobs:
                    shutil.rmtree(job.scratch, ignore_errors=True)

            one = {name: partial(way, jobs) for name, way in ways.items()}
            hands = {name: [jobs[::2], jobs[1::2]] if name == "together" else [[job] for job in jobs] for name in ways}
            two = {name: partial(workers.map, way, hands[name], chunksize=1) for name, way in ways.items()}
            for processes, calls in ((1, one), (2, two)):
                found = alternately(calls, repetitions, forget)
                rows.append({"size": size, "processes": processes, "seconds": found})
    return rows


def stacked_cnn(blocks: Sequence[tuple[int, int, int]]) -> nn.Sequential:
    """The CNNs of all folds as one: a fold is a group of channels, so batch normalisation is by fold, too."""
    layers: list[nn.Module] = []
    channels = SHAPES["mfcc"][0]
    for filters, length, pool in blocks:
        layers += [
            nn.ConstantPad1d(same_padding(length), 0.0),
            nn.Conv1d(FOLDS * channels, FOLDS * filters, length, groups=FOLDS),
            nn.BatchNorm1d(FOLDS * filters),
            nn.MaxPool1d(pool),
            nn.ReLU(),
        ]
        channels = filters
    return nn.Sequential(*layers)


def separate_cnn(blocks: Sequence[tuple[int, int, int]]) -> nn.Sequential:
    """The CNN of one fold, of plain layers."""
    channels = [SHAPES["mfcc"][0], *(filters for filters, _, _ in blocks)]
    return nn.Sequential(*(ConvBlock(c, *block, fast=False) for c, block in zip(channels, blocks, strict=False)))


def measure_lom(repetitions: int) -> list[dict[str, Any]]:
    """Forward and backward pass of the CNNs of ten folds of `lom`."""
    rows = []
    for size, (_, batch, blocks) in SIZES.items():
        channels, frames = SHAPES["mfcc"]
        signal, joined = torch.randn(batch, channels, frames), torch.randn(batch, FOLDS * channels, frames)
        cnns, stack = [separate_cnn(blocks) for _ in range(FOLDS)], stacked_cnn(blocks)
        ways = {
            "one by one": lambda cnns=cnns, signal=signal: [cnn(signal).sum().backward() for cnn in cnns],
            "stacked": lambda stack=stack, joined=joined: stack(joined).sum().backward(),
        }
        rows.append({"size": size, "batch": batch, "seconds": alternately(ways, repetitions)})
    return rows


def tables(measured: dict[str, Any]) -> list[Block]:
    """Ten folds of `ftr` together against apart, and why those of `lom` are trained one by one."""
    trainings = tuple(
        (
            row["size"],
            str(row["processes"]),
            *(number(statistics.median(times), 2) for times in row["seconds"].values()),
            *(number(ratio(row["seconds"]["together"], row["seconds"][other]), 2) for other in ("plain", "loop")),
        )
        for row in measured["ftr"]
    )
    passes = tuple(
        (
            row["size"],
            str(row["batch"]),
            *(number(1000 * statistics.median(times), 0) for times in row["seconds"].values()),
            number(ratio(row["seconds"]["stacked"], row["seconds"]["one by one"]), 2),
        )
        for row in measured["lom"]
    )
    head = ("size", "processes", "plain", "loop", "together", "together / plain", "together / loop")
    title = f"Ten folds of ftr, {SLICES} slices, {measured['epochs']} epochs, seconds"
    cnn = ("size", "batch", "one by one", "stacked", "stacked / one by one")
    return [
        Table(title, head, (trainings,)),
        Table("The CNN of lom, forward and backward, ten folds, milliseconds", cnn, (passes,)),
    ]


if __name__ == "__main__":
    command(lambda: publish("folds", "folds", measure, tables))
