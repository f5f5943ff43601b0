"""How long a training would take at most, measured by one step, and whether that is too long to begin unasked.

The paper's search took 49 days; a laboratory should not find out on the third day that it has begun one.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from elor.device import one_thread, settle
from elor.engine import LARGE, Engine
from elor.errors import UserError
from elor.progress import clock
from elor.training.data import Inputs
from elor.training.job import TrainingJob
from elor.training.loop import Trainer

SAMPLE = 4
"""Slices in the measured step of a network on raw audio on a CPU, whose time per slice stands for a whole minibatch's.
Small networks and GPUs are not busy with so few: there it is a whole minibatch."""

WARM_UP, STEPS = 2, 3
"""Steps before the clock starts (libraries load, kernels are chosen), and steps of which the median counts."""


def seconds_per_slice(job: TrainingJob, device: str) -> float:
    """Measure a training step on a device, with one thread, as in a worker."""
    shape = replace(job.architecture, standardize=False)  # fitting the scale reads the whole corpus
    with one_thread():
        with tempfile.TemporaryDirectory() as folder:
            placed = replace(job, scratch=Path(folder), architecture=shape, device=device)
            trainer = Trainer(placed, Inputs(job.files, torch.device(device)))
        slow = trainer.device.type == "cpu" and "audio" in job.architecture.inputs
        rows = job.train[: SAMPLE if slow else job.options.batch]
        trainer.network.train()
        taken = []
        for _ in range(WARM_UP + STEPS):
            settle(trainer.device)
            start = time.perf_counter()
            trainer.step(rows, trainer.heads)
            settle(trainer.device)
            taken.append(time.perf_counter() - start)
    return statistics.median(taken[WARM_UP:]) / len(rows)


def rounds(evaluations: int, size: int) -> list[int]:
    """How many trainings of a search run beside each other, round by round."""
    return [min(size, evaluations - done) for done in range(0, evaluations, size)]


def turns(beside: Sequence[int], engine: Engine) -> int:
    """How many trainings one after the other the groups of `hours` come to."""
    devices = engine.devices()
    at_once = len(devices) if devices != ["cpu"] and engine.per_gpu == LARGE else engine.count()
    return sum(math.ceil(count / at_once) for count in beside)


def hours(job: TrainingJob, beside: Sequence[int], engine: Engine) -> float:
    """Hours that trainings like this one take if none stops early, by a measured step.

    Validation adds a little, early stopping takes off more: it is an upper bound in practice.

    Args:
        job: one of them.
        beside: how many may run beside each other: one group waits for the end of the one before.
        engine: where they run. Large networks that share a GPU are counted as if one waited for the other.
    """
    device = engine.devices()[0]
    return turns(beside, engine) * job.options.epochs * len(job.train) * seconds_per_slice(job, device) / 3600


def check(job: TrainingJob, beside: Sequence[int], engine: Engine, most: float, what: str) -> None:
    """Refuse work that would take longer than the user has allowed.

    Args:
        job, beside, engine: as in `hours`.
        most: hours allowed (`engine.max_hours`).
        what: name of the work, for the message.

    Raises:
        UserError: with the projected hours and the ways out.
    """
    if engine.address is not None:
        return  # a cluster has its own limits, and this machine cannot measure it
    projected = hours(job, beside, engine)
    if projected > most:
        at_once = min(max(beside), engine.count())
        raise UserError(
            f"{what} would take up to {clock(projected * 3600)} on this machine ({sum(beside)} trainings of up to "
            f"{job.options.epochs} epochs, {at_once} at a time on {engine.devices()[0]}), more than "
            f"engine.max_hours = {most:g}; use a GPU, a cluster (engine.address) or a smaller profile, or allow it "
            f"with -S engine.max_hours={math.ceil(projected * 1.1)}."
        )
