"""Mel-frequency cepstral coefficients: what the LoM network sees of a slice, `26 x 599`.

The settings are the paper's (25-ms window, 10-ms shift, 1024-point FFT, 26 coefficients) on the defaults of
python_speech_features 0.6: pre-emphasis 0.97, rectangular window, 26 HTK mel filters, orthonormal DCT-II, lifter 22,
and the log-energy of a frame in place of its coefficient 0. The steps are torchaudio's. Its filters are triangles in Hz
where python_speech_features rounds their corners down to FFT bins: over speech the coefficients correlate above 0.997
(the first nine above 0.9995), but are not equal to the last digit.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torchaudio.functional as audio

from elor.audio import SAMPLE_RATE
from elor.device import one_thread
from elor.features.packed import opened, packed
from elor.features.slices import SLICE_SAMPLES
from elor.progress import Progress

COEFFICIENTS = 26
WINDOW = SAMPLE_RATE * 25 // 1000  # 400 samples, 25 ms
SHIFT = SAMPLE_RATE // 100  # 160 samples, 10 ms
FFT = 1024
FRAMES = 1 + math.ceil((SLICE_SAMPLES - WINDOW) / SHIFT)  # 599: the last one is completed with zeros
PRE_EMPHASIS = 0.97
LIFTER = 22
EPSILON = float(np.finfo(np.float64).eps)  # stands for a power of zero, whose logarithm digital silence would need


def mfcc(slices: torch.Tensor) -> torch.Tensor:
    """Compute the MFCCs of slices, each on its own: a slice's numbers do not depend on its batch.

    Args:
        slices: int16, or floats on int16's scale (the log-energy, coefficient 0, depends on the scale).

    Shape:
        `(batch, 96000)` -> float32 `(batch, 26, 599)`.

    Reference:
        Lyons, python_speech_features 0.6, `mfcc(signal, nfft=1024, numcep=26)`.
    """
    if slices.ndim != 2 or slices.shape[1] != SLICE_SAMPLES:
        raise ValueError(f"expected slices of shape (batch, {SLICE_SAMPLES}), got {tuple(slices.shape)}")
    if not len(slices):
        return torch.empty(0, COEFFICIENTS, FRAMES)
    with one_thread():
        return torch.stack([_cepstrum(signal) for signal in slices.float()])


def write_mfcc(slices: Path, out: Path) -> None:
    """Write the MFCCs of every slice of `slices` (int16 `(n, 96000)`) to `out` (float32 `(n, 26, 599)`).

    Raises:
        UserError: if `slices` cannot be read or the disk is full.
    """
    signals = opened(slices, (SLICE_SAMPLES,), "int16")
    count = len(signals)
    with (
        packed(out, (count, COEFFICIENTS, FRAMES), "float32") as array,
        Progress("MFCC", total=count, unit="slice") as progress,
    ):
        for row in range(count):
            array[row] = mfcc(torch.from_numpy(signals[row : row + 1].copy()))[0].numpy()
            progress.advance()


def _cepstrum(signal: torch.Tensor) -> torch.Tensor:
    """The coefficients `(26, 599)` of one float32 slice `(96000,)`."""
    filters, cosines = _matrices(signal.device)
    power = _power(audio.preemphasis(signal, PRE_EMPHASIS))
    mel = _log(filters @ power[:-1])
    coefficients = cosines @ mel
    coefficients[0] = _log(power.sum(0))
    return coefficients


def _power(signal: torch.Tensor) -> torch.Tensor:
    """The power spectrum `(513, 599)` of rectangular windows, divided by the FFT's length.

    torch centres a window that is shorter than the FFT within the FFT's frame: padding the start by half the difference
    puts the first window on the first sample.
    """
    before = (FFT - WINDOW) // 2
    after = (FRAMES - 1) * SHIFT + FFT - before - SLICE_SAMPLES
    window = torch.ones(WINDOW, device=signal.device)
    spectrum = audio.spectrogram(
        torch.nn.functional.pad(signal, (before, after)),
        pad=0,
        window=window,
        n_fft=FFT,
        hop_length=SHIFT,
        win_length=WINDOW,
        power=2.0,
        normalized=False,
        center=False,
    )
    return spectrum / FFT


def _log(power: torch.Tensor) -> torch.Tensor:
    """The logarithm, with `EPSILON` for exact zeros and for nothing else (as python_speech_features has it)."""
    return torch.where(power == 0, EPSILON, power).log()


@cache
def _matrices(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The mel filters `(26, 512)` and the DCT with its lifter `(26, 26)`: both turn a column into a column.

    python_speech_features rounds each corner of a filter down to a bin, which moves it by half a bin on average. So a
    bin takes torchaudio's weight for half a bin above it, from a grid of twice as many bins; the last bin has none.
    """
    halves = audio.melscale_fbanks(FFT + 1, 0.0, SAMPLE_RATE / 2, COEFFICIENTS, SAMPLE_RATE, norm=None, mel_scale="htk")
    filters = halves[1::2]
    lifter = 1 + LIFTER / 2 * torch.sin(math.pi * torch.arange(COEFFICIENTS) / LIFTER)
    cosines = audio.create_dct(COEFFICIENTS, COEFFICIENTS, norm="ortho").T * lifter[:, None]
    return filters.T.contiguous().to(device), cosines.contiguous().to(device)
