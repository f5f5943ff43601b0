"""A recording of any rate, length and number of channels as six-second windows, read block by block.

An hour of studio sound would take gigabytes at once. Here it passes through in blocks of ten seconds: mixed down,
resampled by a filter that keeps its state from block to block, rounded to int16, and cut. The samples are those of
`elor.audio.read_int16`, bit for bit, so that a window of a corpus' own recording is the slice that the networks saw.

Where windows lie is the paper's rule for slices (`elor.features.slices`), with any hop: they begin every `hop` samples,
and a last, shorter one is filled up with zeros if it brings more than three seconds that no window before it holds.
With a hop of six seconds these are the slices.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import soxr

from elor.audio import BLOCK_S, FULL_SCALE, AudioInfo, Stereo, decode, info, samples_at_16k, to_int16
from elor.errors import UserError
from elor.features.slices import REST_SAMPLES, SLICE_SAMPLES

SILENCE = 1
"""Highest int16 amplitude that counts as digital silence: zeros, or the dither of zeros."""


@dataclass(frozen=True)
class Window:
    """A piece of a recording as a network takes it.

    Attributes:
        start: its first sample in the recording, at 16 kHz.
        samples: how many of its samples are not padding.
        signal: int16 (96000,).
    """

    start: int
    samples: int
    signal: np.ndarray

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear in it."""
        return int(np.abs(self.signal.astype(np.int32)).max()) <= SILENCE


class Recording:
    """A sound file, or an array, that can be read any number of times.

    Args:
        source: path of a file (`elor.containers.ACCEPTED`); or an array (samples,) or (samples, channels), int16 or
            floats in [-1, 1].
        rate: samples per second of an array; a file says its own.
        stereo: what several channels become: their `mean`, `left`, `right`, or an `error`.

    Attributes:
        name: the path; `array` for an array.
        header: rate, channels, frames, and a note on a header that was read otherwise than it is written.
        samples: length at 16 kHz.

    Raises:
        UserError: if the file is missing, a folder, not a sound file, empty or truncated, or the array is none of the
            above.
    """

    def __init__(self, source: Path | str | np.ndarray, rate: int | None = None, stereo: Stereo = "mean") -> None:
        if stereo not in get_args(Stereo):
            raise UserError(f"stereo is {stereo!r}; choose one of {', '.join(get_args(Stereo))}.")
        self.stereo = stereo
        if isinstance(source, np.ndarray):
            self.name, self._path, self._array = "array", None, _checked(source, rate)
            subtype = "PCM_16" if source.dtype == np.int16 else "FLOAT"
            self.header = AudioInfo(int(rate or 0), self._array.shape[1], len(source), subtype)
        else:
            self.name, self._path = str(source), Path(source)
            try:
                if self._path.is_dir():
                    raise UserError(f"{source} is a folder; give the sound files in it, for instance {source}/*.wav.")
                self.header = info(self._path)
            except OSError as error:  # a folder that may not be entered, a name too long
                raise UserError(f"{source} cannot be read ({error.strerror}); give another file.") from None
        if (channels := self.header.channels) > 1 and (stereo == "error" or (channels > 2 and stereo != "mean")):
            raise UserError(f"{self.name} has {channels} channels; choose their mean, or make it mono.")
        self.samples = samples_at_16k(self.header.frames, self.header.rate)
        if not self.samples:
            raise UserError(f"{self.name} is shorter than one sample at 16 kHz; give a longer recording.")

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.header.frames / self.header.rate

    def windows(self, hop: int = SLICE_SAMPLES) -> Iterator[Window]:
        """Its windows, one after the other; `window_count(self.samples, hop)` of them.

        Args:
            hop: samples at 16 kHz from the start of one window to that of the next.

        Raises:
            UserError: if the file cannot be decoded to its end, and as `elor.audio.to_int16`: the last only once all
                windows have passed.
        """
        return cut(self.blocks(), hop)

    def blocks(self) -> Iterator[np.ndarray]:
        """Its samples as int16 (n,) at 16 kHz, `samples` in all; errors as in `windows`."""
        return to_int16(self._frames(), self.header.frames, self.header, self.stereo, self.name)

    def at(self, rate: int) -> np.ndarray:
        """Its samples as floats (n,) at any rate, n as `length` says: resampled once from its own rate, not rounded.

        Raises:
            UserError: as `windows`.
        """
        frames = list(self._frames())
        for _ in to_int16(frames, self.header.frames, self.header, self.stereo, self.name):
            pass  # judged as all sounds are; what it gives is rounded
        sides = (block.mean(1) if self.stereo == "mean" else block[:, int(self.stereo == "right")] for block in frames)
        mono = np.concatenate(list(sides))
        if rate != self.header.rate:
            mono = soxr.resample(mono, self.header.rate, rate, quality="HQ")
        count = self.length(rate)
        return np.pad(mono[:count], (0, max(0, count - len(mono))))

    def length(self, rate: int) -> int:
        """Its samples at any rate, rounded to the nearest, ties upward; 1 at least."""
        return max(1, (self.header.frames * rate + self.header.rate // 2) // self.header.rate)

    def _frames(self) -> Iterator[np.ndarray]:
        return self._pieces() if self._path is None else decode(self._path)

    def _pieces(self) -> Iterator[np.ndarray]:
        """Float64 (n, channels) of an array in [-1, 1], block by block."""
        size = BLOCK_S * self.header.rate
        for start in range(0, self.header.frames, size):
            yield _as_float(self._array[start : start + size])


def window_count(samples: int, hop: int = SLICE_SAMPLES) -> int:
    """How many windows a recording of `samples` samples at 16 kHz has; with a hop of six seconds `slice_count`."""
    full = max(0, (samples - SLICE_SAMPLES) // hop + 1)
    start, heard = full * hop, (full - 1) * hop + SLICE_SAMPLES if full else 0
    return max(1, full + (samples - max(start, heard) > REST_SAMPLES))


def cut(blocks: Iterable[np.ndarray], hop: int = SLICE_SAMPLES) -> Iterator[Window]:
    """Cut a stream of int16 blocks (n,) at 16 kHz into windows, holding no more than one block and one window."""
    held, start, heard = np.empty(0, np.int16), 0, 0  # what `held` begins with, and where the last window ended
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= max(SLICE_SAMPLES, hop):
            yield Window(start, SLICE_SAMPLES, held[:SLICE_SAMPLES].copy())
            heard = start + SLICE_SAMPLES
            held, start = held[hop:], start + hop
    rest = held[:SLICE_SAMPLES]
    if start == 0 or start + len(rest) - max(start, heard) > REST_SAMPLES:
        yield Window(start, len(rest), np.pad(rest, (0, SLICE_SAMPLES - len(rest))))


def _checked(array: np.ndarray, rate: int | None) -> np.ndarray:
    """An array as (samples, channels), after a look at what it is."""
    if rate is None or not 0 < rate < math.inf or rate != int(rate):
        raise UserError(f"The rate of an array is {rate}; say how many samples it has per second, in whole numbers.")
    if array.ndim not in (1, 2) or not array.size:
        raise UserError(f"An array of shape {array.shape} is no recording; give (samples,) or (samples, channels).")
    if array.ndim == 2 and array.shape[1] > array.shape[0]:
        raise UserError(f"An array of shape {array.shape} has more channels than samples; give (samples, channels).")
    if array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"Samples of type {array.dtype} have no known scale; give int16, or floats in [-1, 1].")
    return array[:, None] if array.ndim == 1 else array


def _as_float(frames: np.ndarray) -> np.ndarray:
    return frames / FULL_SCALE if frames.dtype == np.int16 else frames.astype(np.float64)
