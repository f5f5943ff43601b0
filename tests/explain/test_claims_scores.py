"""Tests of claims about scores and ratings, against scikit-learn, scipy and sums by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy, spearmanr, ttest_1samp
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from elor.evaluation.predictions import Judged
from elor.evaluation.recall import war
from elor.explain.claims.evidence import Missing, Seen
from elor.explain.claims.scores import (
    Scored,
    balance,
    better,
    easier,
    evenness,
    exchanged,
    extremes,
    paired,
    units,
    weighted_above,
)
from elor.targets import Head

HEADS, NETWORKS = ("arousal", "valence"), ("elor", "lom", "ftr", "elor_ftr")
SPEAKERS, EACH = 8, 30


@pytest.fixture(scope="module")
def scored() -> Scored:
    """Networks of different skill; E-1 is coarser than E-2."""
    rng = np.random.default_rng(4)
    size = SPEAKERS * EACH
    speaker = np.repeat([f"S{number}" for number in range(SPEAKERS)], EACH).astype(object)
    judged: dict[str, dict[str, Judged]] = {head: {} for head in HEADS}
    truths = {head: rng.choice(5, size, p=[0.1, 0.2, 0.3, 0.2, 0.2]) for head in HEADS}
    for (head, truth), (index, network) in product(truths.items(), enumerate(NETWORKS)):
        logits = rng.normal(size=(size, 5))
        logits[np.arange(size), truth] += 0.5 + 0.5 * index + (head == "arousal")
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        judged[head][network] = Judged(Head(head, 5), truth, shares.argmax(1), shares, speaker, speaker)
    about = {"utterance": [f"u{row}" for row in range(size)], "speaker": speaker}
    fine = pd.DataFrame(about | truths | {"rater": "E-2"})
    coarse = pd.DataFrame(about | {head: truth // 3 for head, truth in truths.items()} | {"rater": "E-1"})
    rare = coarse.head(10).assign(rater="E-9")
    return Scored(judged, pd.concat([fine, coarse, rare]), "E-2", 5)


def mean_score(scored: Scored, score: Callable, heads: tuple[str, ...], networks: tuple[str, ...]) -> float:
    judged = [scored.judged[head][network] for head, network in product(heads, networks)]
    return float(np.mean([score(one.truth, one.predicted) for one in judged]))


def test_scores_are_those_of_scikit_learn(scored: Scored) -> None:
    found = better(scored, HEADS, "ftr", "elor")
    assert found.ours == pytest.approx(mean_score(scored, balanced_accuracy_score, HEADS, ("ftr",)))
    assert found.control_value == pytest.approx(mean_score(scored, balanced_accuracy_score, HEADS, ("elor",)))
    found = easier(scored, "arousal", "valence")
    assert found.ours == pytest.approx(mean_score(scored, balanced_accuracy_score, ("arousal",), NETWORKS))
    assert found.control_value == pytest.approx(mean_score(scored, balanced_accuracy_score, ("valence",), NETWORKS))
    found = weighted_above(scored, HEADS)
    assert found.ours == pytest.approx(mean_score(scored, accuracy_score, HEADS, NETWORKS))
    assert found.control_value == pytest.approx(mean_score(scored, balanced_accuracy_score, HEADS, NETWORKS))


def test_turned_round_the_same_evidence_points_the_other_way(scored: Scored) -> None:
    def twice(one: Seen, other: Seen) -> None:
        assert (one.points, one.p) == (-other.points, pytest.approx(other.p))

    twice(better(scored, HEADS, "ftr", "elor"), better(scored, HEADS, "elor", "ftr"))
    twice(easier(scored, "arousal", "valence"), easier(scored, "valence", "arousal"))


def test_a_paired_difference_of_means_is_the_t_test_of_speakers(scored: Scored) -> None:
    """With equally many slices per speaker, pooled WAR is the mean of the speakers'."""
    tallies = np.stack([scored.judged[head]["elor"].tallies(scored.judged[head]["elor"].speaker) for head in HEADS], 1)
    found = paired(tallies, lambda counts: np.subtract(*np.moveaxis(war(counts), -1, 0)), scored)
    each = np.array([[table.trace() / EACH for table in speaker] for speaker in tallies])
    differences = each[:, 0] - each[:, 1]
    expected = ttest_1samp(differences, 0).confidence_interval()
    assert found.value == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(ttest_1samp(differences, 0).pvalue)
    swapped = exchanged(tallies[:, 0], tallies[:, 1], war, scored)
    assert tuple(swapped) == pytest.approx(tuple(found))


def test_extremes_are_spearmans_r_of_each_speaker(scored: Scored) -> None:
    valence, arousal = (scored.judged[head]["elor"] for head in ("valence", "arousal"))
    each = [
        spearmanr(np.abs(valence.truth[rows] - 2), arousal.truth[rows]).statistic
        for rows in np.split(np.arange(SPEAKERS * EACH), SPEAKERS)
    ]
    found = extremes(scored)
    assert found.ours == pytest.approx(np.tanh(np.mean(np.arctanh(each))))
    assert found.p == pytest.approx(ttest_1samp(np.arctanh(each), np.arctanh(0.1), alternative="less").pvalue)
    assert found.p < 0.05  # shown to lie below what counts as related
    certain = {head: {net: replace(one, probabilities=np.eye(5)[one.truth]) for net, one in networks.items()}
               for head, networks in scored.judged.items()}  # fmt: skip
    predicted = extremes(replace(scored, judged=certain), "elor")
    assert predicted.ours == pytest.approx(found.ours)
    assert predicted.p is None  # a description


@pytest.mark.parametrize("related", [False, True])
def test_extremes_are_unrelated_where_r_is_shown_to_lie_below_a_tenth(scored: Scored, related: bool) -> None:
    rng = np.random.default_rng(5)
    alone = {head: dict(networks) for head, networks in scored.judged.items()}
    truth = {head: np.tile(rng.integers(0, 5, 400), SPEAKERS) for head in ("valence", "arousal")}
    for speaker in range(SPEAKERS):  # no two alike
        truth["arousal"][speaker * 400 :][:400] = rng.integers(0, 5, 400)
    truth["arousal"] += 2 * related * np.abs(truth["valence"] - 2)
    names = np.repeat([f"S{number}" for number in range(SPEAKERS)], 400).astype(object)
    for head, networks in alone.items():
        one = networks["elor"]
        alone[head] = {
            "elor": replace(one, truth=truth[head], predicted=truth[head], probabilities=None, speaker=names)
        }
    found = extremes(replace(scored, judged=alone))
    distance = np.abs(truth["valence"] - 2).reshape(SPEAKERS, -1)
    pairs = zip(distance, truth["arousal"].reshape(SPEAKERS, -1), strict=True)
    z = np.arctanh([spearmanr(a, b).statistic for a, b in pairs])
    less = ttest_1samp(z, np.arctanh(0.1), alternative="less").pvalue
    assert (less < 0.05) != related
    assert found.p == pytest.approx(ttest_1samp(z, 0).pvalue if related else less)
    assert (found.points, found.control_value, found.control_high) == ((1, 0.0, None) if related else (-1, None, 0.1))


def grouped(scored: Scored) -> Scored:
    """The same with three speakers to a network, and two to the last."""
    return replace(
        scored,
        judged={
            head: {
                net: replace(one, fold=np.array([f"group-{int(name[1:]) // 3}" for name in one.speaker], dtype=object))
                for net, one in networks.items()
            }
            for head, networks in scored.judged.items()
        },
    )


def test_where_folds_hold_several_speakers_they_are_the_unit(scored: Scored) -> None:
    some = grouped(scored)
    assert set(units(scored.judged["arousal"]["elor"])) == {f"S{number}" for number in range(SPEAKERS)}
    assert set(units(some.judged["arousal"]["elor"])) == {"group-0", "group-1", "group-2"}
    whole, by_fold = (better(one, ("arousal",), "ftr", "elor") for one in (scored, some))
    assert by_fold.ours == whole.ours
    assert (whole.units, by_fold.units) == (SPEAKERS, 3)
    assert whole.p < by_fold.p
    in_labels, in_predictions = extremes(some), extremes(some, "elor")
    assert in_labels == extremes(scored)  # labels know no network
    parts = {name: [] for name in ("group-0", "group-1", "group-2")}
    one, other = (some.judged[head]["elor"] for head in ("valence", "arousal"))
    for number, rows in enumerate(np.split(np.arange(SPEAKERS * EACH), SPEAKERS)):
        distance = one.probabilities[rows] @ [2, 1, 0, 1, 2]
        r = spearmanr(distance, other.probabilities[rows] @ np.arange(5)).statistic
        parts[f"group-{number // 3}"].append(np.arctanh(r))
    assert in_predictions.ours == pytest.approx(np.tanh(np.mean([np.mean(part) for part in parts.values()])))


def test_evenness_is_the_entropy_of_scipy() -> None:
    counts = np.array([[3, 0, 5, 1], [2, 2, 2, 2], [0, 7, 0, 0]])
    assert evenness(counts) == pytest.approx(entropy(counts, axis=1) / np.log(4))


def test_balance_compares_common_utterances_with_each_frequent_rater(scored: Scored) -> None:
    (found,) = balance(scored)  # E-9 has ten utterances only
    tables = scored.ratings.groupby("rater")
    fine, coarse = (entropy(np.bincount(t["valence"] * 5 + t["arousal"], minlength=25)) for _, t in (*tables,)[1::-1])
    assert (found.ours, found.control_value) == pytest.approx((fine / np.log(25), coarse / np.log(25)))
    assert (found.points, found.p < 1e-4) == (1, True)
    (turned,) = balance(replace(scored, rater="E-1"))
    assert (turned.points, turned.p) == (-1, pytest.approx(found.p))


def test_what_cannot_be_compared_is_missing(scored: Scored) -> None:
    with pytest.raises(Missing, match="no single evaluator"):
        balance(replace(scored, rater="mean"))
    with pytest.raises(Missing, match="no other evaluator rated 50"):
        balance(replace(scored, ratings=scored.ratings[scored.ratings["rater"] == "E-2"]))
    with pytest.raises(Missing, match="no predictions of arousal"):
        easier(replace(scored, judged={"emotion": scored.judged["arousal"]}), "arousal", "valence")
    alone = {head: {"elor": one["elor"].where(one["elor"].speaker == "S0")} for head, one in scored.judged.items()}
    with pytest.raises(Missing, match="fewer than two speakers"):
        weighted_above(replace(scored, judged=alone), HEADS)


def test_values_have_no_recall_but_a_concordance(scored: Scored) -> None:
    rng = np.random.default_rng(5)
    valued = {
        head: {
            net: Judged(
                Head(head, None),
                one.truth.astype(float),
                one.truth + rng.normal(size=len(one.truth)),
                None,
                one.speaker,
                one.speaker,
            )
            for net, one in networks.items()
        }
        for head, networks in scored.judged.items()
    }
    values = replace(scored, judged=valued)
    with pytest.raises(Missing, match="no recall"):
        weighted_above(values, HEADS)
    one = valued["arousal"]["elor"]
    t, v = one.truth, one.predicted
    lin = 2 * np.cov(t, v, bias=True)[0, 1] / (t.var() + v.var() + (t.mean() - v.mean()) ** 2)
    found = better(values, ("arousal",), "elor", "ftr")
    assert found.ours == pytest.approx(lin)
    assert found.unit == "CCC"
