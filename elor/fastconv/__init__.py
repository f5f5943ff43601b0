"""Convolutions of long signals that are faster on a CPU than `torch.nn.Conv1d`, and equal to it."""

from elor.fastconv.block import ConvBlock
from elor.fastconv.layer import conv1d, same_padding

__all__ = ["ConvBlock", "conv1d", "same_padding"]
