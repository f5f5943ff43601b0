"""The page's charts: every series is named, drawn as chosen, and stands in a table too."""

from __future__ import annotations

import re

import pytest

from elor.report import sentences, series
from elor.report.findings import Findings
from tests.report.page_text import part, table


def test_controls_are_words_of_nine_colours(text: str, found: Findings) -> None:
    """The cascade of random layers has two steps beside the heads."""
    names = [*series.COMPARED, "heads cnn.2", "heads cnn.2 cnn.1"]
    words = [series.compared(name) for name in names]
    assert words[-3:] == ["the paper", "random heads, last layer", "random heads, last 2 layers"]
    numbers = re.search(
        r"category: \[([\d, ]+)\]\.map\(\(hue\) => `var\(--h\$\{hue\}\)`\)\.concat\(([^)]+\)[^)]+\))", text
    )
    hues = numbers[1].split(", ")
    assert len(hues) + numbers[2].count("var(") == len(words)
    assert all(text.count(f"--h{hue}: #") == 3 for hue in hues)  # light, dark, and dark as chosen
    assert {row["series"] for row in table(text, "controls")} <= set(words)
    assert "random heads" in part(text, "controls")
    assert "layers:" not in part(text, "controls")


def test_the_chosen_reading_is_drawn_or_another_is_named(text: str, found: Findings) -> None:
    pair = found.saliency.own["gradient"]["flattened"]
    kept = {"readings": {name: pair.readings[name] for name in ("padded", "signed")}}
    own = dict(found.saliency.own)
    own["gradient"] = own["gradient"] | {"flattened": pair.model_copy(update=kept)}
    saliency = found.saliency.model_copy(update={"own": own})
    for reading in series.READINGS:
        rows = list(series.controls(saliency, "own", reading))
        assert {row["reading"] for row in rows if row["method"] != "occlusion"} == {reading}
        assert any(row["pair"] == "flattened" for row in rows) == (reading in kept["readings"])
    rows = [row["row"] for row in table(text, "controls", reading="signed") if ": occlusion" in row["row"]]
    assert rows
    assert all(row.endswith(", 25-ms levels") for row in rows)
    same = [row["row"] for row in table(text, "controls", reading="envelope") if ": occlusion" in row["row"]]
    assert not any("25-ms" in row for row in same)


def test_bands_and_doses_stand_in_tables_too(text: str, found: Findings) -> None:
    band = found.saliency.bands["valence"]
    own = f"{band.trained[3]:.3f} [{band.low[3]:.3f}, {band.high[3]:.3f}]"
    shown = " ".join(part(text, "erasure").split("valence: share of each mel band")[-1].split())
    assert f"{own} {band.initial[3]:.3f}" in shown
    dose = found.interventions.networks["ftr"]["pause_insertion"].heads["arousal"].doses["-6"]
    shown = " ".join(part(text, "interventions").split("FTR: change by dose")[-1].split())
    numbers = [sentences.quantity(value) for value in (dose.change, dose.low, dose.high)]
    assert f"pause insertion arousal -6 dB {numbers[0]} [{numbers[1]}, {numbers[2]}]" in shown


def test_deletion_and_insertion_stand_beside_other_orders_and_networks(text: str, found: Findings) -> None:
    shown, saliency = part(text, "erasure"), found.saliency
    for head, orders in saliency.erasure.items():
        beside = orders["guided"]["noise insertion"].over_loudest
        assert f"{beside.difference:.3f} [{beside.low:.3f}, {beside.high:.3f}]" in shown
        assert f"{orders['loudest']['deletion'].initial_wins:.3f}" in shown
        assert f'data-chart="bands" data-table="bands"\n data-title="{head}"' in text
        drawn = table(text, "bands", head=head, networks="initial")
        assert drawn[3]["value"] == pytest.approx(saliency.bands[head].initial[3], rel=1e-4)
    assert f"{saliency.overlap['trained'].over_initial.difference:.3f}" in shown


def test_deletion_is_drawn_from_nothing_on(text: str, found: Findings) -> None:
    rows = table(text, "erasure", mask="noise", panel="valence logit: insertion", order="occlusion")
    curve = found.saliency.erasure["valence"]["occlusion"]["noise insertion"].curve
    assert [row["share"] for row in rows] == [0, 0.05, 0.6]
    assert [row["change"] for row in rows] == pytest.approx([0, *curve.values()], rel=1e-4)
