"""Sound files as the pipeline wants them: int16, mono, 16 kHz.

IEMOCAP's own recordings (16-bit, mono, 16 kHz) pass through bit for bit. Anything else that libsndfile reads is
resampled (soxr, quality HQ) and rounded, so that the sample count follows from the header alone
(`samples_at_16k`) and tables can be written before any sample is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
import soundfile
import soxr

from elor.errors import UserError

SAMPLE_RATE = 16_000
"""Samples per second of everything behind this module."""

FULL_SCALE = 32_768
"""The int16 value that stands for an amplitude of 1.0 (as in libsndfile)."""

END_TOLERANCE_S = 0.01
"""How far a segment may reach beyond its file: tables give seconds with two or three decimals."""

Stereo = Literal["error", "mean", "left", "right"]
"""What to do with more than one channel."""

_UNKNOWN_SIZE = 0xFFFFFFFF  # in a WAV header: written by a program that streamed and could not go back, or RF64


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file's header says: Hz, channels, sample frames, and libsndfile's subtype (`PCM_16`, `FLOAT`)."""

    rate: int
    channels: int
    frames: int
    subtype: str

    def span(self, start_s: float | None = None, end_s: float | None = None) -> tuple[int, int]:
        """The frames `start <= i < stop` of a segment in seconds; None means the file's start and end.

        Raises:
            ValueError: if the segment is empty or leaves the file by more than `END_TOLERANCE_S`.
        """
        start = 0 if start_s is None else round(start_s * self.rate)
        stop = self.frames if end_s is None else round(end_s * self.rate)
        if start < 0 or stop > self.frames + END_TOLERANCE_S * self.rate or start >= min(stop, self.frames):
            shown = ["start" if start_s is None else start_s, "end" if end_s is None else end_s]
            raise ValueError(f"no segment {shown[0]}..{shown[1]} s in {self.frames / self.rate:.3f} s of sound")
        return start, min(stop, self.frames)


def info(path: Path) -> AudioInfo:
    """Read a sound file's header, and check that the file holds what the header promises.

    Raises:
        UserError: if the file is missing, not a sound file, empty, or shorter than its header says.
    """
    if not path.is_file():
        raise UserError(f"The sound file {path} does not exist; check the path or restore the file.")
    try:
        header = soundfile.info(str(path))
        with path.open("rb") as stream:
            missing = _missing_bytes(stream, path.stat().st_size)
    except (OSError, RuntimeError, struct.error) as error:
        raise UserError(f"{path} cannot be read as a sound file ({error}); replace it or take it out.") from error
    if missing > 0:
        raise UserError(f"{path} is truncated: {missing} bytes that its header announces are missing; copy it again.")
    if header.frames <= 0:
        raise UserError(f"{path} holds no samples; replace it or take it out of the corpus.")
    return AudioInfo(header.samplerate, header.channels, header.frames, header.subtype)


def samples_at_16k(frames: int, rate: int) -> int:
    """How many samples `frames` at `rate` Hz become at 16 kHz, rounded to the nearest, ties upward."""
    return (frames * SAMPLE_RATE + rate // 2) // rate


def read_int16(
    path: Path, start_s: float | None = None, end_s: float | None = None, stereo: Stereo = "error"
) -> np.ndarray:
    """Read a sound file, or a segment of it, as int16 mono at 16 kHz.

    A segment is cut at the file's own rate and resampled afterwards: its samples depend on nothing around it.

    Args:
        path: any file that libsndfile reads.
        start_s: start of the segment in seconds; None for the start of the file.
        end_s: end of the segment in seconds; None for the end of the file.
        stereo: what several channels become: an error, their mean, or one of two.

    Returns:
        int16 `(samples_at_16k(stop - start, rate),)` for the segment's frames `AudioInfo.span`.

    Raises:
        UserError: if the file is missing, unreadable, empty, truncated, has several channels and `stereo` is
            `error`, holds NaN or infinities, or does not contain the segment.
    """
    if stereo not in get_args(Stereo):
        raise UserError(f"stereo is {stereo!r}; choose one of {', '.join(get_args(Stereo))}.")
    header = info(path)
    try:
        start, stop = header.span(start_s, end_s)
    except ValueError as error:
        raise UserError(f"{path}: {error}; correct start and end.") from None
    dtype = "int16" if header.subtype == "PCM_16" else "float64"
    try:
        frames, _ = soundfile.read(str(path), start=start, stop=stop, dtype=dtype, always_2d=True)
    except RuntimeError as error:
        raise UserError(f"{path} cannot be decoded ({error}); replace it or take it out.") from error
    if len(frames) != stop - start:
        raise UserError(f"{path} is truncated: {len(frames)} of {stop - start} frames could be read; copy it again.")
    mono = _mono(frames, stereo, path)
    if mono.dtype == np.int16 and header.rate == SAMPLE_RATE:
        return mono
    return _to_int16(mono, header.rate, path)


def _mono(frames: np.ndarray, stereo: Stereo, path: Path) -> np.ndarray:
    """One channel `(n,)` of `(n, channels)`; the mean is float64 in the units of `frames`."""
    channels = frames.shape[1]
    if channels == 1:
        return frames[:, 0]
    if stereo == "error" or (channels > 2 and stereo != "mean"):
        offer = '"mean", "left" or "right"' if channels == 2 else '"mean"'
        raise UserError(f"{path} has {channels} channels where one is expected; make it mono or set stereo to {offer}.")
    if stereo == "mean":
        mean = frames.mean(axis=1, dtype=np.float64)
        return mean / FULL_SCALE if frames.dtype == np.int16 else mean
    return frames[:, 0 if stereo == "left" else 1]


def _to_int16(mono: np.ndarray, rate: int, path: Path) -> np.ndarray:
    """Resample float64 in [-1, 1] or int16 `(n,)` to 16 kHz and round it to int16, clipping what exceeds full scale."""
    signal = mono / FULL_SCALE if mono.dtype == np.int16 else mono
    if not np.isfinite(signal).all():
        raise UserError(f"{path} holds samples that are not numbers (NaN or infinite); write it again.")
    samples = samples_at_16k(len(signal), rate)
    if rate != SAMPLE_RATE:
        signal = soxr.resample(signal, rate, SAMPLE_RATE, quality="HQ")
    exact = np.zeros(samples)  # the resampler may differ from the rounded length by one sample
    exact[: len(signal)] = signal[:samples]
    return np.clip(np.rint(exact * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _missing_bytes(stream: BinaryIO, size: int) -> int:
    """How many bytes of a WAV file's `data` chunk lie beyond the end of the file; 0 for other formats.

    libsndfile shortens such a file in silence, so that half a turn would pass as a whole one.
    """
    kind, _, form = struct.unpack("<4sI4s", stream.read(12).ljust(12, b"\0"))
    if kind != b"RIFF" or form != b"WAVE":
        return 0
    while len(chunk := stream.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data":
            return 0 if length == _UNKNOWN_SIZE else max(0, stream.tell() + length - size)
        stream.seek(length + length % 2, 1)  # chunks are padded to an even length
    return 0
