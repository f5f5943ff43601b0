"""Copies under two speakers: planted in every disguise, found; other speech of the same length is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from scipy.signal import lfilter

from elor.audio import Sounds
from elor.corpora.copies import copies, correlation, find_copies, listen, named
from elor.corpora.reader import open_corpus
from tests.features.speech import pseudo_speech

RATE = 16_000
SPEECH = pseudo_speech(9).astype(float) / 32_768
"""Nine slices of six seconds."""


def disguises(sound: np.ndarray) -> dict[str, tuple[np.ndarray, int, str]]:
    noise = np.random.default_rng(5).standard_normal(len(sound) + 2 * RATE)
    return {
        "byte": (sound, RATE, "PCM_16"),
        "slow": (soxr.resample(sound, RATE, 8_000), 8_000, "PCM_16"),
        "fast": (soxr.resample(sound, RATE, 44_100), 44_100, "PCM_24"),
        "padded": (np.pad(sound, (RATE, RATE // 3)), RATE, "PCM_16"),
        "hum": (np.pad(sound, RATE) + 1e-4 * noise, RATE, "FLOAT"),
        "quiet": (-0.2 * sound, RATE, "PCM_16"),
        "law": (sound, RATE, "ULAW"),
    }


def corpus(folder: Path, rows: list[tuple[str, str]]) -> pd.DataFrame:
    table = folder / "table.csv"
    table.write_text("file,speaker,valence,arousal\n" + "".join(f"{file},{who},3,3\n" for file, who in rows))
    return open_corpus(table).read().utterances


def test_every_disguise_is_seen_through_and_nothing_else(tmp_path: Path) -> None:
    rows = []
    for number, sound in enumerate(SPEECH):
        soundfile.write(tmp_path / f"own{number}.wav", sound, RATE)
        rows.append((f"own{number}.wav", f"s{number % 3}"))
    for name, (sound, rate, subtype) in disguises(SPEECH[4]).items():
        soundfile.write(tmp_path / f"{name}.wav", sound, rate, subtype)
        rows.append((f"{name}.wav", "thief"))
    found = find_copies(corpus(tmp_path, rows), Sounds.of(tmp_path))
    pairs = {frozenset(pair) for pair in zip(found.utterance, found.other, strict=True)}
    assert pairs == {frozenset({"own4", name}) for name in disguises(SPEECH[4])}
    assert len(found) == len(pairs)
    assert found.likeness.between(0.8, 1).all()
    assert named(found)[0] == "byte (thief) and own4 (s1)"


def test_a_speakers_own_copies_are_no_leak(tmp_path: Path) -> None:
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", SPEECH[0], RATE)
    assert find_copies(corpus(tmp_path, [("a.wav", "s"), ("b.wav", "s")]), Sounds.of(tmp_path)).empty
    assert find_copies(corpus(tmp_path, [("a.wav", "s"), ("b.wav", "t")]), Sounds.of(tmp_path)).likeness.tolist() == [
        1.0
    ]


def test_segments_of_one_file_that_overlap(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", SPEECH[:3].reshape(-1), RATE)
    (tmp_path / "table.csv").write_text(
        "file,start,end,speaker,valence,arousal\n"
        "long.wav,0,6,anna,1,1\nlong.wav,2,7,bert,1,1\nlong.wav,6.5,12,anna,1,1\nlong.wav,12,,bert,1,1\n"
    )
    found = find_copies(open_corpus(tmp_path / "table.csv").read().utterances, Sounds.of(tmp_path))
    assert named(found) == ["long@0-6 (anna) and long@2-7 (bert)"]


def test_silence_short_sounds_and_noise_are_nobodys_copies(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sounds = {
        "zeros": np.zeros(RATE),
        "dither": rng.integers(-1, 2, RATE) / 32_768,
        "click": np.r_[np.zeros(900), 0.5, np.zeros(900)],
        "hiss": lfilter([1], [1, -0.9], 0.01 * rng.standard_normal(2 * RATE)),
        "hiss2": lfilter([1], [1, -0.9], 0.01 * rng.standard_normal(2 * RATE)),
    }
    rows = []
    for name, sound in sounds.items():
        for who in "st":
            if name.startswith("hiss") and who == "t":
                continue
            soundfile.write(tmp_path / f"{name}-{who}.wav", sound, RATE)
            rows.append((f"{name}-{who}.wav", f"{who}{name}" if name.startswith("hiss") else who))
    utterances = corpus(tmp_path, rows)
    heard = listen(utterances, Sounds.of(tmp_path))
    assert set(heard.silent) == {"zeros-s", "zeros-t", "dither-s", "dither-t"}
    assert copies(utterances, heard, Sounds.of(tmp_path)).empty


def test_what_cannot_be_read_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", SPEECH[0], RATE, "FLOAT")
    utterances = corpus(tmp_path, [("a.wav", "s"), ("b.wav", "t"), ("c.wav", "u")])
    soundfile.write(tmp_path / "c.wav", SPEECH[0] * 40_000, RATE, "FLOAT")
    heard = listen(utterances, Sounds.of(tmp_path))
    assert list(heard.faults) == ["c"]
    assert "would be clipped" in heard.faults["c"]
    assert named(copies(utterances, heard, Sounds.of(tmp_path))) == ["a (s) and b (t)"]


@pytest.mark.parametrize("shift", [0, 37, 4_000])
def test_the_correlation_is_that_of_the_best_shift(shift: int) -> None:
    one, rest = np.random.default_rng(3).standard_normal((2, 9_000))
    other = np.r_[np.zeros(shift), 0.3 * one]
    assert correlation(one, other) == pytest.approx(1)
    assert correlation(one, rest) < 0.1
    mixed = one + rest
    expected = float(one @ mixed / np.linalg.norm(one) / np.linalg.norm(mixed))
    assert correlation(one, np.r_[np.zeros(shift), mixed]) == pytest.approx(expected, abs=1e-9)
