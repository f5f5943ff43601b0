"""Guessing in closed form, against scikit-learn's guessers and against simulation."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from elor.evaluation.chance_level import majority_guess, mean_guess, prior_guess, uniform_guess
from elor.evaluation.continuous import ccc, rmse
from elor.evaluation.recall import confusion, uar, war

TRAINED = np.array([[10, 30, 60, 0, 0], [20, 50, 30, 0, 0]])
TESTED = np.array([[5, 10, 20, 0, 1], [8, 2, 10, 0, 0]])


def test_uniform_guess_is_one_in_k():
    assert war(uniform_guess(TESTED)) == pytest.approx(0.2)
    assert uar(uniform_guess(TESTED)) == pytest.approx(0.2)


def test_majority_guess_by_hand():
    counts = majority_guess(TRAINED, TESTED)  # fold 0 says 2, fold 1 says 1
    assert war(counts) == pytest.approx((20 + 2) / 56)
    assert uar(counts) == pytest.approx((0 + 2 / 12 + 20 / 30 + 0) / 4)


def test_majority_of_one_class_reaches_one_over_the_classes_that_occur():
    counts = majority_guess(TRAINED[:1], TESTED[:1])
    assert uar(counts) == pytest.approx(1 / 4)


def test_prior_guess_by_hand():
    counts = prior_guess(TRAINED, TESTED)
    hits = 5 * 0.1 + 10 * 0.3 + 20 * 0.6 + 8 * 0.2 + 2 * 0.5 + 10 * 0.3
    assert war(counts) == pytest.approx(hits / 56)
    recalls = ((5 * 0.1 + 8 * 0.2) / 13, (10 * 0.3 + 2 * 0.5) / 12, (20 * 0.6 + 10 * 0.3) / 30, 0)
    assert uar(counts) == pytest.approx(sum(recalls) / 4)


def test_nothing_to_learn_from_is_no_guess():
    for guess in (majority_guess, prior_guess):
        assert np.isnan([uar(guess(TRAINED[:1] * 0, TESTED[:1])), war(guess(TRAINED[:1] * 0, TESTED[:1]))]).all()


def test_mean_guess_by_hand():
    truth, fold = np.array([0.0, 2.0, 3.0, 5.0]), np.array([0, 0, 1, 1])
    guess = mean_guess([[2, 8.0], [2, 2.0]], truth, fold)  # 4 for the low ones, 1 for the high ones
    value = np.array([4.0, 4.0, 1.0, 1.0])
    assert rmse(guess) == pytest.approx(np.sqrt(((truth - value) ** 2).mean()))
    covariance = np.cov(truth, value, ddof=0)
    assert ccc(guess) == pytest.approx(2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1]))
    assert ccc(mean_guess([[2, 5.0]], truth, fold * 0)) == 0.0  # one fold: a constant


@pytest.mark.parametrize(
    ("strategy", "guess"), [("uniform", None), ("most_frequent", majority_guess), ("stratified", prior_guess)]
)
def test_expectation_equals_what_scikit_learn_guesses_on_average(strategy, guess):
    trained, tested = TRAINED[0, :3], TESTED[0, :3]
    labels, truth = np.repeat(np.arange(3), trained), np.repeat(np.arange(3), tested)
    reached = []
    for seed in range(400):
        guesser = DummyClassifier(strategy=strategy, random_state=seed).fit(np.zeros((len(labels), 1)), labels)
        reached.append(uar(confusion(truth, guesser.predict(np.zeros((len(truth), 1))), 3)))
    expected = uniform_guess(tested[None]) if guess is None else guess(trained[None], tested[None])
    assert uar(expected) == pytest.approx(np.mean(reached), abs=5 * np.std(reached) / 20 + 1e-12)
