"""Mean spectra of prototypes: small enough to keep those of all restarts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import welch

from elor.audio import SAMPLE_RATE
from elor.explain.level import below_highest

FRAME = 1_024
"""64 ms at 16 kHz: 15.6 Hz per bin."""

LOWEST_HZ = 50.0
"""Below it nobody hears anything, and no figure shows it."""


def frequencies() -> NDArray:
    """What the bins of `spectra` stand for, in Hz: (bins,)."""
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    return hertz[hertz >= LOWEST_HZ]


def spectra(signals: ArrayLike) -> NDArray:
    """Power in dB below the highest bin, from `LOWEST_HZ` on: (..., samples) -> (..., bins)."""
    hertz, power = welch(signals, SAMPLE_RATE, nperseg=FRAME)
    return below_highest(power[..., hertz >= LOWEST_HZ])
