"""Which way of convolving is fastest for a shape, from a cost model: the same shapes always give the same choice."""

from __future__ import annotations

import math

from torch import Tensor

from elor.fastconv.spectral import Frames

DIRECT_NS = 0.0145
TRANSFORM_NS = 3.3
PRODUCT_NS = 0.012
FILTER_NS = 4.0
OVERHEAD_NS = 5e5
"""See `cost`. Fitted on one core with AVX-512; `python -m benchmarks.convolutions --choice` shows how well."""


def frames(signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int]) -> Frames | None:
    """Chooses how to convolve signals (batch, channels, samples) with a weight (filters, channels, length).

    Returns:
        The frames of the spectral convolution, or None where `torch.nn.functional.conv1d` is at least as fast, and on
        other devices than a CPU, for which the costs below do not hold.
    """
    possible = stride == 1 and len(signal) > 0 and signal.shape[-1] + sum(padding) >= weight.shape[-1]
    if signal.device.type != "cpu" or not possible:
        return None
    best = cheapest(signal, weight, padding)
    direct = 3 * 2 * DIRECT_NS * len(signal) * weight.numel() * best.samples
    return best if cost(best, len(signal), weight) < direct else None


def cheapest(signal: Tensor, weight: Tensor, padding: tuple[int, int]) -> Frames:
    """Chooses the frames of the least cost, of a power of two samples each."""
    batch, _, samples = signal.shape
    length = weight.shape[-1]
    shortest = math.ceil(math.log2(2 * length))
    options = [Frames.cut(samples, length, 2**n, padding) for n in range(shortest, shortest + 5)]
    return min(options, key=lambda option: cost(option, batch, weight))


def cost(frames: Frames, batch: int, weight: Tensor) -> float:
    """Estimates a spectral convolution, forward and backward, in nanoseconds of one core.

    Signals are transformed twice on either side of the layer (TRANSFORM_NS per sample), the filters and their gradient
    three times (FILTER_NS per sample), and three products take eight operations (PRODUCT_NS each) per frequency, frame,
    channel and filter.
    """
    filters, channels, _ = weight.shape
    columns = batch * frames.count
    transforms = 2 * (channels + filters) * columns * frames.size * TRANSFORM_NS
    products = 3 * 8 * filters * channels * columns * frames.frequencies * PRODUCT_NS
    return transforms + products + 3 * filters * channels * frames.size * FILTER_NS + OVERHEAD_NS
