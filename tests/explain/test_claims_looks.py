"""What single looks say: where they point, beside which control, and what they never say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from elor.evaluation.intervals import speaker_interval
from elor.evidence.names import Case, Doubt, Role, Verdict
from elor.explain.claims.answers import effect, equivalence, no_effect
from elor.explain.claims.maps import above
from elor.explain.claims.rows import claims
from elor.report.sentences import reason
from tests.explain.claimed import SPEAKERS, given
from tests.explain.test_claims import CONTRADICTED, DISAGREE, HOLDS, INDISTINCT, UNDECIDED, by_id, said


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
