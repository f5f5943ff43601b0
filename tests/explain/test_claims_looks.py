"""What single looks say: where they point, beside which control, and what they never say."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from elor.evaluation.intervals import speaker_interval
from elor.evidence.names import EXTREMITY, Case, Role, Undecided, Verdict
from elor.explain.claims.answers import ALIKE, effect, weighs
from elor.explain.claims.evidence import Missing
from elor.explain.claims.maps import above
from elor.explain.claims.rows import claims
from elor.report.sentences import paper_of, reason
from tests.explain.claimed import SPEAKERS, given
from tests.explain.test_claims import CONTRADICTED, DISAGREE, HOLDS, INDISTINCT, UNDECIDED, by_id, said


def with_trend(way: str, head: str, descriptor: str, kind: str) -> Any:
    """All findings for the paper, but for one trend."""
    some = given(1)
    one = some.prototypes["trends"][head][descriptor][kind]
    for part in (one, *one["per"].values()):
        part["direction"] = way
    if way == "":
        one["finding"] = "not distinguishable from untrained"
        for part in one["per"].values():
            part["outside"] = False
    return some


def test_what_is_looked_at_is_called_so_that_it_is_true_of_values_too() -> None:
    """Of a value every change counts, up or down, and it is no logit."""
    pieces = [
        piece.what
        for row in claims(given(1).facts).claims
        for piece in row.evidence
        if "before any others" in piece.what
    ]
    assert len(pieces) == 4
    assert all("logit falls (or value changes) more" in what for what in pieces)


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


def test_a_trend_in_one_parametrisation_alone_points_there_alone() -> None:
    for way in ("up", "down"):
        some = with_trend(way, "valence", "longest_periodic_s", "extreme")
        one = some.prototypes["trends"]["valence"]["longest_periodic_s"]["extreme"]
        one["finding"] = "not distinguishable from untrained"  # as in one parametrisation it is
        one["per"]["paper.time"] |= {"statistic": 5.0, "outside": False}
        found = claims(some.facts)
        row = by_id(found)["valence-extremes-periodic"]
        assert [piece.points for piece in row.evidence] == [0, 1 if way == "up" else -1]
        assert row.verdict is DISAGREE
        why = reason(row, found.family)
        assert "middle, searched over a 1/f spectrum (beside untrained networks" in why
        assert "middle, searched over samples (beside untrained networks" in why


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


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("slope", "points"), [(0.05, 1), (0.02, 1), (0.012, 1), (0.011, -1), (0.002, -1), (0.0, -1)])
def test_a_level_weighs_beyond_a_fifth_of_a_deviation_over_the_natural_range(slope, sign, points, claimed) -> None:
    values = sign * slope + np.random.default_rng(7).permutation(np.linspace(-0.006, 0.006, SPEAKERS))
    low, high = speaker_interval(values)
    some = given(1)
    part = some.interventions["networks"]["elor"]["gain"]["heads"]["arousal"]
    part["slope"] |= {"per_unit": sign * slope, "low": low, "high": high, "calibrated": [-0.001, 0.001]}
    some.interventions |= {"level_sd": 4.2, "spread": {"elor": {"arousal": 0.48}}}
    found = weighs(some.measured, "elor", "arousal", claimed)
    shares = values * 17.5  # 2 x 4.2 dB / 0.48: by hand
    assert found.ours == pytest.approx(sign * slope * 17.5)
    assert (found.low, found.high) == pytest.approx(speaker_interval(shares))
    assert (found.points, found.control_low, found.control_high) == (points if claimed else -points, -0.2, 0.2)
    if points > 0:
        assert found.control == "what counts as none"
        alternative = "greater" if sign > 0 else "less"
        expected = min(1.0, 2 * ttest_1samp(shares, sign * 0.2, alternative=alternative).pvalue)
        assert (found.low > 0.2 or found.high < -0.2) == (found.p < 0.05)  # the 95 % interval lies beyond
    else:
        assert found.control == "no change"
        sides = (ttest_1samp(shares, -0.2, alternative="greater"), ttest_1samp(shares, 0.2, alternative="less"))
        expected = max(side.pvalue for side in sides)
    assert found.p == pytest.approx(expected)


def test_a_level_that_untrained_networks_answer_to_as_much_weighs_nothing() -> None:
    some = given(1)
    part = some.interventions["networks"]["elor"]["gain"]["heads"]["arousal"]
    part["slope"]["calibrated"] = [-0.07, 0.07]
    found = weighs(some.measured, "elor", "arousal")
    assert (found.points, found.control, found.control_high) == (0, "calibrated", pytest.approx(0.07 * 20 / 0.6))
    rows = by_id(claims(some.facts))
    assert rows["amplitude-arousal"].verdict is rows["arousal-loudness"].verdict is INDISTINCT


@pytest.mark.parametrize("doubt", Undecided)
def test_no_level_is_without_weight_where_single_doses_speak_against_the_line(doubt: Undecided) -> None:
    some = given(-1)
    part = some.interventions["networks"]["elor"]["gain"]["heads"]["arousal"]
    part |= {"finding": "undecided", "reason": str(doubt)}
    part["slope"]["calibrated"] = [-1.0, 1.0]
    assert weighs(some.measured, "elor", "arousal").points == (-1 if doubt is Undecided.untrained else 0)
    part["slope"]["calibrated"] = [-1e-5, 1e-5]
    if doubt is not Undecided.untrained:
        with pytest.raises(Missing, match="undecided"):
            weighs(some.measured, "elor", "arousal")


def test_where_all_slices_are_answered_alike_nothing_is_said_of_their_level() -> None:
    some = given(-1)
    some.interventions["spread"]["elor"]["arousal"] = 0.0
    with pytest.raises(Missing, match="answers all slices alike"):
        weighs(some.measured, "elor", "arousal")


@pytest.mark.parametrize("share", [0.009, 0.011])
def test_nothing_is_said_of_extremes_where_all_answers_are_equally_far_from_the_middle(share: float) -> None:
    some = given(-1)
    spread = some.interventions["spread"]["elor"]
    spread["valence.extremity"] = share * spread["valence"]
    asked = partial(effect, some.measured, "elor", "valence", "high_shelf", 1, EXTREMITY)
    if share > ALIKE:
        assert asked().unit
        return
    with pytest.raises(Missing, match="one distance from the middle"):
        asked()
    assert by_id(claims(some.facts))["valence-extremes-frequencies"].verdict is Verdict.undecided


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


@pytest.mark.parametrize("doubt", Undecided)
def test_nothing_is_absent_where_single_doses_or_the_processing_speak_against_the_line(doubt: Undecided) -> None:
    some = given(1)
    part = some.interventions["networks"]["elor"]["high_shelf"]["heads"]["arousal"]
    part["slope"] |= {"per_unit": 0.0, "low": -1e-4, "high": 1e-4}
    part |= {"finding": "undecided", "reason": str(doubt)}
    found = effect(some.measured, "elor", "arousal", "high_shelf", 1)
    assert found.points == (-1 if doubt is Undecided.untrained else 0)


def test_a_positive_r_below_that_of_untrained_networks_contradicts_nothing() -> None:
    some = given(1)
    reading = some.saliency["own"]["guided"]["arousal~input"]["readings"]["signed"]
    reading["contrast"] |= {"difference": -0.2, "low": -0.3, "high": -0.1}
    found = above(some.measured, "guided", "arousal~input")
    assert (found.points, found.control, found.ours) == (0, "initial", 0.5)
    reading["trained"] |= {"r": -0.3, "low": -0.5, "high": -0.05}
    found = above(some.measured, "guided", "arousal~input")
    assert (found.points, found.control, found.ours, found.low) == (-1, "no correlation", -0.3, -0.5)


def test_a_map_that_random_heads_draw_as_well_neither_supports_nor_stops_a_claim() -> None:
    for side, verdict in ((1, HOLDS), (-1, CONTRADICTED)):
        some = given(side)
        pair = some.saliency["own"]["guided"]["arousal~input"] = given(1).saliency["own"]["guided"]["arousal~input"]
        pair["controls"]["heads"]["contrast"] |= {"difference": 0.01, "low": -0.2, "high": 0.2}
        row = by_id(claims(some.facts))["amplitude-arousal"]
        assert row.verdict is verdict
        assert [piece.role for piece in row.evidence] == [Role.decides, Role.illustrates, Role.illustrates]
        assert paper_of(row) == "0.50 (r; ours 0.50)"  # of the map, as the paper's


def test_a_map_below_untrained_networks_stops_a_claim_and_no_contradiction() -> None:
    for side, verdict in ((1, DISAGREE), (-1, CONTRADICTED)):
        some = given(side)
        reading = some.saliency["own"]["guided"]["arousal~input"]["readings"]["signed"]
        reading["contrast"] |= {"difference": -0.2, "low": -0.3, "high": -0.1}
        row = by_id(claims(some.facts))["amplitude-arousal"]
        assert row.verdict is verdict
        assert [piece.role for piece in row.evidence] == [Role.decides, Role.conditions, Role.illustrates]


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
