"""Levels of sound and of spectra."""

import numpy as np
from numpy.typing import NDArray

FAINTEST = 1e-10
"""The least share of the highest bin's power, -100 dB."""


def rms(signal: NDArray[np.floating]) -> np.floating:
    """Root mean square of (samples,), in their own precision; 0 of none."""
    return np.sqrt(np.mean(signal**2)) if len(signal) else signal.dtype.type(0)


def below_highest(power: NDArray) -> NDArray:
    """Powers in dB below the highest bin, not below `FAINTEST`: (..., bins)."""
    highest = power.max(axis=-1, keepdims=True)
    return 10 * np.log10(np.maximum(power / np.where(highest > 0, highest, 1.0), FAINTEST))
