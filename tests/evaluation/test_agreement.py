"""Agreement of raters: Krippendorff's own example, scikit-learn, and tables worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from elor.evaluation.agreement import agreement, krippendorff

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
    found = agreement(ratings, utterances, "E-2", 5)
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
    found = agreement(world.ratings, world.utterances, "E-2", 5)["arousal"]["others"]
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
    found = agreement(ratings, utterances, "gold", 3, (0.0, 1.0))
    assert np.isnan(found["exact"])
    assert found["exact_utterances"] == 0
    for dimension in ("valence", "arousal"):
        assert found[dimension]["raters"] == found[dimension]["pairs"] == []
        assert np.isnan([found[dimension]["alpha"], found[dimension]["others"]["uar"]]).all()
