"""Agreement of raters: Krippendorff's own example, scikit-learn, and tables worked out by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from elor.evaluation import agreement as module
from elor.evaluation.agreement import agreement, as_classes, krippendorff, pairs_of
from elor.targets import Target

MISSING = None
EXAMPLE = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, MISSING, MISSING, MISSING],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, MISSING, 3],
    [MISSING, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, MISSING],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, MISSING],
]
"""Four observers, twelve units: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, section C."""


def counts(example):
    return np.array([[list(unit).count(value) for value in range(1, 6)] for unit in zip(*example, strict=True)])


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_equals_the_published_example(metric, alpha):
    assert krippendorff(counts(EXAMPLE), metric) == pytest.approx(alpha, abs=5e-4)


def test_alpha_at_its_ends():
    assert krippendorff([[2, 0], [0, 2]]) == pytest.approx(1.0)
    assert np.isnan(krippendorff([[2, 0], [3, 0]]))  # one class only
    assert np.isnan(krippendorff([[1, 0], [0, 1]]))  # nobody rated twice
    rng = np.random.default_rng(0)
    chance = np.stack([np.bincount(rng.integers(0, 5, 3), minlength=5) for _ in range(4000)])
    assert krippendorff(chance) == pytest.approx(0.0, abs=0.03)


def test_agreement_of_a_small_corpus_by_hand():
    rows = [
        ("u1", "E-2", "evaluator", 1, 4), ("u1", "E-1", "evaluator", 1, 4), ("u1", "F-1", "self", 5, 1),
        ("u2", "E-2", "evaluator", 3, 3), ("u2", "E-1", "evaluator", 2, 3),
        ("u3", "E-2", "evaluator", 5, 2), ("u3", "E-4", "evaluator", 5, 2),
        ("u4", "E-1", "evaluator", 2, 2), ("u4", "E-4", "evaluator", 2, None),  # half a rating does not count
    ]  # fmt: skip
    ratings = pd.DataFrame(rows, columns=["utterance", "rater", "kind", "valence", "arousal"])
    utterances = pd.DataFrame({"utterance": ["u1", "u2", "u3", "u4"], "speaker": ["A", "A", "B", "B"]})
    found = agreement(ratings, utterances, "E-2", Target())
    assert found["exact"] == pytest.approx(2 / 3)
    assert found["exact_utterances"] == 3
    assert found["ratings_per_utterance"] == pytest.approx(7 / 4)
    others = found["valence"]["others"]
    assert (others["war"], others["uar"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (others["utterances"], others["ratings"]) == (3, 3)
    assert others["kappa"] == pytest.approx(
        metrics.cohen_kappa_score([0, 2, 4], [0, 1, 4], labels=range(5), weights="quadratic")
    )
    raters = {row["rater"]: row for row in found["valence"]["raters"]}
    assert {name: row["kind"] for name, row in raters.items()} == {
        "E-1": "evaluator",
        "E-4": "evaluator",
        "F-1": "self",
    }
    assert raters["E-1"]["uar"] == pytest.approx(0.5)
    assert raters["F-1"]["war"] == 0.0
    pairs = {(pair["a"], pair["b"]): pair for pair in found["arousal"]["pairs"]}
    assert {names: pair["utterances"] for names, pair in pairs.items()} == {("E-1", "E-2"): 2, ("E-2", "E-4"): 1}
    assert pairs["E-1", "E-2"]["exact"] == 1.0
    assert found["arousal"]["alpha"] == pytest.approx(1.0)


def test_others_are_scored_as_scikit_learn_would(world):
    found = agreement(world.ratings, world.utterances, "E-2", Target())["arousal"]["others"]
    people = world.ratings[world.ratings["kind"] == "evaluator"]
    wide = people.pivot(index="utterance", columns="rater", values="arousal")
    other = wide["E-1"].fillna(wide["E-3"])
    truth, predicted = wide["E-2"][other.notna()], other[other.notna()]
    assert found["uar"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert found["war"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert found["ci_low"] < found["uar"] < found["ci_high"]


def test_a_single_rater_has_nobody_to_agree_with():
    ratings = pd.DataFrame(
        {"utterance": ["u1", "u2"], "rater": "gold", "kind": "evaluator", "valence": [0.0, 1.0], "arousal": [0.5, 1.0]}
    )
    utterances = pd.DataFrame({"utterance": ["u1", "u2"], "speaker": ["A", "B"]})
    found = agreement(ratings, utterances, "gold", Target(classes=3), (0.0, 1.0))
    assert np.isnan(found["exact"])
    assert found["exact_utterances"] == 0
    for dimension in ("valence", "arousal"):
        assert found[dimension]["raters"] == found[dimension]["pairs"] == []
        assert np.isnan([found[dimension]["alpha"], found[dimension]["others"]["uar"]]).all()


ROWS = [
    ("u1", "E-1", "evaluator", 1, 4), ("u1", "E-2", "evaluator", 2, 4), ("u1", "E-3", "evaluator", 5, 1),
    ("u1", "F-1", "self", 4, 4), ("u2", "E-1", "evaluator", 3, 3), ("u2", "E-2", "evaluator", 4, 3),
    ("u3", "E-1", "evaluator", 5, 2), ("u3", "F-1", "self", 3, 2), ("u4", "F-1", "self", 1, 1),
]  # fmt: skip
RATINGS = pd.DataFrame(ROWS, columns=["utterance", "rater", "kind", "valence", "arousal"])
SPOKEN = pd.DataFrame({"utterance": ["u1", "u2", "u3", "u4"], "speaker": list("ABCC")})


@pytest.mark.parametrize("target", ["classes", "distribution", "regression"])
def test_everybody_against_the_mean_of_the_others_by_hand(target):
    found = agreement(RATINGS, SPOKEN, "mean" if target == "classes" else "E-2", Target(target))
    assert (found["rater"], found["reference"]) == ("mean", "the mean of the other evaluators")
    others = found["valence"]["others"]  # u3 has one evaluator, whom nobody is beside
    truth, value = np.array([3.5, 3.0, 1.5, 4.0, 3.0]) - 1, np.array([1, 2, 5, 3, 4]) - 1.0
    if target != "regression":
        truth = np.floor(truth + 0.5)  # 3.5 is class 3, 1.5 is class 1
    assert (others["ratings"], others["utterances"]) == (5, 2)
    assert others["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, value))
    covariance = np.cov(truth, value, ddof=0)
    distance = covariance[0, 0] + covariance[1, 1] + (truth.mean() - value.mean()) ** 2
    assert others["ccc"] == pytest.approx(2 * covariance[0, 1] / distance)
    assert others["war"] == 0.0
    raters = {row["rater"]: row for row in found["valence"]["raters"]}
    assert {name: row["ratings"] for name, row in raters.items()} == {"E-1": 2, "E-2": 2, "E-3": 1, "F-1": 2}
    assert raters["F-1"]["rmse"] == pytest.approx(  # against all evaluators: 8 / 3 and 5
        np.sqrt(((3 - (5 / 3 if target == "regression" else 2)) ** 2 + (2 - 4) ** 2) / 2)
    )


def test_no_evaluator_voted_for_an_emotion():
    found = agreement(RATINGS, SPOKEN, "E-2", Target("emotion"))
    assert "no single evaluator's choice of an emotion" in found["note"]
    assert found["reference"] == "E-2"
    assert "note" not in agreement(RATINGS, SPOKEN, "E-2", Target())


def test_emotions_need_no_ratings():
    found = agreement(RATINGS[:0], SPOKEN, "gold", Target("emotion"))
    assert "note" in found
    assert found["valence"]["pairs"] == found["arousal"]["raters"] == []
    assert found["valence"]["others"]["caution"] == ""


def test_two_speakers_have_no_interval_and_three_keep_the_range(world):
    few = world.utterances[world.utterances["speaker"].isin(["Ses01F", "Ses01M"])]
    ratings = world.ratings[world.ratings["utterance"].isin(few["utterance"])]
    others = agreement(ratings, few, "E-2", Target())["valence"]["others"]
    assert np.isnan([others["ci_low"], others["ci_high"]]).all()
    assert others["caution"].startswith("No interval over 2 speakers")
    tight = agreement(world.ratings, world.utterances, "E-2", Target(), confidence=0.999)["valence"]["others"]
    assert 0.0 <= tight["ci_low"] < tight["ci_high"] <= 1.0


def crowd(raters, utterances, each, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{unit}", f"r{rater:04d}", "evaluator", *np.clip(rng.integers(1, 6) + rng.integers(-1, 2, 2), 1, 5))
        for unit in range(utterances)
        for rater in rng.choice(raters, each, replace=False)
    ]
    ratings = pd.DataFrame(rows, columns=["utterance", "rater", "kind", "valence", "arousal"])
    units = [f"u{unit}" for unit in range(utterances)]
    return ratings, pd.DataFrame({"utterance": units, "speaker": [f"s{unit % 7}" for unit in range(utterances)]})


def test_pairs_are_those_of_scikit_learn(monkeypatch):
    people = as_classes(crowd(6, 40, 3)[0], Target(), (1.0, 5.0))
    found, summary = pairs_of(people, "arousal", 5)
    wide = people.pivot(index="utterance", columns="rater", values="arousal")
    expected = []
    for a, b in combinations(wide.columns, 2):
        one, other = wide[[a, b]].dropna().to_numpy(dtype=int).T
        kappa = metrics.cohen_kappa_score(one, other, labels=range(5), weights="quadratic")
        expected.append({"a": a, "b": b, "utterances": len(one), "exact": (one == other).mean(), "kappa": kappa})
    assert [pytest.approx(pair) for pair in expected] == found
    weight = [pair["utterances"] for pair in expected]
    means = {key: np.average([pair[key] for pair in expected], weights=weight) for key in ("exact", "kappa")}
    assert summary == pytest.approx({"pairs": 15, "listed": 15, **means})
    monkeypatch.setattr(module, "MOST_PAIRS", 4)
    few, capped = pairs_of(people, "arousal", 5)
    assert capped == pytest.approx(summary | {"listed": 4})
    assert few == [pair for pair in found if pair in few]  # in order
    assert min(pair["utterances"] for pair in few) == sorted(weight)[-4]


@pytest.mark.long
def test_of_a_thousand_raters_the_largest_pairs_are_listed():
    ratings, utterances = crowd(1_000, 1_500, 8)
    found = agreement(ratings, utterances, "mean", Target())["valence"]
    assert found["pairs_summary"]["pairs"] > 30_000
    assert len(found["pairs"]) == module.MOST_PAIRS
    assert len(found["raters"]) == 1_000


def test_who_rates_others_and_herself_is_two_raters():
    rows = [
        ("u1", "anna", "self", 1, 1), ("u1", "bert", "evaluator", 5, 5),
        ("u2", "anna", "self", 2, 2), ("u2", "bert", "evaluator", 4, 4),
        ("u3", "anna", "evaluator", 3, 3), ("u3", "bert", "self", 3, 3),
        ("u4", "anna", "evaluator", 2, 2), ("u4", "bert", "self", 5, 5),
    ]  # fmt: skip
    ratings = pd.DataFrame(rows, columns=["utterance", "rater", "kind", "valence", "arousal"])
    utterances = pd.DataFrame({"utterance": ["u1", "u2", "u3", "u4"], "speaker": ["anna", "anna", "bert", "bert"]})
    found = agreement(ratings, utterances, "anna", Target())["valence"]
    assert found["others"]["ratings"] == 0  # bert's are of utterances that anna labels nothing of
    (own,) = found["raters"]
    assert (own["rater"], own["kind"], own["ratings"], own["war"]) == ("bert", "self", 2, 0.5)


def test_a_self_report_is_pooled_with_no_rating_of_others():
    people = ("anna", "bert", "carl")  # everybody rates everybody
    rows = [(own, rater, "self" if own == rater else "evaluator", 3, 3) for own in people for rater in people]
    ratings = pd.DataFrame(rows, columns=["utterance", "rater", "kind", "valence", "arousal"])
    utterances = pd.DataFrame({"utterance": people, "speaker": people})
    found = agreement(ratings, utterances, "mean", Target())["valence"]["raters"]
    assert [(one["rater"], one["kind"], one["ratings"]) for one in found] == [
        (name, kind, count) for name in people for kind, count in (("evaluator", 2), ("self", 1))
    ]
