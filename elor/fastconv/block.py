"""One block of the paper's CNN, convolution, batch normalisation, max-pooling, ReLU, in few passes over the signal.

Batch normalisation is affine per channel once the batch's mean and variance are known, so it can follow the pooling:
max(s x + b) is s max(x) + b where the scale s is positive, and s min(x) + b where it is negative. The minimum is the
maximum of the negated convolution, so filters of negative scale are negated beforehand. A convolution's bias shifts
nothing but the mean: it enters the running mean and nothing else.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.fastconv import cost_model
from elor.fastconv.layer import conv1d, same_padding
from elor.fastconv.pooled import pooled_convolution


class ConvBlock(nn.Module):
    """Convolution ('same' padding) -> BatchNorm1d -> MaxPool1d -> ReLU.

    Fast and plain blocks have the same parameters, the same state and, up to rounding, the same numbers. The ReLU is a
    module that is called in either case, so that hooks on it (guided backpropagation) work.

    Attributes:
        conv: holds weight (filters, in_channels, length) and bias.
        norm: holds the batch normalisation's parameters and running statistics.
        activation: the ReLU after pooling.

    Shape:
        (batch, in_channels, samples) -> (batch, filters, ceil(samples / stride) // pool)
    """

    def __init__(
        self, in_channels: int, filters: int, length: int, pool: int, stride: int = 1, fast: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, filters, length, stride=stride)
        self.norm = nn.BatchNorm1d(filters)
        self.activation = nn.ReLU()
        self.pool, self.stride, self.fast = pool, stride, fast
        self.padding = same_padding(length)

    def extra_repr(self) -> str:
        """Names what the submodules do not."""
        return f"pool={self.pool}, padding={self.padding}, fast={self.fast}"

    def forward(self, signal: Tensor) -> Tensor:
        """Runs the block on (batch, in_channels, samples).

        Raises:
            UserError: if the signal is too short for one pooling window.
        """
        outputs = -(-signal.shape[-1] // self.stride)
        if outputs < self.pool:
            raise UserError(f"A pooling window of {self.pool} values is longer than its layer's output of {outputs}.")
        # a scale of zero makes every value of a window equal, and the first one its maximum: a CPU leaves that to
        # PyTorch; a GPU would have to be waited for, and there the scale takes the slope of the largest value instead
        if not self.fast or not (cost_model.whole_batch(signal.device) or self.norm.weight.all()):
            return self.activation(F.max_pool1d(self.norm(self.conv(F.pad(signal, self.padding))), self.pool))
        return self.activation(self._train(signal) if self.training else self._eval(signal))

    def _eval(self, signal: Tensor) -> Tensor:
        """Convolves with the normalisation folded into the filters, and pools."""
        norm = self.norm
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        bias = norm.bias + (self.conv.bias - norm.running_mean) * scale
        output = conv1d(signal, self.conv.weight * scale[:, None, None], bias, self.stride, self.padding)
        return F.max_pool1d(output, self.pool)

    def _train(self, signal: Tensor) -> Tensor:
        """Convolves, pools, and normalises what is left; updates the running statistics."""
        norm, bias = self.norm, self.conv.bias
        sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0).to(norm.weight)
        weight = self.conv.weight * sign[:, None, None]
        pooled, mean, variance = pooled_convolution(signal, weight, self.stride, self.padding, self.pool)
        self._track(sign * mean + bias, variance, len(signal) * -(-signal.shape[-1] // self.stride))
        scale = norm.weight * sign * (variance + norm.eps).rsqrt()
        shift = norm.bias - mean * scale + (bias - bias)  # the bias cancels: its gradient is zero, not missing
        # an affine map with a fused backward pass: a normalisation by given statistics, mean 0 and variance 1
        zero, one = torch.zeros_like(mean), torch.ones_like(mean)
        return torch.batch_norm(pooled, scale, shift, zero, one, False, 0.0, 0.0, False)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Moves the running statistics towards this batch's; `count` values per channel make the variance unbiased."""
        norm = self.norm
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
