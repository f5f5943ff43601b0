"""What the simulations compare: gatekeeping by hand, hierarchical models against closed forms and a full likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, t, ttest_1samp

from benchmarks.hierarchy import FOLLOWS, estimated, rejected, sampled, weighted
from benchmarks.power import FAMILY_WISE, GROUPED, PARALLEL, SELECTED, SERIAL

GROUPS = [np.array([0, 1]), np.array([2, 3, 4]), np.array([5, 6])]


@pytest.mark.parametrize(
    ("correction", "p", "survive"),
    [
        (SERIAL, [0.01, 0.04, 0.01, 0.02, 0.06, 0.001, 0.001], [0, 1, 2, 3]),  # the last group is not asked
        (SERIAL, [0.01, 0.06, 0.001, 0.001, 0.001, 0.001, 0.001], [0]),
        (SERIAL, [0.01, 0.04, 0.01, 0.02, 0.05, 0.03, 0.02], [0, 1, 2, 3, 4, 6, 5]),
        (PARALLEL, [0.02, 0.04, 0.008, 0.009, 0.001, 0.008, 0.017], [0, 2, 4, 5]),  # 0.05, 0.025, then 0.01667
        (PARALLEL, [0.04, 0.03, 0.001, 0.001, 0.001, 0.001, 0.001], []),
        (SELECTED, [0.01, 0.2, 0.9, 0.9, 0.9, 0.04, 0.9], []),  # Simes' 0.02, 0.9, 0.08: of three none is selected
        (SELECTED, [0.004, 0.02, 0.9, 0.9, 0.9, 0.001, 0.034], [0, 1, 5]),  # two of three: at 0.0333
    ],
)
def test_gatekeeping_by_hand(correction: str, p: list[float], survive: list[int]) -> None:
    found = GROUPED[correction](np.array(p), GROUPS)
    assert set(np.flatnonzero(found)) == set(survive)


@pytest.mark.parametrize("correction", GROUPED)
def test_gatekeeping_keeps_its_promise_where_nothing_is_there(correction: str) -> None:
    rng = np.random.default_rng(1)
    some = [GROUPED[correction](rng.uniform(size=7), GROUPS).any() for _ in range(4_000)]
    assert np.mean(some) == pytest.approx(0.05, abs=0.011 if correction in FAMILY_WISE else 0.016)


def test_of_speakers_with_as_many_slices_each_hierarchical_tests_are_the_t_test() -> None:
    rng = np.random.default_rng(2)
    means, sizes = 0.5 + rng.normal(size=(50, 6)), np.full((50, 6), 8.0)
    squares = rng.chisquare(42, 50)
    between, within = estimated(means, sizes, squares)
    pooled, spread = squares / 42, means.var(1, ddof=1)
    inside = spread > pooled / 8  # else the variance between speakers is zero
    assert inside.sum() > 40
    assert within[inside] == pytest.approx(pooled[inside], rel=1e-3)
    assert between[inside] == pytest.approx((spread - pooled / 8)[inside], rel=1e-2)
    centre, p = weighted(means, sizes, squares)
    assert centre == pytest.approx(means.mean(1))
    assert p["HKSJ"] == pytest.approx(ttest_1samp(means, 0, axis=1).pvalue)
    assert p["Satterthwaite"][inside] == pytest.approx(p["HKSJ"][inside], rel=0.01)


def test_unequal_speakers_are_as_the_likelihood_of_all_slices_has_it() -> None:
    rng = np.random.default_rng(3)
    sizes = np.array([3, 9, 5, 14, 4])
    speaker = np.repeat(np.arange(5), sizes)
    values = 0.7 + rng.normal(size=5)[speaker] + rng.normal(size=len(speaker))
    same = speaker[:, None] == speaker

    def covariance(logs: np.ndarray) -> np.ndarray:
        return np.exp(logs[0]) * same + np.exp(logs[1]) * np.eye(len(speaker))

    def deviance(logs: np.ndarray) -> float:
        inverse = np.linalg.inv(covariance(logs))
        mu = (inverse @ values).sum() / inverse.sum()
        return -2 * multivariate_normal.logpdf(values - mu, cov=covariance(logs)) + np.log(inverse.sum())

    best = minimize(deviance, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
    means = np.array([values[speaker == one].mean() for one in range(5)])
    given = (means[None], sizes[None].astype(float), np.array([((values - means[speaker]) ** 2).sum()]))
    assert [float(one[0]) for one in estimated(*given)] == pytest.approx(np.exp(best), rel=5e-3)

    def variance(both: np.ndarray) -> float:
        return 1 / np.linalg.inv(both[0] * same + both[1] * np.eye(len(speaker))).sum()

    inverse = np.linalg.inv(covariance(best))
    projection = inverse - np.outer(inverse.sum(0), inverse.sum(0)) / inverse.sum()
    parts = [projection @ same, projection @ np.eye(len(speaker))]
    information = np.array([[np.trace(one @ other) / 2 for other in parts] for one in parts])
    at, steps = np.exp(best), 1e-4 * np.eye(2)
    slope = np.array([(variance(at + step) - variance(at - step)) / 2e-4 for step in steps])
    freedom = 2 * variance(at) ** 2 / (slope @ np.linalg.inv(information) @ slope)
    mu = (inverse @ values).sum() / inverse.sum()
    centre, p = weighted(*given)
    assert centre[0] == pytest.approx(mu, rel=1e-3)
    assert p["Satterthwaite"][0] == pytest.approx(2 * t.sf(abs(mu) / variance(at) ** 0.5, freedom), rel=1e-2)


def test_samples_are_what_they_are_said_to_be() -> None:
    for kind in ("skewed", FOLLOWS):
        means, sizes, squares = sampled(np.random.default_rng(4), 20_000, 4, 1.0, kind, 0.0)
        assert means.mean() == pytest.approx(0, abs=0.02)
        assert means.var() == pytest.approx(1 + (1 / sizes).mean(), rel=0.03)
        assert (squares / (sizes - 1).sum(1)).mean() == pytest.approx(1, rel=0.01)
        r = np.corrcoef(means.ravel(), np.log(sizes).ravel())[0, 1]
        assert r == pytest.approx(0.48 if kind == FOLLOWS else 0, abs=0.02)


def test_what_is_there_is_found_more_often_than_what_is_not() -> None:
    nothing, something = (rejected(2_000, 10, 0.1, "normal", effect, 5) for effect in (0.0, 3.0))
    for test, found in nothing.items():
        assert 60 < found < 140, test
        assert something[test] > 1_200, test
