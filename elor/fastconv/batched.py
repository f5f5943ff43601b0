"""Convolution, batch moments and max-pooling on a GPU: the whole batch at once, in few kernels, none waited for.

What `elor.fastconv.pooled` does slice by slice, so that a slice stays in a CPU's cache, would be thousands of launches
on a GPU, which has the bandwidth to read the output again instead. Three ways of convolving, see `Way`, share the
rest. The pooled gradient goes back by comparing places, not by a scatter, which a GPU sorts to be deterministic.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from elor.fastconv import cost_model, spectral

Gradients = tuple[Tensor | None, Tensor]
"""Of the signal, where it is wanted, and of the weight."""


class Way(Protocol):
    """A way of convolving signals (batch, channels, samples) with a weight (filters, channels, length)."""

    def forward(self, signal: Tensor, weight: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output (batch, filters, outputs), and what `backward` needs beside the weight."""

    def backward(self, gradient: Tensor, kept: list[Tensor], weight: Tensor, wanted: bool) -> Gradients:
        """The gradients; of the signal only where `wanted`."""


@dataclass(frozen=True)
class Direct:
    """PyTorch's own convolution (on a GPU cuDNN's), with the stride and the zeros before and after the signal."""

    stride: int
    padding: tuple[int, int]

    def forward(self, signal: Tensor, weight: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See `Way`."""
        padded = F.pad(signal, self.padding)
        return F.conv1d(padded, weight, stride=self.stride), [padded]

    def backward(self, gradient: Tensor, kept: list[Tensor], weight: Tensor, wanted: bool) -> Gradients:
        """See `Way`."""
        signal, weight, _ = torch.ops.aten.convolution_backward(
            gradient, kept[0], weight, None, [self.stride], [0], [1], False, [0], 1, [wanted, True, False]
        )
        return (F.pad(signal, (-self.padding[0], -self.padding[1])) if wanted else None), weight


@dataclass(frozen=True)
class Spectral:
    """By blocks of short Fourier transforms, see `elor.fastconv.spectral`; `samples` of the signal."""

    frames: spectral.Frames
    samples: int

    def forward(self, signal: Tensor, weight: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See `Way`."""
        return spectral.forward(signal, weight, self.frames)

    def backward(self, gradient: Tensor, kept: list[Tensor], weight: Tensor, wanted: bool) -> Gradients:
        """See `Way`."""
        parts = gradient.split(self.frames.chunk(weight.shape[1]))
        return spectral.backward(parts, kept, weight, self.frames, self.samples if wanted else None)


@dataclass(frozen=True)
class Rows:
    """One input channel whose gradient nobody wants: matrix products on the signals themselves, without copies.

    The batch is laid out as one long signal, every slice with room for its last window. Rows that start a filter's
    length apart are a matrix that lies in it as it is; shifted by one stride after another, they hold every window.
    """

    stride: int
    padding: tuple[int, int]

    def forward(self, signal: Tensor, weight: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See `Way`."""
        length, padded = weight.shape[-1], signal.shape[-1] + sum(self.padding)
        outputs, phases = (padded - length) // self.stride + 1, -(-length // self.stride)
        rows = -(-padded // (phases * self.stride))
        room = rows * phases * self.stride
        line = F.pad(signal[:, 0], (self.padding[0], room - self.padding[0] - signal.shape[-1])).flatten()
        windows = self._windows(F.pad(line, (0, length + phases * self.stride)), phases, rows * len(signal), length)
        products = torch.bmm(weight[:, 0].expand(phases, -1, -1), windows.mT)  # (phases, filters, batch * rows)
        output = products.unflatten(-1, (len(signal), rows)).permute(2, 1, 3, 0).flatten(2)
        return output[..., :outputs].contiguous(), [windows]

    def backward(self, gradient: Tensor, kept: list[Tensor], weight: Tensor, wanted: bool) -> Gradients:
        """See `Way`."""
        assert not wanted, "rows give no gradient of the signal"
        (windows,) = kept
        phases, rows = windows.shape[0], windows.shape[1] // len(gradient)
        errors = F.pad(gradient, (0, rows * phases - gradient.shape[-1])).unflatten(-1, (rows, phases))
        by_phase = errors.permute(3, 1, 0, 2).flatten(2)  # (phases, filters, batch * rows)
        return None, torch.bmm(by_phase, windows).sum(0).unsqueeze(1)

    def _windows(self, line: Tensor, phases: int, rows: int, length: int) -> Tensor:
        """Views one long signal as (phases, rows, length)."""
        return line.as_strided((phases, rows, length), (self.stride, phases * self.stride, 1))


def way(signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], wanted: bool) -> Way:
    """Chooses how to convolve: the cheapest by `elor.fastconv.cost_model`; half precision is left to PyTorch.

    Args:
        signal: (batch, channels, samples). weight: (filters, channels, length).
        stride: samples from one output to the next.
        padding: zeros before and after the signal.
        wanted: whether the gradient of the signal is.
    """
    half = weight.dtype in (torch.bfloat16, torch.float16)
    if not half and (frames := cost_model.frames(signal, weight, stride, padding)) is not None:
        return Spectral(frames, signal.shape[-1])
    if cost_model.ROWS and signal.shape[1] == 1 and not wanted and len(signal):
        return Rows(stride, padding)
    return Direct(stride, padding)


class BatchedLayer(torch.autograd.Function):
    """Convolves, takes each filter's mean and (biased) variance over batch and time, and pools; see `pooled`."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], pool: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns maxima (batch, filters, outputs // pool), mean (filters,), variance (filters,)."""
        kind = signal.device.type
        ctx.kinds = signal.dtype, weight.dtype
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            signal, weight = (value.to(torch.get_autocast_dtype(kind)) for value in (signal, weight))
        ctx.way = way(signal, weight, stride, padding, ctx.needs_input_grad[0])
        output, kept = ctx.way.forward(signal, weight)
        whole = output if output.dtype == ctx.kinds[1] else output.float()
        variance, mean = torch.var_mean(whole, dim=(0, 2), correction=0)
        pooled, places = F.max_pool1d(output, pool, return_indices=True)
        ctx.pool = pool
        ctx.save_for_backward(weight, output, mean, places, *kept)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, pooled: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of the signal, where needed, and of the weight."""
        weight, output, centre, places, *kept = ctx.saved_tensors
        count = output.shape[0] * output.shape[2]
        slope = 2 * variance / count
        offset = (mean / count - slope * centre)[:, None]
        gradient = torch.addcmul(offset.to(output), output, slope.to(output)[:, None])
        _unpool(gradient, pooled, places, ctx.pool)
        wanted = ctx.needs_input_grad[0]
        signal, weight = ctx.way.backward(gradient, kept, weight, wanted)
        return (signal.to(ctx.kinds[0]) if wanted else None), weight.to(ctx.kinds[1]), None, None, None


def _unpool(gradient: Tensor, pooled: Tensor, places: Tensor, pool: int) -> None:
    """Adds pooled gradients (batch, filters, count) at their places in time to (batch, filters, outputs)."""
    count = pooled.shape[-1]
    within = places - torch.arange(0, count * pool, pool, device=places.device)
    hit = within.unsqueeze(-1) == torch.arange(pool, device=places.device)
    windows = gradient[..., : count * pool].unflatten(-1, (count, pool))
    windows.add_(torch.where(hit, pooled.unsqueeze(-1), 0.0).to(gradient.dtype))
