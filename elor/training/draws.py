"""Everything random in one epoch, drawn at its start from (seed, network, fold, epoch) and nothing else.

So a resumed training draws what the undisturbed one drew, and a fold that is trained beside others what it draws alone.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elor.training.job import TrainingJob


@dataclass(frozen=True)
class Draws:
    """The random part of one epoch.

    Attributes:
        order: (n,) the training slices in the order of their turn, on the device.
        turns: (minibatches, heads) places of the heads, in the order in which each minibatch updates them.
        kept: (n, heads, units of all hidden layers) which units dropout keeps, slice by slice in `order`, on the
            device.
    """

    order: Tensor
    turns: np.ndarray
    kept: Tensor


def draw(job: TrainingJob, epoch: int, device: torch.device) -> Draws:
    """Draw one epoch, always on the CPU, so that it is the same for every device; then it goes there in one piece."""
    seed = seed_of(job, epoch)
    random = np.random.default_rng(seed)
    order = random.permutation(job.train)
    heads = len(job.architecture.heads)
    turns = [random.permutation(heads) for _ in range(0, len(order), job.options.batch)]
    generator = torch.Generator().manual_seed(seed)
    chances = torch.rand(len(order), heads, sum(job.architecture.hidden), generator=generator)
    kept = chances >= job.architecture.dropout
    return Draws(torch.from_numpy(order).to(device), np.array(turns), kept.to(device))


def seed_of(job: TrainingJob, epoch: int) -> int:
    """The seed of one epoch (-1: the initial weights), the same wherever and whenever it runs."""
    name = zlib.crc32(f"{job.architecture.network}/{job.fold}".encode())
    return int(np.random.SeedSequence([job.seed, name, epoch + 1]).generate_state(1)[0])
