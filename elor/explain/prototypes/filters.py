"""Prototypes of single filters, so that every learned layer can be looked at, as the paper puts it.

A filter's answer is the mean over time of its max-pooled, normalised output before the ReLU. Without the pooling it
would be linear in the signal, and its prototype a constant; after the ReLU it would have no slope where it is silent.
The signal is a few receptive fields long, has a fixed level, and is sought as any other prototype.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.device import exact, local
from elor.explain.level import below_highest
from elor.explain.prototypes.ascent import Ascent, Goal, prototypes
from elor.explain.prototypes.descriptors import describe
from elor.fastconv import ConvBlock
from elor.features.slices import SLICE_SAMPLES
from elor.files import replacing
from elor.networks import Architecture
from elor.training.weights_file import load_network

FIELDS = 4
"""Receptive fields per signal: what a filter wants before and after what it wants."""

LEAST = 1_024
"""Samples of a signal at least (64 ms), so that its spectrum can be read."""

BINS = 512
"""Of the frequency responses, from 0 Hz to half the sampling rate."""


@dataclass(frozen=True)
class FilterJob:
    """The filters of one layer: the network's file, the layer (from 0), the search, and where to compute."""

    path: Path
    layer: int
    how: Ascent
    device: str


@dataclass(frozen=True)
class LayerFilters:
    """What was found for the filters of one layer.

    Attributes:
        layer: its number.
        signals: (filters, samples) float32.
        responses: (filters, bins), the power spectra of the signals in dB below each one's highest bin.
        table: one row per filter: layer, filter, converged, answer, peak_hz (the highest bin), and the descriptors.
    """

    layer: int
    signals: NDArray
    responses: NDArray
    table: pd.DataFrame


class Filters(nn.Module):
    """The blocks up to a layer, answering with its filters: (batch, 1, samples) -> (batch, filters)."""

    def __init__(self, blocks: nn.Sequential, layer: int) -> None:
        super().__init__()
        top = blocks[layer]
        assert isinstance(top, ConvBlock)
        self.below, self.top = blocks[:layer], top

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        top = self.top
        output = top.norm(top.conv(F.pad(self.below(audio), top.padding)))
        return {"filters": F.max_pool1d(output, top.pool).mean(-1)}


def receptive_field(shape: Architecture, layer: int) -> int:
    """Samples that one pooled output of a layer (from 0) looks at."""
    field, hop = 1, 1
    for index in range(layer + 1):
        field += (shape.lengths[index] - 1) * hop
        hop *= shape.stride if index == 0 else 1
        field += (shape.pools[index] - 1) * hop
        hop *= shape.pools[index]
    return field


def filter_jobs(path: Path, how: Ascent, devices: Sequence[str]) -> list[FilterJob]:
    """One job per layer of a network, the deepest first; one restart in level mode, in the time domain."""
    simple = replace(how, parametrisation="time", mode="level", restarts=1)
    order = reversed(range(len(load_network(path).architecture.filters)))
    return [FilterJob(path, layer, simple, devices[index % len(devices)]) for index, layer in enumerate(order)]


@exact()
def seek_filters(job: FilterJob) -> LayerFilters:
    """Seek what each filter of a layer answers most strongly."""
    network = load_network(job.path).to(local(job.device))
    shape, filters = network.architecture, Filters(network.cnn, job.layer)
    targets = [Goal("filters", number) for number in range(shape.filters[job.layer])]
    samples = min(max(LEAST, FIELDS * receptive_field(shape, job.layer)), SLICE_SAMPLES)
    found = prototypes(filters, targets, job.how, samples)
    signals = found.signals[:, 0]
    responses = response(signals)
    hertz = np.linspace(0, job.how.rate / 2, BINS + 1)
    rows = [
        {
            "layer": job.layer,
            "filter": number,
            "converged": int(found.converged[number, 0]),
            "answer": found.logits[number, 0],
            "peak_hz": hertz[responses[number].argmax()],
        }
        | describe(signal, job.how.rate)
        for number, signal in enumerate(signals)
    ]
    return LayerFilters(job.layer, signals, responses, pd.DataFrame(rows))


def response(signals: NDArray) -> NDArray:
    """Power spectra in dB below the highest bin, mean of Hann frames of 2 `BINS`: (n, samples) -> (n, BINS + 1)."""
    frames = np.lib.stride_tricks.sliding_window_view(signals, 2 * BINS, axis=1)[:, ::BINS]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(2 * BINS)))).mean(1)
    return below_highest(power)


def write_filters(folder: Path, found: list[LayerFilters]) -> pd.DataFrame:
    """Write units.npz (`<layer>.signals`, `<layer>.responses`); returns the table of all layers, from the first."""
    arrays = {f"{one.layer}.signals": one.signals for one in found}
    arrays |= {f"{one.layer}.responses": one.responses.astype(np.float32) for one in found}
    with replacing(folder / "units.npz") as part, part.open("wb") as stream:
        np.savez(stream, **arrays)
    return pd.concat([one.table for one in found]).sort_values(["layer", "filter"], ignore_index=True)
