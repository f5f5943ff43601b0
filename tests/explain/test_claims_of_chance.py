"""Where nothing was learned, the family of claims asserts something in 5 % of experiments at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elor.evaluation.comparisons import sign_flip
from elor.evaluation.intervals import speaker_interval
from elor.evaluation.predictions import Judged
from elor.evidence.names import Case, Verdict
from elor.explain.claims.claim import Facts
from elor.explain.claims.decide import Lean, settle
from elor.explain.claims.evidence import Measured
from elor.explain.claims.rows import claims
from elor.explain.claims.scores import Scored
from elor.targets import Head
from tests.explain.claimed import HEADS, MEASURED, NETWORKS, NO_SCORES, SPEAKERS, facts, given

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def nothing_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an undecided claim would have needed changes no verdict, and takes three quarters of the time."""
    monkeypatch.setattr("elor.explain.claims.rows.needed", lambda *asked: None)


def random_scores(rng: np.random.Generator, lazy: bool = False) -> Scored:
    """Labels, ratings and predictions that have nothing to do with each other.

    Args:
        rng: draws them.
        lazy: networks that nearly always answer with the most frequent class, by which WAR exceeds UAR, in one head
            more than in the other.
    """
    speaker = np.repeat([f"S{number}" for number in range(SPEAKERS)], 12).astype(object)
    size = len(speaker)
    judged: dict[str, dict[str, Judged]] = {head: {} for head in HEADS}
    for head in HEADS:
        truth = rng.choice(5, size, p=[0.1, 0.1, 0.6, 0.1, 0.1]) if lazy else rng.integers(0, 5, size)
        for net in NETWORKS:
            guess = rng.integers(0, 5, size)
            predicted = np.where(rng.random(size) < 0.9, 2, guess) if lazy else guess
            judged[head][net] = Judged(Head(head, 5), truth, predicted, None, speaker, speaker)
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
    """Claims of the family that hold or are contradicted."""
    return both_asserted(some)[0]


def both_asserted(some: Facts) -> tuple[int, int]:
    """The same, and how many do outside of the family, where no error rate is promised."""
    rows = [row for row in claims(some).claims if row.id != MEASURED]
    said = [row.confirmatory for row in rows if row.verdict.asserts]
    return sum(said), len(said) - sum(said)


def chance(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """p of networks that have learned nothing."""
    return {head: {net: rng.random() for net in NETWORKS} for head in HEADS}


def rejected(errors: list[bool]) -> float:
    """Share of errors, less two standard errors of a share of 5 %."""
    return float(np.mean(errors)) - 2 * np.sqrt(0.05 * 0.95 / len(errors))


@pytest.mark.parametrize("experiments", [200, pytest.param(2_000, marks=pytest.mark.slow)])
def test_family_wise_error_where_labels_are_random(experiments: int) -> None:
    """A network that has learned nothing may still answer to anything, in all folds alike: here always as the paper."""
    rng, errors = np.random.default_rng(0), []
    every = [given(side, 1e-9, 1.0).measured for side in (1, -1)]
    for number in range(experiments):
        errors.append(asserted(Facts(replace(every[number % 2], learned=chance(rng)), NO_SCORES)) > 0)
    assert rejected(errors) <= 0.05


@pytest.mark.parametrize(
    ("lazy", "experiments"),
    [(True, 60), *(pytest.param(lazy, 100, marks=pytest.mark.slow) for lazy in (True, False))],
)
def test_family_wise_error_where_predictions_are_random(lazy: bool, experiments: int) -> None:
    rng, errors, unguarded = np.random.default_rng(3), [], []
    known = given(1, 1e-9, 1e-4).measured.learned
    for number in range(experiments):
        some = random_scores(rng, lazy)
        errors.append(asserted(Facts(Measured(learned=chance(rng)), some)) > 0)
        if lazy and number < 40:  # the numbers alone would assert something, and only what was learned stops it
            unguarded.append(asserted(Facts(Measured(learned=known), some)) > 0)
    assert rejected(errors) <= 0.05
    assert not lazy or np.mean(unguarded) > 0.9


@pytest.mark.parametrize("experiments", [100, pytest.param(200, marks=pytest.mark.slow)])
def test_family_wise_error_where_everything_answers_and_nothing_was_learned(experiments: int) -> None:
    """All at once: the network answers as the paper says, scores differ, and only the labels are random."""
    rng, errors = np.random.default_rng(6), []
    some, scores = given(1, 1e-9, 1.0).measured, replace(facts(1).scored, ratings=NO_SCORES.ratings)
    for _ in range(experiments):
        rows = claims(Facts(replace(some, learned=chance(rng)), scores)).claims
        errors.append(any(row.verdict.asserts for row in rows if row.nulled))  # of the labels as such it is true
    assert rejected(errors) <= 0.05


def noisy(tree: Any, rng: np.random.Generator) -> Any:
    """Every test in a tree of findings becomes one of ten speakers around nothing (around the margin: 0.25).

    Trends are harder on the family than that: Page's p of correlated folds is small as often as not, and every third
    lies beyond untrained networks.
    """
    if not isinstance(tree, dict):
        return tree
    tree = {key: noisy(value, rng) for key, value in tree.items()}
    if "finding" in tree and "per" in tree:
        way = "varies with the label" if rng.random() < 1 / 3 else "not distinguishable from untrained"
        per = {name: part | {"p": rng.random() ** 4} for name, part in tree["per"].items()}
        return tree | {"finding": way, "direction": str(rng.choice(["up", "down"])), "per": per}
    if {"low", "high", "p"} <= set(tree):
        centre = 0.25 if "change" in tree else 0.0
        values = rng.normal(centre, 0.1, size=SPEAKERS)
        low, high = speaker_interval(values)
        name = next((key for key in ("change", "per_unit", "difference") if key in tree), "difference")
        tree |= {name: float(values.mean()), "low": low, "high": high, "p": sign_flip(values).p}
        return tree | ({} if name == "change" else {"units": SPEAKERS})
    return tree


@pytest.mark.parametrize("experiments", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_family_wise_error_where_a_learned_network_answers_to_nothing(experiments: int) -> None:
    rng, errors, exploratory = np.random.default_rng(1), [], []
    for _ in range(experiments):
        some = given(1)
        for name in ("saliency", "prototypes", "interventions"):
            setattr(some, name, noisy(getattr(some, name), rng))
        some.scored = NO_SCORES
        family, outside = both_asserted(some.facts)
        errors.append(family > 0)
        exploratory.append(outside > 0)
    assert rejected(errors) <= 0.05
    assert rejected(exploratory) > 0.05  # of these nothing is promised, which is why they stand outside


def test_the_simulation_would_notice_uncorrected_verdicts() -> None:
    rng, errors = np.random.default_rng(2), []
    for _ in range(400):
        leans = [Lean(Case.agree, Verdict.holds, float(p)) for p in rng.random(24)]
        alone = [settle([lean], [True]).settled[0].lean.verdict.asserts for lean in leans]
        errors.append(any(alone))
    assert rejected(errors) > 0.05
