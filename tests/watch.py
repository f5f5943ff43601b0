"""What a piece of work asks of its device, seen on the device `meta`, which has no memory and refuses to be read."""

from __future__ import annotations

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
