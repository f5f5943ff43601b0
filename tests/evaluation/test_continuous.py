"""CCC, r and RMSE against scipy, closed forms, and a direct formula."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from elor.evaluation.continuous import ccc, expected_value, moments, pearson, rmse


def sums(truth, value):
    return moments(truth, value, np.zeros(len(truth), dtype=int), 1)[0]


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_against_scipy_and_the_formula(offset):
    rng = np.random.default_rng(0)
    truth = rng.normal(2, 1, 200) + offset
    value = 0.6 * (truth - offset) + rng.normal(0, 0.5, 200) + offset
    found = sums(truth, value)
    assert pearson(found) == pytest.approx(stats.pearsonr(truth, value).statistic, rel=1e-6)
    assert rmse(found) == pytest.approx(metrics.root_mean_squared_error(truth, value), rel=1e-6)
    covariance = np.cov(truth, value, ddof=0)
    direct = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + (truth.mean() - value.mean()) ** 2)
    assert ccc(found) == pytest.approx(direct, rel=1e-6)


def test_ccc_in_closed_form():
    truth = np.array([0.0, 1, 2, 3, 4])  # variance 2
    assert ccc(sums(truth, truth)) == pytest.approx(1.0)
    assert ccc(sums(truth, truth + 1)) == pytest.approx(4 / 5)  # 2 * 2 / (2 + 2 + 1)
    assert ccc(sums(truth, 4 - truth)) == pytest.approx(-1.0)
    assert ccc(sums(truth, np.full(5, 2.0))) == 0.0


def test_undefined_is_nan():
    constant = np.full(4, 0.1)
    assert np.isnan(pearson(sums(constant, np.arange(4.0))))
    assert np.isnan(ccc(sums(constant, constant)))
    assert np.isnan(rmse(np.zeros(6)))
    assert moments([], [], np.zeros(0, dtype=int), 2).tolist() == [[0.0] * 6] * 2


def test_moments_add_up_over_groups():
    rng = np.random.default_rng(3)
    truth, value, groups = rng.normal(size=50), rng.normal(size=50), rng.integers(0, 4, 50)
    np.testing.assert_allclose(moments(truth, value, groups, 4).sum(0), sums(truth, value), atol=1e-12)


def test_expected_value():
    assert expected_value([[0.5, 0, 0, 0, 0.5], [0, 0, 0, 1, 0]]).tolist() == [2.0, 3.0]
