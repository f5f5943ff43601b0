"""Losses and scores against scikit-learn, closed forms and gradients by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics
from sklearn.utils.class_weight import compute_sample_weight

from elor.targets import FLOOR, Head
from elor.training import losses

CLASSES, SOFT, VALUE = Head("valence", 3), Head("valence", 3, soft=True), Head("valence", None)


def test_cross_entropy_is_scikit_learns_log_loss() -> None:
    logits, labels = torch.randn(20, 3, dtype=torch.float64), torch.arange(20) % 3
    expected = metrics.log_loss(labels, logits.softmax(1), labels=[0, 1, 2])
    assert losses.loss(CLASSES, logits, labels).item() == pytest.approx(expected)


def test_shares_of_raters_weigh_the_classes() -> None:
    logits, shares = torch.randn(20, 3, dtype=torch.float64), torch.rand(20, 3, dtype=torch.float64)
    shares /= shares.sum(1, keepdim=True)
    expected = -(shares * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(losses.loss(SOFT, logits, shares), expected)


def test_concordance_is_lins_formula_and_a_perfect_value_costs_nothing() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    expected = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert losses.concordance(torch.tensor(x), torch.tensor(y)).item() == pytest.approx(expected)
    assert losses.loss(VALUE, torch.tensor(x)[:, None], torch.tensor(x)).item() == pytest.approx(0)
    assert losses.concordance(torch.ones(4), torch.ones(4)).item() == 0


SPREAD = Head("valence", None, spread=True)


def test_the_divergence_is_that_of_two_normals() -> None:
    said, target = (torch.rand(2, 40, 2, dtype=torch.float64) * 3 + FLOOR).unbind()
    raters, network = (torch.distributions.Normal(*one.unbind(1)) for one in (target, said))
    expected = torch.distributions.kl_divergence(raters, network)
    torch.testing.assert_close(losses.divergence(said, target), expected)
    assert losses.divergence(target, target).abs().max() < 1e-12
    agreed = target * torch.tensor([1.0, 0.0])  # counts as the floor
    assert losses.divergence(said, agreed).equal(losses.divergence(said, agreed + torch.tensor([0.0, FLOOR])))


def test_its_minimum_is_at_the_mean_and_the_spread_around_it() -> None:
    """Of ratings that a network cannot tell apart: their mean, and the root of mean squared spread and error."""
    target = torch.tensor([[1.0, 0.0], [3.0, 2.0]], dtype=torch.float64)
    said = torch.ones(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([said], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def close() -> torch.Tensor:
        optimiser.zero_grad()
        value = losses.divergence(said.expand(2, 2), target).mean()
        value.backward()
        return value

    optimiser.step(close)
    mean, deviation = said.tolist()
    assert mean == pytest.approx(2, abs=1e-5)
    assert deviation**2 == pytest.approx(((FLOOR**2 + 1) + (4 + 1)) / 2, rel=1e-5)


def test_the_mean_learns_as_without_a_spread_and_the_spread_by_the_divergence_alone() -> None:
    output = torch.randn(30, 2, dtype=torch.float64, requires_grad=True)
    target = torch.rand(30, 2, dtype=torch.float64) + 0.5
    (found,) = torch.autograd.grad(losses.loss(SPREAD, output, target), output)
    (plain,) = torch.autograd.grad(losses.loss(VALUE, output[:, :1], target[:, 0]), output)
    said = losses.predict(SPREAD, output)
    (spread,) = torch.autograd.grad(losses.divergence(said, target).mean(), output)
    torch.testing.assert_close(found[:, 0], plain[:, 0])
    torch.testing.assert_close(found[:, 1], spread[:, 1] * said[:, 1].detach().square())  # Seitzer et al. 2022


def test_a_mean_that_is_far_off_does_not_tear_the_shared_layers_apart() -> None:
    """What reaches the deviation's unit grows with the squared error over the deviation, not over its third power."""
    output = torch.tensor([[-3.0, -5.0]] * 4, dtype=torch.float64, requires_grad=True)  # sure; 5 classes off
    target = torch.tensor([[2.0, 0.5]] * 4, dtype=torch.float64)
    (found,) = torch.autograd.grad(losses.loss(SPREAD, output, target), output)
    deviation = losses.predict(SPREAD, output)[:, 1]
    slope = torch.sigmoid(output[:, 1])  # of the softplus
    torch.testing.assert_close(found[:, 1], slope * (deviation - (0.25 + 25) / deviation) / 4)


def test_a_spread_is_judged_by_its_mean_like_a_plain_value() -> None:
    truth, wide = torch.rand(30), torch.rand(30)
    assert losses.score(SPREAD, torch.stack([truth, wide], 1), truth) == pytest.approx(1)


@pytest.mark.parametrize(("kind", "gradient"), [("norm", lambda w: w / w.norm()), ("squared", lambda w: 2 * w)])
def test_penalty_pulls_each_tensor_along_itself(kind: str, gradient) -> None:
    weights = [torch.randn(4, 5, requires_grad=True), torch.randn(7, requires_grad=True)]
    value = losses.penalty(weights, kind)
    power = 1 if kind == "norm" else 2
    assert value.item() == pytest.approx(sum(weight.norm().item() ** power for weight in weights), rel=1e-6)
    value.backward()
    for weight in weights:
        torch.testing.assert_close(weight.grad, gradient(weight.detach()))


def test_a_global_norm_takes_all_weights_for_one_vector() -> None:
    weights = [
        torch.randn(4, 5, requires_grad=True),
        torch.zeros(7, requires_grad=True),
        torch.randn(3, requires_grad=True),
    ]
    value = losses.penalty(weights, "global")
    whole = torch.cat([weight.detach().flatten() for weight in weights])
    assert value.item() == pytest.approx(whole.norm().item(), rel=1e-6)
    value.backward()
    for weight in weights:
        torch.testing.assert_close(weight.grad, weight.detach() / whole.norm())


def test_score_is_accuracy_or_concordance() -> None:
    probabilities, truth = torch.rand(30, 3), torch.arange(30) % 3
    assert losses.score(CLASSES, probabilities, truth) == metrics.accuracy_score(truth, probabilities.argmax(1))
    assert losses.score(VALUE, truth[:, None].float(), truth.float()) == pytest.approx(1)


def test_predictions_are_probabilities_or_values() -> None:
    output = torch.randn(5, 3)
    torch.testing.assert_close(losses.predict(CLASSES, output).sum(1), torch.ones(5))
    assert losses.predict(VALUE, output[:, :1]) is not None
    torch.testing.assert_close(losses.predict(VALUE, output[:, :1]), output[:, :1])


def test_balanced_classes_weigh_the_same_as_scikit_learn_has_it() -> None:
    truth = torch.tensor([0, 0, 0, 0, 1, 1, 3, 2, 2, 2])
    train = torch.tensor([0, 1, 2, 4, 6, 7])  # no second 1, one 3, one 2
    weights = losses.balancing(Head("valence", 4), truth, train)
    expected = compute_sample_weight("balanced", truth[train])
    np.testing.assert_allclose(weights[train], expected, rtol=1e-6)
    assert weights[train].mean().item() == pytest.approx(1)
    assert losses.balancing(VALUE, truth.float(), train) is None


def test_a_class_that_does_not_occur_takes_no_share() -> None:
    truth = torch.tensor([0, 0, 2])
    weights = losses.balancing(CLASSES, truth, torch.arange(3))
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", truth), rtol=1e-6)


def test_weights_weigh_the_slices_of_a_batch() -> None:
    logits, labels, weights = torch.randn(20, 3), torch.arange(20) % 3, torch.rand(20)
    each = -logits.log_softmax(1)[torch.arange(20), labels]
    torch.testing.assert_close(losses.loss(CLASSES, logits, labels, weights), (each * weights).sum() / 20)
    shares = F.one_hot(labels, 3).float()
    torch.testing.assert_close(losses.loss(SOFT, logits, shares, weights), (each * weights).sum() / 20)


def test_epochs_are_judged_by_mean_recall_or_by_loss_too() -> None:
    probabilities = torch.rand(30, 3, dtype=torch.float64).softmax(1)
    truth = torch.tensor([0] * 20 + [2] * 10)  # no 1
    recall = metrics.recall_score(truth, probabilities.argmax(1), labels=[0, 2], average="macro")
    assert losses.score(CLASSES, probabilities, truth, "uar") == pytest.approx(recall)
    loss = metrics.log_loss(truth, probabilities, labels=[0, 1, 2])
    assert losses.score(CLASSES, probabilities, truth, "loss") == pytest.approx(-loss, rel=1e-6)
    assert losses.score(VALUE, truth[:, None].float(), truth.float(), "loss") == pytest.approx(1)
