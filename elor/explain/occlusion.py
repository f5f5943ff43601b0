"""Occlusion: how far the logit falls when a part of the signal is taken away. The reference for all other maps.

It asks the network itself, needs no gradient, and is exact: for a linear model each value is the sum that was removed
(Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014).
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.doubts import Doubt
from elor.explain.heads import each_head, merged
from elor.explain.model import Heads, Targets, at, blaming, logits_of, prepared, signals, targets_of
from elor.explain.precision import coarsest
from elor.explain.repeatability import Unrepeatable
from elor.explain.repeatability_checks import repeatable

WINDOW, HOP = 1_600, 800
"""100-ms windows every 50 ms at 16 kHz."""


def segment_at(rate: int) -> int:
    """Samples of 50 ms at that rate: a segment, and from one window to the next."""
    return -(-HOP * rate // 16_000)


BANDS = 26
"""As many as the paper's mel filters."""

GRAINS = 20
"""Falls of so many times the rounding error of the logit are right to a twentieth at best."""


NOISY = 0.01
"""Share of the largest fall from which it is said that answers differ from time to time."""

ASKED = 8
"""So often is asked again, to know by how much."""

CLEAR = 4
"""A fall of so many rounding errors of the logit, or differences of answers to one sound, is more than these."""


class Noisy(Unrepeatable):
    """Falls of a head that are hardly more than what answers to one sound differ by, or of which that may decide which
    is the largest.

    Attributes:
        head: its name. noise: how much that is.
    """

    def __init__(self, text: str, head: str, noise: float) -> None:
        super().__init__(text, "falls", head)
        self.head, self.noise = head, noise


class Coarse(Doubt):
    """Falls of a head that are hardly more than the rounding errors of the logit.

    Attributes:
        head: its name. grain: that rounding error. none: whether all falls are 0.
    """

    def __init__(self, text: str, head: str, grain: float, none: bool) -> None:
        super().__init__(text, head, none)
        self.head, self.grain = head, grain


CHUNK = 32
"""Masked signals per forward pass."""


def carried(values: Tensor, single: bool) -> Tensor:
    """How much of an answer each part carries, by what it does to it: of a class what speaks for it (unchanged), of a
    `single` value what changes it most, be it up or down."""
    return values.abs() if single else values


def starts(samples: int, window: int = WINDOW, hop: int = HOP) -> list[int]:
    """First samples of the windows: every `hop`, up to the first window that reaches the end (it may be cut)."""
    return list(range(0, max(samples - window, 0) + hop, hop)) if samples > window else [0]


def occlusion(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None = None,
    window: int = WINDOW,
    hop: int = HOP,
    mask: Tensor | None = None,
    supports: list[int] | None = None,
    trusted: bool = False,
) -> Heads:
    """z(x) - z(x without a window), for every window of every signal.

    Args:
        model, audio, targets: as in `elor.explain.attribution.gradient`.
        window, hop: in samples.
        mask: what stands in the window instead, (batch, 1, samples), for instance `integrated.noise_like`; none: zeros.
        supports: samples of each signal before its padding; windows wholly in the padding are 0 and cost nothing.
        trusted: the model is known to mind nothing but the signal, and is not asked whether it does.

    Returns:
        Per head (batch, windows), windows beginning at `starts(samples)`; positive where the window speaks for the
        class. Of several heads those that are refused are left out, with a warning (`elor.explain.heads.LeftOut`).
    """
    audio = signals(model, audio)
    begins = starts(audio.shape[-1], window, hop)
    filler = torch.zeros_like(audio) if mask is None else signals(model, mask)

    def without(row: int, index: int) -> Tensor:
        masked = audio[row].clone()
        part = slice(begins[index], begins[index] + window)
        masked[:, part] = filler[row][:, part]
        return masked

    counts = [sum(b < s for b in begins) for s in supports or [audio.shape[-1]] * len(audio)]
    return _drops(model, audio, targets, without, counts, len(begins), trusted)


def band_edges(samples: int, bands: int = BANDS, rate: int = 16_000) -> np.ndarray:
    """Edges of mel-spaced bands in bins of a transform of `samples` samples, (bands + 1,): they share out all bins."""
    edges = np.round(band_hertz(bands, rate) * samples / rate).astype(int)
    edges[-1] = samples // 2 + 1
    return edges


def band_hertz(bands: int = BANDS, rate: int = 16_000) -> np.ndarray:
    """Edges of mel-spaced bands in Hz, from 0 to half the rate, (bands + 1,)."""
    return hertz(np.linspace(0, mel(rate / 2), bands + 1))


def mel(frequencies: ArrayLike) -> np.ndarray:
    """Hz on the mel scale."""
    return 2595 * np.log10(1 + np.asarray(frequencies, dtype=float) / 700)


def hertz(mels: ArrayLike) -> np.ndarray:
    """The inverse of `mel`."""
    return 700 * (10 ** (np.asarray(mels, dtype=float) / 2595) - 1)


def band_occlusion(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None = None,
    bands: int = BANDS,
    trusted: bool = False,
    rate: int = 16_000,
) -> Heads:
    """z(x) - z(x without a mel band): the band's bins of the signal's Fourier transform are set to 0.

    Returns:
        Per head (batch, bands), from low to high.
    """
    audio = signals(model, audio)
    samples = audio.shape[-1]
    edges, spectra = band_edges(samples, bands, rate), torch.fft.rfft(audio)

    def without(row: int, index: int) -> Tensor:
        masked = spectra[row].clone()
        masked[:, edges[index] : edges[index + 1]] = 0
        return torch.fft.irfft(masked, samples)

    return _drops(model, audio, targets, without, [bands] * len(audio), bands, trusted)


def _drops(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None,
    without: Callable[[int, int], Tensor],
    counts: list[int],
    width: int,
    trusted: bool,
) -> Heads:
    """z(x) - z(without(row, index)) for the first `counts[row]` indices, (batch, width); 0 for the rest."""

    def ask(model: nn.Module, targets: Targets | None) -> Heads:
        with prepared(model), repeatable(model, audio, max(len(audio), min(CHUNK, max(counts))), alone=True) as model:
            return _falls(model, audio, targets, without, counts, width)

    if not trusted:
        return merged(each_head(ask, model, audio, targets))
    with prepared(model):
        return _falls(model, audio, targets, without, counts, width)


def _falls(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None,
    without: Callable[[int, int], Tensor],
    counts: list[int],
    width: int,
) -> Heads:
    """As `_drops`, of a model that is known to mind nothing but the signal."""
    with torch.no_grad():
        with coarsest() as met:
            logits = logits_of(model, audio)
        chosen = targets_of(logits, targets)
        drops = {name: value.new_zeros(len(audio), width) for name, value in logits.items()}
        for row, count in enumerate(counts):
            for first in range(0, count, CHUNK):
                indices = range(first, min(first + CHUNK, count))
                with blaming("the sound without one of its parts", "put noise in its place"):
                    masked = logits_of(model, torch.stack([without(row, index) for index in indices]))
                for name, value in masked.items():
                    target = chosen[name][row]
                    drops[name][row, indices.start : indices.stop] = logits[name][row, target] - value[:, target]
    if wrong := sum(int((~value.isfinite()).sum()) for value in drops.values()):
        raise UserError(
            f"Without a part of the signal the network answers with NaN or infinity, {wrong} of {sum(counts)} times (a "
            "logarithm of 0 in silence, say); put noise in its place."
        )
    _warn_of_grains(logits, chosen, drops, audio.flatten(1).any(1), met.dtype)
    _warn_of_noise(model, audio, logits, chosen, drops)
    return drops


@torch.no_grad()
def _warn_of_noise(model: nn.Module, audio: Tensor, logits: Heads, chosen: Heads, drops: Heads) -> None:
    """Warn where answers to one sound differ by more than a little of the falls, or of what tells the largest apart."""
    noise = {head: value.new_zeros(len(value)) for head, value in logits.items()}
    for _ in range(ASKED):
        again = logits_of(model, audio)
        if all(torch.equal(again[head], value) for head, value in logits.items()):
            return
        for head, value in noise.items():
            apart = at(again[head] - logits[head], chosen[head]).abs()
            noise[head] = torch.maximum(value, apart)
    for head, value in noise.items():
        single = logits[head].shape[1] == 1
        most = _largest(drops[head], single)
        tied = _tied(drops[head], single, CLEAR * value) & (value > 0)
        if (much := tied | (value > NOISY * most)).any():
            row = int(much.int().argmax())
            unknown = " Which of them is the largest is not known." if tied[row] else ""
            text = (
                f"The {_what(single)} of head {head} are right to {float(value[row]):.1g} at best, and the largest is "
                f"{float(most[row]):.2g}: asked again about the same sound the network answers otherwise by so much."
                + unknown
            )
            warnings.warn(Noisy(text, head, float(value[row])), stacklevel=4)


def _tied(drops: Tensor, single: bool, unsure: Tensor) -> Tensor:
    """Whether no more than `unsure` (batch,) lies between the two parts that carry most, or the two without which the
    answer gains most, if that is more, (batch,)."""
    size, rises = carried(drops, single), -drops
    tied = _gap(size) <= unsure
    if single:
        return tied
    held = rises.amax(1) > (size.amax(1).clamp(min=0) - unsure)
    return tied | (held & (_gap(rises) <= unsure)) | ((rises.amax(1) - size.amax(1)).abs() <= unsure)


def _gap(values: Tensor) -> Tensor:
    """What lies between the two largest of each row, (batch,)."""
    if values.shape[1] < 2:
        return values.new_full((len(values),), torch.inf)
    first, second = values.topk(2, 1).values.unbind(1)
    return first - second


def _what(single: bool) -> str:
    return "changes" if single else "falls"


def _largest(drops: Tensor, single: bool) -> Tensor:
    """The largest falls, (batch,), which say on what an answer rests; where nothing falls, the largest rises."""
    falls = carried(drops, single).amax(1)
    return falls.where(falls > 0, drops.abs().amax(1))


def _warn_of_grains(logits: Heads, chosen: Heads, drops: Heads, sounding: Tensor, met: torch.dtype) -> None:
    """Warn where rounding hides the falls; nothing falls in silence.

    Args:
        sounding: (batch,). met: the coarsest precision on the way to the logits.
    """
    for head, value in drops.items():
        eps = max(torch.finfo(value.dtype).eps, torch.finfo(met).eps)
        grain = eps * at(logits[head], chosen[head]).abs()
        single = logits[head].shape[1] == 1
        most = _largest(value, single)
        if (few := sounding & (grain > 0) & (most <= GRAINS * grain)).any():
            row = int(few.int().argmax())
            rounding = (
                f"rounding moves a logit of {float(logits[head][row, chosen[head][row]]):.3g} by "
                f"{float(grain[row]):.1g} ({str(met).removeprefix('torch.')})"
            )
            if none := bool(most[row] == 0):
                text = (
                    f"All {_what(single)} of head {head} are 0: it answers in steps (a vote, a quantiser), does not "
                    f"listen, or changes by less than what it computes in can show ({rounding})."
                )
            else:
                text = (
                    f"The {_what(single)} of head {head} are coarse: the largest is {float(most[row]):.2g}, and "
                    f"{rounding}; let the network leave out the constant, or compute in float64."
                )
            warnings.warn(Coarse(text, head, float(grain[row]), none), stacklevel=4)
