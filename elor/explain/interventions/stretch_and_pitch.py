"""Speech at another speed or pitch: one of the two changes, the other stays, and so do the formants."""

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import istft, stft
from scipy.signal.windows import hann

from elor.audio import SAMPLE_RATE
from elor.explain.level import rms

FRAME = 512
"""Samples (32 ms) per frame of the time-stretch: two periods of a deep voice."""

TOLERANCE = 160
"""Samples (10 ms) by which a frame of the time-stretch may move to fit its neighbour."""

QUEFRENCY = 32
"""Samples (2 ms): cepstral coefficients below are the spectral envelope, above lies the pitch up to 500 Hz."""


def stretch(signal: NDArray, speed: float) -> NDArray:
    """Speak `speed` times as fast with the pitch kept: (samples,) -> (round(samples / speed),).

    Waveform-similarity overlap-add (Verhelst and Roelands 1993): 32-ms Hann frames every 16 ms, each taken from where,
    within 10 ms, it best resembles what would have followed its predecessor. At speed 1 that is what did follow.
    """
    hop, count = FRAME // 2, round(len(signal) / speed)
    steps = -(-count // hop) + 1
    reach = hop + TOLERANCE
    behind = max(0, round(steps * hop * speed) - len(signal)) + 2 * reach + FRAME
    padded = np.pad(signal, (reach, behind), mode="symmetric")  # zeros would end up in the sound, as more padding
    squares = np.concatenate([[0.0], np.cumsum(padded**2)])
    window, output, place = hann(FRAME, sym=False), np.zeros((steps + 1) * hop), TOLERANCE
    for step in range(steps):
        if step:
            place = _best_match(padded, squares, place + hop, round(step * hop * speed))
        output[step * hop : step * hop + FRAME] += window * padded[place : place + FRAME]
    return output[hop : hop + count]


def shift_pitch(signal: NDArray, semitones: float) -> NDArray:
    """Move the fundamental by `semitones`, duration, spectral envelope (hence formants) and RMS kept.

    Stretched by 2^(semitones / 12) and resampled back to its length, which moves everything; then each 32-ms spectrum
    gets back the original's cepstral envelope (below 2 ms).
    """
    factor = 2 ** (semitones / 12)
    moved = soxr.resample(stretch(signal, 1 / factor), SAMPLE_RATE * factor, SAMPLE_RATE, quality="VHQ")
    return as_loud(_with_envelope_of(signal, fitted(moved, len(signal))), signal)


def fitted(signal: NDArray, samples: int) -> NDArray:
    """Cut, or filled up with zeros: (samples,)."""
    return np.pad(signal[:samples], (0, max(0, samples - len(signal))))


def as_loud(altered: NDArray, signal: NDArray) -> NDArray:
    """The altered signal at the other's RMS; silence stays silence."""
    level = rms(altered)
    return altered * (rms(signal) / level) if level > 1e-12 else altered


def _best_match(padded: NDArray, squares: NDArray, natural: int, nominal: int) -> int:
    """Where, near `nominal`, the sound most resembles that at `natural`: the highest normalised correlation."""
    first = nominal
    around = padded[first : first + 2 * TOLERANCE + FRAME]
    template = padded[natural : natural + FRAME]
    products = np.correlate(around, template, mode="valid")
    lags = np.arange(first, first + len(products))
    energy = squares[lags + FRAME] - squares[lags]
    likeness = products / np.sqrt(np.maximum(energy, 1e-12))
    return first + int(likeness.argmax())


def _with_envelope_of(model: NDArray, signal: NDArray) -> NDArray:
    """A signal whose short-time spectra get the spectral envelopes of another of the same length, within 24 dB."""
    shape, count = {"nperseg": FRAME, "noverlap": FRAME * 3 // 4}, max(len(signal), FRAME)
    model_spectra, spectra = (stft(fitted(one, count), **shape)[2] for one in (model, signal))
    wanted = _envelope(np.abs(model_spectra)) - _envelope(np.abs(spectra))
    corrected = istft(spectra * np.exp(np.clip(wanted, -2.76, 2.76)), **shape)[1]
    return fitted(corrected, len(signal))


def _envelope(magnitudes: NDArray) -> NDArray:
    """The log spectrum (bins, frames) without its ripple beyond 2 ms of quefrency; floor 80 dB below the peak."""
    logs = np.log(np.maximum(magnitudes, 1e-4 * magnitudes.max(initial=1e-12)))
    cepstra = np.fft.irfft(logs, axis=0)
    cepstra[QUEFRENCY : len(cepstra) - QUEFRENCY + 1] = 0.0
    return np.fft.rfft(cepstra, axis=0).real
