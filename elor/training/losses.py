"""What one head is trained on and scored by, for each kind of target.

The paper's loss is the categorical cross-entropy plus a penalty on the weights (section "End-to-end learning
network"). `distribution` and `regression` follow its section "Future work": cross-entropy against the shares of the
raters, and 1 - CCC (Lin 1989; as a loss: Trigeorgis et al. 2016) of the mean rating. `spread` is what it asks for, "a
loss function that is dependent on the standard deviation of the different annotations": to the loss of the mean comes
`divergence`, which moves nothing but the MLP of the deviation: neither the mean (Stirn et al. 2023), which is held, nor
what both read (`elor.networks.Spread`). Each slice's is weighed by its own predicted variance, held too: else its
gradient grows as error^2 / deviation^3 wherever the mean is still far off (Seitzer et al. 2022).
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from elor.targets import FLOOR, Head


def loss(head: Head, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """The loss of one head, averaged over the batch.

    Args:
        output: (batch, outputs) logits or values.
        target: (batch,) classes, (batch, classes) shares, (batch,) values, or (batch, 2) means and deviations.
        weight: (batch,) how much each slice counts, see `balancing`; None: all the same.
    """
    if head.spread:
        said = predict(head, output)
        around = torch.cat([said[:, :1].detach(), said[:, 1:]], dim=1)
        weight = said[:, 1].detach().square()
        return (
            1
            - concordance(output[:, 0].contiguous(), target[:, 0].contiguous())
            + (weight * divergence(around, target)).mean()
        )
    if head.valued:
        return 1 - concordance(output[:, 0], target)
    if weight is None:
        return F.cross_entropy(output, target)  # takes labels and shares alike
    return (F.cross_entropy(output, target, reduction="none") * weight).mean()


def balancing(head: Head, truth: Tensor, train: Tensor) -> Tensor | None:
    """Weights under which every class counts the same over the training slices, and a slice 1 on average.

    A slice of class k weighs slices / (classes that occur * slices of class k), scikit-learn's `balanced`. A batch's
    mean is not divided by its weights: a rare class is to pull harder wherever it occurs.

    Args:
        truth: (n,) classes of all slices.
        train: (m,) numbers of the training slices.

    Returns:
        (n,), or None for values, which have no classes.
    """
    if head.valued:
        return None
    counts = torch.bincount(truth[train], minlength=head.outputs)
    weights = len(train) / ((counts > 0).sum() * counts.clamp(min=1))
    return weights.float()[truth]


def penalty(weights: Iterable[Tensor], kind: str) -> Tensor:
    """The sum over weight tensors of ||w||_2 (`norm`, as the paper prints it) or of its square (`squared`).

    `global`: ||w||_2 of all of them as one vector, the other way to read the paper's w.
    """
    norms = torch.stack([torch.linalg.vector_norm(weight) for weight in weights])
    if kind == "global":
        return torch.linalg.vector_norm(norms)
    return norms.sum() if kind == "norm" else norms.square().sum()


def concordance(first: Tensor, second: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient, 2 cov / (var + var + (difference of means)^2); 0 when undefined.

    Shape:
        (n,), (n,) -> ()
    """
    spread = first.var(correction=0) + second.var(correction=0) + (first.mean() - second.mean()).square()
    covariance = ((first - first.mean()) * (second - second.mean())).mean()
    return 2 * covariance / spread.clamp_min(torch.finfo(first.dtype).tiny)


def divergence(predicted: Tensor, target: Tensor) -> Tensor:
    """KL(N(m, s) || N(mu, sigma)) = ln(sigma / s) + (s^2 + (m - mu)^2) / (2 sigma^2) - 1/2 of each slice.

    In nats. m and s are the raters' mean and standard deviation, mu and sigma what the network says. But for a constant
    it is the expected negative log-likelihood of one more rating (Nix and Weigend 1994), were ratings normal; its
    minimum is at mu = m, sigma = s. Kullback and Leibler 1951; for raters of emotion: Prabhu et al. 2022.

    Shape:
        (batch, 2) mu and sigma, (batch, 2) m and s, of which an s below `elor.targets.FLOOR` counts as that -> (batch,)
    """
    (mean, deviation), (m, s) = predicted.unbind(-1), target.unbind(-1)
    s = s.clamp_min(FLOOR)
    return (deviation / s).log() + (s.square() + (m - mean).square()) / (2 * deviation.square()) - 0.5


def predict(head: Head, output: Tensor) -> Tensor:
    """Probabilities (batch, classes), the value of a regression (batch, 1), or its mean and deviation (batch, 2)."""
    if head.spread:
        return torch.cat([output[..., :1], FLOOR + F.softplus(output[..., 1:])], dim=-1)
    return output if head.valued else output.softmax(dim=1)


def score(head: Head, prediction: Tensor, truth: Tensor, by: str = "accuracy") -> float:
    """What validation goes by, the higher the better; for values, with a spread or without, always the concordance.

    Args:
        prediction: what `predict` returned.
        truth: (batch,) true classes or values.
        by: `accuracy`; `uar`, the mean recall of the classes that occur; or `loss`, the mean log-probability of the
            true class, which is the cross-entropy's negative.
    """
    if head.valued:
        return concordance(prediction[:, 0].double(), truth.double()).item()
    if by == "loss":
        found = prediction.double().gather(1, truth[:, None]).clamp_min(torch.finfo(prediction.dtype).tiny)
        return found.log().mean().item()
    right = prediction.argmax(dim=1) == truth
    if by == "accuracy":
        return right.double().mean().item()
    # counts of whole numbers: CUDA refuses weighted ones where the same numbers are asked for twice
    hits, counts = (torch.bincount(some, minlength=head.outputs).double() for some in (truth[right], truth))
    return (hits[counts > 0] / counts[counts > 0]).mean().item()
