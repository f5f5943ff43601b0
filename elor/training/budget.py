"""How long a training would take at most, measured by one step, and whether that is too long to begin unasked.

The paper's search took 49 days; a laboratory should not find out on the third day that it has begun one.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from elor.errors import UserError
from elor.progress import clock
from elor.training.engine import Engine
from elor.training.job import Job
from elor.training.loop import Trainer

SAMPLE = 4
"""Slices in the measured step; its time per slice stands for a whole minibatch's."""


def hours(job: Job, count: int, engine: Engine) -> float:
    """Hours that `count` trainings like this one take if none stops early, by a measured step.

    Validation adds a little, early stopping takes off more: it is an upper bound in practice.
    """
    with tempfile.TemporaryDirectory() as folder:
        shape = replace(job.architecture, standardize=False)  # fitting the scale reads the whole corpus
        trainer = Trainer(replace(job, scratch=Path(folder), architecture=shape, device=engine.devices()[0]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker
    try:
        rows = job.train[:SAMPLE]
        trainer.network.train()
        trainer.step(rows, trainer.heads)  # the first one warms up
        start = time.perf_counter()
        trainer.step(rows, trainer.heads)
        if trainer.device.type == "cuda":
            torch.cuda.synchronize()
        per_slice = (time.perf_counter() - start) / len(rows)
    finally:
        torch.set_num_threads(threads)
    rounds = math.ceil(count / engine.count())
    return rounds * job.options.epochs * len(job.train) * per_slice / 3600


def check(job: Job, count: int, engine: Engine, most: float, what: str) -> None:
    """Refuse work that would take longer than the user has allowed.

    Args:
        job: one of the trainings.
        count: how many there are.
        most: hours allowed (`engine.max_hours`).
        what: name of the work, for the message.

    Raises:
        UserError: with the projected hours and the ways out.
    """
    if engine.address is not None:
        return  # a cluster has its own limits, and this machine cannot measure it
    projected = hours(job, count, engine)
    if projected > most:
        raise UserError(
            f"{what} would take up to {clock(projected * 3600)} on this machine ({count} trainings of up to "
            f"{job.options.epochs} epochs, {engine.count()} at a time on {engine.devices()[0]}), more than "
            f"engine.max_hours = {most:g}; use a GPU, a cluster (engine.address) or a smaller profile, or allow it "
            f"with -S engine.max_hours={math.ceil(projected * 1.1)}."
        )
