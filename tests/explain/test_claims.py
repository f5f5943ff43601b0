"""Claims and their verdicts: the numbers decide, whichever way they point, and chance decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from elor.evaluation.intervals import speaker_interval
from elor.evidence.claims import Claim, Claims
from elor.evidence.names import Case, Doubt, Role, Verdict
from elor.explain.claims.answers import effect, equivalence, no_effect
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured, Missing, any_learned
from elor.explain.claims.maps import above
from elor.explain.claims.rows import claims
from elor.explain.claims.table import CLAIMS
from elor.report.words import reason, sentence
from tests.explain.claimed import HEADS, MEASURED, NETWORKS, NO_SCORES, SPEAKERS, facts, given, scored, scores_of

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
    assert {name: row.verdict for name, row in by_id(found).items()} == expected
    assert found.counts == dict.fromkeys(Verdict, 0) | {HOLDS: len(CLAIMS) - 1, UNDECIDED: 1}


def test_flipped_findings_contradict_them() -> None:
    expected = {claim.id: CONTRADICTED if claim.id in DECIDED else UNDECIDED for claim in CLAIMS}
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
        absent = ALTERED if side < 0 else set()  # what probably goes the other way, surely goes no further this way
        assert asserted <= {"arousal-loudness"} | absent


def test_a_head_that_has_learned_nothing_is_not_learned_in_every_claim_about_it() -> None:
    nulled = {claim.id for claim in CLAIMS if claim.nulled}
    assert nulled >= INSIDE
    for side in (1, -1):
        found = claims(facts(side, learned=0.3))
        rows = by_id(found)
        assert {rows[name].verdict for name in nulled - {"valence-low-louder"}} == {UNLEARNED}
        assert all("permuted within speakers" in said(found, name) for name in nulled - {"valence-low-louder"})
        assert rows["rater-balanced"].p == by_id(claims(facts(side)))["rater-balanced"].p < 0.05


def test_one_unlearned_head_voids_the_claims_about_it_and_no_other() -> None:
    some = given(1)
    some.scores["valence"]["elor"] = 0.6
    found = verdicts(some.facts)
    void = {"amplitude-valence", "amplitude-matters", "same-parts", "same-features"}
    void |= {name for name in INSIDE if name.startswith("valence")}
    assert {name for name, verdict in found.items() if verdict is UNLEARNED} == void
    assert found["extreme-valence-aroused"] is HOLDS  # it is said of the corpus; the predictions are told beside it


def test_one_network_that_has_learned_lets_scores_be_compared() -> None:
    scores = {head: dict.fromkeys(NETWORKS, 0.5) for head in HEADS}
    scores["arousal"]["lom"] = 0.004
    some = Measured(scores=scores_of(scores))
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


def with_trend(way: str, head: str, descriptor: str, kind: str) -> Any:
    """All findings for the paper, but for one trend."""
    some = given(1)
    one = some.prototypes["trends"][head][descriptor][kind]
    one["direction"] = way
    if way == "":
        one["finding"] = "not distinguishable from untrained"
    return some


@pytest.mark.parametrize(("way", "verdict"), [("up", HOLDS), ("down", DISAGREE), ("", DISAGREE)])
def test_a_trend_must_point_the_same_way_and_adds_no_p(way: str, verdict: Verdict) -> None:
    for p in (0.9, 1e-9):  # Page's p is not read
        some = with_trend(way, "arousal", "centroid_hz", "monotone")
        for part in some.prototypes["trends"]["arousal"]["centroid_hz"]["monotone"]["per"].values():
            part["p"] = p
        found = claims(some.facts)
        row = by_id(found)["arousal-frequencies"]
        assert row.verdict is verdict
        trends = [piece for piece in row.evidence if piece.role is Role.conditions]
        assert len(trends) == 2  # one per parametrisation
        assert {piece.p for piece in trends} == {None}
        if verdict is HOLDS:
            assert row.p_claim == 1e-4  # of what the network has learned: the effect's own is smaller
            assert row.evidence[row.deciding].what.startswith("a higher level above 2 kHz")
        else:  # the pieces are named
            assert "for it: a higher level above 2 kHz" in reason(row, found.family)
            assert "spectral centroid of arousal prototypes" in reason(row, found.family)


@pytest.mark.parametrize(("way", "verdict"), [("up", HOLDS), ("down", CONTRADICTED), ("", INDISTINCT)])
def test_trends_alone_are_exploratory_and_say_so(way: str, verdict: Verdict) -> None:
    found = claims(with_trend(way, "valence", "longest_periodic_s", "extreme").facts)
    row = by_id(found)["valence-extremes-periodic"]
    assert (row.verdict, row.p, row.p_holm, row.confirmatory) == (verdict, None, None, False)
    assert "(exploratory" in said(found, "valence-extremes-periodic")
    assert "no alteration of real speech lengthens its periodic parts" in said(found, "valence-extremes-periodic")


@pytest.mark.parametrize(
    ("way", "slope", "reach", "verdict"),
    [
        ("up", 0.005, 1e-4, HOLDS),
        ("up", -0.005, 1e-4, DISAGREE),
        ("up", 0.001, 1e-4, DISAGREE),
        ("down", -0.005, 1e-4, CONTRADICTED),
        ("down", 0.005, 1e-4, DISAGREE),
        ("", 0.005, 1e-4, DISAGREE),
        ("", 0.001, 1e-4, CONTRADICTED),  # shown to be absent
        ("", 0.001, 1e-2, INDISTINCT),  # not shown to be anything
    ],
)
def test_extremes_need_both_prototypes_and_real_speech(way: str, slope: float, reach: float, verdict: Verdict) -> None:
    some = with_trend(way, "valence", "centroid_hz", "extreme")
    shelf = some.interventions["networks"]["elor"]["high_shelf"]
    shelf["extremity"]["valence"]["slope"] |= {"per_unit": slope, "low": slope - reach, "high": slope + reach}
    row = by_id(claims(some.facts))["valence-extremes-frequencies"]
    assert (row.verdict, row.confirmatory) == (verdict, True)
    *_, effect, beside = row.evidence
    assert (effect.what, effect.ours) == (
        "a higher level above 2 kHz: ELoR's extremity of valence on real slices",
        slope,
    )
    assert (beside.what, beside.role) == (
        "a higher level above 2 kHz: ELoR's expected valence on real slices",
        Role.illustrates,
    )


def test_the_expected_valence_says_nothing_of_its_extremity() -> None:
    some = given(1)
    shelf = some.interventions["networks"]["elor"]["high_shelf"]
    shelf["heads"]["valence"] = shelf.pop("extremity")["valence"]
    found = claims(some.facts)
    row = by_id(found)["valence-extremes-frequencies"]
    assert (row.verdict, row.case) == (UNDECIDED, Case.missing)
    assert "extremity of valence on real slices: nothing was measured" in reason(row, found.family)


@pytest.mark.parametrize(("moved", "verdict"), [(0.099, HOLDS), (0.101, CONTRADICTED)])
def test_amplitude_in_mfccs_is_measured(moved: float, verdict: Verdict) -> None:
    some = given(1)
    some.interventions["features"]["lom"]["mfcc"]["gain"]["moved_sd"][0] = moved
    found = claims(some.facts)
    row = by_id(found)["mfcc-amplitude"]
    assert (row.verdict, row.p, row.p_holm, row.confirmatory) == (verdict, None, None, False)
    assert (row.ours, row.control_value) == (moved, 0.1)
    assert "measured, with nothing to test" in said(found, "mfcc-amplitude")
    assert [piece.role for piece in row.evidence[1:]] == [Role.illustrates] * 2


@pytest.mark.parametrize(("spread", "points"), [(10.0, 1), (0.6, 1), (0.5, 1), (0.39, -1), (0.1, -1)])
def test_what_counts_as_no_effect_shrinks_with_the_answers_variation(spread: float, points: int) -> None:
    some = given(1)
    part = some.interventions["networks"]["elor"]["gain"]["heads"]["arousal"]
    part["doses"]["12"] |= {"change": 0.2, "low": 0.19, "high": 0.21}
    some.interventions["spread"]["elor"]["arousal"] = spread
    found = no_effect(some.measured, "elor", "arousal", "gain")
    assert found.points == points
    if points > 0:
        doses = [part["doses"][dose] for dose in ("-12", "12")]
        margin = min(0.25, spread / 2)
        assert (found.control_low, found.control_high) == (-margin, margin)
        assert found.p == max(
            equivalence(dose["change"], dose["low"], dose["high"], SPEAKERS, margin) for dose in doses
        )
        part["slope"]["units"] = 4  # folds
        assert no_effect(some.measured, "elor", "arousal", "gain").p == max(
            equivalence(dose["change"], dose["low"], dose["high"], 4, margin) for dose in doses
        )


@pytest.mark.parametrize("spread", [0.3, 0.6, 6.0])
@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize("slope", [-0.004, 0.001, 0.004, 0.02])
def test_an_effect_is_absent_where_it_is_shown_to_be_smaller_than_a_fifth_of_a_deviation(spread, sign, slope) -> None:
    some = given(1)
    part = some.interventions["networks"]["elor"]["high_shelf"]["heads"]["arousal"]
    values = slope + np.random.default_rng(7).permutation(np.linspace(-0.004, 0.004, SPEAKERS))
    low, high = speaker_interval(values)
    part["slope"] |= {"per_unit": slope, "low": low, "high": high, "calibrated": [-0.0005, 0.0005]}
    some.interventions["spread"]["elor"]["arousal"] = spread
    margin = 0.2 * spread / 24  # dB from the least dose to the most
    ways = [ttest_1samp(way * values, margin, alternative="less").pvalue for way in ([sign] if sign else [1, -1])]
    found = effect(some.measured, "elor", "arousal", "high_shelf", sign)
    if max(ways) <= 0.05:
        assert (found.points, found.control, found.p) == (-1, "no change", pytest.approx(max(ways)))
        assert found.control_low == (None if sign > 0 else pytest.approx(-margin))
        assert found.control_high == (None if sign < 0 else pytest.approx(margin))
    else:
        assert found.points == (1 if slope * (sign or slope) > 0 else -1)
        assert (found.control, found.p) == ("calibrated", pytest.approx(ttest_1samp(values, 0).pvalue))


@pytest.mark.parametrize("doubt", Doubt)
def test_nothing_is_absent_where_single_doses_or_the_processing_speak_against_the_line(doubt: Doubt) -> None:
    some = given(1)
    part = some.interventions["networks"]["elor"]["high_shelf"]["heads"]["arousal"]
    part["slope"] |= {"per_unit": 0.0, "low": -1e-4, "high": 1e-4}
    part |= {"finding": "undecided", "reason": str(doubt)}
    found = effect(some.measured, "elor", "arousal", "high_shelf", 1)
    assert found.points == (-1 if doubt is Doubt.untrained else 0)


def test_a_positive_r_below_that_of_untrained_networks_contradicts_nothing() -> None:
    some = given(1)
    reading = some.saliency["own"]["guided"]["arousal~input"]["readings"]["signed"]
    reading["contrast"] |= {"difference": -0.2, "low": -0.3, "high": -0.1}
    found = above(some.measured, "guided", "arousal~input")
    assert (found.points, found.control, found.ours) == (0, "initial", 0.5)
    reading["trained"] |= {"r": -0.3, "low": -0.5, "high": -0.05}
    found = above(some.measured, "guided", "arousal~input")
    assert (found.points, found.control, found.ours, found.low) == (-1, "no correlation", -0.3, -0.5)


def test_beyond_untrained_networks_but_not_beyond_untrained_heads_the_pieces_disagree() -> None:
    for low in ({"difference": -0.1, "low": -0.2, "high": -0.05}, {"difference": 0.01, "low": -0.2, "high": 0.2}):
        some = given(1)
        control = some.saliency["own"]["guided"]["arousal~input"]["controls"]["heads"]
        control["contrast"] |= low
        found = claims(some.facts)
        row = by_id(found)["amplitude-arousal"]
        assert row.verdict is DISAGREE
        assert (row.control, row.control_value) == ("heads", 0.4)  # what stands in the way
        assert "for it: r of the guided arousal map and the input (beside untrained networks" in reason(
            row, found.family
        )
        assert "distinguishable" not in said(found, "amplitude-arousal")


@pytest.mark.parametrize("measure", ["deletion", "noise deletion"])
def test_what_untrained_networks_lose_with_the_loudest_parts_is_no_finding(measure: str) -> None:
    some = given(1)
    over = {"difference": 0.05, "low": -0.1, "high": 0.2, "p": 0.4, "units": 10}
    some.saliency["erasure"]["arousal"]["loudest"][measure]["over initial"] = over
    row = by_id(claims(some.facts))["amplitude-matters"]
    assert row.verdict is DISAGREE
    piece = row.evidence[row.deciding]
    assert (piece.ours, piece.control_value, piece.points) == (0.8, 0.6, 0)


def test_more_overlap_than_chance_is_no_finding_where_untrained_networks_have_it_too() -> None:
    some = given(1)
    overlap = some.saliency["overlap"]["trained"]
    overlap["over initial"] = {"difference": 0.0, "low": -0.1, "high": 0.1, "p": 0.9, "units": 10}
    assert overlap["over chance"]["low"] > 0
    row = by_id(claims(some.facts))["same-parts"]
    assert row.verdict is DISAGREE
    assert row.evidence[row.deciding].what.startswith("overlap")


def test_a_number_stands_beside_the_range_of_its_control_and_has_a_unit() -> None:
    rows = by_id(claims(facts(1)))
    effect = rows["arousal-frequencies"]
    assert effect.control_low < effect.control_high < effect.ours
    assert (effect.control, effect.control_value, effect.unit) == ("calibrated", None, "per dB")
    trend = effect.evidence[0]
    assert (trend.control_low, trend.control_high, trend.ours, trend.unit) == (-10.0, 10.0, 50.0, "Hz per label")
    amplitude = rows["amplitude-arousal"]
    assert (amplitude.control_low, amplitude.control_high, amplitude.unit) == (None, None, "r")
    assert rows["arousal-loudness"].unit == "classes"
    assert rows["mfcc-amplitude"].unit == "SD of the most moved"


def test_the_rival_that_decides_stands_in_the_line() -> None:
    found = by_id(claims(facts(-1)))["elor-ftr-best-valence"]
    rivals = {piece.control: piece for piece in found.evidence}
    assert set(rivals) == {"ELoR", "LoM", "FTR"}
    assert found.control_value == rivals[found.control].control_value


def test_a_p_stands_beside_the_numbers_that_it_is_of() -> None:
    row = by_id(claims(facts(1)))["amplitude-arousal"]
    initial, heads = row.evidence
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
        ("amplitude-valence", "saliency", ("own", "guided", "valence~input", "controls", "heads")),
        ("amplitude-matters", "saliency", ("erasure", "valence", "loudest")),
        ("amplitude-matters", "saliency", ("erasure", "arousal", "loudest", "noise deletion")),
        ("same-parts", "saliency", ("overlap", "initial")),
        ("same-parts", "saliency", ("overlap", "trained", "over initial")),
        ("same-features", "saliency", ("own", "gradient", "flattened")),
        ("mfcc-amplitude", "interventions", ("features",)),
        ("arousal-loudness", "interventions", ("spread", "elor")),
        ("elor-best-arousal", "scores", ("arousal", "lom")),
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
    assert f"would have needed {row.needed.speakers} speakers" in said(claims(some.facts), "arousal-easier")


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
