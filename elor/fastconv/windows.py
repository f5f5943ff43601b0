"""A first layer, one input channel, as matrix products on the signal itself, without copies of its windows.

Rows that start at least one filter's length apart are a matrix that lies in the signal as it is. Shifted by one stride
after another, such matrices hold every window. Their products with the filters give the output by phase, (phase,
filter, row), and a pooling window that divides the number of phases is a maximum over rows of long contiguous vectors.

The gradient through the batch's mean and variance needs only the sums of the windows (length,) and of the windows times
the outputs (filters, length), so nothing of the full length need be kept for it: see `moments`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from elor import matrix_products

MATRIX_ROWS = 32
"""Rows below which a matrix product is inefficient: shifted copies of fewer filters are stacked up to this number."""


@dataclass(frozen=True)
class Layout:
    """Where the windows of a padded signal lie.

    Attributes:
        length: taps of the filters.
        stride: samples from one window to the next.
        pool: outputs per pooling window.
        outputs: outputs of the convolution per filter.
        stack: successive windows that one matrix product takes together.
        phases: outputs per row, a multiple of `pool` and of `stack`.
        rows: rows per signal; the last may hold phases that are none.
    """

    length: int
    stride: int
    pool: int
    outputs: int
    stack: int
    phases: int
    rows: int

    @classmethod
    def of(cls, weight: Tensor, stride: int, pool: int, outputs: int) -> Layout:
        """Lays out windows for a weight (filters, 1, length)."""
        filters, _, length = weight.shape
        stack = 1
        while stack * filters < MATRIX_ROWS and 4 * stack * stride <= length:
            stack *= 2
        step = math.lcm(pool, stack)
        phases = -(-(length + (stack - 1) * stride) // (stride * step)) * step
        return cls(length, stride, pool, outputs, stack, phases, -(-outputs // phases))

    @property
    def width(self) -> int:
        """Samples under a stack of windows."""
        return self.length + (self.stack - 1) * self.stride

    @property
    def samples(self) -> int:
        """Samples that the views below may touch."""
        return (self.outputs + 2 * self.phases) * self.stride + self.width + self.length

    def windows(self, padded: Tensor) -> Tensor:
        """Views a padded signal (samples,) as (phases / stack, rows, width)."""
        strides = (self.stack * self.stride, self.phases * self.stride, 1)
        return padded.as_strided((self.phases // self.stack, self.rows, self.width), strides, padded.storage_offset())

    def stacked(self, weight: Tensor) -> Tensor:
        """Stacks shifted filters: (filters, 1, length) -> (phases / stack, stack * filters, width)."""
        shifts = range(0, self.stack * self.stride, self.stride)
        matrix = torch.cat([F.pad(weight[:, 0], (s, self.width - self.length - s)) for s in shifts])
        return matrix.expand(self.phases // self.stack, -1, -1)

    def unstacked(self, stacked: Tensor) -> Tensor:
        """Sums what belongs to one tap: (phases / stack, stack * filters, width) -> (filters, length)."""
        parts = stacked.sum(0).chunk(self.stack)
        return sum(part[:, i * self.stride : i * self.stride + self.length] for i, part in enumerate(parts))


def pad(signal: Tensor, left: int, layout: Layout) -> Tensor:
    """Pads signals (batch, 1, samples) to (batch, layout.samples), cut at the end where the layout needs less."""
    return F.pad(signal[:, 0], (left, layout.samples - left - signal.shape[-1]))


def convolve(padded: Tensor, stacked: Tensor, layout: Layout, out: Tensor) -> None:
    """Convolves one padded signal (samples,) into (phases, filters, rows), zero past the last output."""
    matrix_products.bmm(stacked, layout.windows(padded).transpose(1, 2), out=out.view(len(stacked), -1, layout.rows))
    out[layout.outputs - layout.phases * (layout.rows - 1) :, :, -1] = 0


def correlate(errors: Tensor, padded: Tensor, layout: Layout) -> Tensor:
    """Sums outputs' gradients (phases, filters, rows) times windows of one signal: (filters, length)."""
    errors = errors.view(layout.phases // layout.stack, -1, layout.rows)
    return layout.unstacked(matrix_products.bmm(errors, layout.windows(padded)))


def new_places(batch: int, filters: int, layout: Layout, like: Tensor) -> Tensor:
    """Makes room for the places that `pool` finds, (batch, phases / pool, filters * rows)."""
    dtype = like.dtype if layout.pool == 2 else torch.int64
    return like.new_empty(batch, layout.phases // layout.pool, filters * layout.rows, dtype=dtype)


def pool(output: Tensor, places: Tensor, layout: Layout) -> Tensor:
    """Pools one output (phases, filters, rows) to maxima (phases / pool, filters * rows) and notes their places."""
    grouped = output.view(len(places), layout.pool, -1)
    if layout.pool == 2:  # one comparison; noted as a number, so that the way back is a product
        first, second = grouped.unbind(1)
        torch.gt(second, first, out=places)
        return torch.maximum(first, second)
    maxima, found = F.max_pool2d(grouped.unsqueeze(2).permute(0, 3, 1, 2), (layout.pool, 1), return_indices=True)
    places.copy_(found.flatten(1))
    return maxima.flatten(1)


def unpool(gradient: Tensor, places: Tensor, layout: Layout, out: Tensor) -> None:
    """Puts pooled gradients (phases / pool, filters * rows) to their places in (phases, filters, rows)."""
    spread = out.view(len(places), layout.pool, -1)
    if layout.pool == 2:
        first, second = spread.unbind(1)
        torch.mul(gradient, places, out=second)
        torch.sub(gradient, second, out=first)
    else:
        spread.zero_().scatter_(1, places.unsqueeze(1), gradient.unsqueeze(1))


def in_time(pooled: Tensor, layout: Layout) -> Tensor:
    """Reorders (phases / pool, filters * rows) to (filters, pooled outputs)."""
    ordered = pooled.view(len(pooled), -1, layout.rows).permute(1, 2, 0).flatten(1)
    return ordered[:, : layout.outputs // layout.pool]


def by_phase(pooled: Tensor, layout: Layout) -> Tensor:
    """Undoes `in_time`, zero where the pooling left outputs over."""
    groups = layout.phases // layout.pool
    padded = F.pad(pooled, (0, groups * layout.rows - pooled.shape[-1]))
    return padded.view(len(pooled), layout.rows, groups).permute(2, 0, 1).flatten(1)


def moments(padded: Tensor, layout: Layout, with_gram: bool) -> tuple[Tensor, Tensor | None]:
    """Sums all windows of one padded signal (samples,), and their products with themselves.

    Neighbouring windows share most of their samples: a stretch of the signal as long as two filters holds as many
    windows as a filter has taps (at stride 1), and the stretches' own product holds the windows' along its diagonal.

    Returns:
        The sums (length,), and the Gram matrix (length, length) if asked for.
    """
    length, stride, outputs = layout.length, layout.stride, layout.outputs
    phases = -(-length // stride)
    pairs = -(-outputs // (2 * phases))  # even and odd stretches apart: the rows of a matrix must not overlap in memory
    hop, stretch, start = phases * stride, (phases - 1) * stride + length, padded.storage_offset()
    stretches = padded.as_strided((2, pairs, stretch), (hop, 2 * hop, 1), start)
    beyond = padded.as_strided((2 * pairs * phases - outputs, length), (stride, 1), start + outputs * stride)
    sums = stretches.sum((0, 1)).unfold(0, length, stride).sum(0) - beyond.sum(0)
    if not with_gram:
        return sums, None
    gram = matrix_products.bmm(stretches.transpose(1, 2), stretches).sum(0)
    blocks = gram.as_strided((phases, length, length), (stride * (stretch + 1), stretch, 1)).sum(0)
    return sums, blocks - matrix_products.bmm(beyond.T[None], beyond[None])[0]
