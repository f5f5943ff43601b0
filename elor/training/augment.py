"""Training slices that are never heard the same way twice: louder or softer, in noise, with something left out.

What becomes of a slice is a function of (seed, epoch, slice): the same on every machine, whoever trains beside it, and
after a kill. Only training slices are altered, and only inputs that follow time: audio by gain, noise and masks, MFCCs
by masks alone. Vectors are not, so that FTR learns as without it, and ELoR+FTR beside the functionals of the slice as
it is.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

GAIN_DB = 6.0
"""Audio becomes up to so much louder or softer, uniformly in dB."""

SNR_DB = (10.0, 30.0)
"""White noise lies so far below the slice's own level, uniformly in dB."""

MOST_TIME, MOST_COEFFICIENTS = 0.1, 4
"""At most such a share of the slice in one piece, and so many neighbouring MFCCs, are left out: they take the slice's
mean (Park et al., SpecAugment, 2019, whose masks lie on mel bands)."""


def augmented(
    batch: Sequence[Tensor],
    names: Sequence[str],
    rows: Sequence[int],
    sounding: Sequence[float],
    how: str,
    seed: int,
    epoch: int,
) -> tuple[Tensor, ...]:
    """Alter a minibatch; the padding stays as it is, and counts for nothing.

    Args:
        batch: the inputs, (batch, 1, samples) audio, (batch, 26, frames) MFCCs, or vectors, which stay as they are.
        names: of the inputs.
        rows: (batch,) numbers of the slices.
        sounding: (batch,) share of each slice that lies before its padding.
        how: `gain`, `noise`, `mask` or `all`.
        seed: of the run.
        epoch: counted from 0.
    """
    draws = [np.random.default_rng([seed, epoch, row]) for row in rows]
    return tuple(
        torch.stack([_altered(one, name, how, *of) for one, *of in zip(value, sounding, draws, strict=True)])
        if value.dim() == 3
        else value
        for name, value in zip(names, batch, strict=True)
    )


def _altered(value: Tensor, name: str, how: str, sounding: float, draw: np.random.Generator) -> Tensor:
    """One slice of one input, (channels, time). The same is drawn whatever is used: `all` is the sum of its parts."""
    gain, snr = 10 ** (np.array([draw.uniform(-GAIN_DB, GAIN_DB), draw.uniform(*SNR_DB)]) / 20)
    value, channels, time = value.clone(), len(value), max(1, math.ceil(sounding * value.shape[1]))
    sound = value[:, :time]
    length, height = int(draw.uniform(0, MOST_TIME) * time), int(draw.integers(0, MOST_COEFFICIENTS + 1))
    start, low = int(draw.uniform() * (time - length + 1)), int(draw.integers(0, max(1, channels - height + 1)))
    if name == "audio" and how in ("noise", "all"):
        level = math.sqrt(sound.square().mean().item()) / snr
        sound += torch.from_numpy(draw.standard_normal((channels, time)) * level).to(value)
    if name == "audio" and how in ("gain", "all"):
        sound *= float(gain)
    if how in ("mask", "all"):
        mean = sound.mean(1, keepdim=True)
        sound[:, start : start + length] = mean
        if channels > 1:
            sound[low : low + height] = mean[low : low + height]
    return value
