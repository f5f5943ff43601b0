"""What a network hears of a recording: read once at its rate, cut to its length; what is left out, and what helps where
it cannot hear it."""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.audio import FULL_SCALE, Stereo
from elor.errors import UserError
from elor.explain.model import CannotRun, heads_of
from elor.explain.model_copies import spare
from elor.progress import clock
from elor.recording import SILENCE, Recording

HINT = "If it takes one length only, give that by --samples."

ONE_CHANNEL = (
    "It must take (batch, 1, samples): one channel. If it takes (batch, samples), let a module around it give it "
    "audio[:, 0]."
)

NO_LENGTH = {
    re.compile(r"to have \d+ channels|Expected \dD"): ONE_CHANNEL,
    re.compile(r"missing \d+ required .*argument"): "It must take the sound alone: let a module around it give the "
    "rest (lengths of 1, say).",
}
"""What is said of networks that no length helps, and what does."""

FINE = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")
"""Subtypes of files whose dither, and whose faintest sounds, lie below a step of int16."""

OVERSHOOT = 0.5
"""Of int16 steps: resampled, dither may lie higher by less."""


def read(path: Path, most: float, stereo: Stereo, rate: int | None) -> NDArray:
    """A recording in [-1, 1], (samples,) at `rate`; None: at 16 kHz, rounded to int16.

    Raises:
        UserError: if it cannot be read, is longer than `most` seconds, or silent.
    """
    recording = Recording(path, stereo=stereo)
    if recording.seconds > most:
        raise UserError(
            f"{path} lasts {clock(recording.seconds)}, and elor explain takes up to {clock(most)}; cut out what is to "
            "be explained, or raise --most."
        )
    if recording.header.note:
        print(f"elor explain: {path}: {recording.header.note}.", file=sys.stderr)
    sound = np.concatenate(list(recording.blocks())) / FULL_SCALE if rate is None else recording.at(rate)
    dithered = rate is None or recording.header.subtype not in FINE
    if np.abs(sound).max() * FULL_SCALE <= (SILENCE + OVERSHOOT if dithered else 0):
        raise UserError(f"{path} is silent; there is nothing to explain.")
    return sound


def windows(sound: NDArray, length: int | None) -> list[tuple[int, int, NDArray]]:
    """First sample, samples before the padding, and the window; silent ones are left out, and so is a last one of up to
    half a length, unless nothing else sounds."""
    if length is None:
        return [(0, len(sound), sound)]
    parts = [(start, sound[start : start + length]) for start in range(0, len(sound), length)]
    sounding = [(start, part) for start, part in parts if np.abs(part).max() > 0]
    kept = [(start, part) for start, part in sounding if start == 0 or len(part) > length // 2]
    return [(start, len(part), np.pad(part, (0, length - len(part)))) for start, part in kept or sounding]


def left_out(sound: NDArray, windows: Sequence[Mapping[str, Any]], rate: int) -> list[dict[str, Any]]:
    """The stretches of a recording that no window holds, s, each silent throughout or part of one window."""
    length, held = windows[0]["samples"], {round(window["start_s"] * rate) for window in windows}
    found: list[dict[str, Any]] = []
    for start in (start for start in range(0, len(sound), length) if start not in held):
        part = sound[start : start + length]
        one = {"start_s": start / rate, "end_s": (start + len(part)) / rate, "sounds": bool(part.any())}
        if found and found[-1]["end_s"] == one["start_s"] and not found[-1]["sounds"] and not one["sounds"]:
            found[-1]["end_s"] = one["end_s"]
        else:
            found.append(one)
    return found


def batch(sound: NDArray) -> Tensor:
    """A sound as networks take it: (1, 1, samples)."""
    return torch.from_numpy(sound).float()[None, None]


def hinted(error: CannotRun, model: nn.Module, sound: NDArray) -> str:
    """What helps a network that fails on a sound."""
    return f"{error} {beside_length(error, model, sound) or HINT}"


def beside_length(error: CannotRun, model: nn.Module, sound: NDArray) -> str:
    """What helps where another length does not; whether the channel is too much, the network itself is asked."""
    known = next((remedy for said, remedy in NO_LENGTH.items() if said.search(str(error))), "")
    with suppress(Exception):  # it may fail in any way
        if not known and heads_of(_Flat(spare(model)), batch(sound)):
            return ONE_CHANNEL
    return known


class _Flat(nn.Module):
    """A network that takes (batch, samples)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor) -> Any:
        return self.model(audio[:, 0])
