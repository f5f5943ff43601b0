"""Predictions: what is accepted, what is refused and how it is named, and averages over utterances."""

import numpy as np
import pandas as pd
import pytest

from elor.corpora.faults import some
from elor.errors import UserError
from elor.evaluation.predictions import check_predictions, fold_per_slice, judge, over_utterances
from elor.targets import Head, Target

VALENCE = (Head("valence", 5),)


def test_heads_of_each_target():
    assert Target("emotion").heads == (Head("emotion", 4),)
    assert Target("classes", 7).heads == (Head("arousal", 7), Head("valence", 7))
    assert Target("distribution", 7).heads == (Head("arousal", 7, soft=True), Head("valence", 7, soft=True))
    assert Target("regression").heads == (Head("arousal", None), Head("valence", None))
    with pytest.raises(UserError, match="'mood' is unknown"):
        Target("mood")


@pytest.mark.parametrize("dimensions", [("arousal", "valence", "dominance"), ("dominance", "valence", "arousal")])
def test_heads_do_not_follow_the_order_of_the_list(dimensions):
    assert [head.name for head in Target("classes", 5, dimensions).heads] == ["arousal", "dominance", "valence"]


@pytest.mark.parametrize("dimensions", [(), ("arousal", "arousal"), ("arousal", "mood")])
def test_dimensions_that_cannot_be_learned_are_refused(dimensions):
    with pytest.raises(UserError, match="each once"):
        Target("classes", 5, dimensions)


def test_an_absent_head_says_why():
    assert Target().without("dominance") == "labels.dimensions lacks dominance"
    assert Target().without("emotion") == "labels.target is classes, which asks for no emotion"
    assert Target("emotion").without("arousal") == "labels.target is emotion, which asks for no arousal"


def test_rows_in_any_order_come_back_in_the_order_of_the_slices(world):
    table = world.predict({"valence": 5})
    found = check_predictions(table, world.slices, VALENCE, world.folds)
    by_slice = table.set_index("slice")["valence_p3"]
    assert found["valence_p3"].tolist() == [by_slice[name] for name in world.slices["slice"]]


def test_one_row_per_utterance_counts_for_all_its_slices(world):
    table = pd.DataFrame({"utterance": world.utterances["utterance"], "valence": world.utterances["valence"]})
    found = check_predictions(table, world.slices, VALENCE)
    assert (found["valence"].to_numpy() == world.slices["valence"].to_numpy()).all()


def test_probabilities_alone_make_the_class(world):
    table = world.predict({"valence": 5})
    found = check_predictions(table.drop(columns="valence"), world.slices, VALENCE)
    assert (found["valence"] == check_predictions(table, world.slices, VALENCE)["valence"]).all()


def test_numbers_that_were_read_as_text(world):
    table = world.predict({"valence": 5})
    text = table.astype(str)
    one, other = (
        judge(check_predictions(t, world.slices, VALENCE), world.slices, VALENCE[0], None) for t in (table, text)
    )
    assert one.predicted.tolist() == other.predicted.tolist()
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


def change(table, row, column, value):
    table = table.reset_index(drop=True).astype({column: object})
    table.loc[table["slice"] == row, column] = value
    return table


ROW = "Ses01F_003_1"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t[t["slice"] != ROW], f"1 slices are missing; predict them too: {ROW}"),
        (lambda t: pd.concat([t, t[t["slice"] == ROW]]), rf"1 slices are given more than once; .*: {ROW}"),
        (lambda t: change(t, ROW, "slice", "stranger"), "unknown to the corpus; remove them: stranger"),
        (lambda t: t.drop(columns=["slice", "utterance"]), "neither a column `slice` nor `utterance`"),
        (lambda t: t.drop(columns="valence_p2"), "lack the columns valence_p2"),
        (lambda t: t[["slice"]], "lack the columns valence;"),
        (lambda t: change(t, ROW, "valence", 5), rf"no class; give an integer 0\.\.4: {ROW}"),
        (lambda t: change(t, ROW, "valence", 1.5), f"no class.*{ROW}"),
        (lambda t: change(t, ROW, "valence", "high"), f"no class.*{ROW}"),
        (lambda t: change(t, ROW, "valence_p0", 1.5), f"no probabilities.*{ROW}"),
        (lambda t: change(t, ROW, "valence_p0", None), f"no probabilities.*{ROW}"),
        (lambda t: change(t, ROW, "fold", "Ses02M"), f"1 rows are predicted by a fold that does not test them.*{ROW}"),
    ],
)
def test_faults_are_refused_with_the_rows_named(world, spoil, message):
    with pytest.raises(UserError, match=message):
        check_predictions(spoil(world.predict({"valence": 5})), world.slices, VALENCE, world.folds)


def test_rows_are_counted_and_named_unless_they_are_very_many(world):
    table = world.predict({"valence": 5}).sort_index()
    names = ", ".join(world.slices["slice"][:10])
    with pytest.raises(UserError, match=rf"10 slices are missing; predict them too: {names}\."):
        check_predictions(table[10:], world.slices, VALENCE)
    assert some("abc") == "a, b, c"
    assert some("abc", 2) == "a, b and 1 more"
    assert some(range(60)).endswith(", 49 and 10 more")


def test_values(world):
    table = world.slices[["slice"]].assign(valence_value=0.25)
    assert (check_predictions(table, world.slices, (Head("valence", None),))["valence_value"] == 0.25).all()
    with pytest.raises(UserError, match=f"without a number in `valence_value`.*{ROW}"):
        check_predictions(change(table, ROW, "valence_value", np.inf), world.slices, (Head("valence", None),))
    with pytest.raises(UserError, match="lack the columns valence_value"):
        check_predictions(table[["slice"]], world.slices, (Head("valence", None),))


TWO = pd.DataFrame(
    {"slice": ["u_0", "u_1", "t_0"], "utterance": ["u", "u", "t"], "speaker": ["A", "A", "B"], "valence": [2, 2, 0]}
)


def test_utterances_average_probabilities():
    table = pd.DataFrame({"valence_p0": [0.6, 0.0, 1.0], "valence_p1": [0.4, 0.3, 0.0], "valence_p2": [0.0, 0.7, 0.0]})
    one = judge(table.assign(valence=[0, 2, 0]), TWO, Head("valence", 3), TWO["speaker"].to_numpy())
    spoken = over_utterances(one, TWO["utterance"].to_numpy(dtype=object))
    assert spoken.truth.tolist() == [0, 2]  # in the order of the names
    assert spoken.speaker.tolist() == ["B", "A"]
    np.testing.assert_allclose(spoken.probabilities, [[1, 0, 0], [0.3, 0.35, 0.35]])
    assert spoken.predicted.tolist() == [0, 1]  # neither slice said 1, together they do; of equals the lowest
    np.testing.assert_allclose(spoken.value, [0.0, 1.05])


def test_utterances_without_probabilities_vote():
    one = judge(pd.DataFrame({"valence": [2, 1, 0]}), TWO, Head("valence", 3), TWO["speaker"].to_numpy())
    spoken = over_utterances(one, TWO["utterance"].to_numpy(dtype=object))
    assert spoken.probabilities is None
    assert spoken.predicted.tolist() == [0, 1]
    assert one.value.tolist() == [2.0, 1.0, 0.0]


def test_utterances_average_values():
    one = judge(pd.DataFrame({"valence_value": [0.5, 1.0, 3.0]}), TWO, Head("valence", None), TWO["speaker"].to_numpy())
    spoken = over_utterances(one, TWO["utterance"].to_numpy(dtype=object))
    assert spoken.predicted.tolist() == [3.0, 0.75]
    assert spoken.tallies(spoken.speaker).shape == (2, 6)


def test_the_fold_that_tests_a_slice(world):
    assert (fold_per_slice(world.slices, world.folds) == world.slices["speaker"].to_numpy()).all()
    assert (fold_per_slice(world.slices, None) == world.slices["speaker"].to_numpy()).all()


@pytest.mark.parametrize("share", [0.6, 0.21])
def test_a_class_against_its_probabilities_is_refused(share: float) -> None:
    slices = pd.DataFrame({"slice": ["a_0", "b_0"], "speaker": ["s", "t"], "arousal": [1, 2]})
    rest = (1 - share) / 4
    rows = {f"arousal_p{k}": [share if k == 1 else rest, 0.2] for k in range(5)}
    table = pd.DataFrame({"slice": ["a_0", "b_0"], "arousal": [3, 4], **rows})  # b_0: all alike, any class will do
    with pytest.raises(UserError, match=r"1 rows are with a `arousal` that is not the most probable class .*: a_0\."):
        check_predictions(table, slices, [Head("arousal", 5)])
    check_predictions(table.assign(arousal=[1, 4]), slices, [Head("arousal", 5)])


@pytest.mark.parametrize("other", ["Zo\u00eb_0", "zoe\u0308_0", " Zoe\u0308_0"])
def test_a_name_that_only_looks_the_same_is_named_with_the_cause(other: str) -> None:
    slices = pd.DataFrame({"slice": ["Zoe\u0308_0", "b_0"], "speaker": ["s", "t"], "arousal": [1, 2]})
    table = pd.DataFrame({"slice": [other, "b_0"], "arousal": [1, 2]})
    with pytest.raises(UserError, match=r"1 slices are unknown .* is there as 'Zoe\\u0308_0'"):
        check_predictions(table, slices, [Head("arousal", 5)])
