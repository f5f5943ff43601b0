"""Where networks fail, on the page: groups with intervals, and reliability."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.report import series
from elor.report.findings import Findings
from elor.report.page import Making, report
from elor.tables import read_table
from tests.report.conftest import invented
from tests.report.world import NETWORKS, World


def results(found: Findings) -> str:
    """The section on results."""
    return report(found, Making({}, {}, [])).split('<section id="results"')[1].split("</section>")[0]


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_groups_are_those_of_the_table(found: Findings, world: World) -> None:
    table = read_table(world.plots / "scores" / "breakdown.csv")
    groups = series.groups(found)
    assert list(groups["dimension"].unique()) == list(world.heads)
    assert set(groups["factor"]) == {"speaker", "gender", "length", "agreement"}
    women = groups.query("dimension == 'valence' and factor == 'gender' and group == 'F'").set_index("network")
    assert list(women.index) == list(NETWORKS)
    assert set(zip(women["slices"], women["speakers"], women["classes"], strict=True)) == {(3, 2, 4)}
    for network in NETWORKS:
        row = table.query("network == @network and dimension == 'valence' and factor == 'gender' and group == 'F'")
        assert women["value"][network] == row["uar"].item()
        assert women["low"][network] == pytest.approx(row["ci_low"].item())
        assert women["high"][network] == pytest.approx(row["ci_high"].item())
    men = groups.query("dimension == 'valence' and factor == 'gender' and group == 'M'").set_index("network")
    assert np.isnan(men["low"]["elor"])


def test_the_page_has_a_chart_by_dimension_and_all_groups_as_tables(found: Findings) -> None:
    html = results(found)
    assert html.count('data-table="groups"') == html.count('data-chart="reliability"') == 2
    assert re.findall(r'<option value="(\w+)">', html.split('id="pick-factor"')[1].split("</select>")[0]) == [
        "speaker",
        "gender",
        "length",
        "agreement",
    ]
    some = series.groups(found).query("dimension == 'arousal' and factor == 'length' and network == 'ftr'").iloc[0]
    assert f"{some['value']:.3f} [{some['low']:.3f}, {some['high']:.3f}]" in text_of(html)


def test_bins_without_slices_are_left_out_and_the_error_stands_beside(found: Findings) -> None:
    scores = found.results.scores
    scored = {head: {net: {**one, "ece": 0.125} for net, one in nets.items()} for head, nets in scores.items()}
    some = replace(found, results=replace(found.results, scores=scored))
    arousal = series.reliability(some).query("dimension == 'arousal'")
    assert list(arousal["network"].unique()) == ["ELoR", "LoM", "FTR", "ELoR+FTR"]
    first = arousal[arousal["network"] == "ELoR"]
    assert list(zip(first["low"], first["count"], strict=True)) == [(0.25, 2), (0.5, 4)]
    assert "ECE: ELoR 0.125, LoM 0.125" in text_of(results(some))


def test_very_many_groups_stay_in_the_file(found: Findings) -> None:
    about = {"network": "elor", "dimension": "arousal", "factor": "session", "slices": 1, "speakers": 1, "uar": 0.5}
    many = pd.DataFrame([{**about, "group": f"day {k}"} for k in range(series.MOST_GROUPS + 1)])
    groups = series.groups(replace(found, breakdown=pd.concat([found.breakdown, many])))
    assert "session" not in set(groups["factor"])
    html = text_of(results(replace(found, breakdown=pd.concat([found.breakdown, many]))))
    assert f"Too many to be shown: session ({series.MOST_GROUPS + 1} groups); they stand in plots/data/scores" in html
    assert "Too many" not in text_of(results(found))


def test_training_stands_in_a_table_too(found: Findings) -> None:
    (row,) = found.curves["ftr"].query("fold == 'Ses01M' and selected == 1").to_dict("records")
    (last,) = found.curves["ftr"].query("fold == 'Ses01M' and epoch == 3").to_dict("records")
    own = text_of(results(found)).split("Training of FTR: its epochs, counted from 0")[-1]
    assert f"Ses01M 2 {row['score']:.3f} 3 {last['score']:.3f}" in own


def test_what_is_missing_is_said(found: Findings, tmp_path: Path) -> None:
    none = replace(found, breakdown=pd.DataFrame(), reliability=pd.DataFrame())
    html = results(none)
    assert "No scores by speaker, gender, session, scenario, length or agreement were written." in html
    assert "No reliability diagrams: the predictions have no probabilities." in html
    values = results(invented(tmp_path, "regression"))
    assert 'data-table="groups"' in values
    assert 'data-chart="reliability"' not in values
