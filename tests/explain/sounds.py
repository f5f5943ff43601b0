"""Sounds whose acoustics are known."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

RATE = 16_000


def tone(hertz: float, seconds: float = 2.0) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def speech(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Vowels of a gliding pitch through two formants, with two pauses of 400 ms on a noise floor."""
    rng, count = np.random.default_rng(seed), round(seconds * RATE)
    time = np.arange(count) / RATE
    pitch = np.cumsum(140 + 20 * np.sin(3 * time)) / RATE
    pulses = np.diff(np.floor(pitch), prepend=0.0)
    for hertz, width in ((600, 80), (1_500, 120)):
        radius, angle = np.exp(-np.pi * width / RATE), 2 * np.pi * hertz / RATE
        pulses = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pulses)
    voice = 0.1 * pulses / np.abs(pulses).max() * (0.7 + 0.3 * np.sin(9 * time))
    for start in (1.0, 2.5):
        voice[round(start * RATE) : round((start + 0.4) * RATE)] = 0.0
    return voice + 1e-4 * rng.standard_normal(count)
