"""Trainings on noise: the step of any network at any size, and how many operations it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from elor.networks import INPUTS, SHAPES, Architecture, MultiHeadNetwork
from elor.params import Params, Settings
from elor.training.job import Options, TrainingJob
from elor.training.loop import Trainer
from elor.training.task import architecture

SLICES = 64
"""Random slices that batches are drawn from."""


@dataclass(frozen=True)
class Case:
    """A network of some size, and what is measured of it."""

    network: str
    size: str
    settings: Settings
    plain: bool = True


def toy_job(case: Case, params: Params, folder: Path, device: str = "cpu", slices: int = SLICES) -> TrainingJob:
    """A training on random slices and labels, with the case's values and the train section of params.yaml."""
    asked = params.labels.asked.heads
    random = np.random.default_rng(0)
    count = max(slices, case.settings.batch or 1)
    labels = {head.name: random.integers(0, head.outputs, count) for head in asked}
    own = case.settings.model_dump(include={"batch", "learning_rate", "momentum", "alpha"})
    how = params.train.over(params.scale.train).model_dump(exclude={"standardize", "seeds"})
    return TrainingJob(
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
        sounding=np.ones(count),
        scratch=folder / "scratch",
        device=device,
    )


def training_seconds(job: TrainingJob) -> tuple[list[float], float]:
    """Train, in a worker: the seconds of each epoch, its validation and test included, and those before and after."""
    began, epochs = time.perf_counter(), []
    trainer = Trainer(job)
    while not trainer.finished:
        start = time.perf_counter()
        trainer.judge(trainer.epoch() | trainer.validate())
        trainer.keep()
        epochs.append(time.perf_counter() - start)
    trainer.outcome()
    return epochs, time.perf_counter() - began - sum(epochs)


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


def operations(shape: Architecture) -> float:
    """Floating-point operations of a step per slice, both passes, done directly: counted on tensors without content."""
    with torch.device("meta"):
        network = MultiHeadNetwork(shape, fast=False)
        slices = [torch.empty(2, *SHAPES[name]) for name in shape.inputs]
    with FlopCounterMode(display=False) as counter:
        for head in shape.heads:
            network.head(head.name, *slices).sum().backward()
    return counter.get_total_flops() / 2
