"""The page's words for other targets: a value is no logit and no class, and an emotion has a name."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from elor.evidence.interventions import Interventions
from elor.report import series
from elor.report.card import _weak
from elor.report.erasure import curves
from elor.report.explanation import blocks
from elor.report.figures import spectrogram_map, waveform_map
from elor.report.findings import Findings
from elor.report.page import Making, report
from elor.report.prototypes import exemplar_tables, note
from elor.report.results import Results
from elor.report.score_tables import headline
from elor.report.text import Table
from tests.report.conftest import invented

SECTIONS = ("erasure", "prototypes", "interventions")


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return invented(tmp_path_factory.mktemp("values"), "regression")


@pytest.fixture(scope="module")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return invented(tmp_path_factory.mktemp("emotions"), "emotion")


def section(found: Findings, name: str) -> str:
    """The words of a section of the page."""
    page = report(found, Making({}, {}, []))
    inside = page.split(f'<section id="{name}"')[1].split("</section>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inside)).split())


def test_what_is_said_of_a_value_speaks_of_no_logit_and_no_class(values: Findings, found: Findings) -> None:
    for name in SECTIONS:
        assert not re.search(r"logits?\b|\bclass", section(values, name)), name
    text = section(values, "erasure")
    assert (
        "Deletion: how far the value changes, up or down, without the first ones; insertion: how far it changes" in text
    )
    assert "arousal: change of the value, up or down, n = 6" in text
    assert "How far the value falls without a mel band (below 0: rises), as a share of all bands' absolute" in text
    text = section(found, "erasure")
    assert "Deletion: how far the logit falls without the first ones; insertion: how far it rises by them" in text
    assert "arousal: change of the logit, n = 6" in text
    assert "runner-up class" not in section(values, "controls").partition("What may be said")[0]
    assert "runner-up class" in section(found, "controls").partition("What may be said")[0]
    assert "lack different classes" not in section(values, "results")
    assert "lack different classes" in section(found, "results")
    for some, output in ((values, "value"), (found, "logit")):
        assert f"arousal {output}: deletion" in {row["panel"] for row in curves(some.saliency, output)}


def test_a_values_figures_say_what_raises_it(values: Findings, found: Findings) -> None:
    for some, words in ((values, "orange raises the value, blue lowers it"), (found, "orange speaks for the class")):
        shown = some.shown[0]
        for figure in (waveform_map(shown, "occlusion", "arousal"), spectrogram_map(shown, "arousal")):
            texts = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
            assert words in texts
            assert "logit" not in texts or some is found


def test_the_low_end_of_a_value_is_shown_as_the_network_answers_it(values: Findings) -> None:
    """It was sought by minus the value, and what is kept is that."""
    low = next(one for one in values.exemplars if (one.head, one.label) == ("arousal", "low"))
    high = next(one for one in values.exemplars if (one.head, one.label) == ("arousal", "high"))
    text = section(values, "prototypes")
    assert f"{low.name}: value {-low.logit:.3f}, rated" in text
    assert f"{high.name}: value {high.logit:.3f}, rated" in text
    table = next(iter(exemplar_tables(values.exemplars)))
    assert table.header == ("label", "rank", "slice", "value", "rated")
    assert [row[3] for row in table.groups[0]] == [
        f"{-one.logit:.3f}" for one in values.exemplars if (one.head, one.label) == ("arousal", "low")
    ]
    (entry, *_) = (one.entry for one in values.fig5["paper.time"] if one.label == "low")
    known = entry.model_copy(update={"logit": 1.5, "percentile": 99.0, "calibrated_logit": None})
    assert note("low", known).startswith("value -1.50 (percentile 1 of the natural slices); in untrained")
    assert note("high", known).startswith("value 1.50 (percentile 99 of the natural slices); in untrained")
    assert note("3", known).startswith("logit 1.50 (percentile 99 of the natural slices); in untrained")


def test_emotions_are_called_by_their_names(emotions: Findings) -> None:
    text = section(emotions, "results")
    assert "rated angry happy sad neutral" in text
    rows, columns = (series.tables(emotions)["confusion"][key] for key in ("rows", "columns"))
    assert {row[columns.index("predicted")] for row in rows} <= {"angry", "happy", "sad", "neutral"}
    shown = replace(emotions.shown[0], targets={"emotion": 2}, rated={"emotion": 1.0})
    assert shown.target_text("emotion") == "emotion, sad predicted (rated happy)"
    assert "of each emotion's probability" in section(emotions, "interventions")


def test_a_guess_of_emotions_names_the_one_that_it_answers(emotions: Findings, found: Findings) -> None:
    assert "guess: majority (neutral)" in guesses(emotions.results)
    assert "guess: majority (3, 3)" in guesses(found.results)


def test_a_models_card_names_the_emotions_that_it_hardly_finds() -> None:
    recalls = {"recall_0": 0.6, "recall_1": 0.1, "recall_2": None, "recall_3": 0.2}
    assert _weak("emotion", recalls) == ["happy (recall 0.100)", "neutral (recall 0.200)"]
    assert _weak("arousal", recalls) == ["1 (recall 0.100)", "3 (recall 0.200)"]


def guesses(found: Results) -> set[str]:
    """The first cells of the table of results, of a run whose guesses answer class 3."""
    scores = {
        head: {name: one | {"baseline_majority_class": 3} for name, one in networks.items()}
        for head, networks in found.scores.items()
    }
    table = headline(replace(found, scores=scores))
    return {row[0] for group in table.groups for row in group}


@pytest.mark.parametrize(
    ("head", "scores", "answer"),
    [
        ("emotion", {"emotion": {"uar": 0.5, "ccc": None, "p": 0.01, "learned": True}}, "emotion: sad (p = 0.70"),
        ("emotion", {}, "emotion: class 2 (p = 0.70"),  # of another's network nobody knows what its classes are
        ("arousal", {}, "arousal: 0.400."),
    ],
)
def test_a_recordings_answer_is_called_as_it_is(head: str, scores: dict, answer: str) -> None:
    logits, p = ([0.0, 0.0, 2.0, 0.0], [0.1, 0.1, 0.7, 0.1]) if head == "emotion" else ([0.4], None)
    window = {"start_s": 0.0, "end_s": 6.0, "scores": scores, "methods": {}, "strongest": {}, "erasure": {}}
    window["prediction"] = {head: {"label": 2 if p else None, "logits": logits, "probabilities": p}}
    entry = {"logit": 1.25, "initial_logit": 0.5, "converged": 1, "restarts": 2}
    entry["descriptors"] = {"centroid_hz": 900.0, "crest_db": 12.0}
    sought = {"refused": None, "targets": {"time": {head: {str(k): entry for k in range(max(len(logits), 2))}}}}
    model = {"name": "any", "reason": "", "scores": scores}
    found = blocks({"model": model, "recordings": {"a": {"windows": [window]}}, "prototypes": sought})
    assert any(answer in item for block in found if not isinstance(block, Table) for item in block.items)
    (table,) = (block for block in found if isinstance(block, Table) and "Prototypes" in block.caption)
    what = "value" if head == "arousal" else "logit"
    assert table.header[3] == what
    labels = {"arousal": ("low", "high"), "emotion": ("angry", "happy", "sad", "neutral") if scores else tuple("0123")}
    assert tuple(row[2] for row in table.groups[0]) == labels[head]
    first = ("-1.25", "-0.50") if head == "arousal" else ("1.25", "0.50")
    assert [row[3:5] for row in table.groups[0]] == [first] + [("1.25", "0.50")] * (len(labels[head]) - 1)


def test_a_slope_of_a_head_that_has_not_learned_says_so(found: Findings) -> None:
    tree = found.interventions.tree()
    tree["networks"]["ftr"]["gain"]["heads"]["valence"]["learned_p"] = 0.4
    tree["networks"]["ftr"]["pitch"]["heads"]["valence"]["learned_p"] = 0.05
    scores = {head: dict(networks) for head, networks in found.results.scores.items()}
    scores["valence"]["ftr"] = scores["valence"]["ftr"] | {"utterance_permutation_p": 0.4}
    poor = replace(found, interventions=Interventions.of(tree), results=replace(found.results, scores=scores))
    text = section(poor, "interventions")
    assert text.count("raises (head not learned)") == 1
    assert "FTR answers no better than if labels were permuted within speakers on valence (p 0.400)" in text
    assert "no better than" not in section(poor, "erasure")  # which is about ELoR
