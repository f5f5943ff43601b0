"""Class scores against scikit-learn, and against counts worked out by hand."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from elor.evaluation.recall import confusion, confusions, kappa, macro_f1, mean_over_folds, recalls, uar, war

HAND = np.array([[2, 1, 0], [0, 3, 1], [0, 0, 0]])


@pytest.mark.parametrize("classes", [2, 4, 5, 9])
@pytest.mark.parametrize("missing", [False, True])
def test_scores_equal_scikit_learn(classes, missing):
    rng = np.random.default_rng(classes)
    truth, predicted = rng.integers(0, classes, 300), rng.integers(0, classes, 300)
    if missing:  # the last class is predicted but never true
        truth = np.minimum(truth, classes - 2)
    counts = confusion(truth, predicted, classes)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(truth, predicted, labels=range(classes)))
    assert counts.dtype.kind == "i"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of the missing class
        assert uar(counts) == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert war(counts) == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert macro_f1(counts) == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    weighted = metrics.cohen_kappa_score(truth, predicted, labels=range(classes), weights="quadratic")
    assert kappa(counts) == pytest.approx(weighted)
    recall = metrics.recall_score(truth, predicted, average=None, labels=range(classes), zero_division=np.nan)
    np.testing.assert_allclose(recalls(counts), recall)


def test_scores_by_hand():
    assert war(HAND) == pytest.approx(5 / 7)
    assert uar(HAND) == pytest.approx((2 / 3 + 3 / 4) / 2)  # the third class never occurs: a mean of two
    assert macro_f1(HAND) == pytest.approx((4 / 5 + 6 / 8 + 0) / 3)  # but it is predicted, so its F1 is 0


def test_scores_take_leading_axes():
    stack = np.random.default_rng(1).integers(0, 9, size=(3, 7, 5, 5))
    for score in (uar, war, macro_f1, kappa):
        assert score(stack).shape == (3, 7)
        assert score(stack)[2, 4] == pytest.approx(float(score(stack[2, 4])))


def test_confusions_split_by_group():
    truth, predicted, groups = [0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]
    assert confusions(truth, predicted, 2, groups, 3).tolist() == [[[1, 0], [1, 0]], [[0, 1], [0, 1]], [[0, 0], [0, 0]]]


def test_nothing_scored_is_nan():
    empty = np.zeros((5, 5))
    for score in (uar, war, macro_f1, kappa):
        assert np.isnan(score(empty))


def test_kappa_of_constants_is_nan_not_perfect():
    assert np.isnan(kappa([[4, 0], [0, 0]]))


@pytest.mark.parametrize(("truth", "predicted"), [([0, 5], [0, 1]), ([0, 1], [-1, 1]), ([0, 1, 2], [0, 1])])
def test_what_is_no_label_is_refused(truth, predicted):
    with pytest.raises(ValueError, match=r"outside 0\.\.4|differ in shape"):
        confusion(truth, predicted, 5)


def test_mean_over_folds_differs_from_the_pool_when_a_fold_lacks_a_class():
    folds = np.array([[[10, 0], [0, 0]], [[0, 10], [0, 10]]])  # the first fold has one class, all right
    assert mean_over_folds(uar(folds)) == pytest.approx((1.0 + 0.5) / 2)
    assert uar(folds.sum(0)) == pytest.approx((0.5 + 1.0) / 2)
    lopsided = np.array([[[10, 0], [0, 0]], [[0, 90], [0, 10]]])
    assert mean_over_folds(uar(lopsided)) == pytest.approx(0.75)
    assert uar(lopsided.sum(0)) == pytest.approx(0.55)
    assert np.isnan(mean_over_folds([np.nan, np.nan]))
