"""Claims and their verdicts: the numbers decide, whichever way they point, and chance decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from elor.evaluation.comparisons import holm, sign_flip
from elor.evaluation.intervals import speaker_interval
from elor.evaluation.tables import Judged
from elor.explain.claims.decide import Evidence, Lean, Verdict, agree, every, settle
from elor.explain.claims.evidence import Measured, equivalence
from elor.explain.claims.rows import claims
from elor.explain.claims.scores import Scored
from elor.explain.claims.table import CLAIMS, Facts
from elor.files import plain
from tests.explain.claimed import HEADS, NETWORKS, SPEAKERS, facts, measured, scored

INSIDE = {claim.id for claim in CLAIMS if claim.group in ("saliency", "prototypes")} - {"valence-low-louder"}
"""Claims about what a network has learned."""


NO_SCORES = Scored({}, pd.DataFrame(columns=["utterance", "rater", "speaker", *HEADS]), "gold", 5)


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
        (agree, [(1, None)], "holds", 1.0),
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


def test_only_what_survives_holm_is_asserted() -> None:
    p = [0.001, 0.02, 0.03, 0.6, 0.001]
    leans = [Lean(Verdict.holds, value, "r") for value in p[:4]] + [Lean(Verdict.undecided, p[4])]
    settled = settle(leans, [True] * 5)
    expected = holm([*p[:4], 1.0])
    assert [holm_p for _, holm_p in settled] == [*map(pytest.approx, expected[:4]), None]
    assert [lean.towards for lean, _ in settled] == ["holds", *["undecided"] * 4]
    assert f"(Holm p {expected[1]:.3f})" in settled[1][0].reason


def test_outside_the_family_nothing_is_asserted() -> None:
    leans = [Lean(Verdict.holds, 1e-9, "r"), Lean(Verdict.holds, 0.04, "r")]
    assert [(lean.towards.value, p) for lean, p in settle(leans, [False, True])] == [
        ("undecided", None),
        ("holds", pytest.approx(0.04)),
    ]


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
    expected = {claim.id: "holds" if claim.confirmatory else "undecided" for claim in CLAIMS}
    assert {name: row["verdict"] for name, row in by_id(found).items()} == expected
    assert found["counts"] == {
        "holds": len(CLAIMS) - 1,
        "not distinguishable from untrained": 0,
        "contradicted": 0,
        "undecided": 1,
    }


def test_flipped_findings_contradict_them() -> None:
    expected = {claim.id: "contradicted" if claim.confirmatory else "undecided" for claim in CLAIMS}
    assert verdicts(facts(-1)) == expected


def test_findings_like_untrained_networks_are_not_distinguishable() -> None:
    found = verdicts(Facts(measured(0, 1e-5, 1e-4), scored(1)))
    assert {name for name, verdict in found.items() if verdict == "not distinguishable from untrained"} == INSIDE


def test_findings_that_chance_could_make_assert_nothing() -> None:
    for side in (1, -1):
        found = verdicts(facts(side, p=0.04))
        assert {name for name in INSIDE if found[name] in ("holds", "contradicted")} <= {
            "arousal-loudness",
            "mfcc-amplitude",
        }


def test_a_network_that_has_learned_nothing_proves_nothing() -> None:
    for side in (1, -1):
        rows = by_id(claims(facts(side, learned=0.3)))
        assert {rows[name]["verdict"] for name in INSIDE} == {"undecided"}
        assert all("permuted within speakers" in rows[name]["text"] for name in INSIDE)


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
        ("same-parts", "saliency", ("overlap", "untrained")),
        ("same-features", "saliency", ("own", "gradient", "flattened")),
        ("mfcc-amplitude", "interventions", ("networks", "lom")),
        ("arousal-frequencies", "prototypes", ("trends", "arousal", "centroid_hz")),
        ("arousal-peaks", "interventions", ("networks", "elor", "peak_limiting")),
        ("arousal-periodic", "prototypes", ("trends", "arousal")),
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


# chance


def random_scores(rng: np.random.Generator) -> Scored:
    """Labels, ratings and predictions that have nothing to do with each other."""
    speaker = np.repeat([f"S{number}" for number in range(SPEAKERS)], 12).astype(object)
    size = len(speaker)
    judged: dict[str, dict[str, Judged]] = {head: {} for head in HEADS}
    for head in HEADS:
        truth = rng.integers(0, 5, size)
        for net in NETWORKS:
            judged[head][net] = Judged(5, truth, rng.integers(0, 5, size), None, speaker, speaker)
    table = pd.concat(
        pd.DataFrame(
            {
                "utterance": [f"u{row}" for row in range(size)],
                "rater": rater,
                "speaker": speaker,
                "valence": rng.integers(0, 5, size),
                "arousal": rng.integers(0, 5, size),
            }
        )
        for rater in ("E-1", "E-2")
    )
    return Scored(judged, table, "E-2", 5)


def asserted(some: Facts) -> int:
    counts = claims(some)["counts"]
    return counts["holds"] + counts["contradicted"]


def rejected(errors: list[bool]) -> float:
    """Share of errors, less three standard errors of a share of 5 %."""
    return float(np.mean(errors)) - 3 * np.sqrt(0.05 * 0.95 / len(errors))


def test_family_wise_error_where_labels_are_random() -> None:
    """A network that has learned nothing may still answer to anything, in all folds alike: here always as the paper."""
    rng, errors = np.random.default_rng(0), []
    for number in range(400):
        some = measured((1, -1)[number % 2], 1e-9, 1.0)
        chance = {head: {net: {"utterance_permutation_p": rng.random()} for net in NETWORKS} for head in HEADS}
        errors.append(asserted(Facts(replace(some, scores=chance), NO_SCORES)) > 0)
    assert rejected(errors) <= 0.05


def test_family_wise_error_where_predictions_are_random() -> None:
    rng = np.random.default_rng(3)
    assert rejected([asserted(Facts(Measured(), random_scores(rng))) > 0 for _ in range(50)]) <= 0.05


def noisy(tree: Any, rng: np.random.Generator) -> Any:
    """Every test in a tree of findings becomes one of ten speakers around nothing (around the margin: 0.25)."""
    if not isinstance(tree, dict):
        return tree
    tree = {key: noisy(value, rng) for key, value in tree.items()}
    if "verdict" in tree and "per" in tree:  # a trend: outside the range of twenty others by chance, either way
        way = "varies with the label" if rng.random() < 2 / 21 else "not distinguishable from untrained"
        per = {name: part | {"p": rng.random()} for name, part in tree["per"].items()}
        return tree | {"verdict": way, "direction": str(rng.choice(["up", "down"])), "per": per}
    if {"low", "high", "p"} <= set(tree):
        centre = 0.25 if "change" in tree else 0.0
        values = rng.normal(centre, 0.1, size=SPEAKERS)
        low, high = speaker_interval(values)
        name = next((key for key in ("change", "per_unit", "difference") if key in tree), "difference")
        return tree | {name: float(values.mean()), "low": low, "high": high, "p": sign_flip(values).p}
    return tree


def test_family_wise_error_where_a_learned_network_answers_to_nothing() -> None:
    rng, errors = np.random.default_rng(1), []
    base = measured(1, 1e-5, 1e-4)
    for _ in range(200):
        parts = {name: noisy(getattr(base, name), rng) for name in ("saliency", "prototypes", "interventions")}
        errors.append(asserted(Facts(replace(base, **parts), NO_SCORES)) > 0)
    assert rejected(errors) <= 0.05


def test_the_simulation_would_notice_uncorrected_verdicts() -> None:
    rng, errors = np.random.default_rng(2), []
    for _ in range(200):
        leans = [Lean(Verdict.holds, float(p), "") for p in rng.random(24)]
        alone = [settle([lean], [True])[0][0].asserts for lean in leans]
        errors.append(any(alone))
    assert rejected(errors) > 0.05
