"""The training step as one would write it in plain PyTorch: layers as they come, a DataLoader, two passes, float32.

It has the same network, weights, loss (without class weights) and optimiser as `elor.training.loop.Trainer`, and the
same alternating update; what it lacks is everything that makes that one fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from elor.networks import MultiHeadNetwork
from elor.training.loop import Trainer


class Slices(Dataset):
    """Slices one by one: the inputs as float32 in the network's order, then one class per head."""

    def __init__(self, files: dict[str, Path], targets: dict[str, np.ndarray]) -> None:
        self.arrays = {name: np.load(path, mmap_mode="r") for name, path in files.items()}
        self.targets = targets

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index: int) -> tuple[Tensor | int, ...]:
        inputs = [
            torch.from_numpy(array[index].astype(np.float32)[None] / 32_768 if name == "audio" else array[index].copy())
            for name, array in self.arrays.items()
        ]
        return (*inputs, *(int(target[index]) for target in self.targets.values()))


class PlainStep:
    """One training step per call, from the same weights as a trainer's."""

    def __init__(self, trainer: Trainer) -> None:
        job = trainer.job
        self.options, self.device = job.options, trainer.device
        self.network = MultiHeadNetwork(job.architecture, fast=False).to(self.device)
        self.network.load_state_dict(trainer.network.state_dict())
        self.network.train()
        self.optimiser = torch.optim.SGD(
            self.network.parameters(), lr=self.options.learning_rate, momentum=self.options.momentum, nesterov=True
        )
        pinned = self.device.type == "cuda"
        loader = DataLoader(Slices(job.files, job.targets), job.options.batch, shuffle=True, pin_memory=pinned)
        self.batches = self._forever(loader)
        self.random = np.random.default_rng(0)

    def __call__(self) -> None:
        names = [head.name for head in self.network.architecture.heads]
        batch = [value.to(self.device, non_blocking=True) for value in next(self.batches)]
        inputs, targets = batch[: -len(names)], dict(zip(names, batch[-len(names) :], strict=True))
        for index in self.random.permutation(len(names)):
            name = names[index]
            self.optimiser.zero_grad()
            loss = F.cross_entropy(self.network.head(name, *inputs), targets[name])
            penalty = sum(weight.norm() for weight in self.network.penalised_by(name))
            (loss + self.options.alpha * penalty).backward()
            self.optimiser.step()

    @staticmethod
    def _forever(loader: DataLoader) -> Iterator[list[Tensor]]:
        while True:
            yield from loader
