"""Where a voice pauses: the one definition that the prototypes' descriptors and the interventions share."""

import numpy as np

FRAME = 0.025
"""Seconds over which the level is measured."""

HOP = 0.010
"""Seconds between two measurements."""

BELOW = 25.0
"""A frame is quiet when it lies more than this many dB below the signal's own loud frames (their 95th percentile)."""

SHORTEST = 0.100
"""Seconds: shorter gaps are the closures of stops, not pauses."""


def pauses(signal: np.ndarray, rate: int = 16000) -> list[tuple[int, int]]:
    """The pauses of a signal, as half-open ranges of samples in the order of time.

    A pause is a run of quiet frames (25-ms RMS every 10 ms, 25 dB below the 95th percentile of all frames) that lasts
    100 ms or more and has sound on both sides: silence before the first and after the last sound interrupts nothing.
    It covers the samples of its quiet frames, so that a digital gap is found up to 20 ms short and never long.

    `signal` is real, of shape (samples,), without zero padding at its end; padding would lower the percentile.
    A signal shorter than one frame, or silent, has no pauses.
    """
    inside = quiet(signal, rate)
    edges = np.flatnonzero(np.diff(inside)) + 1
    if len(inside) and inside[0]:
        edges = edges[1:]
    runs = zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=False)  # one that lasts to the end has no partner
    return [(start, stop) for start, stop in runs if stop - start >= round(SHORTEST * rate)]


def quiet(signal: np.ndarray, rate: int = 16000) -> np.ndarray:
    """Which samples quiet frames cover, (samples,) bool; what is left behind the last whole frame is as that frame."""
    frame, hop = round(FRAME * rate), round(HOP * rate)
    inside = np.zeros(len(signal), dtype=bool)
    if len(signal) < frame:
        return inside
    power = _power(np.asarray(signal, dtype=np.float64), frame, hop)
    below = power < np.percentile(power, 95) * 10 ** (-BELOW / 10)
    for start in np.flatnonzero(below) * hop:
        inside[start : start + frame] = True
    if below[-1]:
        inside[-hop:] = True
    return inside


def _power(signal: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Mean square of each whole frame: (samples,) -> (frames,)."""
    return np.mean(np.lib.stride_tricks.sliding_window_view(signal, frame)[::hop] ** 2, axis=1)
