"""The same recording under two speakers: whoever trains on the one and tests on the other has heard the answer.

A digest finds only copies that are the same byte for byte. So every utterance is heard once and becomes a print: its
loudness over time in eight bands below 3.5 kHz, from the first to the last moment that sounds, so that neither silence
around it, another level, another rate nor another format matters. Where two prints of different speakers are alike, the
waveforms themselves are laid over each other, and only what then agrees is called a copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.audio import SAMPLE_RATE, Sounds
from elor.errors import UserError
from elor.progress import track

COLUMNS = ("utterance", "speaker", "other", "other_speaker", "likeness")

HOP = 160
"""Samples per moment, 10 ms."""

SOUNDS = 1e-4
"""Power, as a share of the loudest moment's, from which on a moment sounds: -40 dB."""

SHORTEST = 30
"""Moments that must sound, 0.3 s: of less, anything is like anything."""

MOMENTS, BANDS = 32, 8

ALIKE = 0.9
"""Correlation of two prints from which on the waveforms are compared."""

SAME = 0.75
"""Correlation of two waveforms from which on they are one recording; without what is above 4 kHz it is about 0.95."""

MOST = 5_000
"""Pairs of prints that are compared by their waveforms at most."""

_EDGES = np.geomspace(150, 3_500, BANDS + 1)
_BINS = [
    slice(int(low * 512 / SAMPLE_RATE), max(int(low * 512 / SAMPLE_RATE) + 1, int(high * 512 / SAMPLE_RATE)))
    for low, high in pairwise(_EDGES)
]


@dataclass(frozen=True)
class Heard:
    """What was heard of a table of utterances, row by row.

    Attributes:
        prints: float32 (n, MOMENTS * BANDS), zero mean and unit length; NaN where there is too little sound.
        moments: (n,) from the first to the last that sounds.
        silent: names of utterances that hold digital silence.
        faults: why utterances could not be read, by name.
    """

    prints: NDArray[np.float32]
    moments: NDArray[np.int64]
    silent: tuple[str, ...]
    faults: dict[str, str]


def listen(utterances: pd.DataFrame, sounds: Sounds) -> Heard:
    """Decode every utterance once.

    Args:
        utterances: rows of utterances.csv.
        sounds: where they lie.
    """
    prints = np.full((len(utterances), MOMENTS * BANDS), np.nan, np.float32)
    moments = np.zeros(len(utterances), np.int64)
    silent, faults = [], {}
    rows = enumerate(utterances.itertuples())
    for row, turn in track(rows, "listening", len(utterances), "utterance"):
        try:
            signal = sounds.read(turn)
        except UserError as error:
            faults[turn.utterance] = str(error)
            continue
        part = sounding(signal)
        if not len(part):
            silent.append(turn.utterance)
        elif len(part) >= SHORTEST * HOP:
            prints[row], moments[row] = fingerprint(part), len(part) // HOP
    return Heard(prints, moments, tuple(silent), faults)


def copies(utterances: pd.DataFrame, heard: Heard, sounds: Sounds) -> pd.DataFrame:
    """Find pairs of utterances of different speakers that are one recording, or overlap in one file.

    Args:
        utterances: rows of utterances.csv.
        heard: what `listen` made of them.
        sounds: as there.

    Returns:
        A row per pair, in the order of `utterances`: `COLUMNS`; `likeness` is the correlation of the waveforms.
    """
    turns = list(utterances.itertuples())

    @lru_cache(64)
    def part(row: int) -> NDArray[np.float64]:
        return sounding(sounds.read(turns[row]))

    found = dict.fromkeys(_overlapping(utterances), 1.0)
    for pair in _alike(utterances, heard):
        if pair not in found and (likeness := correlation(*map(part, pair))) >= SAME:
            found[pair] = likeness
    rows = [
        (turns[a].utterance, turns[a].speaker, turns[b].utterance, turns[b].speaker, round(likeness, 3))
        for (a, b), likeness in sorted(found.items())
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def find_copies(utterances: pd.DataFrame, sounds: Sounds) -> pd.DataFrame:
    """`listen` and `copies` in one; what cannot be read is left to whoever needs it."""
    return copies(utterances, listen(utterances, sounds), sounds)


def named(pairs: pd.DataFrame) -> list[str]:
    """Each pair in words: `a (anna) and b (bert)`."""
    return [f"{row.utterance} ({row.speaker}) and {row.other} ({row.other_speaker})" for row in pairs.itertuples()]


def sounding(signal: NDArray[np.int16]) -> NDArray[np.float64]:
    """A signal (samples,) from the first to the last moment that sounds, as floats; empty for digital silence."""
    values = np.pad(signal.astype(np.float64), (0, -len(signal) % HOP))
    power = np.square(values.reshape(-1, HOP)).mean(1)
    if power.max(initial=0) <= 1:  # zeros, or the dither of zeros
        return values[:0]
    loud = np.flatnonzero(power >= SOUNDS * power.max())
    return values[loud[0] * HOP : (loud[-1] + 1) * HOP]


def fingerprint(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """The print of what `sounding` returned, (MOMENTS * BANDS,), zero mean per band and unit length."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(part, 256), 512)[::HOP] * np.hanning(512)
    power = np.square(np.abs(np.fft.rfft(windows, axis=1)))
    bands = np.stack([power[:, bins].sum(1) for bins in _BINS], 1)
    level = 10 * np.log10(np.maximum(bands, bands.max() * SOUNDS))
    edges = np.linspace(0, len(level), MOMENTS + 1)
    whole = np.minimum(edges.astype(int), len(level) - 1)
    sums = np.vstack([np.zeros(BANDS), np.cumsum(level, axis=0)])
    means = np.diff(sums[whole] + (edges - whole)[:, None] * level[whole], axis=0)
    means -= means.mean(0)
    return (means / max(float(np.linalg.norm(means)), 1e-9)).reshape(-1)


def correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The highest correlation of two signals over all shifts, regardless of sign."""
    size = 1 << (len(one) + len(other) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)))
    return float(np.abs(product).max() / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-9))


def _alike(utterances: pd.DataFrame, heard: Heard, block: int = 512) -> Iterator[tuple[int, int]]:
    """Pairs of rows of different speakers with prints alike and about the same length, the most alike first."""
    speakers = utterances.speaker.to_numpy(dtype=str)
    prints = np.nan_to_num(heard.prints)
    found = []
    for start in range(0, len(prints), block):
        likeness = prints[start : start + block] @ prints.T
        rows, others = np.nonzero(likeness >= ALIKE)
        ahead = others > rows + start
        values, rows, others = likeness[rows, others][ahead], rows[ahead] + start, others[ahead]
        apart = np.abs(heard.moments[rows] - heard.moments[others])
        kept = (speakers[rows] != speakers[others]) & (apart <= 10 + 0.05 * heard.moments[rows])
        found += zip(values[kept], rows[kept], others[kept], strict=True)
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    yield from ((int(row), int(other)) for _, row, other in found[:MOST])


def _overlapping(utterances: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """Pairs of rows of different speakers that share more than half of the shorter one, in one file."""
    starts = utterances.start_s.fillna(0.0).to_numpy(dtype=float)
    stops = starts + utterances.samples.to_numpy() / SAMPLE_RATE
    speakers = utterances.speaker.to_numpy(dtype=str)
    for rows in utterances.groupby(["corpus", "file"], sort=False).indices.values():
        if len(set(speakers[rows])) < 2:
            continue
        for a, b in combinations(sorted(map(int, rows)), 2):
            shared = min(stops[a], stops[b]) - max(starts[a], starts[b])
            shorter = min(stops[a] - starts[a], stops[b] - starts[b])
            if speakers[a] != speakers[b] and shared > 0.5 * shorter:
                yield a, b
