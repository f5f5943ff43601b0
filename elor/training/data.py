"""The inputs of a network on its device: what is read again and again stays resident on a GPU; the rest on disk."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

INT16_SCALE = 1 / 32_768
"""Signed 16-bit samples to [-1, 1], as in the paper's experimental setup."""


class Inputs:
    """Minibatches of slices, scaled as the networks take them.

    Arrays are memory-mapped, so that every process reads the same pages of the same file. A training copies them to its
    GPU once (a full corpus of int16 audio takes 1.6 GB) and indexes them there; who needs a few rows uploads these.

    Args:
        files: path of each input's array, slices first.
        device: where batches shall lie.
        resident: whether the whole arrays shall lie there too, if it is a GPU.
    """

    def __init__(self, files: dict[str, Path], device: torch.device, resident: bool = False) -> None:
        self.device = device
        self._arrays = {name: np.load(path, mmap_mode="r") for name, path in files.items()}
        self._resident: dict[str, Tensor] = {}
        if resident and device.type != "cpu":
            self._resident = {name: _upload(np.array(a), device) for name, a in self._arrays.items()}

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def batch(self, slices: np.ndarray | Tensor) -> tuple[Tensor, ...]:
        """The inputs of some slices, in the network's order.

        Args:
            slices: (batch,) row numbers; those that lie on the device already need not be waited for.
        """
        return tuple(self._one(name, slices) for name in self._arrays)

    def _one(self, name: str, slices: np.ndarray | Tensor) -> Tensor:
        if self._resident:
            value = self._resident[name][torch.as_tensor(slices, device=self.device)]
        else:
            value = _upload(self._arrays[name][np.asarray(torch.as_tensor(slices).cpu())], self.device)
        return value.float().mul_(INT16_SCALE).unsqueeze(1) if name == "audio" else value

    def moments(self, name: str, slices: np.ndarray, chunk: int = 256) -> tuple[Tensor, Tensor]:
        """Mean and deviation of an input's channels over some slices, in two passes and float64.

        Shape:
            (channels,) each
        """
        array = self._arrays[name]
        over = (0,) if array.ndim == 2 else (0, 2)
        parts = [np.sort(slices)[start : start + chunk] for start in range(0, len(slices), chunk)]
        count = len(slices) * (array.shape[2] if array.ndim == 3 else 1)
        mean = sum(array[part].sum(axis=over, dtype=np.float64) for part in parts) / count
        centre = mean if array.ndim == 2 else mean[:, None]
        variance = sum(((array[part] - centre) ** 2).sum(axis=over) for part in parts) / count
        return torch.from_numpy(mean).float(), torch.from_numpy(np.sqrt(variance)).float()


def _upload(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device)
