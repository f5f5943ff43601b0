"""How much memory a training takes, found on tensors without content, before it is tried.

The most that lives at a time in one update is counted on the device `meta`: the network, its gradients and momentum,
what the forward pass keeps, and what the backward pass adds. It is what a GPU holds, and a little more than a CPU,
which convolves a first layer slice by slice.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from elor.engine import Engine
from elor.errors import UserError
from elor.networks import Architecture, ImpossibleShape, MultiHeadNetwork
from elor.training.job import TrainingJob

PROCESS = {"cpu": 350 * 2**20, "cuda": 700 * 2**20}
"""Bytes of a worker before it trains: Python with PyTorch's libraries; on a GPU its context and its libraries."""

SPARE = 0.9
"""Share of the free memory that may be taken."""


class _Peak(TorchDispatchMode):
    """The bytes of all storages that live at a time, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.live, self.peak, self.known = 0, 0, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for value in tree_leaves(output):
            if isinstance(value, Tensor):
                self._count(value.untyped_storage())
        return output

    def _count(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self.known:
            return
        self.known.add(place)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, place, size)

    def _free(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.live -= size


@lru_cache(maxsize=256)
def needed(architecture: Architecture, batch: int) -> int:
    """Bytes that one update takes at most, beside the process and the corpus.

    Returns:
        0 for a shape that is impossible, whose training ends before it begins.
    """
    try:
        return _counted(architecture, batch)
    except ImpossibleShape:
        return 0


def _counted(architecture: Architecture, batch: int) -> int:
    with _Peak() as peak, torch.device("meta"):
        network = MultiHeadNetwork(replace(architecture, dropout=0.0)).train()
        inputs = [torch.empty(batch, *shape) for shape in architecture.shapes.values()]
        head = architecture.heads[0].name
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        for _ in range(2):  # momentum is there from the second update on
            optimiser.zero_grad(set_to_none=True)
            network.head(head, *inputs).sum().backward()
            optimiser.step()
    return peak.peak


def fitting(engine: Engine, jobs: Sequence[TrainingJob]) -> Engine:
    """The engine with as many workers as the largest of some jobs leaves room for; says so if they are fewer.

    Raises:
        UserError: if not even one fits.
    """
    if engine.address is not None or not jobs:
        return engine
    device = engine.devices()[0]
    free, largest = free_bytes(device), max(jobs, key=lambda job: needed(job.architecture, job.options.batch))
    each = needed(largest.architecture, largest.options.batch) + PROCESS[device.split(":")[0]]
    if device != "cpu":
        each += sum(path.stat().st_size for path in largest.files.values())
    room = int(SPARE * free / each) * len(engine.devices())
    batch, gb = largest.options.batch, f"{each / 1e9:.1f} of {free / 1e9:.1f} GB"
    if room < 1:
        raise UserError(
            f"{largest.title}: a batch of {batch} would take {gb} that are free on {device}; set a smaller "
            f"networks.{largest.architecture.network}.batch, narrow the search's space, or take a larger machine."
        )
    wanted = min(engine.count(), len(jobs))
    if room < wanted:
        name = largest.architecture.network
        print(f"{name}: {room} jobs at a time and not {wanted}: a batch of {batch} takes {gb}.", file=sys.stderr)
        return replace(engine, workers=room)
    return engine


def free_bytes(device: str) -> int:
    """Bytes that are free on a device."""
    if device != "cpu":
        return torch.cuda.mem_get_info(torch.device(device))[0]
    import psutil

    return psutil.virtual_memory().available
