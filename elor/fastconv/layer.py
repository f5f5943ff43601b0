"""`conv1d`: equal to `torch.nn.functional.conv1d` in output and gradients, and faster where filters are long."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import FunctionCtx, once_differentiable

from elor.fastconv import cost_model, spectral


def same_padding(length: int) -> tuple[int, int]:
    """Zeros before and after a signal that keep its length at stride 1; the odd one goes last, as in `nn.Conv1d`."""
    return (length - 1) // 2, length // 2


def conv1d(
    signal: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """Convolves (in the networks' sense: correlates) signals with filters.

    Args:
        signal: (batch, channels, samples).
        weight: (filters, channels, length).
        bias: (filters,) or none.
        stride: samples from one output to the next.
        padding: zeros before and after the signal.

    Returns:
        (batch, filters, (samples + sum(padding) - length) // stride + 1)
    """
    frames = cost_model.frames(signal, weight, stride, padding)
    if frames is None:
        return F.conv1d(F.pad(signal, padding), weight, bias, stride)
    output = SpectralConvolution.apply(signal, weight, frames)
    return output if bias is None else output + bias[:, None]


class SpectralConvolution(torch.autograd.Function):
    """Spectral convolution as one step of the graph; it can be differentiated once."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: FunctionCtx, signal: Tensor, weight: Tensor, frames: spectral.Frames) -> Tensor:
        """Convolves signals (batch, channels, samples) with a weight (filters, channels, length)."""
        output, spectra = spectral.forward(signal, weight, frames)
        ctx.save_for_backward(weight, *spectra)
        ctx.frames, ctx.samples = frames, signal.shape[-1]
        return output

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cpu")
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of the signal and of the weight, where needed."""
        weight, *spectra = ctx.saved_tensors
        parts = gradient.split(ctx.frames.chunk(weight.shape[1]))
        samples = ctx.samples if ctx.needs_input_grad[0] else None
        return *spectral.backward(parts, spectra, weight, ctx.frames, samples, ctx.needs_input_grad[1]), None
