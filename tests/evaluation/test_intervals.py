"""Intervals: identities in closed form, scipy as oracle, and coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from elor.evaluation import intervals
from elor.evaluation.caution import caution
from elor.evaluation.continuous import ccc, moments
from elor.evaluation.intervals import (
    Interval,
    bootstrap,
    jackknife,
    linear_error,
    percentile_coverage,
    printed,
    speaker_interval,
)
from elor.evaluation.recall import uar, war

from .simulation import AROUSAL, VALENCE, speakers, tables, talkers

pytestmark = pytest.mark.long


def mean(tallies):
    """The plain mean as a statistic of tallies (count, sum)."""
    return tallies[..., 1] / tallies[..., 0]


def test_speaker_interval_equals_scipy():
    values = np.random.default_rng(0).normal(0.4, 0.1, 10)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert speaker_interval(values, 0.9) == pytest.approx((expected.low, expected.high))
    assert speaker_interval([*values, np.nan], 0.9) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("count", [3, 10, 1000])
def test_jackknife_of_a_mean_is_the_t_interval(count):
    values = np.random.default_rng(1).normal(size=count)
    tallies = np.stack([np.ones(count), values], axis=1)
    assert jackknife(tallies, mean) == pytest.approx(speaker_interval(values))
    assert linear_error(tallies, mean, np.ones((1, count)))[0] == pytest.approx(stats.sem(values), rel=1e-4)


def test_one_speaker_has_no_interval():
    tally = np.array([[[3, 1], [1, 3]]])
    rng = np.random.default_rng(0)
    found = (speaker_interval([0.4]), jackknife(tally, uar), *bootstrap(tally, uar, rng))
    assert np.isnan(found).all()


def test_linear_error_of_uar_equals_the_formula():
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 30, size=(8, 5, 5))
    counts[:, 4] = 0  # a class that never occurs
    counts[1:, 3] = 0  # and one that a single speaker has
    hits, rows = np.diagonal(counts, axis1=1, axis2=2)[:, :4], counts.sum(2)[:, :4]
    moves = ((hits - hits.sum(0) / rows.sum(0) * rows) / rows.sum(0)).mean(1)
    expected = np.sqrt(8 / 7 * (moves**2).sum())
    assert linear_error(counts.astype(float), uar, np.ones((1, 8)))[0] == pytest.approx(expected, rel=1e-5)


def test_bootstrap_equals_scipy(monkeypatch):
    monkeypatch.setattr(intervals, "CHUNK", 32 * 3_000)  # in several pieces
    values = np.random.default_rng(3).normal(0.4, 0.1, 12)
    tallies = np.stack([np.ones(12), values], axis=1)
    percentile, studentised = bootstrap(tallies, mean, np.random.default_rng(4), draws=20_000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=5).confidence_interval
    assert percentile == pytest.approx((expected.low, expected.high), abs=0.002)
    assert studentised.high - studentised.low > percentile.high - percentile.low


def test_bootstrap_of_identical_speakers_has_no_t():
    same = np.tile([[3, 1], [1, 3]], (3, 1, 1))
    percentile, studentised = bootstrap(same, uar, np.random.default_rng(0), draws=100)
    assert percentile == (0.75, 0.75)
    assert np.isnan(studentised).all()
    nothing = np.zeros((3, 2, 2))
    assert np.isnan(bootstrap(nothing, uar, np.random.default_rng(0), draws=100)).all()


def test_what_is_printed_lies_within_the_range_and_rests_on_three_speakers():
    assert printed(Interval(0.69, 1.16), 3, (0.0, 1.0)) == (0.69, 1.0)
    assert printed(Interval(-0.2, 0.3), 10, (0.0, 1.0)) == (0.0, 0.3)
    assert printed(Interval(-1.2, 1.3), 10, (-1.0, 1.0)) == (-1.0, 1.0)
    assert np.isnan(printed(Interval(0.2, 0.3), 2, (0.0, 1.0))).all()
    assert np.isnan(printed(Interval(float("nan"), float("nan")), 9, (0.0, 1.0))).all()


def test_every_size_of_corpus_has_an_interval():
    rng = np.random.default_rng(6)
    for count in (3, 40, 1000):
        counts = rng.integers(0, 6, size=(count, 4, 4))
        sums = rng.normal(size=(2, count * 20))
        values = moments(*sums, np.repeat(np.arange(count), 20), count)
        for tallies, score in ((counts, uar), (counts, war), (values, ccc)):
            low, high = jackknife(tallies, score)
            assert low < score(tallies.sum(0)) < high
            for found in bootstrap(tallies, score, rng, draws=300):
                assert found.low < found.high


SPEAKERS = [3, 10, *(pytest.param(count, marks=pytest.mark.slow) for count in (5, 30))]


def covered(found, truth):
    """Share of intervals that hold the true value."""
    found = np.asarray(found)
    return ((found[..., 0] <= truth) & (truth <= found[..., 1])).mean(0)


@pytest.mark.parametrize("prior", [VALENCE, AROUSAL])
@pytest.mark.parametrize("count", SPEAKERS)
def test_primary_interval_covers_the_pooled_uar_and_war(prior, count):
    rng = np.random.default_rng([7, count])
    hits, slices = speakers(rng, 1, 100_000, prior)
    truths = (hits.sum(1) / slices.sum(1)).mean(), hits.sum() / slices.sum()
    studies = tables(*speakers(rng, 2_500, count, prior))
    for score, truth in zip((uar, war), truths, strict=True):
        assert 0.93 <= covered([jackknife(study, score) for study in studies], truth) <= 0.97


@pytest.mark.parametrize("count", SPEAKERS)
def test_primary_interval_covers_the_pooled_ccc(count):
    rng = np.random.default_rng([10, count])
    truth = ccc(talkers(rng, 1, 100_000, slices=20).sum((0, 1)) * 1.0)
    assert 0.5 < truth < 0.7
    assert 0.92 <= covered([jackknife(study, ccc) for study in talkers(rng, 2_000, count, slices=20)], truth) <= 0.97


def test_a_class_of_four_slices_is_covered_less_often_and_is_warned_of():
    """0.04 times the release's rarest class, spread evenly over speakers: the docstring's 82 to 87 %."""
    rng = np.random.default_rng(11)
    prior = AROUSAL * np.array([0.04, 1, 1, 1, 1])
    found, owners = [], []
    for concentration in (200.0, 2_000.0):
        rare = {"prior": prior / prior.sum(), "concentration": concentration}
        hits, slices = speakers(rng, 1, 200_000, **rare)
        truth = (hits.sum(1) / slices.sum(1)).mean()
        hits, slices = speakers(rng, 1_500, 10, **rare)
        occurs = (slices.sum(1) > 0).all(1)
        assert slices[:, :, 0].sum(1).mean() == pytest.approx(4.3, abs=0.5)
        found.append(covered([jackknife(study, uar) for study in tables(hits, slices)[occurs]], truth))
        owners += (slices[occurs, :, 0] > 0).sum(1).tolist()
    assert min(found) >= 0.79
    assert max(found) <= 0.90
    assert np.mean(["comes from" in caution(10, Interval(0, 1), count) for count in owners]) > 0.8


def test_speaker_interval_covers_the_mean_over_speakers():
    rng = np.random.default_rng(8)
    truth = uar(tables(*speakers(rng, 1, 50_000, AROUSAL)))[0].mean()
    found = np.array([speaker_interval(study) for study in uar(tables(*speakers(rng, 4_000, 10, AROUSAL)))])
    assert 0.93 <= ((found[:, 0] <= truth) & (truth <= found[:, 1])).mean() <= 0.97


def test_bootstrap_coverage_is_what_is_printed():
    """The percentile interval covers about 90 % with ten speakers, as `percentile_coverage` says; bootstrap-t more."""
    rng = np.random.default_rng(9)
    hits, slices = speakers(rng, 1, 100_000)
    truth = (hits.sum(1) / slices.sum(1)).mean()
    found = np.array([bootstrap(study, uar, rng, draws=300) for study in tables(*speakers(rng, 600, 10))])
    percentile, studentised = ((found[..., 0] <= truth) & (truth <= found[..., 1])).mean(0)
    assert percentile == pytest.approx(percentile_coverage(10), abs=0.03)
    assert 0.92 <= studentised <= 0.97


@pytest.mark.parametrize("prior", [VALENCE, AROUSAL])
@pytest.mark.parametrize(("count", "promised"), [(5, 0.85), pytest.param(30, 0.94, marks=pytest.mark.slow)])
def test_percentile_coverage_of_few_and_many_speakers(monkeypatch, prior, count, promised):
    monkeypatch.setattr(intervals, "linear_error", lambda *args: np.ones(len(args[2])))  # of bootstrap-t, not asked
    rng = np.random.default_rng([12, count])
    hits, slices = speakers(rng, 1, 100_000, prior)
    truth = (hits.sum(1) / slices.sum(1)).mean()
    found = [bootstrap(study, uar, rng, draws=300)[0] for study in tables(*speakers(rng, 800, count, prior))]
    assert covered(found, truth) == pytest.approx(promised, abs=0.03)
    assert percentile_coverage(count) == pytest.approx(promised, abs=0.01)


def test_percentile_coverage_in_the_limit():
    assert percentile_coverage(10) == pytest.approx(0.90, abs=0.01)
    assert percentile_coverage(10_000) == pytest.approx(0.95, abs=0.001)
    assert percentile_coverage(3) < percentile_coverage(5) < percentile_coverage(10)
