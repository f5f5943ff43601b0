"""The page's section on prototypes: the paper's Fig. 5, descriptors and trends, and the slices that come closest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elor.audio import SAMPLE_RATE
from elor.evidence.names import Finding
from elor.evidence.prototypes import Label, Pattern
from elor.report import html, series
from elor.report.analysis import unlearned
from elor.report.columns import columns, packed
from elor.report.exhibits import Exemplar, Prototype
from elor.report.findings import Findings
from elor.report.text import Table, number

EXCERPT_S = 2.0
"""Seconds of a prototype, or of a slice that comes close, that the page plays; the files hold all of it."""

PLAYED = 2
"""Ways of making prototypes that the page plays: what more there is would double its weight."""

OUTLINE = 300
"""Columns of a prototype's waveform."""

BANDS = np.geomspace(62.5, 8_000.0, 64)
"""Hz, at which the page draws spectra."""


def section(found: Findings) -> str:
    """The prototypes in time and frequency (Fig. 5), their descriptors and trends, exemplars, and players."""
    keys = series.ways(found.prototypes)
    if not keys:
        return html.section("prototypes", "Prototypes", html.missing("No prototypes were sought in this run."))
    names = {key: series.way(key) for key in keys}
    heads = list(dict.fromkeys(head for by_head in found.prototypes.table.values() for head in by_head))
    settings = found.prototypes.settings
    caption = (
        "A point per fold's network, the median of its converged restarts; the line joins their means, and the bars "
        "are t-intervals over these networks, which share training slices. One prototype per label allows no "
        "inference: verdicts rest on the fold networks, on untrained ones, and on both parametrisations."
    )
    return html.section(
        "prototypes",
        "Prototypes",
        html.paragraph(
            "The paper's Fig. 5: signals that excite a label most, for the network of "
            f"{found.prototypes.speaker or 'one fold'}. Left in time, right in frequency; thin lines are the "
            "spectra of the other restarts, dashed where one has not converged."
        ),
        unlearned(found),
        html.choices(html.select("pick-prototypes", "Made by", names, "prototypes descriptors")),
        '<div class="wide" data-chart="prototypes"></div>',
        _exemplars(found.exemplars),
        "<h3>Descriptors by label</h3>",
        html.legend("heads", heads),
        '<div class="grid" data-chart="descriptors"></div>' + html.paragraph(caption, "soft"),
        _trends(found.prototypes.trends),
        html.paragraph(found.prototypes.exploratory, "soft"),
        _players(found),
        html.folded("Settings", html.pairs(settings)) if settings else "",
    )


def _exemplars(found: Sequence[Exemplar]) -> str:
    """The slices with a label's highest logits, a table per head with a group per label."""
    if not found:
        return ""
    heads: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for one in found:
        rated = one.rated if isinstance(one.rated, str) else f"{one.rated:g}"
        cells = (one.label, str(one.rank), one.name, number(one.logit), rated)
        heads.setdefault(one.head, {}).setdefault(one.label, []).append(cells)
    header = ("label", "rank", "slice", "logit", "rated")
    tables = "".join(
        html.table(Table(f"The slices that {head} answers most strongly", header, tuple(map(tuple, by.values())), 3))
        for head, by in heads.items()
    )
    told = "What of the corpus comes closest: the slices to which the same network gives the highest logit of a label."
    return f'<h3>Natural exemplars</h3>{html.paragraph(told)}<div class="wide">{tables}</div>'


def _trends(trends: Mapping[str, Mapping[str, Mapping[str, Pattern]]]) -> str:
    lines = tuple(
        (head, series.DESCRIPTOR_NAMES.get(name, (name,))[0], kind, entry.direction or "-", entry.verdict)
        for head, by_descriptor in trends.items()
        for name, kinds in by_descriptor.items()
        for kind, entry in kinds.items()
    )
    if not lines:
        return ""
    varies = [e.finding is Finding.varies for by in trends.values() for kinds in by.values() for e in kinds.values()]
    some = tuple(line for line, one in zip(lines, varies, strict=True) if one)
    header = ("head", "descriptor", "kind of trend", "direction", "verdict")
    shown = html.table(Table("Trends that vary with the label", header, (some,), labels=5)) if some else ""
    none = "" if some else html.paragraph("No trend is claimed; below stand all that were tested, and why.")
    return shown + none + html.folded("All trends", html.table(Table("All trends", header, (lines,), labels=5)))


def _players(found: Findings) -> str:
    """The best restart of every label, in the ways that are played, and the slice that comes closest to it."""
    most = int(EXCERPT_S * SAMPLE_RATE)
    made = "".join(
        html.player(f"{one.head} {one.label}", one.signal[:most], prototype=key)
        for key in played_ways(series.ways(found.prototypes))
        for one in found.fig5.get(key, ())
    )
    natural = "".join(
        html.player(f"{one.head} {one.label}: {one.name}", one.signal[:most])
        for one in found.exemplars
        if one.signal is not None
    )
    unplayed = html.missing("This way is not played here; its files lie in data/prototypes.")
    return (
        "<h3>Listen</h3>"
        + html.paragraph(f"The first {EXCERPT_S:g} s of each, equally loud.", "soft")
        + f'<div class="players">{made}</div><div id="no-prototype-players">{unplayed}</div>'
        + (f'<h4>The closest slices</h4><div class="players">{natural}</div>' if natural else "")
    )


def played_ways(keys: Sequence[str]) -> list[str]:
    """The first way, which is the paper's where it was taken, and one that shares neither mode nor parametrisation."""
    first = keys[0]
    others = [key for key in keys[1:] if not set(key.split(".")) & set(first.split("."))]
    return [first, *(others or keys[1:])[: PLAYED - 1]]


def data(found: Sequence[Prototype]) -> list[dict[str, Any]]:
    """What the script draws of the prototypes of one way: outline of the best restart, spectra of all."""
    return [
        {
            "head": one.head,
            "label": one.label,
            "seconds": len(one.signal) / SAMPLE_RATE,
            "wave": packed(columns(one.signal, OUTLINE).ravel()),
            "spectra": [np.interp(BANDS, one.hertz, levels).round(1) for levels in one.spectra],
            "converged": one.converged,
            "bands": BANDS.round(1),
            "note": note(one.entry),
        }
        for one in found
    ]


def note(entry: Label) -> str:
    """Logits of the trained and the untrained networks, where they lie among natural ones, and what has converged."""
    best = "" if entry.converged_best_first[0] else ", the best one not"
    return (
        f"logit {_placed(entry.logit, entry.percentile, 'the natural slices')}; in untrained networks "
        f"{_placed(entry.untrained_logit, entry.untrained_percentile, 'theirs')}; "
        f"{entry.converged} of {entry.restarts} restarts converged{best}"
    )


def _placed(logit: float | None, percentile: float | None, among: str) -> str:
    if logit is None:
        return "undefined"
    return f"{logit:.2f}" + ("" if percentile is None else f" (percentile {percentile:.3g} of {among})")
