"""Claims and their verdicts: the numbers decide, whichever way they point, and chance decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from elor.evaluation.comparisons import holm
from elor.evaluation.intervals import speaker_interval
from elor.explain.claims.answers import equivalence, no_effect
from elor.explain.claims.claim import Facts
from elor.explain.claims.decide import Evidence, Lean, Missing, Verdict, agree, every, settle
from elor.explain.claims.evidence import Measured, by_any
from elor.explain.claims.rows import claims
from elor.explain.claims.table import CLAIMS
from elor.files import plain
from tests.explain.claimed import HEADS, MEASURED, NETWORKS, NO_SCORES, SPEAKERS, facts, measured, scored

INSIDE = {claim.id for claim in CLAIMS if claim.group in ("saliency", "prototypes")} - {
    "valence-low-louder",
    "mfcc-amplitude",
}
"""Claims about what a network has learned."""

EXPLORATORY = {"arousal-periodic", "valence-extremes-periodic"}
DECIDED = {claim.id for claim in CLAIMS if claim.confirmatory} | EXPLORATORY | {MEASURED}
"""Claims of which evidence can say that they hold."""


def by_id(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in found["claims"]}


def verdicts(some: Facts) -> dict[str, str]:
    return {name: row["verdict"] for name, row in by_id(claims(some)).items()}


def without(tree: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A copy of a tree that lacks one branch."""
    first, *rest = path
    if not rest:
        return {key: value for key, value in tree.items() if key != first}
    return dict(tree) | {first: without(tree[first], *rest)}


# rules


def looks(*points_and_p: tuple[int, float | None]) -> list[Evidence]:
    return [Evidence("", points, p) for points, p in points_and_p]


@pytest.mark.parametrize(
    ("rule", "pieces", "towards", "p"),
    [
        (agree, [(1, 0.01), (1, 0.03)], "holds", 0.03),
        (agree, [(-1, 0.01), (-1, 0.03)], "contradicted", 0.02),
        (agree, [(-1, 0.01), (0, 0.5)], "contradicted", 0.02),
        (agree, [(1, 0.01), (0, 0.5)], "not distinguishable from untrained", 0.5),
        (agree, [(1, 0.01), (-1, 0.01)], "undecided", None),
        (agree, [(1, None), (1, 0.01)], "holds", 0.01),
        (agree, [(1, None)], "holds", None),
        (agree, [(-1, None)], "contradicted", None),
        (agree, [(0, None)], "not distinguishable from untrained", None),
        (agree, [(-1, None), (-1, 0.01)], "contradicted", 0.01),
        (agree, [(-1, None), (1, 0.01)], "undecided", None),
        (agree, [(1, None), (-1, 0.01)], "undecided", None),
        (agree, [(0, None), (-1, 0.01)], "not distinguishable from untrained", None),
        (agree, [(-1, None), (0, 0.5)], "not distinguishable from untrained", None),
        (every, [(1, None), (-1, 0.01), (1, 0.01)], "undecided", None),
        (every, [(-1, None), (1, 0.01)], "undecided", None),
        (every, [(1, 0.01), (1, 0.03)], "holds", 0.03),
        (every, [(1, 0.01), (-1, 0.01), (1, 0.2)], "contradicted", 0.03),
        (every, [(1, 0.01), (0, 0.5)], "not distinguishable from untrained", 0.5),
        (every, [(-1, 0.4), (-1, float("nan"))], "contradicted", 0.8),
    ],
)
def test_rules(rule, pieces, towards, p) -> None:
    found = rule(looks(*pieces))
    assert (found.towards, found.p) == (towards, None if p is None else pytest.approx(p))


def test_what_a_look_presupposes_counts_as_its_p() -> None:
    assert agree([Evidence("", 1, 0.01, given=0.04)]).p == 0.04
    assert agree([Evidence("", -1, 0.01, given=0.04)]).p == 0.04
    assert agree([Evidence("", 1, 0.01), Evidence("", 1, 0.05, given=0.001)]).p == 0.05
    assert agree([Evidence("", 1, 0.01), Evidence("", 1, given=0.03)]).p == 0.03
    assert agree([Evidence("", -1, 0.01), Evidence("", -1, given=0.03)]).p == 0.03


def test_only_what_survives_holm_is_asserted() -> None:
    p = [0.001, 0.02, 0.03, 0.6, 0.001]
    leans = [Lean(Verdict.holds, value, "r") for value in p[:4]] + [Lean(Verdict.undecided, p[4])]
    settled = settle(leans, [True] * 5)
    expected = holm([*p[:4], 1.0])
    assert [holm_p for _, holm_p in settled] == [*map(pytest.approx, expected[:4]), None]
    assert [lean.towards for lean, _ in settled] == ["holds", *["undecided"] * 4]
    assert f"(Holm p {expected[1]:.3f})" in settled[1][0].reason


def test_what_is_outside_the_family_neither_pays_for_it_nor_is_corrected() -> None:
    leans = [Lean(Verdict.holds), Lean(Verdict.holds, 0.04, "r")]
    assert [(lean.towards.value, p) for lean, p in settle(leans, [False, True])] == [
        ("holds", None),
        ("holds", pytest.approx(0.04)),
    ]


def test_in_the_family_a_claim_without_a_p_is_never_asserted() -> None:
    ((lean, p),) = settle([Lean(Verdict.holds)], [True])
    assert (lean.towards, p) == (Verdict.undecided, 1.0)


def test_a_contradiction_that_does_not_survive_leaves_what_is_left() -> None:
    faint = Lean(Verdict.contradicted, 0.2, "r", Verdict.indistinct)
    assert settle([faint], [True])[0][0].towards is Verdict.indistinct


def test_ten_speakers_can_decide_the_family() -> None:
    assert sum(claim.confirmatory for claim in CLAIMS) * 2.0 ** (1 - SPEAKERS) <= 0.05


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_equivalence_is_two_one_sided_t_tests(shift: float) -> None:
    values = np.random.default_rng(3).normal(shift, 0.2, size=10)
    low, high = speaker_interval(values, 0.9)
    sides = (ttest_1samp(values, -0.25, alternative="greater"), ttest_1samp(values, 0.25, alternative="less"))
    expected = max(side.pvalue for side in sides)
    assert equivalence(values.mean(), low, high, 10, 0.25, 0.9) == pytest.approx(expected)


# the table


def test_ids_are_unique_and_sentences_complete() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for side in (1, 0, -1):
        for row in claims(facts(side))["claims"]:
            assert row["text"].endswith("."), row
            assert row["claim"] in row["text"]
            assert "nan" not in row["text"]


def test_findings_as_the_papers_make_its_claims_hold() -> None:
    found = claims(facts(1))
    expected = {claim.id: "holds" if claim.id in DECIDED else "undecided" for claim in CLAIMS}
    assert {name: row["verdict"] for name, row in by_id(found).items()} == expected
    assert found["counts"] == {
        "holds": len(CLAIMS) - 1,
        "not distinguishable from untrained": 0,
        "contradicted": 0,
        "undecided": 1,
    }


def test_flipped_findings_contradict_them() -> None:
    expected = {claim.id: "contradicted" if claim.id in DECIDED else "undecided" for claim in CLAIMS}
    assert verdicts(facts(-1)) == expected


def test_findings_like_untrained_networks_are_not_distinguishable() -> None:
    found = verdicts(Facts(measured(0, 1e-5, 1e-4), scored(1)))
    assert {name for name, verdict in found.items() if verdict == "not distinguishable from untrained"} == INSIDE


def test_findings_that_chance_could_make_assert_nothing() -> None:
    for side in (1, -1):
        found = verdicts(facts(side, p=0.04))
        asserted = {name for name in INSIDE - EXPLORATORY if found[name] in ("holds", "contradicted")}
        assert asserted <= {"arousal-loudness"}


def test_a_network_that_has_learned_nothing_proves_nothing() -> None:
    for side in (1, -1):
        rows = by_id(claims(facts(side, learned=0.3)))
        nulled = {claim.id for claim in CLAIMS if claim.nulled}
        assert nulled >= INSIDE
        assert {rows[name]["verdict"] for name in nulled} == {"undecided"}
        assert all("permuted within speakers" in rows[name]["text"] for name in nulled - {"valence-low-louder"})
        assert rows["rater-balanced"]["p"] == by_id(claims(facts(side)))["rater-balanced"]["p"] < 0.05


def test_one_network_that_has_learned_lets_scores_be_compared() -> None:
    whole, found = facts(1).measured, Evidence("", 1, 0.01)
    scores = {head: {net: {"utterance_permutation_p": 0.5} for net in NETWORKS} for head in HEADS}
    scores["arousal"]["lom"] = {"utterance_permutation_p": 0.004}
    some = replace(whole, scores=scores)
    assert by_any(found, some, NETWORKS, HEADS) == replace(found, given=0.032)
    assert by_any(found, some, ("elor", "ftr"), HEADS).unmet
    with pytest.raises(Missing, match="not asked for emotion"):
        by_any(found, some, NETWORKS, ("emotion",))


def with_trend(way: str, head: str, descriptor: str, kind: str) -> Facts:
    """All findings for the paper, but for one trend."""
    whole = facts(1)
    one = whole.measured.prototypes["trends"][head][descriptor][kind]
    one["direction"], one["verdict"] = (
        ("", "not distinguishable from untrained") if way == "" else (way, one["verdict"])
    )
    return whole


@pytest.mark.parametrize(
    ("way", "verdict"), [("up", "holds"), ("down", "undecided"), ("", "not distinguishable from untrained")]
)
def test_a_trend_must_point_the_same_way_and_adds_no_p(way: str, verdict: str) -> None:
    for p in (0.9, 1e-9):  # Page's p is not read
        whole = with_trend(way, "arousal", "centroid_hz", "monotone")
        for part in whole.measured.prototypes["trends"]["arousal"]["centroid_hz"]["monotone"]["per"].values():
            part["p"] = p
        row = by_id(claims(whole))["arousal-frequencies"]
        assert row["verdict"] == verdict
        if verdict == "holds":
            assert row["p"] == 1e-4  # of what the network has learned: the effect's own is smaller


@pytest.mark.parametrize(
    ("way", "verdict"), [("up", "holds"), ("down", "contradicted"), ("", "not distinguishable from untrained")]
)
def test_trends_alone_are_exploratory_and_say_so(way: str, verdict: str) -> None:
    row = by_id(claims(with_trend(way, "valence", "longest_periodic_s", "extreme")))["valence-extremes-periodic"]
    assert (row["verdict"], row["p"], row["p_holm"], row["confirmatory"]) == (verdict, None, None, False)
    assert "(exploratory" in row["text"]
    assert "no alteration of real speech lengthens its periodic parts" in row["text"]


@pytest.mark.parametrize(
    ("way", "slope", "verdict"),
    [
        ("up", 0.005, "holds"),
        ("up", -0.005, "undecided"),
        ("up", 0.001, "not distinguishable from untrained"),
        ("down", -0.005, "contradicted"),
        ("down", 0.005, "undecided"),
        ("", 0.005, "not distinguishable from untrained"),
    ],
)
def test_extremes_need_both_prototypes_and_real_speech(way: str, slope: float, verdict: str) -> None:
    whole = with_trend(way, "valence", "centroid_hz", "extreme")
    shelf = whole.measured.interventions["networks"]["elor"]["high_shelf"]
    shelf["extremity"]["valence"]["slope"] |= {"per_unit": slope, "low": slope - 0.001, "high": slope + 0.001}
    row = by_id(claims(whole))["valence-extremes-frequencies"]
    assert (row["verdict"], row["confirmatory"]) == (verdict, True)
    moves = "raises" if slope > 0 else "lowers"
    assert f"a higher level above 2 kHz {moves} ELoR's extremity of valence by {abs(slope):.3f} per dB" in row["text"]
    assert ". Beside it: a higher level above 2 kHz raises ELoR's expected valence by 0.005 per dB" in row["text"]


def test_the_expected_valence_says_nothing_of_its_extremity() -> None:
    whole = facts(1)
    shelf = whole.measured.interventions["networks"]["elor"]["high_shelf"]
    shelf["heads"]["valence"] = shelf.pop("extremity")["valence"]
    row = by_id(claims(whole))["valence-extremes-frequencies"]
    assert (row["verdict"], "extremity / valence" in row["reason"]) == ("undecided", True)


@pytest.mark.parametrize(("moved", "verdict"), [(0.099, "holds"), (0.101, "contradicted")])
def test_amplitude_in_mfccs_is_measured(moved: float, verdict: str) -> None:
    whole = facts(1)
    whole.measured.interventions["features"]["lom"]["mfcc"]["gain"]["moved_sd"][0] = moved
    row = by_id(claims(whole))["mfcc-amplitude"]
    assert (row["verdict"], row["p"], row["p_holm"], row["confirmatory"]) == (verdict, None, None, False)
    assert (row["ours"], row["control_value"]) == (moved, 0.1)
    assert "measured, with nothing to test" in row["text"]
    assert ". Beside it: amplification raises LoM's expected arousal by 0.005 per dB" in row["text"]


@pytest.mark.parametrize(("spread", "points"), [(10.0, 1), (0.6, 1), (0.5, 1), (0.39, -1), (0.1, -1)])
def test_what_counts_as_no_effect_shrinks_with_the_answers_variation(spread: float, points: int) -> None:
    whole = measured(1, 1e-5, 1e-4)
    part = whole.interventions["networks"]["elor"]["gain"]["heads"]["arousal"]
    part["doses"]["12"] |= {"change": 0.2, "low": 0.19, "high": 0.21}
    whole.interventions["spread"]["elor"]["arousal"] = spread
    found = no_effect(whole, "elor", "arousal", "gain")
    assert found.points == points
    if points > 0:
        doses = [part["doses"][dose] for dose in ("-12", "12")]
        margin = min(0.25, spread / 2)
        assert found.p == max(
            equivalence(dose["change"], dose["low"], dose["high"], SPEAKERS, margin) for dose in doses
        )
        part["slope"]["units"] = 4  # folds
        assert no_effect(whole, "elor", "arousal", "gain").p == max(
            equivalence(dose["change"], dose["low"], dose["high"], 4, margin) for dose in doses
        )


def test_lower_than_a_control_is_not_called_indistinguishable_from_it() -> None:
    whole = facts(1)
    low = {"difference": -0.1, "low": -0.2, "high": -0.05, "p": 0.002}
    whole.measured.saliency["own"]["guided"]["arousal~input"]["controls"]["heads untrained"]["contrast"] = low
    row = by_id(claims(whole))["amplitude-arousal"]
    assert row["verdict"] == "undecided"
    assert row["reason"] == "r of arousal map and input is lower than with untrained heads on the trained convolutions"
    assert "0.50, is lower than the 0.40 of untrained heads" in row["text"]
    assert "distinguishable" not in row["text"]


@pytest.mark.parametrize("measure", ["deletion", "noise deletion"])
def test_what_untrained_networks_lose_with_the_loudest_parts_is_no_finding(measure: str) -> None:
    whole = facts(1)
    over = {"difference": 0.05, "low": -0.1, "high": 0.2, "p": 0.4}
    whole.measured.saliency["erasure"]["arousal"]["loudest"][measure]["over untrained"] = over
    row = by_id(claims(whole))["amplitude-matters"]
    assert row["verdict"] == "not distinguishable from untrained"
    assert "falls more in 80% of slices, in untrained networks in 60% (p 0.400)" in row["text"]


def test_more_overlap_than_chance_is_no_finding_where_untrained_networks_have_it_too() -> None:
    whole = facts(1)
    overlap = whole.measured.saliency["overlap"]["trained"]
    overlap["over untrained"] = {"difference": 0.0, "low": -0.1, "high": 0.1, "p": 0.9}
    assert overlap["over chance"]["low"] > 0
    assert by_id(claims(whole))["same-parts"]["verdict"] == "not distinguishable from untrained"


def test_a_number_stands_beside_the_range_of_its_control_and_has_a_unit() -> None:
    row = by_id(claims(facts(1)))["arousal-frequencies"]
    assert row["control_low"] < row["control_high"] < row["ours"]
    assert (row["control_value"], row["unit"]) == (None, "Hz per label")
    row = by_id(claims(facts(1)))["amplitude-arousal"]
    assert (row["control_low"], row["control_high"], row["unit"]) == (None, None, "")
    assert by_id(claims(facts(1)))["arousal-loudness"]["unit"] == "classes"
    assert by_id(claims(facts(1)))["mfcc-amplitude"]["unit"] == "SD"


def test_what_is_left_beside_an_unlearned_head_is_told() -> None:
    whole = facts(1)
    whole.measured.scores["valence"]["elor"]["utterance_permutation_p"] = 0.6
    assert "what is left has p" not in by_id(claims(whole))["extreme-valence-aroused"]["reason"]
    rng = np.random.default_rng(3)
    for one in whole.scored.judged["valence"].values():
        one.truth[:] = rng.permutation(one.truth)
    reason = by_id(claims(whole))["extreme-valence-aroused"]["reason"]
    assert reason.startswith("ELoR answers on valence no better")
    assert "; what is left has p 0." in reason


def test_a_p_stands_beside_the_numbers_that_it_is_of() -> None:
    row = by_id(claims(facts(1)))["amplitude-arousal"]
    assert (row["ours"], row["control_value"]) == (0.5, pytest.approx(0.3))  # as the contrast: no padding
    paper = "as the paper computes it, with the padding: 0.53, untrained 0.33)"
    assert f"is 0.50, in untrained networks 0.30 (p < 0.001; {paper}" in row["text"]
    flattened = by_id(claims(facts(1)))["same-features"]
    assert "with the padding" not in flattened["text"]


def test_a_number_is_never_another_looks() -> None:
    whole = facts(1)
    del whole.measured.prototypes["trends"]["arousal"]["centroid_hz"]
    row = by_id(claims(whole))["arousal-frequencies"]
    assert (row["ours"], row["control"], row["control_value"]) == (None, "", None)
    assert "a higher level above 2 kHz raises" in row["ours_text"]


def test_what_was_not_measured_is_undecided_and_says_so() -> None:
    found = claims(Facts(Measured(), NO_SCORES))
    assert found["counts"]["undecided"] == len(CLAIMS)
    assert all(row["reason"] for row in found["claims"])
    json.dumps(plain(found), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "part", "path"),
    [
        ("amplitude-arousal", "saliency", ("own", "guided", "arousal~input")),
        ("amplitude-valence", "saliency", ("own", "guided", "valence~input", "controls", "heads untrained")),
        ("amplitude-matters", "saliency", ("erasure", "valence", "loudest")),
        ("amplitude-matters", "saliency", ("erasure", "arousal", "loudest", "noise deletion")),
        ("same-parts", "saliency", ("overlap", "untrained")),
        ("same-parts", "saliency", ("overlap", "trained", "over untrained")),
        ("same-features", "saliency", ("own", "gradient", "flattened")),
        ("mfcc-amplitude", "interventions", ("features",)),
        ("arousal-loudness", "interventions", ("spread", "elor")),
        ("elor-best-arousal", "scores", ("arousal", "lom")),
        ("extreme-valence-aroused", "scores", ("valence", "elor")),
        ("arousal-frequencies", "prototypes", ("trends", "arousal", "centroid_hz")),
        ("arousal-peaks", "interventions", ("networks", "elor", "peak_limiting")),
        ("arousal-periodic", "prototypes", ("trends", "arousal")),
        ("valence-extremes-frequencies", "prototypes", ("trends", "valence", "centroid_hz")),
        ("valence-extremes-frequencies", "interventions", ("networks", "elor", "high_shelf", "extremity")),
    ],
)
def test_one_missing_piece_leaves_a_claim_undecided(name: str, part: str, path: tuple[str, ...]) -> None:
    whole = facts(1)
    spoilt = replace(whole.measured, **{part: without(getattr(whole.measured, part), *path)})
    assert verdicts(whole)[name] == "holds"
    assert verdicts(replace(whole, measured=spoilt))[name] == "undecided"


def test_undecided_parts_say_why() -> None:
    whole = facts(1)
    whole.measured.prototypes["trends"]["arousal"]["peak"]["monotone"]["verdict"] = "undecided: 3 of 10 restarts"
    whole.measured.interventions["networks"]["elor"]["time_stretch"]["heads"]["arousal"]["verdict"] = (
        "undecided: the processing alone moves it as far"
    )
    rows = by_id(claims(whole))
    for name, reason in (("arousal-peaks", "3 of 10 restarts"), ("arousal-rate", "the processing alone")):
        assert (rows[name]["verdict"], reason in rows[name]["text"]) == ("undecided", True)


def test_few_speakers_are_named_as_the_reason() -> None:
    whole = facts(1)
    few = {
        head: {net: one.where(np.isin(one.speaker, ["S0", "S1", "S2", "S3"])) for net, one in networks.items()}
        for head, networks in whole.scored.judged.items()
    }
    rows = by_id(claims(replace(whole, scored=replace(whole.scored, judged=few))))
    assert rows["arousal-easier"]["verdict"] == "undecided"
    assert "few speakers" in rows["arousal-easier"]["text"]


def test_speakers_who_share_a_network_allow_no_smaller_p_than_their_folds() -> None:
    whole = facts(1)
    grouped = {
        head: {
            net: replace(one, fold=np.char.add("group-", (one.speaker > "S4").astype(str))) for net, one in nets.items()
        }
        for head, nets in whole.scored.judged.items()
    }
    rows = by_id(claims(replace(whole, scored=replace(whole.scored, judged=grouped))))
    assert rows["arousal-easier"]["p"] == 0.5  # ten speakers would allow 1/512
    assert "so few speakers or folds" in rows["arousal-easier"]["text"]
