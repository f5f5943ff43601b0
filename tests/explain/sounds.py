"""Sounds whose acoustics are known."""

from __future__ import annotations

import numpy as np
import torch
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


def harmonics(seed: int, samples: int = 96_000) -> np.ndarray:
    """Something like speech: harmonics under a slow envelope, and noise, int16."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    pitch = 2 * np.pi * np.cumsum(120 + 60 * rng.random() + 20 * np.sin(2 * time)) / 16_000
    sound = sum(np.sin(k * pitch) / k for k in range(1, 20)) * (0.1 + np.sin(np.pi * 3 * time) ** 2)
    return (3_000 * (sound + 0.1 * rng.normal(size=samples))).astype(np.int16)


def as_audio(signals: list[np.ndarray]) -> torch.Tensor:
    """Slices as networks hear them, (batch, 1, samples)."""
    return torch.from_numpy(np.stack(signals).astype(np.float32) / 32_768)[:, None]
