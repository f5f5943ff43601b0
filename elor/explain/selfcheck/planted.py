"""Signals with known answers: where each class shows is planted, so that a method of attribution can be found wrong.

One second of a noise floor at 16 kHz, cues of 100 ms that begin on the grid of 50-ms segments, and distractors five
times as loud that no class depends on. Every set also renders its *counterfactuals*, the same signals with the other
class planted in one head: what a trained network does with them says whether it really rests on the cue.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elor.audio import SAMPLE_RATE
from elor.explain.attribution import SEGMENT
from elor.explain.occlusion import BANDS, band_edges

SAMPLES = SAMPLE_RATE
SEGMENTS = SAMPLES // SEGMENT

FLOOR, CUE, DISTRACTOR = 0.005, 0.05, 0.25
"""RMS of the noise floor, and amplitudes: the distractor is five times as loud as the cue."""

BURST = 2 * SEGMENT
"""A cue lasts 100 ms."""

Cells = dict[str, NDArray]
"""Which segments or bands, (n, cells) bool, by a name."""

Labels = dict[str, NDArray]
"""Per head the class of each signal, (n,) of 0 and 1."""


@dataclass(frozen=True)
class Planted:
    """Signals and the truth about them.

    Attributes:
        audio: (n, 1, samples) float32.
        classes: per head the class that is planted.
        labels: per head the class that a network is told: the same, but for random labels.
        time: per head the segments in which its cue lies, (n, segments) bool; absent where a cue has no place in time.
        bands: per head the mel bands in which it lies, (n, bands) bool; absent where it has no place in frequency.
        distractor: segments or bands of the distractor, by `time` and `bands`, (n, segments or bands) bool.
        render: makes the signals, (n, samples), from labels; all else is drawn already.
    """

    audio: Tensor
    classes: Labels
    labels: Labels
    time: Cells
    bands: Cells
    distractor: Cells
    render: Callable[[Labels], NDArray]

    def swapped(self, head: str) -> Tensor:
        """The counterfactuals: the same signals with the head's other class, all else equal, (n, 1, samples)."""
        return _tensor(self.render(self.classes | {head: 1 - self.classes[head]}))


def disjoint(count: int, seed: int) -> Planted:
    """Two heads, each with a tone of its own at a place of its own: which of two pitches it has is the class."""
    rng = np.random.default_rng(seed)
    labels = _coins(rng, count, ("first", "second"))
    places, floor = _places(rng, count, 3, gap=1), _floor(rng, count)
    tones = {"first": (900.0, 1_400.0), "second": (2_600.0, 3_800.0)}
    loud = _bursts(rng.uniform(200, 500, count), places[:, 2:], DISTRACTOR, rng)
    phases = rng.uniform(0, 2 * np.pi, (2, count))

    def render(labels: Labels) -> NDArray:
        signal = floor + loud
        for index, (head, pitches) in enumerate(tones.items()):
            pitch = np.take(pitches, labels[head])
            signal = signal + _bursts(pitch, places[:, index : index + 1], CUE, phases[index])
        return signal

    time = {head: _covered(places[:, index : index + 1]) for index, head in enumerate(tones)}
    return _planted(render, labels, time, {}, {"time": _covered(places[:, 2:])})


def frequency(count: int, seed: int) -> Planted:
    """Three tones at random times, whose common pitch is the class, beside three louder ones that say nothing."""
    rng = np.random.default_rng(seed)
    labels = _coins(rng, count, ("pitch",))
    places, floor = _places(rng, count, 6, gap=1), _floor(rng, count)
    detune, phases = rng.uniform(0.98, 1.02, count), rng.uniform(0, 2 * np.pi, count)
    low = rng.uniform(200, 500, count)
    loud = _bursts(low, places[:, 3:], DISTRACTOR, rng)

    def pitch(labels: Labels) -> NDArray:
        return np.take((1_000.0, 2_800.0), labels["pitch"]) * detune

    def render(labels: Labels) -> NDArray:
        return floor + loud + _bursts(pitch(labels), places[:, :3], CUE, phases)

    bands = {"pitch": _bands(pitch(labels), 4 * SAMPLE_RATE / BURST)}
    distractor = {"time": _covered(places[:, 3:]), "bands": _bands(low, 4 * SAMPLE_RATE / BURST)}
    return _planted(render, labels, {"pitch": _covered(places[:, :3])}, bands, distractor)


def pauses(count: int, seed: int) -> Planted:
    """Noise with one pause of 300 ms, or with three of 100 ms: the same silence in all, another number of pauses."""
    rng = np.random.default_rng(seed)
    labels = _coins(rng, count, ("count",))
    voice = CUE * rng.standard_normal((count, SAMPLES)) * rng.uniform(0.7, 1.4, (count, 1))
    floor, one, three = _floor(rng, count), _places(rng, count, 1, length=6), _places(rng, count, 3, gap=2)

    def silent(labels: Labels) -> NDArray:
        return np.where(labels["count"][:, None] == 0, _covered(one, 6), _covered(three))

    def render(labels: Labels) -> NDArray:
        return floor + np.where(silent(labels).repeat(SEGMENT, 1), 0.0, voice)

    return _planted(render, labels, {"count": silent(labels)}, {}, {})


def level(count: int, seed: int) -> Planted:
    """Noise that is quiet or 10 dB louder, all along: the cue has no place at all, and a gain is what finds it."""
    rng = np.random.default_rng(seed)
    labels = _coins(rng, count, ("level",))
    voice, floor = rng.standard_normal((count, SAMPLES)), _floor(rng, count)
    jitter = rng.uniform(-2, 2, count)

    def render(labels: Labels) -> NDArray:
        decibels = np.take((-36.0, -26.0), labels["level"]) + jitter
        return floor + 10 ** (decibels[:, None] / 20) * voice

    return _planted(render, labels, {}, {}, {})


def hum(count: int, seed: int) -> Planted:
    """A spurious cue: a faint mains hum under all signals of one class, which is easier to learn than the true tone.

    The truth is the hum's place in frequency, in the signals that have it; its place in time is everywhere.
    """
    rng = np.random.default_rng(seed)
    labels = _coins(rng, count, ("class",))
    places, floor = _places(rng, count, 2, gap=1), _floor(rng, count)
    detune, phases = rng.uniform(0.8, 1.25, count), rng.uniform(0, 2 * np.pi, (2, count))
    true = _bursts(np.take((1_500.0, 1_900.0), labels["class"]) * detune, places[:, :1], CUE, phases[0])
    high = rng.uniform(3_000, 5_000, count)
    loud = _bursts(high, places[:, 1:], DISTRACTOR, rng)
    wave = 0.4 * CUE * np.sin(2 * np.pi * 100 * np.arange(SAMPLES) / SAMPLE_RATE + phases[1][:, None])

    def render(labels: Labels) -> NDArray:
        return floor + true + loud + wave * (labels["class"][:, None] == 1)

    present = _bands(np.full(count, 100.0), 2.0) & (labels["class"][:, None] == 1)
    return _planted(render, labels, {}, {"class": present}, {"bands": _bands(high, 4 * SAMPLE_RATE / BURST)})


def random_labels(count: int, seed: int) -> Planted:
    """The signals of `disjoint` with labels from another draw: there is nothing to be found in them."""
    cued = disjoint(count, seed)
    drawn = _coins(np.random.default_rng([seed, 1]), count, tuple(cued.labels))
    return replace(cued, labels=drawn)


SETS: dict[str, Callable[[int, int], Planted]] = {
    "disjoint": disjoint,
    "frequency": frequency,
    "pauses": pauses,
    "level": level,
    "hum": hum,
    "random labels": random_labels,
}
"""By name: from a number of signals and a seed to signals and truth."""


def _planted(
    render: Callable[[Labels], NDArray], labels: Labels, time: Cells, bands: Cells, distractor: Cells
) -> Planted:
    return Planted(_tensor(render(labels)), labels, labels, time, bands, distractor, render)


def _tensor(signals: NDArray) -> Tensor:
    return torch.from_numpy(signals.astype(np.float32))[:, None]


def _coins(rng: np.random.Generator, count: int, heads: tuple[str, ...]) -> Labels:
    return {head: rng.integers(0, 2, count) for head in heads}


def _floor(rng: np.random.Generator, count: int) -> NDArray:
    return FLOOR * rng.standard_normal((count, SAMPLES))


def _places(rng: np.random.Generator, count: int, each: int, length: int = 2, gap: int = 0) -> NDArray:
    """First segments of runs of `length` segments that do not overlap, at least `gap` apart, in random order.

    Shape:
        (count, each)
    """
    free = SEGMENTS - each * length - (each - 1) * gap
    starts = np.sort(rng.integers(0, free + 1, (count, each)), axis=1)
    return rng.permuted(starts + np.arange(each) * (length + gap), axis=1)


def _covered(places: NDArray, length: int = 2) -> NDArray:
    """Segments that runs cover: (n, runs) first segments -> (n, segments) bool."""
    segments = np.arange(SEGMENTS)
    first = places[:, :, None]
    return np.asarray(((segments >= first) & (segments < first + length)).any(axis=1))


def _bursts(pitch: NDArray, places: NDArray, amplitude: float, phase: NDArray | np.random.Generator) -> NDArray:
    """Tones of 100 ms under a Hann window, (n, samples).

    Args:
        pitch: (n,) in Hz.
        places: (n, bursts) first segments.
        phase: (n,), or where to draw it from.
    """
    if isinstance(phase, np.random.Generator):
        phase = phase.uniform(0, 2 * np.pi, len(pitch))
    time = np.arange(BURST) / SAMPLE_RATE
    tone = amplitude * np.hanning(BURST) * np.sin(2 * np.pi * pitch[:, None] * time + phase[:, None])
    signal = np.zeros((len(pitch), SAMPLES))
    for index in range(places.shape[1]):
        np.add.at(signal, (np.arange(len(pitch))[:, None], places[:, [index]] * SEGMENT + np.arange(BURST)), tone)
    return signal


def _bands(pitch: NDArray, width: float) -> NDArray:
    """Mel bands within `width` Hz about a pitch (a Hann window's main lobe is four bins wide): (n,) -> (n, bands)."""
    edges = band_edges(SAMPLES)
    low, high = (np.round((pitch + side * width / 2) * SAMPLES / SAMPLE_RATE)[:, None] for side in (-1, 1))
    return (edges[None, :BANDS] <= high) & (edges[None, 1:] > low)
