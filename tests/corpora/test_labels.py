"""The label rule against exact fractions, the choice of the rater, and the targets against values by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from elor.corpora import labels
from elor.corpora.schema import RATING_COLUMNS, UTTERANCE_COLUMNS, Tables, typed
from elor.errors import UserError
from elor.targets import Target


def nearest_class(x: Fraction, classes: int, low: Fraction, high: Fraction) -> int:
    """The nearest of equally spaced points by exhaustion; of two as near, the upper one."""
    points = [low + (high - low) * k / (classes - 1) for k in range(classes)]
    return max(range(classes), key=lambda k: (-abs(x - points[k]), k))


@pytest.mark.parametrize("seed", range(10))
def test_the_rule_is_the_nearest_point_with_ties_upward(seed: int) -> None:
    """Ranges and ratings with two decimals, half of them exact ties, against exact arithmetic."""
    draw = random.Random(seed)
    for _ in range(200):
        classes = draw.randint(2, 9)
        low = Fraction(draw.randint(-500, 500), 100)
        high = low + Fraction(draw.randint(1, 1000), 100)
        tie = low + (high - low) * Fraction(2 * draw.randrange(classes - 1) + 1, 2 * (classes - 1))
        for x in (tie, low + (high - low) * Fraction(draw.randint(0, 1000), 1000)):
            found = labels.to_class(np.array([float(x)]), classes, float(low), float(high))
            assert found.tolist() == [nearest_class(x, classes, low, high)]


def test_on_one_to_five_a_class_is_the_rating_minus_one() -> None:
    assert labels.to_class(np.arange(1, 6), 5, 1, 5).tolist() == [0, 1, 2, 3, 4]
    assert labels.to_class(np.array([1.49, 1.5, 2.5, 4.4999]), 5, 1, 5).tolist() == [0, 1, 2, 3]


def test_three_classes_of_one_to_five() -> None:
    assert labels.to_class(np.arange(1, 6), 3, 1, 5).tolist() == [0, 1, 1, 2, 2]  # 2 and 4 are ties


@pytest.mark.parametrize("value", [0.99, 5.01, np.nan, np.inf])
def test_a_rating_off_the_range_is_never_clipped(value: float) -> None:
    with pytest.raises(UserError, match=r"outside the declared range 1\.\.5"):
        labels.to_class(np.array([value]), 5, 1, 5)


@pytest.mark.parametrize(("classes", "low", "high"), [(1, 1, 5), (0, 1, 5), (5, 5, 5), (5, 5, 1)])
def test_impossible_classes_and_ranges_are_refused(classes: int, low: float, high: float) -> None:
    with pytest.raises(UserError):
        labels.to_class(np.array([]), classes, low, high)


def tables() -> Tables:
    """Four utterances: by two evaluators and the speaker; by E-2 without arousal; by three; by none."""
    utterances = [
        {"utterance": name, "speaker": "Ses01F", "samples": 1, "emotion": emotion}
        for name, emotion in (("a", "exc"), ("b", "fru"), ("c", "neu"), ("d", "Sadness"))
    ]
    rows = (
        ("a", "E-1", "evaluator", 2, 3),
        ("a", "E-2", "evaluator", 3, 4),
        ("a", "F-1", "self", 5, 5),
        ("b", "E-2", "evaluator", 3, None),
        ("c", "E-1", "evaluator", 1, 5),
        ("c", "E-2", "evaluator", 1, 4),
        ("c", "E-3", "evaluator", 2, 4),
        ("d", "F-1", "self", 4, 4),
    )
    ratings = [dict(zip(("utterance", "rater", "kind", "valence", "arousal"), row, strict=True)) for row in rows]
    return Tables(typed(utterances, UTTERANCE_COLUMNS), typed(ratings, RATING_COLUMNS), {"source": "test"})


def labelled(rater: str) -> dict[str, tuple[int, int]]:
    utterances = labels.label(tables(), rater, Target(), 1, 5).utterances
    assert utterances.utterance.tolist() == ["a", "b", "c", "d"]
    return {row.utterance: (row.valence, row.arousal) for row in utterances.dropna(subset="valence").itertuples()}


def test_labels_by_one_evaluator() -> None:
    assert labelled("E-2") == {"a": (2, 3), "c": (0, 3)}  # b lacks its arousal
    assert labelled("E-1") == {"a": (1, 2), "c": (0, 4)}


def test_the_mean_is_over_evaluators_only_and_rounds_ties_upward() -> None:
    assert labelled("mean") == {"a": (2, 3), "c": (0, 3)}  # a: 2.5, 3.5 -> 3, 4; c: 4/3, 13/3 -> 1, 4


def test_labelling_leaves_the_tables_that_it_was_given_alone() -> None:
    given = tables()
    labels.label(given, "E-2", Target(), 1, 5)
    assert given.utterances.valence.isna().all()
    assert given.report == {"source": "test"}


@pytest.mark.parametrize("rater", ["E-4", "e-2", "E2", ""])
def test_an_absent_rater_is_refused_with_those_there_are(rater: str) -> None:
    with pytest.raises(UserError) as error:
        labels.label(tables(), rater, Target(), 1, 5)
    assert "E-1 (2 utterances), E-2 (2 utterances), E-3 (1 utterances) or mean" in str(error.value)


def test_a_self_report_never_labels() -> None:
    with pytest.raises(UserError, match="report on herself; choose E-1"):
        labels.label(tables(), "F-1", Target(), 1, 5)


def test_a_corpus_without_evaluators_is_refused() -> None:
    original = tables()
    only_self = original.ratings[original.ratings.kind == "self"]
    with pytest.raises(UserError, match="no evaluator"):
        labels.label(Tables(original.utterances, only_self, {}), "E-2", Target(), 1, 5)


@pytest.mark.parametrize("rater", ["E-2", "mean", "gold"])
def test_gold_labels_whatever_rater_is_asked_for(rater: str) -> None:
    original = tables()
    ratings = original.ratings[original.ratings.rater == "E-1"].assign(rater="gold")
    found = labels.label(Tables(original.utterances, ratings, {}), rater, Target(), 1, 5)
    assert found.utterances.valence.dropna().tolist() == [1, 0]
    assert found.report["labels"]["rater"] == "gold"
    assert found.report["labels"]["asked_for"] == rater


def test_the_report_says_what_was_left_out_and_why() -> None:
    report = labels.label(tables(), "E-2", Target(), 1, 5).report
    assert report["source"] == "test"
    assert report["labels"] == {
        "rater": "E-2",
        "asked_for": "E-2",
        "classes": 5,
        "range": [1, 5],
        "utterances": 2,
        "left_out": {"not_rated_by_rater": 1, "rating_incomplete": 1},
        "by_speaker": {"Ses01F": 2},
        "valence": [1, 0, 1, 0, 0],
        "arousal": [0, 0, 0, 2, 0],
    }


def targets(target: str, classes: int = 5) -> pd.DataFrame:
    found = labels.label(tables(), "E-1", Target(classes=classes), 1, 5)
    return labels.targets(found.utterances, found.ratings, Target(target, classes), 1, 5).set_index("utterance")


def test_target_classes_are_the_chosen_raters() -> None:
    found = targets("classes")
    assert found.index.tolist() == ["a", "c"]
    assert found.to_dict("list") == {"valence": [1, 0], "arousal": [2, 4]}
    assert (found.dtypes == np.int64).all()


def test_target_regression_is_the_mean_of_the_evaluators() -> None:
    found = targets("regression")
    assert found.index.tolist() == ["a", "c"]
    assert np.allclose(found, [[1.5, 2.5], [1 / 3, 10 / 3]])


def test_target_distribution_is_the_share_of_the_evaluators() -> None:
    found = targets("distribution")
    assert found[["valence", "arousal"]].to_numpy().tolist() == [[2, 3], [0, 3]]
    assert np.allclose(found.filter(like="valence_p"), [[0, 0.5, 0.5, 0, 0], [2 / 3, 1 / 3, 0, 0, 0]])
    assert np.allclose(found.filter(like="arousal_p"), [[0, 0, 0.5, 0.5, 0], [0, 0, 0, 2 / 3, 1 / 3]])
    assert list(found) == ["valence", "arousal", *(f"{d}_p{k}" for d in ("valence", "arousal") for k in range(5))]


def test_target_spread_is_mean_and_deviation_of_the_evaluators() -> None:
    found = targets("spread", classes=3)
    assert found[["valence", "arousal"]].to_numpy() == pytest.approx(np.array([[1.5, 2.5], [1 / 3, 10 / 3]]) / 2)
    expected = [np.std([2, 3], ddof=1) / 2, np.std([1, 1, 2], ddof=1) / 2]
    assert found["valence_deviation"].tolist() == pytest.approx(expected)


def test_a_spread_needs_two_raters(capsys: pytest.CaptureFixture[str]) -> None:
    found = labels.label(tables(), "E-1", Target(), 1, 5)
    one = found.ratings[~((found.ratings.utterance == "a") & (found.ratings.rater == "E-1"))]
    left = labels.targets(found.utterances, one, Target("spread"), 1, 5)
    assert left["utterance"].tolist() == ["c"]
    assert "1 utterance of one rater left out" in capsys.readouterr().err
    alone = found.ratings[found.ratings.rater == "E-1"]
    with pytest.raises(UserError, match=r"each of the 2 rated utterances .* one evaluator's rating alone; choose regr"):
        labels.targets(found.utterances, alone, Target("spread"), 1, 5)


def test_target_emotion_joins_excitement_to_happiness() -> None:
    assert targets("emotion").emotion.to_dict() == {"a": 1, "c": 3, "d": 2}  # fru is none of the four


def test_the_scale_of_targets_follows_the_classes() -> None:
    assert np.allclose(targets("regression", classes=3), [[0.75, 1.25], [1 / 6, 5 / 3]])
    assert targets("distribution", classes=3).filter(like="valence_p").shape == (2, 3)


def test_unknown_and_unsupported_targets_are_refused() -> None:
    with pytest.raises(UserError, match="choose one of classes, regression"):
        targets("moods")
    original = tables()
    with pytest.raises(UserError, match="No utterance"):
        labels.targets(original.utterances.assign(emotion="xxx"), original.ratings, Target("emotion"), 1, 5)


def test_one_dimension_alone_needs_no_other() -> None:
    found = labels.label(tables(), "E-2", Target(dimensions=("valence",)), 1, 5)
    assert found.utterances.set_index("utterance").valence.dropna().to_dict() == {"a": 2, "b": 2, "c": 0}  # b has one
    assert found.utterances.arousal.isna().all()
    assert "arousal" not in found.report["labels"]


def test_a_third_dimension_is_labelled_where_all_three_are_given() -> None:
    given = tables()
    three = replace(given, ratings=given.ratings.assign(dominance=[4, 1, 5, 2, None, 3, 5, 1]))
    target = Target(dimensions=("dominance", "arousal", "valence"))
    found = labels.label(three, "E-1", target, 1, 5)
    assert found.utterances.set_index("utterance").dominance.dropna().to_dict() == {"a": 3}  # c's E-1 gave none
    chosen = labels.targets(found.utterances, found.ratings, target, 1, 5)
    assert chosen.to_dict("records") == [{"utterance": "a", "valence": 1, "arousal": 2, "dominance": 3}]


def test_who_asks_for_dominance_where_nobody_rated_it_is_told_what_there_is() -> None:
    with pytest.raises(UserError, match=r"valence, arousal and dominance; .* but valence and arousal, as labels.dim"):
        labels.label(tables(), "E-1", Target(dimensions=("arousal", "valence", "dominance")), 1, 5)


@pytest.mark.parametrize(
    ("ratings", "classes", "refused"),
    [
        ({"a": (1, 3), "b": (2, 4)}, 5, "1.41 classes in each of 2 utterances"),
        ({"a": (3, 3), "b": (3, 3)}, 5, "0.29 classes in each"),
        ({"a": (3, 3), "b": (3, 4)}, 2, "0.29 classes in each"),  # too close to be told apart on this scale
        ({"a": (3, 3), "b": (3, 4)}, 5, ""),
        ({"a": (3, 3)}, 5, ""),  # of one alone nothing can differ
    ],
)
def test_where_raters_lie_apart_alike_there_is_nothing_to_learn(ratings: dict, classes: int, refused: str) -> None:
    rows = [(name, f"E-{k}", "evaluator", v, 1 + k * 2) for name, pair in ratings.items() for k, v in enumerate(pair)]
    turns = typed([{"utterance": name, "speaker": "s", "samples": 1} for name in ratings], UTTERANCE_COLUMNS)
    columns = ("utterance", "rater", "kind", "valence", "arousal")
    given = typed([dict(zip(columns, row, strict=True)) for row in rows], RATING_COLUMNS)
    target = Target("spread", classes, ("valence",))
    found = labels.targets(turns, given, target, 1, 5)
    if refused:
        with pytest.raises(UserError, match=f"of valence their deviation counts as {refused}.* leave valence out of"):
            labels.check_disagreement(found, target)
    else:
        labels.check_disagreement(found, target)
    labels.check_disagreement(found, Target("regression", classes, ("valence",)))
