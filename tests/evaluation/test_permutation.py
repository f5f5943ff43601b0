"""The null distribution against shuffling slice by slice, and its p against uniformity."""

import numpy as np
import pytest
from scipy import stats

from elor.evaluation import permutation
from elor.evaluation.continuous import ccc, moments
from elor.evaluation.permutation import ccc_null, p_value, permuted_counts, uar_null
from elor.evaluation.recall import confusions, uar

pytestmark = pytest.mark.long


def slices(rng, classes=4, speakers=3, count=60):
    groups = np.repeat(np.arange(speakers), count)
    truth = np.minimum(rng.integers(0, classes, len(groups)) + (groups == 0), classes - 1)
    predicted = np.minimum(rng.integers(0, classes, len(groups)) + (groups == 0), classes - 1)
    return truth, predicted, groups


@pytest.mark.parametrize("count", [60, 10])  # more slices than cells, and fewer: two ways of drawing
def test_null_equals_shuffling(monkeypatch, count):
    monkeypatch.setattr(permutation, "CHUNK", 3 * 4 * 700)  # in several pieces
    rng = np.random.default_rng(0)
    truth, predicted, groups = slices(rng, count=count)
    drawn = uar_null(confusions(truth, predicted, 4, groups, 3), 4000, rng)
    shuffled = []
    for _ in range(4000):
        order = np.concatenate([rng.permutation(np.flatnonzero(groups == group)) for group in range(3)])
        shuffled.append(uar(confusions(truth[order], predicted, 4, groups, 3).sum(0)))
    assert stats.ks_2samp(drawn, shuffled).pvalue > 0.001


def test_recognising_a_speaker_lifts_the_null_above_one_in_k():
    rng = np.random.default_rng(5)  # speaker 0 has higher labels, and gets higher predictions
    assert uar_null(confusions(*slices(rng, count=600)[:2], 4, np.repeat(np.arange(3), 600), 3), 500, rng).mean() > 0.26


def test_margins_stay():
    counts = confusions(*slices(np.random.default_rng(1))[:2], 4, np.zeros(180, dtype=int), 1)
    drawn = permuted_counts(counts, 50, np.random.default_rng(2))
    np.testing.assert_array_equal(drawn.sum(1), np.tile(counts.sum((0, 1)), (50, 1)))
    np.testing.assert_array_equal(drawn.sum(2), np.tile(counts.sum((0, 2)), (50, 1)))


def test_null_of_values_equals_shuffling(monkeypatch):
    monkeypatch.setattr(permutation, "CHUNK", 60 * 700)
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(3), 60)
    truth, value = rng.normal(groups, 1.0), rng.normal(groups, 1.0)
    drawn = ccc_null(truth, value, groups, 3000, rng)
    shuffled = []
    for _ in range(3000):
        order = np.concatenate([rng.permutation(np.flatnonzero(groups == group)) for group in range(3)])
        shuffled.append(ccc(moments(truth[order], value, np.zeros(180, dtype=int), 1))[0])
    assert stats.ks_2samp(drawn, shuffled).pvalue > 0.001


def test_p_is_uniform_under_the_null_and_small_for_skill():
    rng = np.random.default_rng(4)
    p = []
    for _ in range(300):
        truth, predicted, groups = slices(rng, count=40)
        counts = confusions(truth, predicted, 4, groups, 3)
        p.append(p_value(uar_null(counts, 199, rng), uar(counts.sum(0))))
    assert stats.kstest(p, "uniform").pvalue > 0.001
    sure = np.tile(np.diag([9, 9, 9]), (3, 1, 1))
    assert p_value(uar_null(sure, 999, rng), 1.0) == pytest.approx(0.001)
    assert np.isnan(p_value(np.zeros(3), np.nan))
