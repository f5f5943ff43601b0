"""A corpus of somebody else's: invented speakers, sung vowels at 22,050 Hz, one CSV without a rater."""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
import soundfile

RATE = 22_050
SPEAKERS = ("03", "08", "NA", "x y")
"""Names that a careless reader takes for a number, for nothing, or for two."""

EMOTIONS = ("anger", "happy", "Sadness", "neutral")


def write_sound(path: Path, seconds: float, seed: int = 0) -> None:
    """Write a vowel-like tone with noise that depends on the file's name and the seed."""
    random = np.random.default_rng([zlib.crc32(path.name.encode()), seed])
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = random.uniform(90, 240)
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    loudness = 0.05 + 0.1 * np.abs(np.sin(2 * np.pi * 3 * time))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, loudness * tone + random.normal(0, 0.003, len(time)), RATE, subtype="PCM_16")


def build(folder: Path, each: int = 6) -> Path:
    """Write a corpus with `each` recordings per speaker, of 1.5 to 9.5 s; returns its table."""
    rows = []
    for index in range(each * len(SPEAKERS)):
        speaker = SPEAKERS[index % len(SPEAKERS)]
        file = f"{speaker}/take-{index:02d}.wav"
        write_sound(folder / file, 1.5 + index % 5 * 2)
        valence, arousal = 1 + index * 7 % 41 / 10, 1 + index * 11 % 41 / 10  # on 1..5, in tenths
        rows.append([file, speaker, "FM"[index % 2], valence, arousal, EMOTIONS[index // 4 % 4]])
    return write_rows(folder / "table.csv", rows)


def write_rows(path: Path, rows: list[list[object]]) -> Path:
    """Write the table: its header, then rows in the order of the header."""
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", "speaker", "gender", "valence", "arousal", "emotion"], *rows])
    return path
