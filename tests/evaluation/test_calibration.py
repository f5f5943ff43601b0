"""Calibration against scikit-learn's curve, closed forms, and scipy's entropy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve

from elor.evaluation.calibration import cross_entropy, ece, reliability


def test_bins_equal_scikit_learn():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 500)
    predicted, truth = shares.argmax(1), rng.integers(0, 3, 500)
    bins = reliability(truth, predicted, shares, bins=10)
    accuracy, confidence = calibration_curve(truth == predicted, shares.max(1), n_bins=10)
    filled = bins.count > 0
    np.testing.assert_allclose(bins.accuracy[filled], accuracy)
    np.testing.assert_allclose(bins.confidence[filled], confidence)
    assert bins.count.sum() == 500
    assert np.isnan(bins.accuracy[~filled]).all()
    assert ece(bins) == pytest.approx(bins.count[filled] @ np.abs(accuracy - confidence) / 500)


def test_calibrated_and_overconfident():
    shares = np.tile([0.75, 0.25], (4, 1))
    assert ece(reliability([0, 0, 0, 1], [0] * 4, shares)) == pytest.approx(0.0)
    assert ece(reliability([0, 1, 0, 1], [0] * 4, shares)) == pytest.approx(0.25)
    assert ece(reliability([1], [0], [[1.0, 0.0]])) == pytest.approx(1.0)  # the upper edge belongs to the last bin
    assert ece(reliability([1], [0], [[0.0, 1.0]])) == pytest.approx(0.0)  # a decision against the probabilities


def test_cross_entropy_is_entropy_plus_divergence():
    rng = np.random.default_rng(2)
    shares, shown = rng.dirichlet(np.ones(5), 20), rng.dirichlet(np.ones(5), 20)
    expected = np.mean([stats.entropy(s) + stats.entropy(s, p) for s, p in zip(shares, shown, strict=True)])
    assert cross_entropy(shares, shown) == pytest.approx(expected)
    assert cross_entropy(shares, shares) == pytest.approx(stats.entropy(shares, axis=1).mean())
    assert np.isfinite(cross_entropy([[1.0, 0.0]], [[0.0, 1.0]]))
