"""Long signals made small without hiding a peak: what a column of pixels shows is its lowest and highest sample.

A waveform of 96,000 samples drawn as one line per sample takes seconds and shows the same pixels.
"""

import base64

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elor.explain.occlusion import HOP, WINDOW, starts

LEVELS = 127
"""The int8 value that stands for the largest magnitude."""

STRONG = 99.5
"""The percentile of |map| at which the colour is full: a single sample must not pale all others."""


def columns(values: ArrayLike, count: int) -> NDArray:
    """The lowest and highest value of `count` equal stretches: (count, 2), fewer rows where there are fewer values."""
    signal = np.asarray(values)
    edges = np.linspace(0, len(signal), min(count, len(signal)) + 1).astype(int)[:-1]
    return np.stack([np.minimum.reduceat(signal, edges), np.maximum.reduceat(signal, edges)], axis=1)


def strongest(values: ArrayLike, count: int) -> NDArray:
    """Of each stretch the value that lies farthest from zero: (count,)."""
    low, high = columns(values, count).T
    return np.where(-low > high, low, high)


def full_colour(values: ArrayLike) -> float:
    """The magnitude at which a map's colour is full; 1 for a map of zeros."""
    magnitudes = np.abs(np.asarray(values))
    return float(np.percentile(magnitudes, STRONG)) or float(magnitudes.max()) or 1.0


def spread(drops: ArrayLike, samples: int, window: int = WINDOW, hop: int = HOP) -> NDArray:
    """Occlusion per sample, (samples,): the mean over the windows that cover it.

    Args:
        drops: (windows,), windows beginning at `elor.explain.occlusion.starts`.
        samples: of the signal.
        window, hop: in samples.
    """
    total, cover = np.zeros(samples), np.zeros(samples)
    for begin, drop in zip(starts(samples, window, hop), np.asarray(drops, dtype=float), strict=True):
        total[begin : begin + window] += drop
        cover[begin : begin + window] += 1
    return total / np.maximum(cover, 1)


def pooled(matrix: NDArray, rows: int, across: int) -> NDArray:
    """Sums of blocks of `rows` x `across`, edges cut to what is there: the sum of all stays the same."""
    summed = np.add.reduceat(matrix, range(0, matrix.shape[0], rows), axis=0)
    return np.add.reduceat(summed, range(0, matrix.shape[1], across), axis=1)


def packed(values: ArrayLike) -> dict[str, str | float]:
    """Numbers as base64 of int8 (`bytes`) and what `LEVELS` of them stand for (`scale`), for the page's script."""
    numbers = np.asarray(values, dtype=float)
    scale = float(np.abs(numbers).max(initial=0.0)) or 1.0
    levels = np.rint(numbers / scale * LEVELS).astype(np.int8)
    return {"bytes": base64.b64encode(levels.tobytes()).decode(), "scale": float(f"{scale:.6g}")}
