"""Test signals: real recordings where they are present, and harmonic pseudo-speech made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from elor.audio import read_int16
from elor.features.slices import SLICE_SAMPLES, split

RECORDINGS = Path(__file__).parents[3] / "shared" / "emodb" / "wav"


def real_speech(count: int) -> np.ndarray | None:
    """Slices int16 `(count, 96000)` of recordings spread over the speakers, or None where there are none."""
    files = sorted(RECORDINGS.glob("*.wav"))
    if len(files) < count:
        return None
    return np.concatenate([split(read_int16(path))[:1] for path in files[:: len(files) // count][:count]])


def pseudo_speech(count: int, seconds: float = 6.0, seed: int = 0) -> np.ndarray:
    """Slices int16 `(count, 96000)` of pulses with a gliding pitch through drifting formants, syllables and breath."""
    generator = np.random.default_rng(seed)
    return np.stack([_utterance(generator, round(seconds * 16_000)) for _ in range(count)])


def _utterance(generator: np.random.Generator, samples: int) -> np.ndarray:
    time = np.arange(samples) / 16_000
    pitch = generator.uniform(90, 240) * (1 + 0.2 * np.sin(2 * np.pi * generator.uniform(0.3, 0.8) * time))
    phase = np.cumsum(pitch) / 16_000
    source = np.diff(np.floor(phase), prepend=0) + 0.02 * generator.standard_normal(samples)
    pieces = []
    for piece in np.array_split(source, max(1, samples // 3_200)):  # another vowel every 200 ms
        for formant in (generator.uniform(300, 900), generator.uniform(1_000, 2_500), generator.uniform(2_600, 3_800)):
            radius, angle = np.exp(-np.pi * 90 / 16_000), 2 * np.pi * formant / 16_000
            piece = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], piece)
        pieces.append(piece / np.abs(piece).max())
    envelope = 0.05 + np.sin(2 * np.pi * 2.5 * time + generator.uniform(0, 6)) ** 2
    signal = np.concatenate(pieces) * envelope
    slice_ = np.zeros(SLICE_SAMPLES, dtype=np.int16)
    slice_[:samples] = np.rint(signal / np.abs(signal).max() * generator.uniform(3_000, 30_000))
    return slice_
