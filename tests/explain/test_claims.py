"""Claims and their verdicts: the numbers decide, whichever way they point, and chance decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elor.evidence.claims import Claim, Claims
from elor.evidence.names import Case, Verdict
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured, Missing, any_learned
from elor.explain.claims.rows import claims
from elor.explain.claims.table import CLAIMS
from elor.report.sentences import reason, sentence
from tests.explain.claimed import HEADS, MEASURED, NETWORKS, NO_SCORES, facts, given, scored

INSIDE = {claim.id for claim in CLAIMS if claim.group in ("saliency", "prototypes")} - {
    "valence-low-louder",
    "mfcc-amplitude",
}
"""Claims about what a network has learned."""

EXPLORATORY = {"arousal-periodic", "valence-extremes-periodic"}
DECIDED = {claim.id for claim in CLAIMS if claim.confirmatory} | EXPLORATORY | {MEASURED}
"""Claims of which evidence can say that they hold."""

ALTERED = {f"arousal-{cue}" for cue in ("frequencies", "interruptions", "peaks", "rate")} | {
    "valence-extremes-frequencies",
    "valence-low-pauses",
    "valence-high-pauses",
}
"""Claims that an alteration of real speech decides."""

WEIGHS = {"amplitude-arousal", "amplitude-valence", "amplitude-matters"}
"""Claims that a gain weighs, which the paper makes beside the one that it has no say in arousal: not all can hold."""

HOLDS, CONTRADICTED, UNDECIDED = Verdict.holds, Verdict.contradicted, Verdict.undecided
INDISTINCT, DISAGREE, UNLEARNED = Verdict.indistinct, Verdict.disagree, Verdict.unlearned


def by_id(found: Claims) -> dict[str, Claim]:
    return {row.id: row for row in found.claims}


def verdicts(some: Facts) -> dict[str, Verdict]:
    return {name: row.verdict for name, row in by_id(claims(some)).items()}


def said(found: Claims, name: str) -> str:
    """What a reader is told of a claim."""
    return sentence(by_id(found)[name], found.family)


def without(tree: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A copy of a tree that lacks one branch."""
    first, *rest = path
    if not rest:
        return {key: value for key, value in tree.items() if key != first}
    return dict(tree) | {first: without(tree[first], *rest)}


def test_ids_are_unique_and_sentences_complete() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for side in (1, 0, -1):
        found = claims(facts(side))
        for row in found.claims:
            text = sentence(row, found.family)
            assert text.endswith(".")
            assert row.claim in text
            assert not {"nan", "None"} & set(text.split())


def test_a_claims_own_line_is_that_of_one_piece() -> None:
    for side in (1, 0, -1):
        for row in claims(facts(side)).claims:
            piece = row.evidence[row.deciding]
            for key in ("ours", "unit", "control", "control_value", "control_low", "control_high", "p"):
                assert getattr(row, key) == getattr(piece, key)


def test_findings_as_the_papers_make_its_claims_hold() -> None:
    found = claims(facts(1))
    expected = {claim.id: HOLDS if claim.id in DECIDED else UNDECIDED for claim in CLAIMS}
    expected["arousal-loudness"] = CONTRADICTED
    assert {name: row.verdict for name, row in by_id(found).items()} == expected
    assert found.counts == dict.fromkeys(Verdict, 0) | {HOLDS: len(CLAIMS) - 2, CONTRADICTED: 1, UNDECIDED: 1}


def test_flipped_findings_contradict_them() -> None:
    expected = {claim.id: CONTRADICTED if claim.id in DECIDED else UNDECIDED for claim in CLAIMS}
    expected["arousal-loudness"] = HOLDS
    assert verdicts(facts(-1)) == expected


def test_findings_like_untrained_networks_are_not_distinguishable() -> None:
    some = given(0)
    some.scored = scored(1)
    found = verdicts(some.facts)
    assert {name for name, verdict in found.items() if verdict is INDISTINCT} == INSIDE


def test_findings_that_chance_could_make_assert_nothing() -> None:
    for side in (1, -1):
        some = given(side, p=0.04)
        some.scored = NO_SCORES  # beside many that are sure, a false discovery rate lets p of 0.04 pass
        found = verdicts(some.facts)
        asserted = {name for name in INSIDE - EXPLORATORY if found[name].asserts}
        absent = ALTERED | WEIGHS if side < 0 else set()  # what probably goes the other way, goes no further this way
        assert asserted <= {"arousal-loudness"} | absent


def test_a_head_that_has_learned_nothing_is_not_learned_in_every_claim_about_it() -> None:
    nulled = {claim.id for claim in CLAIMS if claim.nulled}
    assert nulled >= INSIDE
    for side in (1, -1):
        found = claims(facts(side, learned=0.3))
        rows = by_id(found)
        assert {rows[name].verdict for name in nulled} == {UNLEARNED}
        assert all("permuted within speakers" in said(found, name) for name in nulled)
        assert rows["rater-balanced"].p == by_id(claims(facts(side)))["rater-balanced"].p < 0.05


def test_one_unlearned_head_voids_the_claims_about_it_and_no_other() -> None:
    some = given(1)
    some.learned["valence"]["elor"] = 0.6
    found = verdicts(some.facts)
    void = {"amplitude-valence", "amplitude-matters", "same-parts", "same-features", "valence-low-louder"}
    void |= {name for name in INSIDE if name.startswith("valence")}
    assert {name for name, verdict in found.items() if verdict is UNLEARNED} == void
    assert found["extreme-valence-aroused"] is HOLDS  # it is said of the corpus; the predictions are told beside it


def test_one_network_that_has_learned_lets_scores_be_compared() -> None:
    scores = {head: dict.fromkeys(NETWORKS, 0.5) for head in HEADS}
    scores["arousal"]["lom"] = 0.004
    some = Measured(learned=scores)
    assert any_learned(some, NETWORKS, HEADS) == 0.032
    assert any_learned(some, ("elor", "ftr"), HEADS) == 1.0
    with pytest.raises(Missing, match="not asked for emotion"):
        any_learned(some, NETWORKS, ("emotion",))


def test_a_head_that_has_not_learned_is_so_where_pieces_are_missing_too() -> None:
    some = given(1, learned=0.3)
    some.prototypes["trends"], some.interventions["networks"] = {}, {}
    found = verdicts(replace(some.facts, scored=NO_SCORES))
    nulled = {claim.id for claim in CLAIMS if claim.nulled} - {"valence-low-louder"}
    assert {found[name] for name in nulled} == {UNLEARNED}


def test_a_number_stands_beside_the_range_of_its_control_and_has_a_unit() -> None:
    rows = by_id(claims(facts(1)))
    effect = rows["arousal-frequencies"]
    assert effect.control_low < effect.control_high < effect.ours
    assert (effect.control, effect.control_value, effect.unit) == ("calibrated", None, "per dB")
    trend = effect.evidence[0]
    assert (trend.control_low, trend.control_high, trend.ours, trend.unit) == (-10.0, 10.0, 50.0, "Hz per label")
    map_ = rows["same-features"]
    assert (map_.control_low, map_.control_high, map_.unit) == (None, None, "r")
    assert rows["arousal-loudness"].unit == rows["amplitude-arousal"].unit == "SD of answers"
    assert rows["mfcc-amplitude"].unit == "SD of the most moved"


def test_the_rival_that_decides_stands_in_the_line() -> None:
    found = by_id(claims(facts(-1)))["elor-ftr-best-valence"]
    rivals = {piece.control: piece for piece in found.evidence}
    assert set(rivals) == {"ELoR", "LoM", "FTR"}
    assert found.control_value == rivals[found.control].control_value


def test_a_p_stands_beside_the_numbers_that_it_is_of() -> None:
    row = by_id(claims(facts(1)))["amplitude-arousal"]
    _, initial, heads = row.evidence
    assert (initial.ours, initial.control, initial.control_value) == (0.5, "initial", pytest.approx(0.3))  # no padding
    assert (heads.ours, heads.control, heads.control_value) == (0.5, "heads", 0.4)
    assert initial.p == pytest.approx(1e-5)
    assert initial.low < initial.difference < initial.high


def test_a_look_that_finds_nothing_is_a_piece_that_says_why() -> None:
    some = given(1)
    del some.prototypes["trends"]["arousal"]["centroid_hz"]
    row = by_id(claims(some.facts))["arousal-frequencies"]
    assert (row.verdict, row.case) == (UNDECIDED, Case.missing)
    assert (row.ours, row.control, row.control_value) == (None, "", None)
    assert row.evidence[0].missing.startswith("nothing was measured")
    assert row.evidence[1].ours == 0.006


def test_what_was_not_measured_is_undecided_and_says_so() -> None:
    found = claims(Facts(Measured(), NO_SCORES))
    assert found.counts[UNDECIDED] == len(CLAIMS)
    assert all(reason(row, found.family) for row in found.claims)
    json.dumps(found.tree(), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "part", "path"),
    [
        ("amplitude-arousal", "saliency", ("own", "guided", "arousal~input")),
        ("amplitude-arousal", "interventions", ("level_sd",)),
        ("amplitude-valence", "saliency", ("own", "guided", "valence~input")),
        ("amplitude-valence", "interventions", ("spread", "elor")),
        ("amplitude-matters", "saliency", ("erasure", "valence", "loudest")),
        ("amplitude-matters", "saliency", ("erasure", "arousal", "loudest", "noise deletion")),
        ("same-parts", "saliency", ("overlap", "initial")),
        ("same-parts", "saliency", ("overlap", "trained", "over initial")),
        ("same-features", "saliency", ("own", "gradient", "flattened")),
        ("mfcc-amplitude", "interventions", ("features",)),
        ("elor-best-arousal", "learned", ("arousal", "lom")),
        ("arousal-frequencies", "prototypes", ("trends", "arousal", "centroid_hz")),
        ("arousal-peaks", "interventions", ("networks", "elor", "peak_limiting")),
        ("arousal-periodic", "prototypes", ("trends", "arousal")),
        ("valence-extremes-frequencies", "prototypes", ("trends", "valence", "centroid_hz")),
        ("valence-extremes-frequencies", "interventions", ("networks", "elor", "high_shelf", "extremity")),
    ],
)
def test_one_missing_piece_leaves_a_claim_undecided(name: str, part: str, path: tuple[str, ...]) -> None:
    some = given(1)
    assert verdicts(some.facts)[name] is HOLDS
    setattr(some, part, without(getattr(some, part), *path))
    row = by_id(claims(some.facts))[name]
    assert (row.verdict, row.case) == (UNDECIDED, Case.missing)


def test_undecided_parts_say_why() -> None:
    some = given(1)
    some.prototypes["trends"]["arousal"]["peak"]["monotone"] |= {"finding": "undecided", "reason": "3 of 10 restarts"}
    some.interventions["networks"]["elor"]["time_stretch"]["heads"]["arousal"] |= {
        "finding": "undecided",
        "reason": "the processing alone moves it as far",
    }
    found = claims(some.facts)
    for name, why in (("arousal-peaks", "3 of 10 restarts"), ("arousal-rate", "the processing alone")):
        assert (by_id(found)[name].verdict, why in said(found, name)) == (UNDECIDED, True)


def test_few_speakers_are_what_is_needed() -> None:
    some = given(1)
    for one in some.scored.judged["arousal"].values():  # not of the same size in all speakers
        one.predicted[one.speaker == "S1"] = 2
    few = {
        head: {net: one.where(np.isin(one.speaker, ["S0", "S1", "S2"])) for net, one in networks.items()}
        for head, networks in some.scored.judged.items()
    }
    some.scored = replace(some.scored, judged=few)
    row = by_id(claims(some.facts))["arousal-easier"]
    assert (row.verdict, row.case) == (UNDECIDED, Case.chance)
    assert row.needed.speakers > 3
    assert row.needed.unit == "speaker"
    assert f"would have needed {row.needed.speakers} speakers" in said(claims(some.facts), "arousal-easier")
    for networks in few.values():
        for net, one in networks.items():
            networks[net] = replace(one, fold=np.where(one.speaker == "S2", "two", "one"))  # S0 and S1 share a network
    assert by_id(claims(some.facts))["arousal-easier"].needed.unit == "fold"


def test_speakers_who_share_a_network_count_as_one() -> None:
    some = given(1)
    some.scored = replace(
        some.scored,
        judged={
            head: {
                net: replace(one, fold=np.char.add("group-", (one.speaker > "S4").astype(str)))
                for net, one in nets.items()
            }
            for head, nets in some.scored.judged.items()
        },
    )
    row = by_id(claims(some.facts))["arousal-easier"]
    assert (row.p, row.evidence[0].units) == (0.5, 2)  # ten speakers would allow 1/512
