"""The page: complete, self-contained, and no number on it that is not in a file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elor.evidence.model import write
from elor.evidence.names import Verdict
from elor.evidence.saliency import Saliency
from elor.evidence.words import Words
from elor.report import first_screen, series
from elor.report.analysis import style
from elor.report.findings import Findings
from elor.report.page import CONTENTS, Making, report
from tests.report.conftest import invented, read
from tests.report.page_text import Page, embedded, part, table
from tests.report.world import World

PAPER = "https://doi.org/10.1007/s00521-018-3869-3"
"""The one address that the page names, for a click."""


def numbers_in(value: Any) -> list[float]:
    """All numbers in JSON values, also those that are keys."""
    if isinstance(value, dict):
        return [n for key, item in value.items() for n in [*numbers_in(item), *numbers_in(key)]]
    if isinstance(value, list):
        return [n for item in value for n in numbers_in(item)]
    try:
        return [float(value)] if not isinstance(value, bool) else []
    except (TypeError, ValueError):
        return []


def test_the_page_loads_nothing_and_is_well_formed(text: str) -> None:
    page = Page(text)
    assert page.addresses
    assert {address for address in page.addresses if not address.startswith(("data:", "#"))} == {PAPER}
    own = re.sub(
        r"<script data-library=.*?</script>|<details><summary>Charts are drawn.*?</details>", "", text, flags=re.DOTALL
    )
    assert len(own) < len(text) - 8e5  # what is left out here, the drawing libraries and licences, may name addresses
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", own.replace(f'<a href="{PAPER}"', ""))
    assert "unsafe-eval" not in text
    assert len(page.ids) == len(set(page.ids))
    assert set(CONTENTS) <= set(page.ids)
    assert "default-src 'none'" in text
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


def test_every_number_in_a_table_stands_in_a_json(text: str, world: World) -> None:
    known = numbers_in(embedded(text))
    for path in world.metrics.rglob("*.json"):
        known += numbers_in(json.loads(path.read_text()))
    values = np.abs(np.array(known))
    checked = 0
    for cell in Page(text).cells:
        for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w%.])", re.sub(r"number \d", "", cell)):
            digits = len(number.partition(".")[2])
            assert np.abs(values - float(number)).min() <= 0.5 * 10.0**-digits + 1e-9, cell
            checked += 1
    assert checked > 200


def test_a_head_that_has_learned_nothing_is_named_beside_what_is_seen_of_it(text: str, found: Findings) -> None:
    assert "no better than if labels" not in text
    scores = {head: dict(networks) for head, networks in found.results.scores.items()}
    scores["valence"]["elor"] = scores["valence"]["elor"] | {"utterance_permutation_p": 0.4}
    unlearned = replace(found, results=replace(found.results, scores=scores))
    page = report(unlearned, Making({"seed": 7}, {"elor": {"stride": 8}}, ["numpy==2.4.6"]))
    said = "ELoR answers no better than if labels were permuted within speakers on valence (p 0.400)"
    for section in ("maps", "controls", "erasure", "prototypes", "interventions"):
        assert part(page, section).count(said) == 1, section
    assert page.count(said) == 5


def test_the_results_stand_beside_people_and_guesses(text: str, found: Findings) -> None:
    results = text[text.index('id="results"') : text.index('id="corpus"')]
    for name in ("ELoR", "LoM", "FTR", "ELoR+FTR", "other evaluators", "guess: uniform"):
        assert name in results
    scores = found.results.scores["arousal"]["elor"]
    assert f"{scores['uar']:.3f} [{scores['ci_low']:.3f}, {scores['ci_high']:.3f}]" in results
    shown = found.confusion["arousal"]["elor"]
    assert shown.sum() == 6
    drawn = np.zeros_like(shown)
    for row in table(text, "confusion", dimension="arousal", rev="ELoR"):
        drawn[row["actual"], row["predicted"]] += row["count"]
    assert drawn.tolist() == shown.tolist()


def test_claims_come_first_in_the_analysis_with_their_controls(text: str) -> None:
    order = [text.index(f'<section id="{name}"') for name in CONTENTS]
    assert order == sorted(order)
    assert list(CONTENTS).index("claims") < min(map(list(CONTENTS).index, ("maps", "controls", "prototypes")))
    verdict, card = cards(text)[1]
    assert verdict == "contradicted"
    assert "in the paper's words" in card
    for piece in (r"for: what 1 was looked at here [\d.]+ labels per dB untrained networks \(normalisations fitted\) "
                  r"[\d.]+ interval \[0.10, 0.20\] p 0.031",
                  r"not to be had: another not to be had it was not measured condition",
                  r"counts for nothing: what 1 .* p 0.031 beside it So: all pieces point with it"):  # fmt: skip
        assert re.search(piece, card), card
    assert 'href="#claim-1" data-verdict-link="contradicted"' in text


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(Verdict.holds, "holds"), (Verdict.disagree, "undecided"), (Verdict.contradicted, "contradicted")],
)
def test_a_verdict_has_a_style(verdict: Verdict, kind: str) -> None:
    assert style(verdict) == kind


def test_players_hold_original_weighted_prototypes_and_the_closest_slices(text: str, found: Findings) -> None:
    slices = re.findall(r'<figure class="player" data-slice="(\d)"><figcaption>([^<]*)<', text)
    assert [place for place, _ in slices] == list("000111")
    assert [caption.split(": ")[1].split(",")[0] for _, caption in slices[:3]] == [
        "original",
        "weighted by occlusion for arousal",
        "weighted by occlusion for valence",
    ]
    prototypes = re.findall(r'data-prototype="([\w.]+)"', text)
    assert prototypes == ["paper.time", "level.fourier"] * 10
    closest = {(one.head, one.label): one.name for one in found.exemplars if one.rank <= 2}
    assert len(closest) == 10
    for (head, label), name in closest.items():
        card = re.search(rf"<h3>{head} {label}</h3>(.*?)</article>", text, re.S)[1]
        assert len(re.findall(rf"<figcaption>{name}: logit [\d.]+, rated \d</figcaption><audio", card)) == 1
    assert len(text) < 9e6


def test_regions_are_where_the_logit_falls_by_half_of_the_most_or_more(found: Findings) -> None:
    shown = found.shown[0]
    drops = np.zeros(len(shown.drops["arousal"]))
    drops[[10, 11, 30]] = 1.0, 2.0, 0.9  # 30 falls by less than half of the most
    drops[60] = 1.5
    drops[-1] = 9.0  # in the padding
    one = replace(shown, drops={"arousal": drops, "valence": -np.abs(drops)})
    assert one.regions("arousal") == [(0.5, 0.65, 2.0), (3.0, 3.1, 1.5)]
    assert one.regions("valence") == []
    assert one.regions("dominance") == []


def test_regions_of_a_value_are_where_it_changes_most_up_or_down(found: Findings) -> None:
    shown = found.shown[0]
    drops = np.zeros(len(shown.drops["valence"]))
    drops[[10, 11, 12, 60]] = -1.0, -2.0, 1.5, 0.9  # 60 changes it by less than half of the most
    one = replace(shown, drops={"arousal": drops, "valence": drops}, valued=frozenset({"valence"}))
    assert one.regions("valence") == [(0.5, 0.65, -2.0), (0.6, 0.7, 1.5)]
    assert one.regions("arousal") == [(0.6, 0.7, 1.5), (3.0, 3.1, 0.9)]
    assert one.target_text("valence").startswith("valence, the value")
    assert one.target_text("arousal").startswith("arousal, class ")


def cards(text: str) -> list[tuple[str, str]]:
    """Verdict and words of each claim's card."""
    found = re.findall(r'<article class="card claim" data-verdict="(\w+)" id="claim-\d">(.*?)</article>', text, re.S)
    return [(verdict, " ".join(unescape(re.sub(r"<[^>]+>", " ", card)).split())) for verdict, card in found]


def test_the_first_screen_answers_the_title_and_says_where_its_numbers_come_from(text: str, found: Findings) -> None:
    shown = " ".join(part(text, "summary").split())
    own = found.saliency.own["guided"]
    r = [own[pair].readings["signed"].trained.r for pair in ("arousal~input", "valence~input")]
    assert f"amplitude with r = {r[0]:.2f} and {r[1]:.2f}; 0.50 and 0.50 in the paper" in shown
    drawn = table(text, "answer", row="arousal map and input")
    assert [row["series"] for row in drawn] == ["the paper", "here", "untrained networks", "random heads"]
    assert drawn[1]["value"] == pytest.approx(r[0], rel=1e-4)
    assert "Of the paper's 6 claims 1 holds here: claim number 0 ." in shown
    assert "1 goes no further than in untrained networks; 1 is contradicted: claim number 1 ." in shown
    for said in ("synthetic speech", "seed 7", "numpy==2.4.6", "10.1007/s00521-018-3869-3"):
        assert said.lower() in shown.lower()


def test_whose_maps_they_are_is_said_where_several_networks_answer(text: str, found: Findings, making: Making) -> None:
    said = "maps, prototypes, interventions and training curves are those of the first alone"
    assert said not in " ".join(text.split())
    results = replace(found.results, protocol=found.results.protocol | {"seeds": 3})
    shown = " ".join(part(report(replace(found, results=results), making), "summary").split())
    assert "3 in every fold, from as many seeds, answer by the mean of their probabilities, which is scored" in shown
    assert said in shown


def test_a_run_on_shuffled_labels_says_so_first(found: Findings, making: Making) -> None:
    results = replace(found.results, protocol=found.results.protocol | {"shuffled": True})
    claims = found.claims.model_copy(update={"shuffled": True})
    text = report(replace(found, results=results, claims=claims), making)
    said = "abels shuffled within speakers: the control"
    assert re.search(rf'<ul class="answers">\s*<li>L{said}', text)
    assert f"labelled by E-2 (l{said})" in part(text, "summary")
    assert f"l{said}" in part(text, "results")
    assert "shuffled within speakers" in part(text, "claims")
    assert "shuffled" not in part(report(found, making), "summary")


def test_of_three_heads_each_pair_is_named(found: Findings) -> None:
    guided = dict(found.saliency.own["guided"])
    guided["dominance~input"], guided["arousal~dominance"] = guided["arousal~input"], guided["arousal~input"]
    saliency = found.saliency.model_copy(update={"own": {"guided": guided}})
    lead = [one.lead for one in first_screen.sentences(found.results, saliency, None)]
    assert lead[0].endswith("(arousal, valence and dominance).")
    assert lead[1].startswith("The maps of two heads, arousal and valence and arousal and dominance, are alike")


def test_claims_that_hold_and_say_nothing_of_hearing_are_told_apart(found: Findings, making: Making) -> None:
    rows = [row.model_copy(update={"verdict": Verdict.holds}) for row in found.claims.claims]
    text = report(replace(found, claims=found.claims.model_copy(update={"claims": tuple(rows)})), making)
    shown = part(text, "summary")
    assert "6 hold here, the last 3 about scores or ratings alone" in shown
    assert "None is contradicted" in shown
    assert "open" not in shown


def test_a_claim_has_its_unit_and_its_control_may_be_a_range(text: str) -> None:
    (_, first), (_, second), *rest = cards(text)
    assert "untrained networks (normalisations fitted) -0.12 to 0.38" in first
    assert re.search(r"untrained networks \(normalisations fitted\) [\d.]+ interval", second)
    assert all("labels per dB" in card for card in (first, second, *dict(rest).values()))


def test_long_tables_are_folded_away(text: str) -> None:
    for table_ in re.findall(
        r'<div class="scroll" tabindex="0" role="region" aria-label="[^"]*"><table>.*?</table>', text, re.S
    ):
        if table_.count("<tr>") - 1 >= 24:
            before = text[: text.index(table_)]
            assert before.count("<details") > before.count("</details>"), table_[:120]


def test_runs_without_bands_overlap_or_untrained_orders_have_a_page(found: Findings, making: Making) -> None:
    kept = {
        key: value for key, value in found.saliency.tree().items() if key not in ("bands", "overlap", "exploratory")
    }
    kept["erasure"] = {
        head: {order: {"deletion": {"mean": 0.5, "slices": 6}} for order in ("guided", "loudest")}
        for head in kept["erasure"]
    }
    text = report(replace(found, saliency=Saliency.of(kept)), making)
    assert "guided backpropagation" in part(text, "erasure")
    assert "What each mel band carries" not in text
    nothing = {key: kept[key] for key in ("own", "exemplary")}
    assert "Nothing was taken away" in part(report(replace(found, saliency=Saliency.of(nothing)), making), "erasure")


def test_what_was_not_declared_beforehand_is_called_exploratory(text: str) -> None:
    assert "Every p here is exploratory." in part(text, "controls")
    assert "Other trends are exploratory." in part(text, "prototypes")


def test_prototypes_stand_beside_natural_exemplars_and_untrained_networks(text: str, found: Findings) -> None:
    shown = part(text, "prototypes")
    for one in found.exemplars:
        assert one.name in shown
        assert f"{one.logit:.3f}" in shown
    entry = found.prototypes.table["paper.time"]["valence"]["0"]
    note = shown[shown.index(series.way("paper.time"), shown.index("How strong they are")) :]
    note = " ".join(note[note.index("valence") :].split())
    assert f"{entry.calibrated_logit:.2f} (percentile {entry.calibrated_percentile:.3g} of theirs)" in note
    assert "2 of 3 restarts converged, the best one not" in note
    assert len(table(text, "prototypes", way="paper.time")) == 10
    (drawn,) = table(text, "prototypes", way="paper.time", panel="valence 0")
    assert drawn["converged"] == [False, True, True]
    assert len(drawn["spectra"]) == 3
    peaks = [max(row["high"] + [-low for low in row["low"]]) for row in table(text, "prototypes", way="paper.time")]
    assert max(peaks) == 1000  # of all labels: their heights can be compared
    assert min(peaks) < 1000


@pytest.mark.parametrize("kind", ["emotion", "regression", "scores only"])
def test_what_is_missing_is_said_in_a_line(tmp_path: Path, making: Making, kind: str) -> None:
    text = report(invented(tmp_path, kind), making)
    Page(text)
    missing = re.findall(r'<p class="notice">([^<]*)', text)
    if kind == "scores only":
        for line in ("No claims were tested", "No prototypes were sought", "No interventions were made"):
            assert any(one.startswith(line) for one in missing), line
    if kind == "regression":
        assert any("No confusion matrices" in one for one in missing)
        assert "CCC" in text


def test_a_page_without_maps_or_saliency_says_so(found: Findings) -> None:
    text = report(replace(found, shown=[], saliency=Saliency()), Making({}, {}, []))
    for line in ("No maps were kept", "No saliency was measured"):
        assert line in text


def test_an_outside_corpus_stays_at_home(found: Findings) -> None:
    few = replace(found, shown=[], fig5={}, exemplars=[])
    assert "keep it on this machine" in report(few, Making({}, {}, [], demo=False))
    assert "corpus.shareable allows" in report(few, Making({}, {}, [], demo=False, shareable=True))
    assert "synthetic speech that may be shared" in report(few, Making({}, {}, []))


@pytest.mark.parametrize("nasty", ['</script><b onclick="x">', "<!--<script>", "a<b & c"])
def test_names_from_a_corpus_cannot_break_the_page(found: Findings, making: Making, nasty: str) -> None:
    shown = [replace(found.shown[0], name=nasty)]
    exemplars = [replace(one, name=nasty) for one in found.exemplars]
    text = report(replace(found, shown=shown, fig5={}, exemplars=exemplars), making)
    Page(text)
    assert nasty not in text
    assert embedded(text)["shown"][0]["name"] == nasty
    assert "<" not in text.partition('id="data">')[2].partition("</script>")[0]


def test_words_have_a_section_where_somebody_asked_for_them(text: str, tmp_path: Path, making: Making) -> None:
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "Of 2 slices of scripted speech 50 % have a text that stands word for word in the training part" in words
    assert re.search(r"Maps of arousal: r 0\.\d+ between two .*: they look elsewhere \(p 0\.029, 35 ways", words)
    assert "no more apart than seeds are (p 0.400" in words
    other = World(tmp_path)
    write(other.metrics / "words.json", Words(why="corpus.words is none"))
    without = report(read(other), making)
    assert 'id="words"' not in without
    assert "#words" not in without
