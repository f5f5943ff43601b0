"""The page's sections on scores, the corpus, and how the run was made. What is missing is said in a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elor.corpora.faults import plural
from elor.report import details, failures, html, series
from elor.report.analysis import badge
from elor.report.blocks import results as result_blocks
from elor.report.findings import Findings
from elor.report.results import title
from elor.report.text import Table, number


def summary(found: Findings, about: Sequence[str]) -> str:
    """What this is, and how the claims fare."""
    counts = found.claims.counts if found.claims else {}
    chips = "".join(f"<li>{badge(verdict)} {count}</li>" for verdict, count in counts.items())
    verdicts = (
        html.paragraph(f"The paper's {plural(sum(counts.values()), 'claim')}, tested on this corpus:")
        + f'<ul class="chips">{chips}</ul>'
        if counts
        else ""
    )
    lead, *others = about
    return html.section(
        "summary", "At a glance", html.paragraph(lead, "lead"), verdicts, *(html.paragraph(other) for other in others)
    )


def results(found: Findings) -> str:
    """Scores beside guesses and people, comparisons, confusions, where networks fail, calibration, training."""
    score, scores = series.score_title(found.results), found.results.any_scores
    headline, *rest = result_blocks(found.results)
    caption = (
        f"n = {plural(scores['count'], 'slice')} of {plural(scores['speakers'], 'speaker')}, pooled over folds; bars: "
        f"{found.results.level} jackknife t-intervals over speakers. Diamond: other evaluators, the human ceiling; "
        "crosses: guesses that hear nothing."
    )
    charts = "".join(
        f"<div><h3>{escape(dimension)}</h3>{html.chart('scores', caption, dimension=dimension)}</div>"
        for dimension in found.results.scores
    )
    return html.section(
        "results",
        "Results",
        html.block(headline),
        f'<div class="wide">{charts}</div>',
        "".join(map(html.block, rest)),
        _details(found),
        _confusions(found),
        _speakers(found, score),
        failures.by_group(found, score),
        failures.calibration(found),
        _curves(found),
    )


def _details(found: Findings) -> str:
    tables = details.tables(found.results)
    return (
        html.folded("Other intervals, WAR, calibration, each rater", "".join(map(html.table, tables))) if tables else ""
    )


def _confusions(found: Findings) -> str:
    if not any(found.confusion.values()):
        return html.missing("No confusion matrices: the heads answer with values.")
    inner = "".join(
        _confusion(dimension, network, counts)
        for dimension, networks in found.confusion.items()
        for network, counts in networks.items()
    )
    note = "Rows: rated class; columns: predicted class. Above: share of the rated class; below: number of slices."
    return f'<h3>Confusion matrices</h3>{html.paragraph(note, "soft")}<div class="grid">{inner}</div>'


def _confusion(dimension: str, network: str, counts: NDArray) -> str:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    head = "".join(f'<th scope="col">{place}</th>' for place in range(len(counts)))
    rows = ""
    for place, row in enumerate(counts):
        cells = "".join(
            f'<td{" class=hit" if place == column else ""} style="--share:{shares[place, column]:.2f}">'
            + (f"{100 * shares[place, column]:.0f}%<small>{count}</small>" if count else "")
            + "</td>"
            for column, count in enumerate(row)
        )
        rows += f'<tr><th scope="row">{place}</th>{cells}</tr>'
    name = f"{title(network)}, {dimension}"
    corner = '<td aria-hidden="true"></td>'
    return html.scrolled(
        f'<table class="confusion"><caption>{escape(name)}, n = {counts.sum()}</caption><thead><tr>{corner}{head}</tr>'
        f"</thead><tbody>{rows}</tbody></table>",
        f"Confusion matrix of {name}",
    )


def _speakers(found: Findings, score: str) -> str:
    by_dimension = series.speakers(found)
    if not by_dimension:
        return html.missing("No scores by speaker were written.")
    caption = "In brackets: slices of the speaker. Who lacks a class is scored on the classes that she or he has."
    charts, tables = "", ""
    for dimension, rows in by_dimension.items():
        networks = list(rows[0]["values"])
        key = html.legend("networks", networks)
        charts += f"<div><h4>{escape(dimension)}</h4>{html.chart('speakers', caption, key, dimension=dimension)}</div>"
        lines = tuple(
            (row["speaker"], str(row["slices"]), *(number(row["values"][net]) for net in networks)) for row in rows
        )
        header = ("speaker", "slices", *map(title, networks))
        tables += html.table(Table(f"{score} of {dimension} by speaker", header, (lines,)))
    return f'<h3>By speaker</h3><div class="wide">{charts}</div>{html.folded("The same as tables", tables)}'


def _curves(found: Findings) -> str:
    if not found.curves:
        return html.missing("No training curves were written.")
    caption = "A line per fold: validation score by epoch; the dot is the epoch whose weights were kept."
    pick = html.select("pick-curves", "Network", {net: title(net) for net in found.curves}, "curves")
    return f"<h3>Training</h3>{html.choices(pick)}{html.chart('curves', caption)}"


def corpus(found: Findings, licence: str) -> str:
    """The corpus' own summary."""
    return html.section("corpus", "Corpus", html.paragraph(licence, "notice"), _cards(found.results.corpus, "in all"))


def _cards(values: Mapping[str, Any], first: str) -> str:
    """Nested values in cards, one per mapping; `first` is the name of what lies in none."""

    def within(name: str, mapping: Mapping[str, Any]) -> Iterator[tuple[str, dict]]:
        yield name or first, {key: value for key, value in mapping.items() if not isinstance(value, Mapping)}
        for key, value in mapping.items():
            if isinstance(value, Mapping):
                yield from within(f"{name}, {key}" if name else key, value)

    cards = "".join(
        f'<div class="card"><h3>{escape(name.replace("_", " "))}</h3>{html.pairs(entry)}</div>'
        for name, entry in within("", values)
        if any(html.flat(entry))
    )
    return f'<div class="grid cards">{cards}</div>'


def making(settings: Mapping[str, Any], tuned: Mapping[str, Any], versions: Sequence[str]) -> str:
    """Configuration, seeds and versions; no cost, which differs from run to run (`elor results` has it)."""
    return html.section(
        "making",
        "How it was made",
        html.folded("Parameters", _cards(settings, "run")),
        html.folded("What the networks were trained with, by the search or by default", _cards(tuned, "networks")),
        f"<h3>Versions that decide numbers</h3>{html.paragraph(', '.join(versions))}",
    )
