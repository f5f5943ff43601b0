"""Convolution, batch moments and max-pooling as one step of the graph."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import FunctionCtx, once_differentiable

from elor.fastconv import cost_model, spectral, windows
from elor.fastconv.batched import BatchedLayer, Direct

MAX_OFFSET = 1e3
"""Squared mean over variance above which the variance must not be taken as a difference of the two moments."""

GRAM_FILTERS = 5
"""Filters (per sample of stride) from which the windows' Gram matrix costs less than their product with the outputs."""

FIRST_TAPS = 400
"""Taps above which, at stride 1, a first layer is cheaper by transforms: its Gram matrix grows with their cube. Of a
slice and 40 filters on one core 73 ms against 101 at 300 taps, 127 against 106 at 500, 746 against 109 at 1,500."""

Moments = tuple[Tensor, Tensor, Tensor]


def pooled_convolution(signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], pool: int) -> Moments:
    """Convolves, takes each filter's mean and (biased) variance over batch and time, and pools.

    Args:
        signal: (batch, channels, samples).
        weight: (filters, channels, length).
        stride: samples from one output to the next.
        padding: zeros before and after the signal.
        pool: outputs per pooling window; what is left over at the end is not pooled.

    Returns:
        Maxima (batch, filters, outputs // pool), mean (filters,), variance (filters,); all can be differentiated once.
    """
    if cost_model.whole_batch(signal.device):
        return BatchedLayer.apply(signal, weight, stride, padding, pool)
    short = stride > 1 or weight.shape[-1] <= FIRST_TAPS
    if signal.shape[1] == 1 and short and not signal.requires_grad:
        pooled, mean, variance = FirstLayer.apply(signal, weight, stride, padding, pool)
        if not (mean.detach().square() > MAX_OFFSET * variance.detach()).any():
            return pooled, mean, variance
    return InnerLayer.apply(signal, weight, stride, padding, pool)


class InnerLayer(torch.autograd.Function):
    """Any layer: the convolution's output is kept, for its gradient's part through the variance."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: FunctionCtx, signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], pool: int
    ) -> Moments:
        """See `pooled_convolution`."""
        ctx.frames, ctx.samples = cost_model.frames(signal, weight, stride, padding), signal.shape[-1]
        ctx.direct = Direct(stride, padding)
        if ctx.frames is None:
            output, kept = ctx.direct.forward(signal, weight)
        else:
            output, kept = spectral.forward(signal, weight, ctx.frames)
        mean, variance = _moments(output)
        pooled, places = _pool(output, pool)
        ctx.save_for_backward(weight, output, mean, places, *kept)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cpu")
    def backward(ctx: FunctionCtx, pooled: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of the signal, where needed, and of the weight."""
        weight, output, centre, places, *kept = ctx.saved_tensors
        count = output.shape[0] * output.shape[2]
        slope = 2 * variance / count
        offset = (mean / count - slope * centre)[:, None]
        size = len(output) if ctx.frames is None else ctx.frames.chunk(weight.shape[1])
        gradients = (
            torch.addcmul(offset, out, slope[:, None]).scatter_add_(-1, place, part)
            for out, place, part in zip(output.split(size), places.split(size), pooled.split(size), strict=True)
        )
        wanted = ctx.needs_input_grad[0]
        if ctx.frames is None:
            signal, weight = ctx.direct.backward(next(gradients), kept, weight, wanted)
        else:
            samples = ctx.samples if wanted else None
            signal, weight = spectral.backward(gradients, kept, weight, ctx.frames, samples)
        return signal, weight, None, None, None


class FirstLayer(torch.autograd.Function):
    """A layer of one input channel whose signal needs no gradient.

    The gradient's part through the variance needs the windows times the outputs. With many filters that product is
    taken on the way, by the windows' Gram matrix, and each signal's output is dropped while still in the cache; with
    few, the outputs are small and are kept instead.
    """

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: FunctionCtx, signal: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], pool: int
    ) -> Moments:
        """See `pooled_convolution`."""
        matrix = weight[:, 0]
        outputs = (signal.shape[-1] + sum(padding) - matrix.shape[1]) // stride + 1
        layout = windows.Layout.of(weight, stride, pool, outputs)
        padded, stacked = windows.pad(signal, padding[0], layout), layout.stacked(weight)
        with_gram = len(matrix) > GRAM_FILTERS * stride
        squares, sums, cross = matrix.new_zeros(len(matrix)).double(), 0, torch.zeros_like(matrix)
        kept = matrix.new_empty(1 if with_gram else len(signal), layout.phases, len(matrix), layout.rows)
        pooled = matrix.new_empty(len(signal), len(matrix), outputs // pool)
        places = windows.new_places(len(signal), len(matrix), layout, like=matrix)
        buffers = kept.expand(len(signal), -1, -1, -1)
        for line, output, maxima, place in zip(padded, buffers, pooled, places, strict=True):
            windows.convolve(line, stacked, layout, out=output)
            maxima.copy_(windows.in_time(windows.pool(output, place, layout), layout))
            squares += torch.linalg.vector_norm(output, dim=2).double().square().sum(0)
            line_sums, gram = windows.moments(line, layout, with_gram)
            sums = sums + line_sums
            if with_gram:
                cross += matrix @ gram
        ctx.layout, ctx.count = layout, len(signal) * outputs
        mean = matrix @ sums / ctx.count
        variance = (squares / ctx.count - mean.double().square()).clamp(min=0).to(weight)
        ctx.save_for_backward(padded, mean, sums, cross, places, matrix.new_empty(0) if with_gram else kept)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cpu")
    def backward(ctx: FunctionCtx, pooled: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the weight's gradient."""
        padded, centre, sums, cross, places, kept = ctx.saved_tensors
        slope = 2 * variance / ctx.count
        weight = torch.outer(mean / ctx.count - slope * centre, sums) + slope[:, None] * cross
        errors = weight.new_empty(ctx.layout.phases, len(weight), ctx.layout.rows)
        for index, (line, gradient, place) in enumerate(zip(padded, pooled, places, strict=True)):
            windows.unpool(windows.by_phase(gradient, ctx.layout), place, ctx.layout, out=errors)
            if len(kept):
                errors.addcmul_(kept[index], slope[:, None])
            weight += windows.correlate(errors, line, ctx.layout)
        return None, weight.unsqueeze(1), None, None, None


def _moments(output: Tensor) -> tuple[Tensor, Tensor]:
    """Takes the mean and biased variance of (batch, filters, samples) per filter, in two passes."""
    count = output.shape[0] * output.shape[2]
    mean = output.sum(-1).sum(0) / count
    squares = sum(torch.linalg.vector_norm(part - mean[:, None], dim=-1).square().sum(0) for part in output.split(1))
    return mean, squares / count


def _pool(output: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Pools (batch, filters, samples) to maxima and their places in time, as `max_pool1d` does.

    PyTorch's kernel is several times faster, a copy included, where a window's values lie in a leading dimension.
    """
    count = output.shape[-1] // pool
    maxima = output.new_empty(*output.shape[:2], count)
    places = torch.empty_like(maxima, dtype=torch.int64)
    starts = torch.arange(0, count * pool, pool, device=output.device)
    for signal, values, place in zip(output[..., : count * pool], maxima, places, strict=True):
        leading = signal.unflatten(-1, (count, pool)).permute(2, 0, 1).reshape(1, pool, 1, -1)
        found, where = F.max_pool2d(leading.permute(0, 3, 1, 2), (pool, 1), return_indices=True)
        values.copy_(found.view_as(values))
        torch.add(where.view_as(place), starts, out=place)
    return maxima, places
