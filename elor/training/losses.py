"""What one head is trained on and scored by, for each kind of target.

The paper's loss is the categorical cross-entropy plus a penalty on the weights (section "End-to-end learning
network"). `distribution` and `regression` follow its section "Future work": cross-entropy against the shares of the
raters, and 1 - CCC (Lin 1989; as a loss: Trigeorgis et al. 2016) of the mean rating.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from elor.targets import Head


def loss(head: Head, output: Tensor, target: Tensor) -> Tensor:
    """The loss of one head, averaged over the batch.

    Args:
        output: (batch, outputs) logits or values.
        target: (batch,) classes, (batch, classes) shares, or (batch,) values.
    """
    if head.classes is None:
        return 1 - concordance(output[:, 0], target)
    return F.cross_entropy(output, target)  # takes labels and shares alike


def penalty(weights: Iterable[Tensor], kind: str) -> Tensor:
    """The sum over weight tensors of ||w||_2 (`norm`, as the paper prints it) or of its square (`squared`)."""
    norms = torch.stack([torch.linalg.vector_norm(weight) for weight in weights])
    return norms.sum() if kind == "norm" else norms.square().sum()


def concordance(first: Tensor, second: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient, 2 cov / (var + var + (difference of means)^2); 0 when undefined.

    Shape:
        (n,), (n,) -> ()
    """
    spread = first.var(correction=0) + second.var(correction=0) + (first.mean() - second.mean()).square()
    covariance = ((first - first.mean()) * (second - second.mean())).mean()
    return 2 * covariance / spread.clamp_min(torch.finfo(first.dtype).tiny)


def predict(head: Head, output: Tensor) -> Tensor:
    """Probabilities (batch, classes), or the value of a regression (batch, 1)."""
    return output if head.classes is None else output.softmax(dim=1)


def score(head: Head, prediction: Tensor, truth: Tensor) -> float:
    """What validation goes by: accuracy; for values the concordance.

    Args:
        prediction: what `predict` returned.
        truth: (batch,) true classes or values.
    """
    if head.classes is None:
        return concordance(prediction[:, 0].double(), truth.double()).item()
    return (prediction.argmax(dim=1) == truth).double().mean().item()
