"""What a piece of work asks of its device, seen on the device `meta`, which has no memory and refuses to be read."""

from __future__ import annotations

import re
from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watch(TorchDispatchMode):
    """Counts operations, and kernels: those that are no mere views; notes what carries values between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.crossings: list[str] = []
        self.kernels = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        self.operations[str(function)] += 1
        self.kernels += not function.is_view and "empty" not in str(function) and "detach" not in str(function)
        tensors = [value for value in tree_leaves((args, kwargs, output)) if isinstance(value, torch.Tensor)]
        if len({tensor.device.type for tensor in tensors if tensor.dim()}) > 1:
            self.crossings.append(str(function))
        return output


REFUSED = re.compile(
    r"(_?adaptive_(avg|max)_pool[23]d|avg_pool3d|fractional_max_pool[23]d|max_pool3d_with_indices|grid_sampler_[23]d"
    r"|reflection_pad[123]d|upsample_(linear1d|bilinear2d|bicubic2d|trilinear3d)|_ctc_loss)_backward"
    r"|max_unpool[23]d|nll_loss2d_forward|histc|kthvalue|put_"
)
"""What CUDA refuses in deterministic mode, whatever it is given (documentation of `use_deterministic_algorithms`)."""


class Refusals(TorchDispatchMode):
    """Notes the operations of a CPU's work that deterministic CUDA would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = function.overloadpacket.__name__, kwargs or {}
        weighted = name == "bincount" and any(value is not None for value in (*args[1:2], kwargs.get("weights")))
        if REFUSED.fullmatch(name) or weighted or (name == "cumsum" and args[0].is_floating_point()):
            self.found.append(str(function))
        return function(*args, **kwargs)
