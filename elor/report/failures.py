"""Where networks fail, for the page: scores by group of slices, and what their probabilities are worth."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from elor.report import html
from elor.report.findings import Findings
from elor.report.results import title
from elor.report.text import MISSING, Table, interval, number

FACTORS = {
    "gender": "gender",
    "session": "session",
    "scenario": "scenario",
    "length": "seconds of speech in the slice",
    "agreement": "agreement among the raters",
}
"""The groups that are shown, beside speakers, and what they are called."""

MOST_GROUPS = 30
"""Groups of a factor that the page draws."""

Groups = dict[str, dict[str, list[dict[str, Any]]]]


def groups(found: Findings) -> Groups:
    """By dimension and factor a row per group: its name, slices, speakers, classes, and per network its score."""
    table, key = found.breakdown, found.results.headline
    if table.empty or key not in table:
        return {}
    result: Groups = {}
    for dimension, factor in ((d, f) for d in found.results.scores for f in FACTORS):
        some = table[(table["dimension"] == dimension) & (table["factor"] == factor)]
        if 0 < some["group"].nunique() <= MOST_GROUPS:
            rows = [_group(str(name), part, key) for name, part in some.groupby("group", sort=True)]
            result.setdefault(dimension, {})[factor] = rows
    return result


def reliability(found: Findings) -> dict[str, list[dict[str, Any]]]:
    """By dimension and network the expected calibration error, and the bins of confidence that hold slices."""
    table = found.reliability
    if table.empty:
        return {}
    names = ("low", "high", "count", "confidence", "accuracy")
    result: dict[str, list[dict[str, Any]]] = {}
    for dimension, networks in found.results.scores.items():
        for network, scores in networks.items():
            some = table[(table["dimension"] == dimension) & (table["network"] == network) & (table["count"] > 0)]
            bins = [{name: _plain(row[name]) for name in names} for _, row in some.iterrows()]
            if bins:
                entry = {"network": network, "ece": scores.get("ece"), "bins": bins}
                result.setdefault(dimension, []).append(entry)
    return result


def by_group(found: Findings, score: str) -> str:
    """A chart per dimension for one factor at a time, and all factors as tables."""
    by_dimension = groups(found)
    if not by_dimension:
        return html.missing("No scores by gender, session, scenario, length or agreement were written.")
    factors = {f: FACTORS[f] for f in FACTORS if any(f in by_factor for by_factor in by_dimension.values())}
    caption = (
        f"In brackets: slices of the group. Bars: {found.results.level} jackknife t-intervals over the group's "
        "speakers, where it has three. Groups that lack different classes are not comparable: the tables count classes."
    )
    charts = "".join(
        f"<div><h4>{escape(dimension)}</h4>"
        + html.chart("groups", caption, html.legend("networks", _networks(by_factor)), dimension=dimension)
        + "</div>"
        for dimension, by_factor in by_dimension.items()
    )
    tables = "".join(html.table(_group_table(found, score, *one)) for one in by_dimension.items())
    return (
        f"<h3>By other groups</h3>{html.choices(html.select('pick-factor', 'By', factors, 'groups'))}"
        f'<div class="wide">{charts}</div>{html.folded("All groups as tables", tables)}'
    )


def calibration(found: Findings) -> str:
    """A reliability diagram per dimension and network, each with its expected calibration error."""
    by_dimension = reliability(found)
    if not by_dimension:
        return html.missing("No reliability diagrams: the predictions have no probabilities.")
    note = (
        "Share of hits by the probability of the predicted class, in bins; below the diagonal a network is too sure of "
        "itself. Grey bars: share of the slices in the bin. ECE: expected calibration error, the mean distance from "
        "the diagonal, each bin weighed by its slices."
    )
    panels = "".join(
        f'<h4>{escape(dimension)}</h4><div class="grid" data-chart="reliability" data-dimension="{escape(dimension)}">'
        "</div>"
        for dimension in by_dimension
    )
    tables = "".join(html.table(_bin_table(*one)) for one in by_dimension.items())
    return (
        f"<h3>Are the probabilities right?</h3>{html.paragraph(note, 'soft')}{panels}"
        f"{html.folded('The same as tables', tables)}"
    )


def _group(name: str, part: pd.DataFrame, key: str) -> dict[str, Any]:
    first = part.iloc[0]
    values = {
        str(row["network"]): {"value": _plain(row[key]), "low": _plain(row["ci_low"]), "high": _plain(row["ci_high"])}
        for _, row in part.iterrows()
    }
    classes = _plain(first["classes"]) if "classes" in part else None
    about = {"slices": int(first["slices"]), "speakers": int(first["speakers"]), "classes": classes}
    return {"group": name, **about, "values": values}


def _networks(by_factor: dict[str, list[dict[str, Any]]]) -> list[str]:
    return list(next(iter(by_factor.values()))[0]["values"])


def _group_table(found: Findings, score: str, dimension: str, by_factor: dict[str, list[dict[str, Any]]]) -> Table:
    networks = _networks(by_factor)
    lines = tuple(
        tuple(
            (
                FACTORS[factor],
                row["group"],
                str(row["slices"]),
                str(row["speakers"]),
                MISSING if row["classes"] is None else f"{row['classes']:g}",
                *(interval(*(row["values"][net][name] for name in ("value", "low", "high"))) for net in networks),
            )
            for row in rows
        )
        for factor, rows in by_factor.items()
    )
    header = ("", "group", "slices", "speakers", "classes", *map(title, networks))
    caption = f"{score} of {dimension} by group, with {found.results.level} intervals over speakers"
    return Table(caption, header, lines, labels=2)


def _bin_table(dimension: str, entries: list[dict[str, Any]]) -> Table:
    lines = tuple(
        tuple(
            (
                title(entry["network"]),
                f"{one['low']:.2f}-{one['high']:.2f}",
                f"{one['count']:g}",
                number(one["confidence"]),
                number(one["accuracy"]),
            )
            for one in entry["bins"]
        )
        for entry in entries
    )
    header = ("network", "bin", "slices", "mean probability", "share of hits")
    said = ", ".join(f"{title(entry['network'])} {number(entry['ece'])}" for entry in entries)
    return Table(f"Reliability of {dimension}; ECE: {said}", header, lines, labels=2)


def _plain(value: Any) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")
