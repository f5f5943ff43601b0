"""Levels by time and frequency, as the figures and the page draw them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT, get_window, welch

from elor.audio import SAMPLE_RATE
from elor.explain.integrated import FRAME, HOP

FLOOR_DB = -80.0
"""The faintest level of a spectrogram, below its loudest point."""

SPECTRUM_FRAME = 1_024
"""64 ms at 16 kHz: 15.6 Hz per bin."""

LOWEST_HZ = 50.0


def spectrogram(signal: NDArray) -> NDArray:
    """Level in dB below the loudest point in the frames of `Path.stft`, not below `FLOOR_DB`: (frames, bins)."""
    transform = ShortTimeFFT(get_window("hann", FRAME), hop=HOP, fs=SAMPLE_RATE, fft_mode="onesided")
    frames = -(-len(signal) // HOP) + 1
    power = np.abs(transform.stft(np.asarray(signal, dtype=float), p0=0, p1=frames).T) ** 2
    return 10 * np.log10(np.maximum(power / (power.max() or 1.0), 10 ** (FLOOR_DB / 10)))


def spectrum_of(signal: NDArray) -> tuple[NDArray, NDArray]:
    """Mean spectrum: frequencies in Hz and levels in dB below the highest bin, from `LOWEST_HZ` on: (bins,) each."""
    hz, power = welch(signal, SAMPLE_RATE, nperseg=SPECTRUM_FRAME)
    kept = hz >= LOWEST_HZ
    return hz[kept], 10 * np.log10(np.maximum(power[kept] / (power[kept].max() or 1.0), 1e-10))
