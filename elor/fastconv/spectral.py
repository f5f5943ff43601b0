"""Convolution of long signals by blocks of short Fourier transforms (overlap-save).

A convolution layer is, at each frequency, one product of complex matrices: (filters x channels) times (channels x
frames). The signal is cut into frames that overlap by the filter's length less one; every frame is transformed,
multiplied and transformed back, and the samples that circular convolution has spoiled are dropped. Both gradients are
products of the same spectra, so the layer keeps the input's spectrum, which is hardly larger than the input, instead of
the input. Work per output sample grows with the logarithm of the filter's length, not with the length.

Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.7.3; for whole layers, Mathieu, Henaff and
LeCun 2014 (arXiv:1312.5851).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from elor import matrix_products

MIN_COLUMNS = 64
"""Frames that one matrix product takes at least: fewer, and reading the filters' spectrum costs more than using it."""

CHUNK_VALUES = 2_000_000
"""Complex values of a spectrum that a CPU's cache can do with (16 MB in float32)."""


@dataclass(frozen=True)
class Frames:
    """How a signal is cut.

    Attributes:
        length: taps of the filters.
        size: samples of a frame, at least twice the filters' length.
        count: frames per signal.
        samples: samples of the layer's output.
        padding: zeros before and after the signal.
        most: complex values of an input spectrum above which the batch is split, if MIN_COLUMNS allows.
    """

    length: int
    size: int
    count: int
    samples: int
    padding: tuple[int, int]
    most: int

    @classmethod
    def cut(cls, samples: int, length: int, size: int, padding: tuple[int, int], most: int | None = None) -> Frames:
        """Cuts a signal of `samples` samples into frames of `size` samples for filters of `length` taps."""
        out = samples + sum(padding) - length + 1
        return cls(length, size, -(-out // (size - length + 1)), out, padding, most or CHUNK_VALUES)

    @property
    def hop(self) -> int:
        """Output samples that a frame yields."""
        return self.size - self.length + 1

    @property
    def frequencies(self) -> int:
        """Frequencies of a real frame's transform."""
        return self.size // 2 + 1

    def chunk(self, channels: int) -> int:
        """Signals that one matrix product takes."""
        return max(self.most // (channels * self.count * self.frequencies), -(-MIN_COLUMNS // self.count), 1)


def forward(signal: Tensor, weight: Tensor, frames: Frames) -> tuple[Tensor, list[Tensor]]:
    """Correlates signals with filters, as `torch.nn.functional.conv1d` does.

    Args:
        signal: (batch, channels, samples).
        weight: (filters, channels, length).
        frames: how the signal is cut.

    Returns:
        The output (batch, filters, frames.samples) and the input's spectra, which `backward` needs.
    """
    left, _ = frames.padding
    tail = frames.count * frames.hop + frames.length - 1 - signal.shape[-1] - left
    response = _filter_spectrum(weight, frames)
    output = signal.new_empty(len(signal), len(weight), frames.count, frames.hop)
    spectra = []
    size = frames.chunk(signal.shape[1])
    for part, out in zip(signal.split(size), output.split(size), strict=True):
        framed = F.pad(part, (left, tail)).unfold(-1, frames.size, frames.hop)
        spectra.append(_by_frequency(framed, frames, conjugate=True))
        out.copy_(
            _by_time(matrix_products.bmm(response, spectra[-1]), len(part), frames, conjugate=True)[..., : frames.hop]
        )
    return output.flatten(2)[..., : frames.samples], spectra


def backward(
    gradients: Iterable[Tensor],
    spectra: list[Tensor],
    weight: Tensor,
    frames: Frames,
    samples: int | None,
    needs_weight: bool = True,
) -> tuple[Tensor | None, Tensor | None]:
    """Takes the gradients of the output to those of the input and of the weight.

    Args:
        gradients: of the output, (part of the batch, filters, frames.samples) for each of the spectra.
        spectra: as `forward` returned them.
        weight: (filters, channels, length).
        frames: how the signal was cut.
        samples: of the signal, or None where its gradient is not needed.
        needs_weight: whether the weight's gradient is needed.

    Returns:
        The gradients of the signal (batch, channels, samples) and of the weight; None for one that is not needed.
    """
    response = _filter_spectrum(weight, frames).transpose(1, 2)
    missing = frames.count * frames.hop - frames.samples
    total, signals = torch.zeros((), dtype=response.dtype, device=response.device), []
    for gradient, spectrum in zip(gradients, spectra, strict=True):
        framed = F.pad(gradient, (0, missing)).unflatten(-1, (frames.count, frames.hop))
        error = _by_frequency(framed, frames)
        if needs_weight:
            total = total + matrix_products.bmm(error, spectrum.transpose(1, 2))
        if samples is not None:
            wave = _by_time(matrix_products.bmm(response, error), len(gradient), frames)
            signals.append(_overlap_add(wave, frames, samples))
    signal = torch.cat(signals) if samples is not None else None
    return signal, _by_time(total, 1, frames, conjugate=True)[0, ..., : frames.length] if needs_weight else None


def _filter_spectrum(weight: Tensor, frames: Frames) -> Tensor:
    """Transforms filters (filters, channels, length) to (frequencies, filters, channels)."""
    return torch.fft.rfft(weight, n=frames.size).permute(2, 0, 1).contiguous()


def _by_frequency(framed: Tensor, frames: Frames, conjugate: bool = False) -> Tensor:
    """Transforms frames (batch, channels, count, up to size) to (frequencies, channels, batch * count)."""
    spectrum = torch.fft.rfft(framed, n=frames.size)
    return _reordered(spectrum, (3, 1, 0, 2), conjugate).flatten(2)


def _by_time(product: Tensor, batch: int, frames: Frames, conjugate: bool = False) -> Tensor:
    """Transforms (frequencies, channels, batch * count) back to frames (batch, channels, count, size)."""
    product = product.unflatten(-1, (batch, -1))
    return torch.fft.irfft(_reordered(product, (2, 1, 3, 0), conjugate), n=frames.size)


def _reordered(values: Tensor, order: tuple[int, ...], conjugate: bool) -> Tensor:
    """Copies values in another order of dimensions; conjugating on the way costs nothing."""
    source = (values.conj() if conjugate else values).permute(order)
    return torch.empty(source.shape, dtype=values.dtype, device=values.device).copy_(source)


def _overlap_add(wave: Tensor, frames: Frames, samples: int) -> Tensor:
    """Adds frames (batch, channels, count, size) up to signals (batch, channels, samples) and drops the padding."""
    batch, channels, count, _ = wave.shape
    whole = wave.new_empty(batch, channels, count + 1, frames.hop)
    whole[:, :, :count] = wave[..., : frames.hop]
    whole[:, :, count] = 0
    whole[:, :, 1:, : frames.length - 1] += wave[..., frames.hop :]
    left = frames.padding[0]
    return whole.flatten(2)[..., left : left + samples]
