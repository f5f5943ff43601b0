"""Products of matrices that are portable and cost no more: on a CPU by numpy's OpenBLAS in place of MKL.

Of MKL only the branch for the oldest processors gives the same bits on every make (`elor.arithmetic`), at two to three
times the time. OpenBLAS, told to take its kernels for Haswell, gives them at about the speed of MKL's best. Each
product of a batch is one of its own, so its bits do not depend on the batch.

Where operators are watched (guided backpropagation does), or the way back is wanted, it is one to torch: `elor::bmm`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from elor import arithmetic

_operators = torch.library.Library("elor", "DEF")
_operators.define("bmm(Tensor left, Tensor right) -> Tensor")
_operators.define("bmm.out(Tensor left, Tensor right, *, Tensor(a!) out) -> Tensor(a!)")


def bmm(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply batches of matrices, as `torch.bmm`.

    Args:
        left: (batch, rows, inner), float32, float64 or their complex kin. right: (batch, inner, columns).
        out: where to put the result, contiguous, and not differentiated; None: into a new tensor.

    Returns:
        (batch, rows, columns)
    """
    if left.device.type != "cpu" or arithmetic.choice() != "portable":
        return torch.bmm(left, right) if out is None else torch.bmm(left, right, out=out)
    wanted = out is None and torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)
    if wanted or is_in_torch_dispatch_mode():
        return torch.ops.elor.bmm(left, right) if out is None else torch.ops.elor.bmm.out(left, right, out=out)
    return _new(left, right) if out is None else _into(left, right, out=out)  # a small product takes less than the call


def _into(left: Tensor, right: Tensor, *, out: Tensor) -> Tensor:
    np.matmul(left.detach().numpy(), right.detach().numpy(), out=out.numpy())
    return out


def _new(left: Tensor, right: Tensor) -> Tensor:
    return _into(left, right, out=left.new_empty(len(left), left.shape[1], right.shape[2]))


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
    left, right = ctx.saved_tensors
    return bmm(gradient, right.mH.resolve_conj()), bmm(left.mH.resolve_conj(), gradient)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


_operators.impl("bmm", _new, "CPU")
_operators.impl("bmm.out", _into, "CPU")
torch.library.register_autograd("elor::bmm", _backward, setup_context=_keep, lib=_operators)
