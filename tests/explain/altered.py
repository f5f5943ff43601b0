"""Slices to alter, and the jobs that ask networks about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elor.explain.interventions import run as running
from tests.explain.sounds import speech
from tests.worlds.slices import SPEAKERS, Slices, write_slices

LENGTHENING = ("pause_insertion", "pause_removal", "pause_lengthening", "time_stretch")


def write_speech(folder: Path) -> Slices:
    """Six slices of three speakers with pauses, and for each speaker a network on audio and one on MFCCs."""
    sounds = [speech(n / 16_000, seed) * (1 + seed / 5) for seed, n in enumerate([36_000, 32_000] * len(SPEAKERS))]
    return write_slices(folder, [np.round(sound * 32_767).astype(np.int16) for sound in sounds], names=("elor", "lom"))


def jobs_of(corpus: Slices, networks: tuple[str, ...] = ("elor",)) -> list[running.InterventionJob]:
    """One job per fold, on all slices, beside two networks before training."""
    return running.plan(corpus.experiment, networks, 6, 2)
