"""Products of matrices that are portable and cost no more: on a CPU by numpy's OpenBLAS in place of MKL.

Of MKL only the branch for the oldest processors gives the same bits on every make (`elor.arithmetic`), at two to three
times the time. OpenBLAS, told to take its kernels for Haswell, gives them at about the speed of MKL's best. Each
product of a batch is one of its own, so its bits do not depend on the batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elor import arithmetic


def bmm(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply batches of matrices, as `torch.bmm`; nothing to differentiate.

    Args:
        left: (batch, rows, inner), float32, float64 or their complex kin. right: (batch, inner, columns).
        out: where to put the result, contiguous; None: into a new tensor.

    Returns:
        (batch, rows, columns)
    """
    if left.device.type != "cpu" or arithmetic.choice() != "portable":
        return torch.bmm(left, right) if out is None else torch.bmm(left, right, out=out)
    if out is None:
        out = left.new_empty(len(left), left.shape[1], right.shape[2])
    np.matmul(left.detach().numpy(), right.detach().numpy(), out=out.numpy())
    return out
