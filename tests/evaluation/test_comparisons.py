"""Tests between networks: scipy as oracle, exactness, and error rates by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from elor.evaluation.comparisons import difference_interval, exchange, holm, mcnemar, sign_flip
from elor.evaluation.continuous import ccc, moments
from elor.evaluation.recall import uar

from .simulation import speakers, tables


def siblings(rng, studies, networks, count=10, gains=(0.0, 0.0, 0.0, 0.0)):
    """Networks on the same slices of the same speakers; `gains` are in log-odds over the first, 0 of equal skill."""
    hits, slices = speakers(rng, studies, count)
    odds = np.log((hits + 0.5) / (slices - hits + 0.5))
    own = [odds + gain + rng.normal(0, 0.3, odds.shape) for gain in gains[:networks]]
    return [tables(rng.binomial(slices, 1 / (1 + np.exp(-one))), slices) for one in own]


def twins(rng, studies, count=10):
    """Two networks of equal skill on the same slices."""
    return siblings(rng, studies, 2, count)


@pytest.mark.parametrize("count", [3, 7, 10])
def test_sign_flip_equals_scipy(count):
    values = np.random.default_rng(count).normal(0.3, 1.0, count)
    expected = stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    found = sign_flip([*values, np.nan])
    assert found.p == pytest.approx(expected)
    assert (found.patterns, found.exact) == (2 ** (count - 1), True)


def test_smallest_p_of_ten_speakers():
    assert sign_flip(np.arange(1.0, 11)).p == pytest.approx(2 / 1024)


def test_monte_carlo_above_twenty_speakers():
    values = np.random.default_rng(0).normal(0.2, 1.0, 21)
    found = sign_flip(values, draws=40_000, seed=1)
    halves = [
        np.array([sum(signs) for signs in product(*((v, -v) for v in half))]) for half in (values[:11], values[11:])
    ]
    sums = np.abs(halves[0][:, None] + halves[1])  # all 2^21
    assert not found.exact
    assert found.p == pytest.approx((sums >= abs(values.sum()) - 1e-12).mean(), abs=0.01)
    assert found == sign_flip(values, draws=40_000, seed=1)
    assert sign_flip(np.ones(1000), draws=999).p == pytest.approx(0.001)


def test_no_difference_and_no_speaker():
    assert sign_flip(np.zeros(5)).p == 1.0
    assert sign_flip([np.nan]).p == 1.0


def test_exchange_is_the_sign_flip_of_contributions():
    """Pooled UAR is linear in the hits, so exchanging counts flips the sign of each speaker's contribution."""
    a, b = (side[0] for side in twins(np.random.default_rng(1), 1))
    rows = a.sum((0, 2))
    contributions = ((np.diagonal(a, axis1=1, axis2=2) - np.diagonal(b, axis1=1, axis2=2)) / rows).mean(1)
    assert contributions.sum() == pytest.approx(uar(a.sum(0)) - uar(b.sum(0)))
    assert exchange(a, b, uar).p == pytest.approx(sign_flip(contributions).p)


def test_exchange_of_values_by_brute_force():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(4), 30)
    truth = rng.normal(size=120)
    values = truth + rng.normal(0, 0.5, 120), truth + rng.normal(0, 1.0, 120)
    a, b = (moments(truth, value, groups, 4) for value in values)
    differences = []
    for code in range(16):
        swap = np.array([code >> k & 1 for k in range(4)], dtype=bool)[groups]
        pair = np.where(swap, values[1], values[0]), np.where(swap, values[0], values[1])
        scores = [ccc(moments(truth, value, np.zeros(120, dtype=int), 1))[0] for value in pair]
        differences.append(abs(scores[0] - scores[1]))
    expected = np.mean(np.array(differences) >= differences[0] - 1e-12)
    assert exchange(a, b, ccc).p == pytest.approx(expected)


def test_exchange_of_an_undefined_score():
    constant = moments(np.ones(6), np.ones(6), np.repeat([0, 1], 3), 2)
    assert np.isnan(exchange(constant, constant, ccc).p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_mcnemar_equals_the_binomial_test():
    rng = np.random.default_rng(3)
    a, b = rng.random(200) < 0.5, rng.random(200) < 0.4
    found = mcnemar(a, b)
    assert found.p == pytest.approx(stats.binomtest(found.only_a, found.only_a + found.only_b).pvalue)
    assert (found.only_a, found.only_b) == (int((a & ~b).sum()), int((~a & b).sum()))
    assert mcnemar(a, a).p == 1.0


def test_sign_flip_p_is_uniform_under_the_null_where_mcnemar_is_not():
    rng = np.random.default_rng(4)
    pairs = list(zip(*twins(rng, 1_500), strict=True))
    p = np.array([exchange(a, b, uar).p for a, b in pairs])
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / len(p)))
    slicewise = []
    for a, b in pairs[:300]:  # hits of both networks independent given speaker and class: the discordant slices
        hits = np.stack([np.diagonal(side, axis1=1, axis2=2) for side in (a, b)])
        rate = hits / np.maximum(a.sum(2), 1)
        only_a, only_b = (np.round((a.sum(2) * one * (1 - other)).sum()) for one, other in (rate, rate[::-1]))
        slicewise.append(stats.binomtest(int(only_a), int(only_a + only_b)).pvalue)
    assert np.mean(np.array(slicewise) <= 0.05) > 0.3


def test_holm_keeps_the_family_wise_error():
    """Four networks of equal skill on the same speakers; the comparisons share speakers and networks."""
    networks = siblings(np.random.default_rng(5), 800, 4)
    errors = []
    for study in zip(*networks, strict=True):
        p = [exchange(study[a], study[b], uar).p for a, b in ((0, 1), (0, 2), (0, 3), (1, 2))]
        errors.append(min(holm(p)) <= 0.05)
    assert np.mean(errors) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(errors))
    assert np.mean(errors) > 0.01  # the simulation does reject


def test_random_signs_keep_the_error_above_twenty_speakers():
    pairs = zip(*twins(np.random.default_rng(7), 800, count=25), strict=True)
    tests = [exchange(a, b, uar, draws=999, seed=study) for study, (a, b) in enumerate(pairs)]
    assert not any(test.exact for test in tests)
    p = np.array([test.p for test in tests])
    for level in (0.05, 0.25, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / len(p)))


def test_interval_of_the_difference_covers_zero_under_the_null():
    pairs = zip(*twins(np.random.default_rng(6), 1_500), strict=True)
    found = np.array([difference_interval(a, b, uar) for a, b in pairs])
    assert 0.93 <= ((found[:, 0] <= 0) & (found[:, 1] >= 0)).mean() <= 0.97


def test_interval_of_the_difference_covers_a_true_difference():
    rng, gains = np.random.default_rng(8), (0.5, 0.0)
    pools = siblings(rng, 1, 2, count=100_000, gains=gains)
    truth = float(np.subtract(*(uar(pool[0].sum(0)) for pool in pools)))
    assert truth > 0.05
    pairs = zip(*siblings(rng, 1_500, 2, gains=gains), strict=True)
    found = np.array([difference_interval(a, b, uar) for a, b in pairs])
    assert 0.92 <= ((found[:, 0] <= truth) & (found[:, 1] >= truth)).mean() <= 0.97
