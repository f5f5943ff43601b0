"""Sound files as the pipeline wants them: int16, mono, 16 kHz.

IEMOCAP's own recordings (16-bit, mono, 16 kHz) pass through bit for bit. Anything else is resampled (soxr, quality HQ)
and rounded, so that the sample count follows from the header alone (`samples_at_16k`) and tables can be written before
any sample is read. Headers are not believed: `elor.containers` holds them against the file, and what is decoded is
counted. A sound passes through in blocks of ten seconds, so that nothing is allocated on a header's word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import soundfile
import soxr

from elor.containers import ACCEPTED, examine
from elor.containers.contents import Contents, Fault, Mended
from elor.errors import UserError

SAMPLE_RATE = 16_000
"""Samples per second of everything behind this module."""

FULL_SCALE = 32_768
"""The int16 value that stands for an amplitude of 1.0 (as in libsndfile)."""

RATES = (1_000, 1_000_000)
"""Hz of a file that is believed: at one sample per second a small file would last for days."""

END_TOLERANCE_S = 0.01
"""How far a segment may reach beyond its file: tables give seconds with two or three decimals."""

Stereo = Literal["error", "mean", "left", "right"]
"""What to do with more than one channel."""

BLOCK_S = 10
"""Seconds of sound that are decoded at once."""

CLIPPED = 0.01
"""The share of samples beyond full scale from which on a sound is no sound any more but a square wave."""

CANCELLED = 0.05
"""The share of their power that two channels keep in their mean if one is, more or less, the other upside down."""

FLOATS = ("FLOAT", "DOUBLE")
"""Subtypes whose samples are floats, and can lie beyond full scale."""


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file holds, as far as its container tells.

    Attributes:
        rate: Hz.
        channels: how many.
        frames: samples per channel.
        subtype: libsndfile's (`PCM_16`, `FLOAT`).
        note: a sentence on a header that was read otherwise than it is written; empty if it is in order.
    """

    rate: int
    channels: int
    frames: int
    subtype: str
    note: str = ""

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
    """Read a sound file's header, and check that the file holds what it announces, without decoding it.

    Raises:
        UserError: if the file is missing, of a container that is not accepted, empty, truncated or damaged.
    """
    with _opened(path) as (_, header):
        return header


def samples_at_16k(frames: int, rate: int) -> int:
    """How many samples `frames` at `rate` Hz become at 16 kHz, rounded to the nearest, ties upward."""
    return (frames * SAMPLE_RATE + rate // 2) // rate


def read_int16(
    path: Path, start_s: float | None = None, end_s: float | None = None, stereo: Stereo = "error"
) -> np.ndarray:
    """Read a sound file, or a segment of it, as int16 mono at 16 kHz.

    A segment is cut at the file's own rate and resampled afterwards: its samples depend on nothing around it.

    Args:
        path: a file of one of `elor.containers.ACCEPTED`.
        start_s: start of the segment in seconds; None for the start of the file.
        end_s: end of the segment in seconds; None for the end of the file.
        stereo: what several channels become: an error, their mean, or one of two.

    Returns:
        int16 `(samples_at_16k(stop - start, rate),)` for the segment's frames `AudioInfo.span`.

    Raises:
        UserError: if the file is missing, unreadable, empty, truncated, has several channels and `stereo` is
            `error`, does not contain the segment; and as `to_int16`.
    """
    if stereo not in get_args(Stereo):
        raise UserError(f"stereo is {stereo!r}; choose one of {', '.join(get_args(Stereo))}.")
    with _opened(path) as (file, header):
        try:
            start, stop = header.span(start_s, end_s)
        except ValueError as error:
            raise UserError(f"{path}: {error}; correct start and end.") from None
        if (channels := header.channels) > 1 and (stereo == "error" or (channels > 2 and stereo != "mean")):
            offer = '"mean", "left" or "right"' if channels == 2 else '"mean"'
            raise UserError(
                f"{path} has {channels} channels where one is expected; make it mono or set stereo to {offer}."
            )
        blocks = to_int16(_frames(file, start, stop), stop - start, header, stereo, str(path))
        return np.concatenate([np.empty(0, np.int16), *blocks])


@dataclass(frozen=True)
class Sounds:
    """Where the sounds of utterances lie.

    Attributes:
        places: by the name of the corpus the folder that `file` is relative to, and what several channels become; under
            an empty name that of all corpora.
    """

    places: Mapping[str, tuple[Path, Stereo]]

    @classmethod
    def of(cls, root: Path, stereo: Stereo = "error") -> Sounds:
        """All below one folder."""
        return cls({"": (root, stereo)})

    def path(self, turn: Any) -> Path:
        """The file of a row of utterances.csv."""
        return self._place(turn)[0] / turn.file

    def read(self, turn: Any) -> np.ndarray:
        """The int16 samples (n,) at 16 kHz of a row of utterances.csv.

        Raises:
            UserError: if they cannot be read.
        """
        span = (None if value is None or math.isnan(value) else float(value) for value in (turn.start_s, turn.end_s))
        return read_int16(self.path(turn), *span, self._place(turn)[1])

    def _place(self, turn: Any) -> tuple[Path, Stereo]:
        return self.places[""] if "" in self.places else self.places[turn.corpus]


def decode(path: Path) -> Iterator[np.ndarray]:
    """All frames of a sound file as float64 (n, channels), block by block; integers lie in [-1, 1].

    Raises:
        UserError: as `info`, and if the file cannot be decoded to its end.
    """
    with _opened(path) as (file, header):
        yield from _frames(file, 0, header.frames)


def to_int16(
    blocks: Iterable[np.ndarray], frames: int, header: AudioInfo, stereo: Stereo, name: str
) -> Iterator[np.ndarray]:
    """Mix down, resample and round a stream of frames.

    Args:
        blocks: float64 (n, channels), `frames` in all.
        frames: how many there must be.
        header: their rate, number of channels and subtype.
        stereo: what several channels become.
        name: of the sound, for messages.

    Yields:
        int16 (n,) at 16 kHz, `samples_at_16k(frames, header.rate)` in all; what exceeds full scale is clipped, before
        the resampler too: there a single absurd sample would become a burst.

    Raises:
        UserError: if frames are missing, are not numbers, are floats of which more than a share `CLIPPED` lies beyond
            full scale, or channels cancel each other in their mean.
    """
    resampler = soxr.ResampleStream(header.rate, SAMPLE_RATE, 1, dtype="float64", quality="HQ")
    samples, heard, written = samples_at_16k(frames, header.rate), _Heard(header, stereo, name), 0
    for block in blocks:
        mono = heard(block, _mono(block, stereo))
        if header.rate != SAMPLE_RATE:
            mono = resampler.resample_chunk(np.clip(mono, -1, 1), last=heard.frames >= frames)
        exact = mono[: samples - written]  # the resampler may differ from the rounded length by one sample
        written += len(exact)
        yield np.clip(np.rint(exact * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    if heard.frames != frames:
        raise UserError(f"{name} is truncated: {heard.frames} of {frames} frames could be read; copy it again.")
    heard.judge()
    if written < samples:
        yield np.zeros(samples - written, np.int16)


class _Heard:
    """What must be known of all samples before they may be believed; counts them as they pass."""

    def __init__(self, header: AudioInfo, stereo: Stereo, name: str) -> None:
        self._header, self._stereo, self._name = header, stereo, name
        self.frames = self._beyond = 0
        self._peak = self._mixed = self._apart = 0.0

    def __call__(self, frames: np.ndarray, mono: np.ndarray) -> np.ndarray:
        """Take note of frames (n, channels) and what they became, (n,), which is returned."""
        if not np.isfinite(mono).all():
            raise UserError(f"{self._name} holds samples that are not numbers (NaN or infinite); write it again.")
        self.frames += len(mono)
        if self._header.subtype in FLOATS and len(mono):
            self._beyond += int((np.abs(mono) > 1).sum())
            self._peak = max(self._peak, float(np.abs(mono).max()))
        if self._header.channels > 1:
            self._mixed += float(np.square(mono).sum())
            self._apart += float(np.square(frames).sum()) / frames.shape[1]
        return mono

    def judge(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            UserError: if floats are no sound in [-1, 1], or channels cancel each other.
        """
        if self._beyond > max(CLIPPED * self.frames, END_TOLERANCE_S * self._header.rate):
            raise UserError(
                f"{self._name} would be clipped: {self._beyond / self.frames:.0%} of its samples lie beyond full "
                f"scale, which is 1 for floats; its largest is {self._peak:g}; divide them (integers of 16 bit by "
                "32,768), or write integers."
            )
        if self._stereo == "mean" and self._mixed < CANCELLED * self._apart:
            raise UserError(
                f"{self._name} has channels that cancel each other in their mean (one is the other upside down); take "
                "one of them: --stereo left, or corpus.stereo: left."
            )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[soundfile.SoundFile, AudioInfo]]:
    """A sound file, open for decoding, and what it holds.

    Raises:
        UserError: as `info`; whatever goes wrong while it is open and decoded is one, too.
    """
    _check_is_file(path)
    try:
        with path.open("rb") as stream:
            contents = examine(stream)
            with soundfile.SoundFile(Mended(stream, contents or Contents())) as file:
                yield file, _header(file, contents)
    except Fault as fault:
        raise UserError(f"{path} {fault}.") from None
    except (OSError, RuntimeError, ValueError, TypeError, EOFError) as error:
        why = getattr(error, "error_string", "") or error
        raise UserError(
            f"{path} cannot be read as a sound file ({str(why).rstrip('.')}; read are {ACCEPTED}); convert it, or take "
            "it out."
        ) from error


def _check_is_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        what = "is no file" if path.exists() else "does not exist"
        if path.is_symlink():
            what += f": it is a link to {path.readlink()}"
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be read
        what = f"cannot be read ({error})"
    raise UserError(f"The sound file {path} {what}; check the path or restore the file.")


def _header(file: soundfile.SoundFile, contents: Contents | None) -> AudioInfo:
    """Hold what the decoder counts against what the container holds."""
    if contents is None:
        raise Fault(
            f"is a sound file of a kind ({file.format}) in which half a file is not told from a whole one (read are "
            f"{ACCEPTED}); convert it"
        )
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise Fault(f"announces {file.samplerate:,} Hz, which no sound has; write it again, with a right header")
    if file.frames <= 0:
        raise Fault("holds no samples; replace it or take it out of the corpus")
    if contents.frames and not contents.frames[0] <= file.frames <= contents.frames[1]:
        raise Fault(
            f"is damaged: its header announces {file.frames:,} samples, and the frames that are there hold "
            f"{contents.frames[1]:,}; copy it again, or convert it to WAV"
        )
    return AudioInfo(file.samplerate, file.channels, file.frames, file.subtype, contents.note)


def _frames(file: soundfile.SoundFile, start: int, stop: int) -> Iterator[np.ndarray]:
    """The frames `start <= i < stop`, float64 (n, channels), in blocks; fewer if the file ends before.

    A format in which one cannot seek is read from its beginning.
    """
    size, position = BLOCK_S * file.samplerate, 0
    if start and file.seekable():
        file.seek(start)
        position = start
    while position < stop:
        block = file.read(min(size, stop - position), dtype="float64", always_2d=True)
        if not len(block):
            return
        skipped = max(0, start - position)
        position += len(block)
        if len(block) > skipped:
            yield block[skipped:]


def _mono(frames: np.ndarray, stereo: Stereo) -> np.ndarray:
    """One channel `(n,)` of `(n, channels)`."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    return frames.mean(axis=1) if stereo == "mean" else frames[:, 0 if stereo == "left" else 1]
