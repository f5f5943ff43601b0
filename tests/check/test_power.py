"""What claims a corpus could decide: what they lack, their chances against simulated tables, the least score."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.power import TESTS, World, invented
from elor.check import power
from elor.check.power import EFFECT, LEVEL, Design, barred, chance, least_score, left, smallest
from elor.evaluation.permutation import uar_null
from elor.evidence.names import Verdict
from elor.explain.claims.decide import settle
from elor.explain.claims.table import CLAIMS
from elor.params import Params, load
from elor.training.folds import make_folds
from tests.check.test_effort import corpus

ROOT = Path(__file__).parents[2]
CLAIM = {claim.id: claim for claim in CLAIMS}
TEN = Design(
    turns={head: pd.Series([40] * 5, list("01234")) for head in ("arousal", "valence")},
    valued=False,
    speakers=10,
    folds=10,
    units=10,
    raters=2,
    altered=("elor", "lom"),
    trends="",
)


@pytest.fixture
def params() -> Params:
    return load(ROOT / "params.yaml")


def counted(params: Params, **how: int) -> Design:
    made = corpus(**how)
    folds = make_folds(made.slices, "paper", 0.2, params.folds.most, 1)
    return Design.of(params, made.slices, folds, made.ratings)


def test_what_a_corpus_has_is_counted(params: Params) -> None:
    found = counted(params, speakers=8, each=60)
    assert (found.speakers, found.folds, found.units, found.raters) == (8, 8, 8, 2)
    assert {head: turns.sum() for head, turns in found.turns.items()} == {"arousal": 480, "valence": 480}
    assert found.turns["arousal"].index.tolist() == list("01234")
    grouped = counted(params, speakers=12)
    assert (grouped.speakers, grouped.folds, grouped.units) == (12, 10, 10)  # a fold of two speakers is one network
    assert counted(params, speakers=4, each=10).raters == 0  # 40 turns in common are too few
    assert counted(params, speakers=5).trends == "needs 6 folds, there are 5"


@pytest.mark.parametrize(
    ("change", "claims", "reason"),
    [
        ({"turns": {"arousal": TEN.turns["arousal"]}}, ["valence-high-pauses", "same-parts", "arousal-easier"],
         "needs valence as target"),
        ({"turns": {"emotion": TEN.turns["arousal"]}}, ["same-parts", "war-above-uar", "rater-balanced"],
         "needs arousal and valence as targets"),
        ({"valued": True}, ["war-above-uar"], "networks answer with values"),
        ({"raters": 0}, ["rater-balanced"], "no second rater of 50 turns"),
        ({"trends": "needs 6 folds, there are 5"}, ["arousal-peaks", "valence-extremes-periodic"],
         "needs 6 folds, there are 5"),
        ({"altered": ("elor",)}, ["mfcc-amplitude"], "LoM hears no altered slices"),
        ({"altered": ("lom",)}, ["arousal-rate", "arousal-loudness"], "ELoR hears no altered slices"),
        ({"units": 1}, ["arousal-rate", "elor-best-arousal"], "needs two speakers, or folds of them"),
    ],
)  # fmt: skip
def test_what_a_claim_lacks_is_said(change: dict, claims: list[str], reason: str) -> None:
    design = replace(TEN, **change)
    for name in claims:
        assert not barred(CLAIM[name], TEN)
        assert barred(CLAIM[name], design) == reason
        assert chance(CLAIM[name], design, EFFECT, LEVEL) == 0
    others = {claim.id for claim in CLAIMS if not barred(claim, design)}
    assert others or set(change) == {"turns"}
    assert "extreme-valence-aroused" in others or "turns" in change  # speakers' labels decide it


def test_every_claim_has_its_line_and_the_undecidable_one_says_so() -> None:
    found = {finding.what: finding for finding in power.claims(TEN)}
    never = "valence-low-louder"
    assert set(found) == {"arousal learned", "valence learned", "claims", "cannot be decided", *CLAIM} - {never}
    assert found["cannot be decided"].found == "1 claim: the paper says both"
    assert found["cannot be decided"].note == f"Cannot be decided, the paper says both: {never}."
    assert found["claims"].found == f"{len(CLAIMS) - 1} of {len(CLAIMS)} could be decided"
    assert found["mfcc-amplitude"].found == "can be decided, without a test"
    assert max(len(finding.found) for finding in found.values()) <= 60  # a row of the table shows so many
    few = replace(TEN, turns=TEN.turns | {"valence": pd.Series([40, 0, 40, 0, 0], list("01234"))})
    note = next(finding.note for finding in power.claims(few) if finding.what == "valence learned")
    assert note == "No turn has valence 1, 3 and 4; fewer labels.classes leave none empty."


def test_more_tests_fewer_speakers_and_smaller_effects_find_less() -> None:
    level = left(TEN)
    assert LEVEL / len(CLAIMS) < level < LEVEL
    one, three = CLAIM["arousal-easier"], CLAIM["elor-best-arousal"]
    assert chance(three, TEN, EFFECT, level) == pytest.approx(chance(one, TEN, EFFECT, level) ** 3)
    few = replace(TEN, speakers=5, folds=5, units=5)
    assert chance(one, few, EFFECT, left(few)) < 0.5 < chance(one, TEN, EFFECT, level)
    assert chance(one, TEN, 0.0, level) == pytest.approx(level / 2)  # in the direction of the claim
    least = smallest(one, TEN, level)
    assert chance(one, TEN, least, level) == pytest.approx(0.8)
    assert smallest(CLAIM["arousal-rate"], TEN, level) > 1.3 * least  # the folds share what they train on
    assert smallest(CLAIM["valence-low-louder"], TEN, level) is None


def test_chances_are_those_of_simulated_t_tests() -> None:
    """Noncentral t against 20,000 samples of ten speakers; an absence against two one-sided tests."""
    rng, level, n = np.random.default_rng(0), 0.01, 10
    values = rng.normal(size=(20_000, n))
    mean, error = values.mean(1), values.std(1, ddof=1) / np.sqrt(n)
    two, one = 3.2498, 2.8214  # the quantiles .995 and .99 of t with 9 degrees of freedom, from a printed table
    alone = CLAIM["arousal-easier"]
    assert chance(alone, TEN, 1.2, level) == pytest.approx(((mean + 1.2) / error > two).mean(), abs=0.01)
    wider = error * np.sqrt(1 + n / 9)
    rate = chance(CLAIM["arousal-rate"], TEN, 1.2, level)
    assert rate == pytest.approx(((np.sqrt(1 + n / 9) * mean + 1.2) / wider > two).mean(), abs=0.01)
    inside = np.abs(np.sqrt(1 + n / 9) * mean) + one * wider < 1.75
    assert chance(CLAIM["arousal-loudness"], TEN, 1.75, level) == pytest.approx(inside.mean(), abs=0.02)


@pytest.mark.long
def test_the_level_is_about_what_the_correction_leaves_in_simulated_tables() -> None:
    """Of random tables of which half is true, decided by the very code of the verdicts, as many claims are found."""
    design = replace(TEN, folds=10**6, raters=1)  # in those tables nothing is shared, and there is one other rater
    level, confirmatory = left(design), [claim.confirmatory for claim in CLAIMS]
    found: dict[str, list[bool]] = {claim.id: [] for claim in CLAIMS}
    for rows in invented(World("half is true", 0.5, (True, True)), "normal", 250, seed=3):
        table = settle([row.leans[TESTS.index("t")] for row in rows], confirmatory).settled
        for claim, row, one in zip(CLAIMS, rows, table, strict=True):
            if row.true:
                found[claim.id].append(one.lean.verdict is Verdict.holds)
    for name in ("arousal-easier", "elor-best-arousal", "learned-beats-handcrafted", "same-parts", "arousal-rate"):
        assert np.mean(found[name]) == pytest.approx(chance(CLAIM[name], design, EFFECT, level), abs=0.1), name


@pytest.mark.parametrize("turns", [[300, 200, 100], [20, 40, 60, 80, 100]])
def test_the_least_score_leaves_chance_as_permutations_do(turns: list[int]) -> None:
    """Against the permutation null itself, of a network whose answers are spread evenly over the classes."""
    rng, count = np.random.default_rng(1), len(turns)
    counts = np.stack([rng.multinomial(n, [1 / count] * count) for n in turns])[None]
    null = uar_null(counts, 4_000, rng)
    start, least = least_score(np.array(turns))
    assert start == pytest.approx(null.mean(), abs=0.002)
    assert least - start == pytest.approx((1.6449 + 0.8416) * null.std(), rel=0.1)
    assert least_score(np.array([400]), valued=True) == (0.0, pytest.approx((1.6449 + 0.8416) / 20, abs=1e-4))
