"""The whole: every target, any size, against scikit-learn, and within its budget of time."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from elor.errors import UserError
from elor.evaluation.evaluate import compare, evaluate, fold_per_slice, judge
from elor.evaluation.measures import p_by_utterance
from elor.evaluation.predictions import check_predictions
from elor.evaluation.settings import Settings
from elor.files import plain
from elor.targets import Head
from elor.training.folds import make_folds
from tests.worlds.tables import make_world

QUICK = Settings(draws=300, permutations=300)
BOTH = {"arousal": 5, "valence": 5}


def tables(world):
    return world.slices, world.folds, world.utterances, world.ratings


def test_the_p_of_what_was_learned_can_be_had_alone(world):
    table = world.predict(BOTH, skill=0.3)
    scores = evaluate(*tables(world), {"elor": table}, {}, QUICK).metrics["valence"]["elor"]
    head = Head("valence", 5)
    checked = check_predictions(table, world.slices, [head], world.folds)
    one = judge(checked, world.slices, head, fold_per_slice(world.slices, world.folds))
    found = p_by_utterance(one, world.slices["utterance"].to_numpy(), QUICK, "valence.elor")
    assert found == scores["utterance_permutation_p"] != scores["permutation_p"]


def joined(world, table):
    return world.slices.merge(table.drop(columns=["utterance", "speaker"]), on="slice", suffixes=("", "_predicted"))


def test_class_scores(world):
    table = world.predict(BOTH)
    found = evaluate(*tables(world), {"elor": table}, {}, QUICK)
    scores = found.metrics["valence"]["elor"]
    rows = joined(world, table)
    truth, predicted = rows["valence"], rows["valence_predicted"]
    shares = rows[[f"valence_p{k}" for k in range(5)]]
    assert scores["war"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores["uar"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert found.headline == {
        "arousal.elor": found.metrics["arousal"]["elor"]["uar"],
        "valence.elor": scores["uar"],
    }
    assert (scores["count"], scores["speakers"]) == (64, 4)
    assert scores["utterance_count"] == 48
    by_fold = rows.groupby("fold").apply(lambda g: metrics.accuracy_score(g["valence"], g["valence_predicted"]))
    assert scores["war_folds"] == pytest.approx(by_fold.mean())
    value = shares.to_numpy() @ np.arange(5)
    assert scores["ccc"] < stats.pearsonr(truth, value).statistic
    assert scores["ci_low"] < scores["uar"] < scores["ci_high"]
    assert scores["war_ci_low"] < scores["war"] < scores["war_ci_high"]
    assert scores["permutation_p"] < 0.01
    assert scores["permutation_999"] < scores["uar"]
    assert scores["baseline_uniform_uar"] == pytest.approx(0.2)
    mean = shares.assign(u=rows["utterance"]).groupby("u").mean().to_numpy().argmax(1)
    assert scores["utterance_war"] == pytest.approx(
        metrics.accuracy_score(rows.groupby("utterance")["valence"].first(), mean)
    )
    json.dumps(plain(scores), allow_nan=False)


def test_baselines_use_each_folds_own_training_part(world):
    scores = evaluate(*tables(world), {"elor": world.predict(BOTH)}, {}, QUICK).metrics["arousal"]["elor"]
    hits = 0
    for _, fold in world.folds.merge(world.slices, on="slice").groupby("fold"):
        guess = fold.loc[fold["role"] == "train", "arousal"].mode().min()
        hits += (fold.loc[fold["role"] == "test", "arousal"] == guess).sum()
    assert scores["baseline_majority_war"] == pytest.approx(hits / len(world.slices))


def test_predictions_from_elsewhere_need_no_folds(world):
    table = world.utterances[["utterance", "valence", "arousal"]]
    found = evaluate(world.slices, None, world.utterances, world.ratings, {"mine": table}, {}, QUICK)
    scores = found.metrics["valence"]["mine"]
    assert scores["uar"] == scores["utterance_uar"] == scores["uar_folds"] == 1.0
    assert found.protocol == {}
    assert "ece" not in scores
    assert "reliability" not in found.plots
    counts = np.bincount(world.slices["valence"])
    hits = 0
    for _, own in world.slices.groupby("speaker")["valence"]:
        rest = counts - np.bincount(own, minlength=5)
        hits += np.bincount(own, minlength=5)[rest.argmax()]
    assert scores["baseline_majority_war"] == pytest.approx(hits / len(world.slices))


def test_comparisons_are_declared_and_corrected(world):
    networks = {"good": world.predict(BOTH, 4.0), "poor": world.predict(BOTH, 0.0), "other": world.predict(BOTH, 0.0)}
    declared = (("valence", "good", "poor"), ("arousal", "poor", "other"))
    found = evaluate(*tables(world), networks, {}, replace(QUICK, comparisons=declared))
    first, second = found.comparisons["comparisons"]
    assert first["difference"] == pytest.approx(found.headline["valence.good"] - found.headline["valence.poor"])
    assert first["p"] == pytest.approx(2 / 2**4)
    assert first["p_holm"] == pytest.approx(min(1, 2 * min(first["p"], second["p"])))
    assert first["mcnemar_p"] < 0.01
    assert first["mcnemar"].startswith("description only")
    for wrong in (("valence", "good", "absent"), ("mood", "good", "poor")):
        with pytest.raises(UserError, match="names what was not predicted; there are arousal: good, "):
            evaluate(*tables(world), networks, {}, replace(QUICK, comparisons=(wrong,)))


def test_results_depend_on_the_seed_alone_not_on_the_company(world):
    a, b = world.predict(BOTH), world.predict(BOTH)
    alone = evaluate(*tables(world), {"b": b}, {}, QUICK).metrics["valence"]["b"]
    together = evaluate(*tables(world), {"a": a, "b": b}, {}, QUICK).metrics["valence"]["b"]
    assert alone == pytest.approx(together, nan_ok=True)
    other = evaluate(*tables(world), {"b": b}, {}, replace(QUICK, seed=1)).metrics["valence"]["b"]
    changed = {key for key in alone if alone[key] != pytest.approx(other[key], nan_ok=True)}
    assert changed
    assert all(key.removeprefix("utterance_").startswith(("bootstrap", "permutation")) for key in changed)


def test_plot_tables(world):
    table = world.predict(BOTH)
    plots = evaluate(*tables(world), {"elor": table}, {}, QUICK).plots
    assert set(plots) == {"confusion/arousal/elor", "confusion/valence/elor", "folds", "reliability", "breakdown"}
    confusion = plots["confusion/valence/elor"]
    assert list(confusion) == ["actual", "predicted"]
    assert confusion.equals(confusion.sort_values(["actual", "predicted"], ignore_index=True))
    rows = joined(world, table)
    assert pd.crosstab(confusion["actual"], confusion["predicted"]).to_numpy().tolist() == (
        pd.crosstab(rows["valence"], rows["valence_predicted"]).to_numpy().tolist()
    )
    assert set(plots["folds"]["dimension"]) == {"arousal", "valence"}
    assert plots["folds"]["slices"].sum() == 2 * 64
    assert plots["reliability"].groupby("dimension")["count"].sum().tolist() == [64, 64]
    assert list(plots["breakdown"])[:4] == ["network", "dimension", "factor", "group"]


def test_audit_gives_the_selection_gap(world):
    rows = []
    for head in BOTH:
        for fold in world.slices["speaker"].unique():
            rows += [(fold, 0, 1, head, 1, 0, 6), (fold, 1, 0, head, 1, 1, 6)]
    audit = pd.DataFrame(rows, columns=["fold", "epoch", "selected", "head", "actual", "predicted", "count"])
    found = evaluate(*tables(world), {"elor": world.predict(BOTH)}, {"elor": audit}, QUICK)
    assert found.metrics["valence"]["elor"]["selection_gap_uar"] == 1.0


def test_protocol_is_guarded(world):
    with pytest.raises(UserError, match="Protocol `strict` forbids"):
        evaluate(*tables(world), {"elor": world.predict(BOTH)}, {}, replace(QUICK, protocol="strict"))
    found = evaluate(*tables(world), {"elor": world.predict(BOTH)}, {}, QUICK)
    assert found.protocol["split_utterances"] > 0


def test_regression(world):
    noise = world.rng.normal(0, 0.5, (2, len(world.slices)))
    slices = world.slices.assign(valence=world.slices["valence"] + 0.5, arousal=world.slices["arousal"] * 0.5)
    better = slices[["slice"]].assign(valence_value=slices["valence"] + noise[0], arousal_value=slices["arousal"])
    worse = better.assign(valence_value=slices["valence"] + 4 * noise[1])
    settings = replace(QUICK, target="regression", comparisons=(("valence", "better", "worse"),))
    networks = {"better": better, "worse": worse}
    audit = pd.DataFrame(
        {
            "fold": "A",
            "epoch": [0, 1] * 2,
            "selected": [0, 1] * 2,
            "head": ["valence"] * 2 + ["arousal"] * 2,
            "concordance": 0.5,
        }
    )
    found = evaluate(slices, world.folds, world.utterances, world.ratings, networks, {"better": audit}, settings)
    scores = found.metrics["valence"]["better"]
    assert scores["r"] == pytest.approx(stats.pearsonr(slices["valence"], better["valence_value"]).statistic)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(slices["valence"], better["valence_value"]))
    assert found.headline["arousal.better"] == pytest.approx(1.0)
    assert scores["selection_gap_ccc"] == 0.0
    assert scores["ci_low"] < scores["ccc"] < scores["ci_high"]
    assert scores["permutation_p"] < 0.01
    assert found.comparisons["comparisons"][0]["score"] == "ccc"
    assert "mcnemar" not in found.comparisons["comparisons"][0]
    assert set(found.plots) == {"folds", "breakdown"}


def test_emotions(world):
    slices = world.slices.assign(emotion=world.slices["valence"] % 4).drop(columns=["valence", "arousal"])
    table = replace(world, slices=slices).predict({"emotion": 4})
    settings = replace(QUICK, target="emotion")
    found = evaluate(slices, world.folds, world.utterances, world.ratings, {"elor": table}, {}, settings)
    assert list(found.headline) == ["emotion.elor"]
    assert found.metrics["emotion"]["elor"]["baseline_uniform_uar"] == pytest.approx(0.25)
    assert "agreement" not in set(found.plots["breakdown"]["factor"])  # nobody rates an emotion on a scale


def test_distribution(world):
    slices = world.slices.copy()
    for head in BOTH:
        shares = world.rng.dirichlet(np.ones(5), len(slices))
        slices[[f"{head}_p{k}" for k in range(5)]] = shares
        slices[head] = shares.argmax(1)
    settings = replace(QUICK, target="distribution")
    raters = slices[["slice"]].join(slices.filter(regex="_p"))
    hard = slices[["slice", "valence", "arousal"]]
    args = (slices, world.folds, world.utterances, world.ratings)
    found = evaluate(*args, {"raters": raters, "hard": hard}, {}, settings).metrics["valence"]
    assert found["raters"]["cross_entropy"] == pytest.approx(found["raters"]["cross_entropy_floor"])
    assert found["raters"]["uar"] == found["hard"]["uar"] == 1.0
    assert "cross_entropy" not in found["hard"]


@pytest.mark.parametrize(
    ("speakers", "classes"), [(3, 2), (24, 7), pytest.param(1000, 5, marks=[pytest.mark.long, pytest.mark.slow])]
)
def test_any_size_of_corpus(speakers, classes):
    world = make_world(speakers, utterances=6, classes=classes)
    folds = make_folds(world.slices, "paper", 0.2, 10, seed=0)
    table = world.predict({"arousal": classes, "valence": classes})
    table["fold"] = table["slice"].map(
        dict(zip(world.slices["slice"], fold_per_slice(world.slices, folds), strict=True))
    )
    settings = replace(QUICK, classes=classes, scale=(1.0, float(classes)))
    found = evaluate(world.slices, folds, world.utterances, world.ratings, {"elor": table}, {}, settings)
    scores = found.metrics["arousal"]["elor"]
    assert scores["speakers"] == speakers
    assert scores["ci_low"] < scores["uar"] < scores["ci_high"]
    assert found.agreement["arousal"]["alpha"] > 0.2


def test_a_class_that_never_occurs(world):
    slices = world.slices.assign(valence=world.slices["valence"].clip(upper=3))
    table = replace(world, slices=slices).predict(BOTH, skill=9.0)
    found = evaluate(slices, *tables(world)[1:], {"elor": table}, {}, QUICK).metrics["valence"]["elor"]
    assert np.isnan(found["recall_4"])
    assert found["uar"] == pytest.approx(np.mean([found[f"recall_{k}"] for k in range(4)]))
    assert found["fewest_of_a_class"] == np.bincount(slices["valence"])[:4].min()


def test_folds_that_lack_a_class_are_counted(world):
    slices = world.slices.copy()
    slices.loc[(slices["speaker"] == "Ses01F") & (slices["valence"] == 2), "valence"] = 1
    found = evaluate(slices, *tables(world)[1:], {"elor": replace(world, slices=slices).predict(BOTH)}, {}, QUICK)
    lacking = slices.groupby("speaker")["valence"].nunique() < slices["valence"].nunique()
    assert found.metrics["valence"]["elor"]["folds_lacking_a_class"] == lacking.sum() > 0


@pytest.mark.parametrize("speakers", [1, 2])
def test_below_three_speakers_no_interval_is_printed(speakers):
    world = make_world(speakers)
    networks = {name: world.predict(BOTH).drop(columns="fold") for name in ("a", "b")}
    settings = replace(QUICK, comparisons=(("valence", "a", "b"),))
    found = evaluate(world.slices, None, world.utterances, world.ratings, networks, {}, settings)
    scores = found.metrics["valence"]["a"]
    limits = [key for key in scores if key.endswith(("_low", "_high"))]
    assert len(limits) == 18
    assert np.isnan([scores[key] for key in limits]).all()
    assert scores["caution"].startswith(f"No interval over {speakers} speaker")
    assert 0 <= scores["uar"] <= 1
    assert np.isnan(scores["baseline_majority_war"]) == (speakers == 1)  # nobody is left to learn from
    assert np.isnan(found.comparisons["comparisons"][0]["ci_low"])
    assert np.isnan(found.agreement["valence"]["others"]["ci_low"])


def test_two_speakers_who_change_nothing_have_no_interval_that_could_lack_width():
    world = make_world(2)
    sure = {name: world.predict(BOTH, skill=99.0) for name in ("a", "b")}
    settings = replace(QUICK, comparisons=(("valence", "a", "b"),))
    same = world.ratings.assign(valence=3, arousal=3)
    found = evaluate(world.slices, None, world.utterances, same, sure, {}, settings)
    scores, (test,) = found.metrics["valence"]["a"], found.comparisons["comparisons"]
    for one in (scores, test, found.agreement["valence"]["others"]):
        assert not one["no_spread"]
    assert scores["caution"].endswith("the score says nothing of other voices.")


def test_limits_stay_within_the_range_of_the_score():
    world = make_world(3)
    declared = (("valence", "good", "poor"), ("valence", "poor", "good"))
    settings = replace(QUICK, confidence=0.999, comparisons=declared)
    networks = {"good": world.predict(BOTH, 3.0), "poor": world.predict(BOTH, 0.0)}
    found = evaluate(*tables(world), networks, {}, settings)
    scores, (test, turned) = found.metrics["valence"]["good"], found.comparisons["comparisons"]
    assert scores["ci_high"] == scores["war_ci_high"] == scores["uar_speakers_high"] == 1.0
    assert min(value for key, value in scores.items() if key.endswith("_low")) >= 0.0
    assert max(value for key, value in scores.items() if key.endswith("_high")) <= 1.0
    assert -1.0 <= test["ci_low"] < test["difference"] < test["ci_high"] <= 1.0
    assert (turned["ci_low"], turned["ci_high"]) == pytest.approx((-test["ci_high"], -test["ci_low"]))


def test_no_spread_and_few_speakers_of_a_class_are_marked(world):
    sure = replace(world, slices=world.slices).predict(BOTH, skill=99.0)
    scores = evaluate(*tables(world), {"elor": sure}, {}, QUICK).metrics["valence"]["elor"]
    assert (scores["ci_low"], scores["uar"], scores["ci_high"]) == (1.0, 1.0, 1.0)
    assert scores["no_spread"]
    assert scores["utterance_no_spread"]
    assert "no width" in scores["caution"]
    slices = world.slices.copy()
    slices.loc[slices["speaker"].isin(["Ses01F", "Ses02M"]) & (slices["valence"] == 2), "valence"] = 1
    scores = evaluate(slices, *tables(world)[1:], {"elor": world.predict(BOTH)}, {}, QUICK).metrics["valence"]["elor"]
    assert scores["fewest_speakers_of_a_class"] == scores["utterance_fewest_speakers_of_a_class"] == 2
    assert scores["caution"] == "A class comes from 2 of 4 speakers: the intervals cover less than they claim."


def test_compare_two_runs_of_one_network(world):
    """The search-leakage gap is such a comparison: the same network, tuned `shared` and `nested`."""
    head = Head("valence", 5)
    shared, nested = (
        judge(
            check_predictions(world.predict({"valence": 5}, skill), world.slices, [head]),
            world.slices,
            head,
            world.slices["speaker"].to_numpy(dtype=object),
        )
        for skill in (3.0, 2.0)
    )
    found = compare(shared, nested, QUICK)
    gap = [metrics.balanced_accuracy_score(one.truth, one.predicted) for one in (shared, nested)]
    assert found["difference"] == pytest.approx(gap[0] - gap[1])
    assert found["ci_low"] < found["difference"] < found["ci_high"]
