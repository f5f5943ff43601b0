"""Corpora of tones and noises with known cues, as a CSV manifest with its truth beside it; nobody speaks in them.

An utterance is a row of bursts, a low chord under a band of noise above 2.5 kHz, in runs between pauses. Seven cues
describe it, called like those of the demonstration's recipe. Labels are drawn independently of each other; a cue that
is planted follows a label, and every other one varies as much by chance. A loud noise somewhere in each utterance says
nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.signal import butter, sosfilt

from elor.audio import FULL_SCALE, SAMPLE_RATE
from elor.explain.interventions.stretch_and_pitch import rms
from elor.files import replacing, write_text

FLOOR = 10 ** (-66 / 20)
"""RMS of the noise floor."""

SLOPES = {"rate": 0.45, "tilt_db": 10.0, "level_db": 7.0}
"""Of cues that can be planted, from the middle label to an end."""

NOISE = {
    "rate": 0.08,
    "tilt_db": 2.0,
    "level_db": 1.2,
    "run_s": 0.3,
    "pause_s": 0.25,
    "pause_cv": 0.12,
    "peakiness": 0.35,
}
"""Deviation of every cue by chance, around what is planted."""

BASES = {
    "rate": 4.2,
    "tilt_db": -6.0,
    "level_db": -24.0,
    "run_s": 1.1,
    "pause_s": 0.25,
    "pause_cv": 0.35,
    "peakiness": 1.0,
}
OCTAVES = ("rate", "run_s", "pause_s", "peakiness")
"""Cues that vary by factors."""


@dataclass(frozen=True)
class Spec:
    """What is planted: by head and cue the sign."""

    name: str
    cues: Mapping[str, Mapping[str, int]]


CORPORA = (
    Spec("rhythm", {"arousal": {"rate": 1}, "valence": {"tilt_db": -1}}),
    Spec("place", {"arousal": {"tilt_db": 1}, "valence": {"level_db": 1}}),
    Spec("level", {"arousal": {"level_db": 1}, "valence": {}}),
)


@dataclass(frozen=True)
class Utterance:
    """One row of bursts before it sounds: its number decides all chance."""

    name: str
    speaker: int
    seed: int
    labels: Mapping[str, int]
    sounding_s: float
    cues: Mapping[str, float]


def make(spec: Spec, folder: Path, utterances: int = 240, speakers: int = 8, each: int = 3, seed: int = 11) -> Path:
    """Write the corpus `<folder>/<name>.csv` and its truth; returns the table's path.

    Args:
        spec: what is planted.
        folder: where to; it is made.
        utterances, speakers: how many in all.
        each: utterances of every speaker that are made again with each cue moved.
        seed: of everything.
    """
    some = [plan(spec, number, number % speakers, seed) for number in range(utterances)]
    for one in some:
        _write(folder / "sounds" / f"{one.name}.wav", sound(one))
    rows = [
        (f"sounds/{one.name}.wav", f"S{one.speaker}", *(one.labels[name] for name in ("valence", "arousal")))
        for one in some
    ]
    table = folder / f"{spec.name}.csv"
    write_text(table, _csv(("file", "speaker", "valence", "arousal"), rows))
    write_text(folder / "pairs.csv", _csv(("speaker", "cue", "less", "more"), _pairs(some, folder, speakers * each)))
    claims = {"extreme-valence-aroused": False}  # the labels are independent
    with replacing(table.with_suffix(".truth.yaml")) as part:
        cues = {head: dict(planted) for head, planted in spec.cues.items()}
        YAML().dump({"cues": cues, "claims": claims, "pairs": "pairs.csv"}, part)
    return table


def sound(one: Utterance) -> NDArray:
    """The utterance, (samples,) in -1..1; everything but its cues depends on its name alone."""
    rng = np.random.default_rng([one.seed, int(one.name[1:])])
    count, cues = round(one.sounding_s * one.cues["rate"]), one.cues
    pitches, jitter, gaps = rng.uniform(0.9, 1.1, 80), rng.normal(size=80), rng.normal(size=40)
    noise, floor = rng.standard_normal(8 * SAMPLE_RATE), rng.standard_normal(8 * SAMPLE_RATE)
    high = sosfilt(butter(4, (2_500, 5_000), "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
    slot = SAMPLE_RATE / cues["rate"]
    pieces, since = [], 0.0
    for number in range(count):
        length = round(slot * (1 + 0.08 * np.tanh(jitter[number % 80])))
        pieces.append(_burst(length, (110 + 12 * one.speaker) * pitches[number % 80], cues, high[number * 400 :]))
        since += length / SAMPLE_RATE
        if since >= cues["run_s"] and number < count - 1:
            factor = max(0.2, 1 + cues["pause_cv"] * gaps[len(pieces) % 40])
            pieces.append(np.zeros(round(cues["pause_s"] * factor * SAMPLE_RATE)))
            since = 0.0
    signal = np.concatenate(pieces)[: 6 * SAMPLE_RATE]
    signal *= 10 ** (cues["level_db"] / 20) / rms(signal[np.abs(signal) > 0])
    signal += FLOOR * floor[: len(signal)]
    start, span = int(rng.uniform(0.1, 0.8) * len(signal)), SAMPLE_RATE // 12
    loud = noise[-span:] * np.hanning(span) * 10 ** (rng.uniform(-16, -12) / 20)
    end = min(start + span, len(signal))
    signal[start:end] += loud[: end - start]
    return np.clip(signal, -1, 1 - 1 / FULL_SCALE)


def _burst(length: int, pitch: float, cues: Mapping[str, float], noise: NDArray) -> NDArray:
    """A low chord and a high band, in a bell; then nothing up to the next one."""
    wide = int(0.7 * length)
    time = np.arange(wide) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * pitch * k * time) for k in (1, 2, 3, 4)) / 2
    band = noise[:wide] / rms(noise[:wide]) * 10 ** (cues["tilt_db"] / 20)
    bell = np.sin(np.pi * np.arange(wide) / wide) ** (2 * cues["peakiness"])
    return np.concatenate([(chord + band) * bell, np.zeros(length - wide)])


def plan(spec: Spec, number: int, speaker: int, seed: int) -> Utterance:
    """Draw an utterance: its labels, and its cues, which follow them or not."""
    rng = np.random.default_rng([seed, number, 1])
    labels = {name: int(rng.integers(1, 6)) for name in ("arousal", "valence")}
    chance, free = rng.normal(size=len(BASES)), rng.uniform(-1, 1, len(BASES))
    cues = {}
    for place, (cue, base) in enumerate(BASES.items()):
        signs = {head: planted[cue] for head, planted in spec.cues.items() if cue in planted}
        latent = sum(sign * (labels[head] - 3) / 2 for head, sign in signs.items()) if signs else free[place]
        value = SLOPES.get(cue, 0.0) * latent + NOISE[cue] * chance[place]
        cues[cue] = base * 2**value if cue in OCTAVES else base + value
    cues["pause_cv"] = max(0.02, cues["pause_cv"])
    cues["level_db"] += (speaker % 4) - 1.5
    return Utterance(f"u{number:03d}", speaker, seed, labels, float(rng.uniform(1.8, 3.2)), cues)


def _pairs(some: list[Utterance], folder: Path, count: int) -> list[tuple[str, ...]]:
    spread = {cue: float(np.std([one.cues[cue] for one in some])) for cue in BASES}
    rows = []
    for one in some[:count]:  # speakers take turns
        for cue in BASES:
            names = [f"pairs/{one.name}_{cue}_{way}.wav" for way in ("less", "more")]
            for name, side in zip(names, (-1, 1), strict=True):
                low = 0.02 if cue == "pause_cv" else 0.05 if cue in OCTAVES else -np.inf
                cues = dict(one.cues) | {cue: max(low, one.cues[cue] + side * spread[cue])}
                _write(folder / name, sound(replace(one, cues=cues)))
            rows.append((f"S{one.speaker}", cue, *names))
    return rows


def _write(path: Path, signal: NDArray) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (signal * FULL_SCALE).astype(np.int16), SAMPLE_RATE, subtype="PCM_16")


def _csv(header: tuple[str, ...], rows: list[tuple]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([header, *rows])
    return stream.getvalue()
