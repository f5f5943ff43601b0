"""Levels by time and frequency, as the figures and the page draw them."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import ShortTimeFFT, get_window

from elor.audio import SAMPLE_RATE
from elor.explain.integrated import frames_at

FLOOR_DB = -80.0
"""The faintest level of a spectrogram, below its loudest point."""


LOWEST_DB = -60.0
"""Of spectra, levels below are not drawn."""


def floor(spectra: Iterable[ArrayLike]) -> float:
    """Where the axis of these spectra (dB) begins, so that all are seen: a multiple of 10, `LOWEST_DB` or more."""
    return max(LOWEST_DB, 10 * math.floor(min(float(np.min(levels)) for levels in spectra) / 10))


def spectrogram(signal: NDArray, rate: int = SAMPLE_RATE) -> NDArray:
    """Level in dB below the loudest point in the frames of `Path.stft`, not below `FLOOR_DB`: (frames, bins)."""
    frame, hop = frames_at(rate)
    transform = ShortTimeFFT(get_window("hann", frame), hop=hop, fs=rate, fft_mode="onesided")
    frames = -(-len(signal) // hop) + 1
    power = np.abs(transform.stft(np.asarray(signal, dtype=float), p0=0, p1=frames).T) ** 2
    return 10 * np.log10(np.maximum(power / (power.max() or 1.0), 10 ** (FLOOR_DB / 10)))
