"""Signals to listen to: equally loud, faded at both ends, never clipped, and inside the page that plays them.

Loudness is the RMS of the frames that are not silent, so that a signal with long pauses is no louder than one without.
"""

import base64
import io
from typing import Any

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from elor.audio import FULL_SCALE, SAMPLE_RATE
from elor.explain.occlusion import segment_at
from elor.report.downsample import spread

TARGET = 10 ** (-26 / 20)
"""RMS of what sounds, -26 dB below full scale: speech of ordinary crest factor stays below the peak cap."""

CAP = 10 ** (-1 / 20)
"""Highest sample, -1 dB below full scale. A signal with higher peaks is made quieter as a whole."""

GATE = 10 ** (-30 / 20)
"""Frames this far below the loudest one are silence."""

FRAME = 0.025
"""Seconds."""

FADE = 0.010
"""Seconds."""


def loudness(signal: ArrayLike, rate: int = SAMPLE_RATE) -> float:
    """RMS of the frames of 25 ms that lie less than 30 dB below the loudest one; 0 for silence."""
    values = np.asarray(signal, dtype=float)
    frame = round(FRAME * rate)
    padded = np.pad(values, (0, -len(values) % frame))
    power = (padded.reshape(-1, frame) ** 2).mean(axis=1)
    loud = power[power > GATE**2 * power.max(initial=0.0)]
    return float(np.sqrt(loud.mean())) if len(loud) else 0.0


def playable(signal: ArrayLike, rate: int = SAMPLE_RATE) -> NDArray:
    """The signal at the common loudness, faded in and out, below the peak cap: float (samples,). Silence stays so."""
    values = np.asarray(signal, dtype=float)
    level = loudness(values, rate)
    if level == 0.0:
        return values.copy()
    loud = values * TARGET / level
    ramp = np.sin(np.linspace(0, np.pi / 2, min(round(FADE * rate), len(loud) // 2), endpoint=False)) ** 2
    loud[: len(ramp)] *= ramp
    loud[len(loud) - len(ramp) :] *= ramp[::-1]
    return loud * min(1.0, CAP / np.abs(loud).max())


def weighted(signal: ArrayLike, drops: ArrayLike, rate: int = SAMPLE_RATE) -> NDArray:
    """The signal, each sample weighted by how much its windows speak for the class, or move the value: (samples,).

    Args:
        signal: (samples,), with its padding.
        drops: (windows,) of `elor.explain.occlusion.occlusion`; those below zero speak against the class and fall
            silent (give the absolute ones of a value). Where none is above zero, all is silent.
        rate: samples per second.
    """
    values = np.asarray(signal, dtype=float)
    hop, frame = segment_at(rate), round(FRAME * rate)
    weight = np.maximum(spread(drops, len(values), 2 * hop, hop), 0.0)
    edge = np.hanning(2 * frame + 1) / frame  # no clicks at a window's edge
    smooth = np.convolve(weight, edge)[frame : frame + len(values)]  # also of a signal that is shorter than it
    return values * smooth / (smooth.max() or 1.0)


def flac(signal: ArrayLike, rate: int = SAMPLE_RATE) -> bytes:
    """A FLAC file, 16 bit, mono, of samples within -1..1: lossless, at half the size of a WAV file.

    At its lowest level libFLAC predicts by fixed polynomials alone, in integers; higher ones fit predictors in floating
    point, in ways that depend on the processor, and so would the bytes.
    """
    return _file(signal, rate, format="FLAC", compression_level=0.0)


def levels(signal: ArrayLike) -> NDArray:
    """The signal in int16, clipped."""
    rounded = np.rint(np.asarray(signal, dtype=float) * FULL_SCALE)
    return np.clip(rounded, -FULL_SCALE, FULL_SCALE - 1).astype("<i2")


def wav(signal: ArrayLike, rate: int = SAMPLE_RATE) -> bytes:
    """A WAV file, 16 bit, mono, of samples within -1..1."""
    return _file(signal, rate, format="WAV")


def _file(signal: ArrayLike, rate: int, **how: Any) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, levels(signal), rate, subtype="PCM_16", **how)
    return stream.getvalue()


def data_uri(signal: ArrayLike, rate: int = SAMPLE_RATE) -> str:
    """What an `audio` element takes as its source, the signal made `playable`."""
    return "data:audio/flac;base64," + base64.b64encode(flac(playable(signal, rate), rate)).decode()
