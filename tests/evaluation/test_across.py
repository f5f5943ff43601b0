"""Two groups beside each other: people are dealt out, pairs stay pairs, and what transfers is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test, ttest_ind, ttest_rel

from elor.evaluation.across import differences, judge_cells, means_apart, sides_of
from elor.evaluation.continuous import ccc
from elor.evaluation.predictions import Judged
from elor.evaluation.settings import Settings
from elor.targets import Target

pytestmark = pytest.mark.long


def test_a_difference_of_groups_is_tested_by_speakers() -> None:
    """Two samples of the same kind differ at the 5 % level one time in twenty; a planted difference is found."""
    rng = np.random.default_rng(0)

    def sides(*values: np.ndarray) -> list[pd.Series]:
        return [
            pd.Series(one, index=[f"{name}{k}" for k in range(len(one))])
            for name, one in zip("ab", values, strict=True)
        ]

    p = [
        means_apart(*sides(*rng.normal(size=(2, 6))), Settings(permutations=99, seed=n), np.random.default_rng(n))["p"]
        for n in range(300)
    ]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09
    found = means_apart(*sides(rng.normal(size=8) + 4, rng.normal(size=6)), Settings(permutations=999), rng)
    assert found["p"] <= 0.005
    assert found["ci_low"] < 4 < found["ci_high"]
    a, b = rng.normal(size=8), rng.normal(size=5)
    theirs = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    ours = means_apart(*sides(a, b), Settings(permutations=9), rng)
    np.testing.assert_allclose((ours["ci_low"], ours["ci_high"]), theirs, rtol=1e-9)


def test_who_speaks_in_both_groups_is_a_pair() -> None:
    """As the paired t-test has it; two samples would not see a difference that is small against that of people."""
    rng = np.random.default_rng(1)
    people = rng.normal(size=8)
    names = [f"s{k}" for k in range(8)]
    here, there = (pd.Series(people + shift + rng.normal(0, 0.2, 8), index=names) for shift in (0.4, 0.0))
    found = means_apart(here, there.sample(frac=1, random_state=3), Settings(permutations=4_000), rng)
    theirs = ttest_rel(here, there).confidence_interval(0.95)
    np.testing.assert_allclose((found["ci_low"], found["ci_high"]), theirs, rtol=1e-9)
    exact = permutation_test((here, there), lambda a, b: a.mean() - b.mean(), permutation_type="samples")
    assert found["p"] == pytest.approx(exact.pvalue, abs=0.02)
    assert (found["speakers_a"], found["speakers_b"], found["speakers_both"]) == (8, 8, 8)
    others = there.rename(lambda name: f"other {name}")
    assert means_apart(here, others, Settings(permutations=999), rng)["p"] > 0.2 > 0.05 > found["p"]


def test_where_some_speak_in_both_groups_nothing_is_found_one_time_in_twenty() -> None:
    names = [f"p{k}" for k in range(12)]
    p = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        people = pd.Series(rng.normal(size=12), names)
        a, b = (people[who] + rng.normal(0, 0.3, 8) for who in (names[:8], [*names[:4], *names[8:]]))
        p.append(means_apart(a, b, Settings(permutations=99, seed=seed), rng)["p"])
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09


def test_scores_of_people_who_speak_two_languages_are_paired() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 1_600)
    speaker = np.repeat([f"s{k}" for k in range(8)], 200).astype(object)
    spoken = np.tile(np.array(["de", "fi"], dtype=object), 800)
    knows = np.repeat(np.linspace(0.1, 0.8, 8), 200) + 0.1 * (spoken == "de")  # people differ more than languages
    said = np.where(rng.random(1_600) < knows, truth, rng.integers(0, 5, 1_600))
    head = Target().heads[0]
    judged = Judged(head, truth, said, None, speaker, speaker)
    (found,) = differences({"arousal": {"elor": judged}}, {"language": spoken}, Settings(permutations=999))
    assert found["speakers_both"] == 8
    assert found["difference"] == pytest.approx(0.08, abs=0.05)
    assert found["p"] <= 0.05
    strangers = np.char.add(speaker.astype(str), spoken.astype(str)).astype(object)
    apart = Judged(head, truth, said, None, strangers, strangers)
    (other,) = differences({"arousal": {"elor": apart}}, {"language": spoken}, Settings(permutations=999))
    assert other["p"] > 0.2


def test_values_of_two_corpora_are_tallied_about_one_centre() -> None:
    """The p deals speakers out between corpora: what is summed then must be what these speakers' slices give."""
    rng = np.random.default_rng(0)
    corpus = np.repeat(["a", "b"], [30, 50]).astype(object)
    truth = rng.normal(size=80) + 3 * (corpus == "b")  # one corpus is rated higher
    speaker = np.array([f"{name}{k % 3}" for k, name in enumerate(corpus)], dtype=object)
    judged = Judged(Target("regression").heads[0], truth, truth + rng.normal(size=80), None, speaker, speaker)
    left, right = sides_of(judged, corpus == "a", corpus == "b")
    assert (left.speakers.tolist(), right.speakers.tolist()) == (["a0", "a1", "a2"], ["b0", "b1", "b2"])
    mixed = np.isin(speaker, ["a0", "b1", "b2"])
    t, v = truth[mixed], judged.value[mixed]
    lin = 2 * np.cov(t, v, ddof=0)[0, 1] / (t.var() + v.var() + (t.mean() - v.mean()) ** 2)
    assert ccc(left.tallies[0] + right.tallies[1] + right.tallies[2]) == pytest.approx(lin)


def test_who_is_right_less_often_than_one_guess_does_not_transfer() -> None:
    """A network that mostly answers classes that the other corpus lacks may still order the few that it has."""
    rows = [
        {"trained_on": "demo", "tested_on": "acted", "value": value, "chance": 0.5, "p": 0.0001, "p_below": 1.0}
        for value in (0.06, 0.61)
    ]
    judge_cells(rows, 0.05)
    assert [row["verdict"] for row in rows] == ["not shown", "transfers"]
