"""The page's sections on the analysis: claims, maps, controls, interventions.

One that has nothing to show says so in a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from elor.audio import SAMPLE_RATE
from elor.corpora.faults import plural
from elor.evidence.claims import Claim, Family
from elor.evidence.interventions import Intervention
from elor.evidence.names import Verdict
from elor.explain.claims.decide import LEVEL
from elor.report import html, series
from elor.report.audio import weighted
from elor.report.findings import Findings, Shown
from elor.report.results import title
from elor.report.text import MISSING, Notes, Table, interval, number, p_value
from elor.report.words import (
    ROLES,
    control,
    control_of,
    corrected_name,
    corrected_of,
    piece_line,
    quantity,
    reason,
    sentence,
)

STYLES = {
    Verdict.holds: "holds",
    Verdict.contradicted: "contradicted",
    Verdict.indistinct: "indistinct",
    Verdict.unlearned: "unlearned",
    Verdict.disagree: "undecided",
    Verdict.undecided: "undecided",
}
"""The style of each verdict."""

SIGNS = {"holds": "✓", "indistinct": "≈", "contradicted": "✗", "unlearned": "∅", "undecided": "?"}


def claims(found: Findings) -> str:
    """The table of the paper's claims, each beside its control and with a verdict."""
    table = found.claims
    if table is None or not table.claims:
        return html.section("claims", "The paper's claims", html.missing("No claims were tested in this run."))
    counts = {STYLES[verdict]: 0 for verdict in Verdict}
    for row in table.claims:
        counts[STYLES[row.verdict]] += 1
    buttons = "".join(
        f'<button type="button" aria-pressed="false" data-verdict-filter="{kind}">{SAID[kind]} ({count})</button>'
        for kind, count in counts.items()
        if count
    )
    family, name = table.family, corrected_name(table.family)
    note = (
        f"{name}: p corrected over the {plural(family.claims, 'claim')} that were declared for a test "
        f"({family.method}), at the level {family.level:g}; all other rows are exploratory."
    )
    names = ("Claim", "Paper", "Here", "Control", "p", name, "Verdict")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    groups: dict[str, list[Claim]] = {}
    for row in table.claims:
        groups.setdefault(row.group, []).append(row)
    bodies = "".join(f"<tbody>{''.join(_claim(row, family) for row in some)}</tbody>" for some in groups.values())
    return html.section(
        "claims",
        "The paper's claims",
        html.paragraph(
            "Each number of the paper beside the same one here, and beside what would be found anyway: the piece of "
            "evidence that the verdict hangs on, with its own control. All pieces stand below each claim."
        ),
        f'<div class="choices" role="group" aria-label="Show only one verdict">{buttons}</div>',
        '<table class="claims" role="table"><caption>Claims, tests and verdicts</caption>'
        f'<thead><tr role="row">{head}</tr></thead>{bodies}</table>',
        html.paragraph(note, "soft"),
    )


SAID = {
    "holds": "holds",
    "contradicted": "contradicted",
    "indistinct": "not distinguishable from untrained",
    "unlearned": "not learned",
    "undecided": "undecided",
}
"""What a button says that shows one style only."""


def _claim(row: Claim, family: Family) -> str:
    """One claim as a row, which a narrow screen shows as a card; its pieces of evidence are folded away."""
    words = [f"Paper, {row.where}" + (f": \u201c{row.paper}\u201d" if isinstance(row.paper, str) else "")]
    words.append(f"Here: {reason(row, family)}")
    kind = "declared beforehand" if row.confirmatory else "outside the family that is corrected"
    why = [sentence(row, family), f"Decided by {row.test} ({kind})."]
    cells = {
        "Paper": quantity(row.paper),  # its words stand with the claim
        "Here": _with_unit(row),
        "Control": _beside(row),
        "p": p_value(row.p),
        corrected_name(family): p_value(corrected_of(row, family)),
    }
    inner = "".join(
        f'<td role="cell" data-name="{name}"{" class=none" if text == MISSING else ""}>{escape(text)}</td>'
        for name, text in cells.items()
    )
    said = "".join(f'<span class="said">{escape(line)}</span>' for line in words)
    pieces = "".join(f"<li>{escape(piece_line(piece))} ({ROLES[piece.role]})</li>" for piece in row.evidence)
    paragraphs = "".join(html.paragraph(line, "said") for line in why)
    reasons = html.folded("Why", f'{paragraphs}<ul class="evidence">{pieces}</ul>')
    return (
        f'<tr role="row" data-verdict="{style(row.verdict)}" id="claim-{escape(row.id)}">'
        f'<th scope="row" role="rowheader">{escape(row.claim)}{said}{reasons}</th>{inner}'
        f'<td role="cell">{badge(row.verdict)}</td></tr>'
    )


def _with_unit(row: Claim) -> str:
    """What was found here, in its unit."""
    ours = quantity(row.ours)
    return ours if ours == MISSING else f"{ours} {row.unit}".rstrip()


def _beside(row: Claim) -> str:
    """The control of a claim in numbers and words: a value, or from where to where it reaches."""
    value = control_of(row)
    return value if value == MISSING else f"{value} ({control(row.control)})"


def maps(shown: Sequence[Shown], heading: str = "What the network listens to") -> str:
    """The waveforms with their maps, to zoom into, and players."""
    if not shown:
        return html.section(
            "maps", heading, html.missing("No maps were kept (explain.shown is 0, or no such network).")
        )
    players = "".join(_players(place, one) for place, one in enumerate(shown))
    zooms = {"in": "Zoom in", "out": "Zoom out", "left": "Earlier", "right": "Later", "all": "Whole"}
    buttons = "".join(f'<button type="button" data-zoom="{name}">{text}</button>' for name, text in zooms.items())
    return html.section(
        "maps",
        heading,
        html.paragraph(
            "The paper's Fig. 4 for signals of this run. A map that looks like the waveform says little by itself: "
            "that of an untrained network does as well. So r stands beside its control."
        ),
        html.choices(
            html.select("pick-slice", "Signal", {}),
            html.select("pick-method", "Method", {}),
            html.select("pick-head", "Head", {}),
        ),
        '<figure class="card"><canvas id="map" tabindex="0" role="img" aria-describedby="map-text"></canvas>'
        f'<div class="zoom">{buttons}<label>Position <input type="range" id="position" min="0" max="1000" value="0">'
        '</label></div><figcaption id="map-text" aria-live="polite"></figcaption>'
        "<figcaption>Orange speaks for the class, blue against it. With the waveform in focus, + and - zoom, the "
        "arrows move, 0 shows all; drag to move.</figcaption></figure>",
        "<h3>Listen</h3>",
        html.paragraph(
            "All players are equally loud. Weighted by occlusion: each moment as loud as the logit falls without it.",
            "soft",
        ),
        f'<div class="players">{players}</div>',
    )


def _players(place: int, shown: Shown) -> str:
    """The original and, per head, the signal weighted by occlusion; without the padding."""
    own = shown.signal[: shown.support]
    found = [html.player(f"{shown.name}: original, {shown.support / SAMPLE_RATE:.2f} s", own, slice=place)]
    for head, drops in shown.drops.items():
        heard = weighted(shown.signal, drops)[: shown.support]
        if heard.any():
            found.append(html.player(f"{shown.name}: weighted by occlusion for {head}", heard, slice=place))
    return "".join(found)


def controls(found: Findings) -> str:
    """Every r beside its controls, as chart and table, and what may be said."""
    roles = [role for role in series.ROLES if found.saliency.role(role)]
    if not roles:
        return html.section("controls", "Controls", html.missing("No saliency was measured in this run."))
    rows = {role: series.controls(found.saliency, role, "signed") for role in roles}
    names = list(dict.fromkeys(mark["name"] for row in rows[roles[0]] for mark in row["marks"]))
    used = [name for name in names if not name.startswith("heads")] + ["partly untrained", "paper"]
    caption = (
        "Fisher z averaged over slices, then over speakers; bars: t-intervals over speakers. Untrained: random "
        "weights; class swap: the map of the runner-up class; partly untrained: only the first layers are trained; "
        "other waveform: the map beside a signal that is not its own; shifted: beside its own, moved against it by any "
        "time, and there the bar holds 95 % of r."
    )
    texts = tuple(
        entry.text for role in roles for method in found.saliency.role(role).values() for entry in method.values()
    )
    return html.section(
        "controls",
        "Every correlation beside its controls",
        html.choices(
            html.select("pick-role", "Network", {role: series.ROLES[role] for role in roles}, "controls"),
            html.select("pick-reading", "Reading", series.READINGS, "controls"),
        ),
        html.chart("controls", caption, html.legend("controls", used)),
        unlearned(found),
        html.paragraph(found.saliency.exploratory, "soft"),
        html.folded("What may be said", html.block(Notes("Verdicts", texts))),
        html.folded("The same as a table", "".join(_control_table(role, rows[role]) for role in roles)),
    )


def unlearned(found: Findings) -> str:
    """Which heads of the network that is looked into have learned nothing: what is seen there means nothing."""
    heads = {head: nets.get("elor", {}).get("utterance_permutation_p") for head, nets in found.results.scores.items()}
    poor = [f"{head} (p {p_value(p)})" for head, p in heads.items() if p is not None and p > LEVEL]
    if not poor:
        return ""
    return html.paragraph(
        f"{title('elor')} answers no better than if labels were permuted within speakers on {' and '.join(poor)}: what "
        "is seen here of that head says nothing about what people express."
    )


def _control_table(role: str, rows: Sequence[Mapping[str, Any]]) -> str:
    lines = tuple(
        (
            row["pair"],
            row["method"],
            mark["name"],
            interval(mark["value"], mark["low"], mark["high"]),
            str(mark["slices"]),
        )
        for row in rows
        for mark in row["marks"]
    )
    caption = f"r by {series.ROLES[role]}; {series.READINGS['signed']}, occlusion by windows"
    return html.table(Table(caption, ("pair", "method", "network or control", "r", "slices"), (lines,), labels=3))


def interventions(found: Findings) -> str:
    """What changes the networks' answers on real slices."""
    networks = found.interventions.networks
    if not networks:
        return html.section("interventions", "Interventions", html.missing("No interventions were made in this run."))
    heads = list(dict.fromkeys(h for net in networks.values() for one in net.values() for h in one.heads))
    caption = (
        "Change of the expected label (or the value) against the unaltered slice, mean over each speaker's slices, "
        "then over speakers; bars: t-intervals over speakers."
    )
    return html.section(
        "interventions",
        "Interventions: what changes the answer",
        html.paragraph("The causal step: real slices, altered by a dose of one property at a time."),
        html.choices(
            html.select("pick-intervened", "Network", {net: title(net) for net in networks}, "interventions"),
        ),
        html.legend("heads", heads),
        '<div class="grid" data-chart="interventions"></div>' + html.paragraph(caption, "soft"),
        "".join(_slopes(network, entries) for network, entries in networks.items()),
    )


def _slopes(network: str, entries: Mapping[str, Intervention]) -> str:
    lines = []
    for name, entry in entries.items():
        for head, measured in entry.heads.items():
            slope = measured.slope
            low, high = slope.untrained
            lines.append(
                (
                    name.replace("_", " "),
                    head,
                    measured.verdict,
                    interval(slope.per_unit, slope.low, slope.high),
                    f"{number(low)} to {number(high)}",
                    p_value(slope.p),
                )
            )
    header = ("intervention", "head", "verdict", "slope per unit", "untrained networks", "p")
    caption = f"{title(network)}: slopes by dose"
    return html.folded(caption, html.table(Table(caption, header, (tuple(lines),), labels=3)))


def badge(verdict: Verdict) -> str:
    """A verdict that can be told by sign and words, not by colour alone."""
    kind = style(verdict)
    return f'<span class="verdict {kind}"><span aria-hidden="true">{SIGNS[kind]}</span> {escape(verdict)}</span>'


def style(verdict: Verdict) -> str:
    """The style of a verdict."""
    return STYLES[verdict]
