"""Which way of convolving is fastest for a shape, from a cost model: the same shapes always give the same choice."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from elor.fastconv.spectral import CHUNK_VALUES, Frames


@dataclass(frozen=True)
class Costs:
    """What a device takes, in nanoseconds; see `cost`.

    Attributes:
        direct: per operation of a direct convolution.
        transform: per sample of a frame that is transformed.
        product: per operation of the products at each frequency.
        filter: per sample of a filter that is transformed.
        overhead: of the whole.
        chunk: complex values of an input spectrum above which the batch is split.
    """

    direct: float
    transform: float
    product: float
    filter: float
    overhead: float
    chunk: int


COSTS = {
    # fitted on one core with AVX-512; `python -m benchmarks.convolutions --choice` shows how well
    "cpu": Costs(direct=0.0145, transform=3.3, product=0.012, filter=4.0, overhead=5e5, chunk=CHUNK_VALUES),
    # estimated from the data sheet of an H200 (67 TFLOP/s, 4.8 TB/s) and not measured: `python -m benchmarks.gpu` does
    "cuda": Costs(direct=3e-5, transform=0.016, product=5e-5, filter=0.016, overhead=2e5, chunk=2**28),
}
"""By kind of device. All choices give the same numbers up to rounding."""

ROWS = True
"""Whether a GPU convolves a single channel by matrix products on the signal (estimated, as above) or by cuDNN."""


def costs_of(device: torch.device) -> Costs:
    """The costs of a device; whatever is no CPU is taken for a GPU."""
    return COSTS["cpu" if device.type == "cpu" else "cuda"]


def whole_batch(device: torch.device) -> bool:
    """Whether a device convolves all signals of a batch at once, rather than one in its cache after the other."""
    return device.type != "cpu"


def frames(signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int]) -> Frames | None:
    """Chooses how to convolve signals (batch, channels, samples) with a weight (filters, channels, length).

    Returns:
        The frames of the spectral convolution, or None where `torch.nn.functional.conv1d` is at least as fast.
    """
    possible = stride == 1 and len(signal) > 0 and signal.shape[-1] + sum(padding) >= weight.shape[-1]
    if not possible:
        return None
    best = cheapest(signal, weight, padding)
    direct = 3 * 2 * costs_of(signal.device).direct * len(signal) * weight.numel() * best.samples
    return best if cost(best, len(signal), weight) < direct else None


def cheapest(signal: Tensor, weight: Tensor, padding: tuple[int, int]) -> Frames:
    """Chooses the frames of the least cost, of a power of two samples each."""
    batch, _, samples = signal.shape
    length = weight.shape[-1]
    shortest = math.ceil(math.log2(2 * length))
    most = costs_of(signal.device).chunk
    options = [Frames.cut(samples, length, 2**n, padding, most) for n in range(shortest, shortest + 5)]
    return min(options, key=lambda option: cost(option, batch, weight))


def cost(frames: Frames, batch: int, weight: Tensor) -> float:
    """Estimates a spectral convolution, forward and backward, in nanoseconds of one core or of a GPU.

    Signals are transformed twice on either side of the layer, the filters and their gradient three times, and three
    products take eight operations per frequency, frame, channel and filter.
    """
    of = costs_of(weight.device)
    filters, channels, _ = weight.shape
    columns = batch * frames.count
    transforms = 2 * (channels + filters) * columns * frames.size * of.transform
    products = 3 * 8 * filters * channels * columns * frames.frequencies * of.product
    return transforms + products + 3 * filters * channels * frames.size * of.filter + of.overhead
