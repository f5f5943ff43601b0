"""What is said of corpora beside each other fits the classes that they have."""

from __future__ import annotations

from typing import Any

import pytest

from elor.evidence.across import Across
from elor.report.across import blocks, verdict_sentences
from elor.report.text import Format, render

CLASSES = {"demo": 5, "other": 5, "acted": 2}


def cell(dimension: str, tested_on: str, classes: int | None, **how: Any) -> dict[str, Any]:
    about = {"dimension": dimension, "network": "elor", "trained_on": "demo", "tested_on": tested_on, "slices": 9}
    chance = 0.0 if classes is None else 1 / classes
    about |= {"score": "uar" if classes else "ccc", "speakers": 3, "classes": classes, "value": 0.3, "chance": chance}
    return about | {"ci_low": 0.1, "ci_high": 0.5, "p": 1, "p_below": 1, "p_holm": 1, "verdict": "not shown"} | how


def compared(a: str, b: str) -> dict[str, Any]:
    about = {"dimension": "arousal", "network": "elor", "factor": "corpus", "a": a, "b": b}
    about |= {"difference": 0.1, "ci_low": 0, "ci_high": 0.2, "p": 1, "p_holm": 1}
    return about | {"speakers_a": 3, "speakers_b": 3, "speakers_both": 0}


def across(**classes: dict[str, int | None]) -> Across:
    cells = [cell(dimension, name, count) for dimension, own in classes.items() for name, count in own.items()]
    return Across.of(hold_out="corpus", transfer=cells, scores=[compared("demo", "acted")])


def unlike(found: Across) -> list[str]:
    return [one for one in verdict_sentences(found) if "chance differs" in one]


def test_scores_over_different_classes_are_said_not_to_be_comparable() -> None:
    found = across(arousal=CLASSES, valence=CLASSES)
    (said,) = unlike(found)
    assert said.startswith(
        "UAR of arousal and valence is a mean over the classes that a corpus has (5 in demo and other; 2 in acted), so "
        "chance differs (0.20 and 0.50), and who learned more classes may answer with those that a corpus lacks"
    )
    assert said in " ".join(render(blocks(found), Format.terminal).split())  # what `elor results` prints


@pytest.mark.parametrize("own", [dict.fromkeys(CLASSES, 5), dict.fromkeys(CLASSES)])
def test_nothing_is_said_where_chance_is_the_same(own: dict[str, int | None]) -> None:
    assert not unlike(across(arousal=own))


def test_of_a_dimension_in_which_corpora_are_alike_nothing_is_said() -> None:
    (said,) = unlike(across(arousal=CLASSES, valence=dict.fromkeys(CLASSES, 5)))
    assert said.startswith("UAR of arousal is")


def test_the_machine_alone_counts_too() -> None:
    home = [cell("arousal", name, CLASSES[name]) for name in ("demo", "acted")]
    found = Across.of(hold_out="speaker", transfer=home[:1], machine=home, scores=[compared("demo", "acted")])
    (said,) = unlike(found)
    assert "(5 in demo; 2 in acted)" in said


def test_claims_without_a_number_say_why() -> None:
    about = {"claim": "ELoR is best", "factor": "corpus", "verdict": "undecided", "ours": None, "unit": "", "p": None}
    about |= {"missing": "there is one fold"}
    claims = [about | {"id": name, "group": group} for name in ("best", "worst") for group in ("demo", "acted")]
    claims[3] |= {"ours": 0.25, "missing": ""}
    found = Across.of(across(arousal=CLASSES).tree() | {"claims": claims})
    said = render(blocks(found, detailed=True), Format.terminal)
    assert "2 claims in demo and acted: there is one fold." in said
    assert "undecided (0.25)" in said
    assert said.count("undecided") == 4
