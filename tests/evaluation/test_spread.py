"""A predicted spread against closed forms, against a truth that was planted, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from elor.evaluation.predictions import judge
from elor.evaluation.settings import Settings
from elor.evaluation.spread import constant, coverage, divergence, spread
from elor.targets import FLOOR, Head
from elor.training import losses

HEAD = Head("arousal", None, spread=True)
RATERS, HOW = 6, Settings(target="spread", dimensions=("arousal",), permutations=400)


SHUFFLED = replace(HOW, shuffled=True)


def test_the_divergence_is_that_of_two_normals_and_of_training() -> None:
    mean, m = np.random.default_rng(0).normal(size=(2, 30))
    deviation, s = np.random.default_rng(1).uniform(FLOOR, 2, size=(2, 30))
    expected = kl_divergence(*(Normal(*map(torch.tensor, pair)) for pair in ((m, s), (mean, deviation))))
    found = divergence(mean, deviation, m, s)
    np.testing.assert_allclose(found, expected)
    trained = losses.divergence(torch.tensor(np.stack([mean, deviation], 1)), torch.tensor(np.stack([m, s], 1)))
    np.testing.assert_allclose(trained, found)
    assert divergence(0.0, FLOOR, 0.0, 0.0) == pytest.approx(0)


def test_intervals_of_a_normal_hold_what_they_should() -> None:
    mean, deviation = np.zeros(2), np.array([0.5, 2.0])
    place = np.repeat([0, 1], 20_000)
    ratings = np.random.default_rng(0).normal(mean[place], deviation[place])
    for share in (0.5, 0.8, 0.95):
        assert coverage(place, mean, deviation, ratings, share) == pytest.approx(share, abs=0.01)
        expected = np.mean(2 * stats.norm.cdf(stats.norm.ppf(0.5 + share / 2) / deviation) - 1)
        assert coverage(place, mean, np.ones(2), ratings, share) == pytest.approx(expected, abs=0.01)


def world(planted: bool, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Slices, predictions and ratings, of five speakers; the deviation that is predicted is the raters', or is not."""
    rng = np.random.default_rng(seed)
    slices = pd.DataFrame({"utterance": [f"u{n}" for n in range(300)], "speaker": np.arange(300) % 5})
    mean, deviation = rng.uniform(1.5, 2.5, 300), rng.uniform(0.3, 0.9, 300)
    ratings = rng.normal(mean, deviation, (RATERS, 300))
    slices["arousal"], slices["arousal_deviation"] = ratings.mean(0), ratings.std(0, ddof=1)
    said = deviation if planted else rng.permutation(deviation)
    table = pd.DataFrame(
        {
            "utterance": np.tile(slices["utterance"], RATERS),
            "kind": "evaluator",
            "arousal": ratings.ravel() + 1,
        }
    )
    return slices, pd.DataFrame({"arousal_value": mean, "arousal_deviation": said}), table.query("1 <= arousal <= 5")


def scores(planted: bool, seed: int = 0, how: Settings = HOW) -> dict[str, float]:
    slices, predictions, ratings = world(planted, seed)
    judged = judge(predictions, slices, HEAD, slices["speaker"].to_numpy())
    return spread(judged, predictions, slices, ratings, how)


def test_a_planted_spread_is_found_and_is_worth_more_than_one_for_all() -> None:
    slices, predictions, _ = world(True)
    found = scores(True)
    r = np.corrcoef(slices["arousal_deviation"], predictions["arousal_deviation"])[0, 1]
    assert found["spread_r"] == pytest.approx(r)
    assert found["spread_r_low"] < r < found["spread_r_high"]
    assert found["spread_p"] < 0.01
    assert found["divergence"] < found["divergence_constant"]
    for share in (50, 80):
        assert found[f"coverage_{share}"] == pytest.approx(share / 100, abs=0.05)


def test_given_the_means_it_is_the_partial_correlation_and_room_at_the_ends_is_not_taken_for_disagreement() -> None:
    found = scores(True)
    slices, predictions, _ = world(True)
    columns = (
        slices["arousal_deviation"],
        predictions["arousal_deviation"],
        slices["arousal"],
        predictions["arousal_value"],
    )
    precision = np.linalg.inv(np.corrcoef([*columns, columns[2] ** 2, columns[3] ** 2]))
    assert found["spread_partial_r"] == pytest.approx(-precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1]))
    assert found["spread_partial_r_low"] > 0
    assert found["spread_partial_p"] < 0.01
    at_the_ends = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mean = rng.uniform(0, 4, 300)
        ratings = np.clip(np.round(rng.normal(mean, 0.7, (RATERS, 300))), 0, 4)
        slices = pd.DataFrame({"utterance": [f"u{n}" for n in range(300)], "speaker": np.arange(300) % 5})
        slices["arousal"], slices["arousal_deviation"] = ratings.mean(0), ratings.std(0, ddof=1)
        heard = mean + rng.normal(0, 0.3, 300)
        said = 0.7 - 0.1 * np.square(heard - 2) + rng.uniform(0, 0.02, 300)  # it knows the mean, and nothing else
        predictions = pd.DataFrame({"arousal_value": heard, "arousal_deviation": said.clip(0.1)})
        judged = judge(predictions, slices, HEAD, slices["speaker"].to_numpy())
        one = spread(judged, predictions, slices, pd.DataFrame(columns=["utterance", "kind", "arousal"]), SHUFFLED)
        assert one["spread_p"] < 0.01
        at_the_ends.append(one["spread_partial_p"])
    assert sum(p < 0.05 for p in at_the_ends) <= 4  # of 20 more than four come once in 400 times


def test_shuffled_labels_are_not_held_against_single_ratings_which_stay_where_they_are() -> None:
    found, every = scores(True, how=replace(HOW, shuffled=True)), scores(True)
    assert found == {key: value for key, value in every.items() if not key.startswith("coverage")}


def test_where_there_is_none_nothing_is_found() -> None:
    p = [scores(False, seed)["spread_p"] for seed in range(20)]
    assert sum(value < 0.05 for value in p) <= 4  # of 20 more than four come once in 400 times
    found = scores(False)
    assert found["divergence"] > found["divergence_constant"]


def test_one_deviation_for_all_is_the_best_for_the_other_folds() -> None:
    slices, predictions, _ = world(True)
    fold = slices["speaker"].to_numpy()
    judged = judge(predictions, slices, HEAD, fold)
    s = slices["arousal_deviation"].to_numpy()
    found = constant(judged, s)
    others = fold != 2
    tried = np.linspace(0.3, 2, 500)
    mean = [divergence(judged.value[others], one, judged.truth[others], s[others]).mean() for one in tried]
    assert np.unique(found[fold == 2]) == pytest.approx(tried[np.argmin(mean)], abs=0.01)
