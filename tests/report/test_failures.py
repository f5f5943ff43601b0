"""Where networks fail, on the page: groups with intervals, and reliability."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from elor.report import failures, sections
from elor.report.findings import Findings
from elor.tables import read_table
from tests.report.conftest import invented
from tests.report.world import NETWORKS, World


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_groups_are_those_of_the_table(found: Findings, world: World) -> None:
    table = read_table(world.plots / "scores" / "breakdown.csv")
    groups = failures.groups(found)
    assert list(groups) == list(world.heads)
    assert list(groups["arousal"]) == ["gender", "length", "agreement"]  # speakers have a chart of their own
    first = groups["valence"]["gender"][0]
    assert (first["group"], first["slices"], first["speakers"], first["classes"]) == ("F", 3, 2, 4)
    for network in NETWORKS:
        row = table.query("network == @network and dimension == 'valence' and factor == 'gender' and group == 'F'")
        assert first["values"][network] == {
            "value": row["uar"].item(),
            "low": pytest.approx(row["ci_low"].item()),
            "high": pytest.approx(row["ci_high"].item()),
        }
    assert groups["valence"]["gender"][1]["values"]["elor"]["low"] is None


def test_the_page_has_a_chart_by_dimension_and_all_groups_as_tables(found: Findings) -> None:
    html = sections.results(found)
    assert html.count('data-chart="groups"') == html.count('data-chart="reliability"') == 2
    assert re.findall(r'<option value="(\w+)">', html.split('id="pick-factor"')[1].split("</select>")[0]) == [
        "gender",
        "length",
        "agreement",
    ]
    one = failures.groups(found)["arousal"]["length"][0]["values"]["ftr"]
    assert f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" in text_of(html)


def test_bins_without_slices_are_left_out_and_the_error_stands_beside(found: Findings) -> None:
    scores = found.results.scores
    scored = {head: {net: {**one, "ece": 0.125} for net, one in nets.items()} for head, nets in scores.items()}
    some = replace(found, results=replace(found.results, scores=scored))
    by_dimension = failures.reliability(some)
    assert [entry["network"] for entry in by_dimension["arousal"]] == list(NETWORKS)
    assert [(one["low"], one["count"]) for one in by_dimension["arousal"][0]["bins"]] == [(0.25, 2), (0.5, 4)]
    assert "ECE: ELoR 0.125, LoM 0.125" in text_of(failures.calibration(some))
    json.dumps(by_dimension, allow_nan=False)


def test_very_many_groups_stay_in_the_file(found: Findings) -> None:
    about = {"network": "elor", "dimension": "arousal", "factor": "session", "slices": 1, "speakers": 1, "uar": 0.5}
    many = pd.DataFrame([{**about, "group": f"day {k}"} for k in range(failures.MOST_GROUPS + 1)])
    groups = failures.groups(replace(found, breakdown=pd.concat([found.breakdown, many])))
    assert "session" not in groups["arousal"]


def test_what_is_missing_is_said(found: Findings, tmp_path: Path) -> None:
    none = replace(found, breakdown=pd.DataFrame(), reliability=pd.DataFrame())
    html = sections.results(none)
    assert "No scores by gender, session, scenario, length or agreement were written." in html
    assert "No reliability diagrams: the predictions have no probabilities." in html
    values = sections.results(invented(tmp_path, "regression"))
    assert 'data-chart="groups"' in values
    assert 'data-chart="reliability"' not in values
