"""The gradient of a waveform through a strided convolution, without PyTorch's slow kernel.

A first layer of one input channel is an odd shape for the libraries below PyTorch: with a stride the way back to the
signal takes several times as long as the way there. Taken in blocks of neighbouring samples it is an ordinary
convolution of the outputs' gradients, with the samples of a block as its channels, and as fast as the forward pass.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elor.explain.operator_mode import OperatorMode

BLOCK = 16
"""Samples of a block, at least: as many as fill a vector register."""


class QuickBackward(OperatorMode):
    """While it is entered, backward passes take `signal_gradient` where it wins; everything else is as ever."""

    def run(self, func, args, kwargs):
        if func is torch.ops.aten.convolution_backward.default and not kwargs and _wins(*args):
            gradient, signal, weight, _, (stride,), (padding,), *_ = args
            return signal_gradient(gradient, weight, stride, padding, signal.shape[-1]), None, None
        return super().run(func, args, kwargs)


def signal_gradient(gradient: Tensor, weight: Tensor, stride: int, padding: int, samples: int) -> Tensor:
    """The gradient of one-channel signals, from that of their convolution.

    Sample t of the padded signal gets sum_f sum_p gradient[f, p] weight[f, t - p stride].

    Args:
        gradient: (batch, filters, outputs).
        weight: (filters, 1, length).
        stride, padding: of the convolution.
        samples: of the signals, padding excluded.

    Returns:
        (batch, 1, samples).
    """
    outputs, length = gradient.shape[-1], weight.shape[-1]
    ahead = -(-BLOCK // stride)  # outputs that begin in a block
    behind = (length - 1) // stride  # earlier outputs that reach into it
    block = ahead * stride
    taps = torch.arange(block)[:, None] - stride * (torch.arange(behind + ahead) - behind)
    taps = torch.where((taps >= 0) & (taps < length), taps, length).to(weight.device)
    kernel = F.pad(weight[:, 0], (0, 1))[:, taps].transpose(0, 1).contiguous()  # tap `length` is 0
    blocks = -(-(samples + 2 * padding) // block)
    padded = F.pad(gradient, (behind, max(0, blocks * ahead - outputs)))
    found = F.conv1d(padded, kernel, stride=ahead)[..., :blocks]
    return found.transpose(1, 2).flatten(1)[:, None, padding : padding + samples]


def _wins(
    gradient: Tensor,
    signal: Tensor,
    weight: Tensor,
    bias: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    wanted: Sequence[bool],
) -> bool:
    """Is it a strided convolution of a waveform on a CPU, of which only the signal's gradient is wanted?"""
    plain = not transposed and groups == 1 and list(dilation) == [1] and list(wanted) == [True, False, False]
    return plain and signal.device.type == "cpu" and weight.dim() == 3 and weight.shape[1] == 1 and stride[0] > 1
