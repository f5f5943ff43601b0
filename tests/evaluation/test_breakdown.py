"""Where a network fails: groups and their scores against scikit-learn on the group's rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from elor.evaluation.breakdown import breakdown, factors, length_groups, rater_spread
from elor.evaluation.predictions import check_predictions, judge
from elor.targets import Head, Target


def judged(world, head):
    columns = {} if head.classes is None else {"valence": 5}
    table = world.predict(columns).assign(valence_value=lambda t: np.arange(len(t)) % 5 * 1.0)
    fold = world.slices["speaker"].to_numpy(dtype=object)
    return judge(check_predictions(table, world.slices, [head]), world.slices, head, fold)


def test_scores_of_each_group(world):
    one = judged(world, Head("valence", 5))
    spread = rater_spread(world.ratings, world.slices["utterance"], "valence", Target(), (1.0, 5.0))
    found = breakdown(one, factors(world.slices, spread)).set_index(["factor", "group"])
    assert set(found.index.get_level_values(0)) == {"speaker", "gender", "session", "scenario", "length", "agreement"}
    assert (found.groupby("factor")["slices"].sum() == len(world.slices)).all()
    for column, name in (("gender", "F"), ("scenario", "scripted"), ("speaker", "Ses02M")):
        rows = (world.slices[column] == name).to_numpy()
        row = found.loc[column, name]
        assert row["war"] == pytest.approx(metrics.accuracy_score(one.truth[rows], one.predicted[rows]))
        assert row["uar"] == pytest.approx(metrics.balanced_accuracy_score(one.truth[rows], one.predicted[rows]))
        assert row["classes"] == len(set(one.truth[rows]))
    assert ("scenario", "unknown") in found.index
    assert found.loc["scenario", "scripted"]["ci_low"] < found.loc["scenario", "scripted"]["uar"]
    assert np.isnan(found.loc["gender", "F"]["ci_low"])  # two speakers only
    wide = breakdown(one, factors(world.slices), 0.999)
    assert wide["ci_low"].min() >= 0.0
    assert wide["ci_high"].max() <= 1.0
    same = breakdown(replace(one, predicted=one.truth), factors(world.slices)).set_index(["factor", "group"])
    assert same.loc["scenario", "scripted"]["no_spread"]


def test_values_and_a_corpus_that_knows_little(world):
    one = judged(world, Head("valence", None))
    found = breakdown(one, factors(world.slices[["speaker", "samples"]]))
    assert set(found["factor"]) == {"speaker", "length"}
    rows = world.slices["speaker"] == "Ses01F"
    expected = metrics.root_mean_squared_error(one.truth[rows], one.predicted[rows])
    assert found.set_index("group").loc["Ses01F", "rmse"] == pytest.approx(expected)
    assert "uar" not in found


def test_length_groups():
    found = length_groups(np.array([0.3, 1.0, 1.01, 4.5, 6.0, 6.1]))
    assert found.tolist() == ["0.0-1.0 s", "0.0-1.0 s", "1.0-2.0 s", "3.0-4.5 s", "4.5-6.0 s", "4.5-6.0 s"]


def test_rater_spread():
    rows = [("a", "E-1", "evaluator", 1), ("a", "E-2", "evaluator", 4), ("b", "E-1", "evaluator", 3)]
    rows += [("b", "F-1", "self", 5), ("c", "E-1", "evaluator", 2), ("c", "E-2", "evaluator", 2)]
    rows += [("d", "E-1", "evaluator", 2), ("d", "E-2", "evaluator", 3)]
    ratings = pd.DataFrame(rows, columns=["utterance", "rater", "kind", "valence"]).assign(arousal=1.0)
    found = rater_spread(ratings, pd.Series(["d", "c", "b", "a", "a", "e"]), "valence", Target(), (1.0, 5.0))
    assert found.tolist() == ["1 apart", "all the same", "one rater", "2 or more apart", "2 or more apart", "one rater"]
