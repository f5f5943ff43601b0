"""What the page says of the analysis: claims and their verdicts, r beside its controls, slopes by dose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from elor.evaluation.learned import learned
from elor.evidence.claims import Claim, Claims, Family, Piece
from elor.evidence.names import Case, Role, Verdict
from elor.report import series
from elor.report.audio import weighted
from elor.report.findings import Findings, Shown
from elor.report.results import title
from elor.report.sentences import POINTS, control, control_of, difference, interval_of, leaning, p_of, quantity, reason
from elor.report.text import MISSING, Table, interval, number, p_value

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


SAID = {
    "holds": "holds",
    "contradicted": "contradicted",
    "indistinct": "not distinguishable from untrained",
    "unlearned": "not learned",
    "undecided": "undecided",
}
"""What a button says that shows one style only."""


GROUPS = {
    "saliency": "What the maps say",
    "prototypes": "What the prototypes say",
    "scores": "What the scores say: nothing about what a network hears",
    "corpus": "What the ratings say: nothing about networks",
}
"""Headings of the groups of claims."""


def style(verdict: Verdict) -> str:
    """The style of a verdict."""
    return STYLES[verdict]


def by_style(found: Claims) -> dict[str, list[Claim]]:
    """The claims with a verdict of each style; styles that occur."""
    rows = {name: [row for row in found.claims if style(row.verdict) == name] for name in SAID}
    return {name: some for name, some in rows.items() if some}


def claim_groups(found: Claims) -> list[list[Claim]]:
    """The claims by group, in the order of the file."""
    return [list(rows) for _, rows in groupby(found.claims, key=attrgetter("group"))]


def beside(piece: Piece) -> dict[str, str]:
    """The numbers of a piece of evidence that there are, by what they are: here, its control, their difference, p."""
    if piece.missing:
        return {"not to be had": piece.missing}
    numbers = {
        "here": MISSING if piece.ours is None else f"{quantity(piece.ours)} {piece.unit}".rstrip(),
        control(piece.control) if piece.control else "": control_of(piece),
        difference(piece) if piece.difference is not None else "interval": interval_of(piece),
        "p": p_of(piece),
    }
    return {name: text for name, text in numbers.items() if name and text != MISSING}


def pointing(piece: Piece, level: float) -> tuple[str, str]:
    """Style and words of where a piece of evidence points; nowhere, if it was not had or is told beside the others."""
    if piece.missing or piece.role is Role.illustrates:
        return "undecided", "counts for nothing" if piece.role is Role.illustrates else "not to be had"
    return {1: "holds", -1: "contradicted"}.get(piece.points, "indistinct"), leaning(piece, level)


def because(row: Claim, family: Family) -> str:
    """Why a claim has its verdict, as its card says below all pieces: where they point is counted, not named again."""
    if row.case not in (Case.disagree, Case.nowhere):
        return reason(row, family)
    points = Counter(piece.points for piece in row.evidence if piece.role is not Role.illustrates and not piece.missing)
    return ", ".join(f"{points[way]} {text}" for way, text in POINTS.items() if points[way])


def players(shown: Shown) -> Iterator[tuple[str, Any]]:
    """Caption and sound of the original and, per head, of the signal weighted by occlusion; without the padding."""
    yield f"{shown.name}: original, {shown.support / shown.rate:.2f} s", shown.signal[: shown.support]
    for head in shown.drops:
        heard = weighted(shown.signal, shown.carried(head), shown.rate)[: shown.support]
        if heard.any():
            yield f"{shown.name}: weighted by occlusion for {head}", heard


def control_tables(found: Findings) -> Iterator[Table]:
    """The correlations and their controls, a table per role."""
    for role, words in series.ROLES.items():
        lines = tuple(
            (
                row["pair"],
                row["method"],
                series.compared(row["name"]),
                interval(one.r, one.low, one.high),
                str(one.slices),
            )
            for row in series.controls(found.saliency, role, "signed")
            if (one := row["estimate"]) is not None
        )
        if lines:
            caption = f"r by {words}; {series.READINGS['signed']}, occlusion by 25-ms levels"
            yield Table(caption, ("pair", "method", "network or control", "r", "slices"), (lines,), labels=3)


def slope_tables(found: Findings) -> Iterator[Table]:
    """Slopes by dose beside those of untrained networks, a table per network."""
    header = ("intervention", "head", "verdict", "slope per unit", "untrained networks", "p")
    for network, entries in found.interventions.networks.items():
        lines = tuple(
            (
                name.replace("_", " "),
                head,
                measured.verdict if learned(measured.learned_p) else f"{measured.verdict} (head not learned)",
                f"{quantity(slope.per_unit)} [{quantity(slope.low)}, {quantity(slope.high)}]",
                f"{quantity(slope.calibrated[0])} to {quantity(slope.calibrated[1])}",
                p_value(slope.p),
            )
            for name, entry in entries.items()
            for head, measured in entry.heads.items()
            for slope in [measured.slope]
        )
        yield Table(f"{title(network)}: slopes by dose", header, (lines,), labels=3)


def dose_tables(found: Findings) -> Iterator[Table]:
    """What each dose does, a table per network."""
    for network, entries in found.interventions.networks.items():
        lines = tuple(
            (
                name.replace("_", " "),
                head,
                f"{dose} {entry.unit}",
                f"{quantity(point.change)} [{quantity(point.low)}, {quantity(point.high)}]",
            )
            for name, entry in entries.items()
            for head, measured in entry.heads.items()
            for dose, point in measured.doses.items()
            if point.change is not None
        )
        if lines:
            header = ("intervention", "head", "dose", "change of the answer")
            yield Table(f"{title(network)}: change by dose", header, (lines,), labels=3)


def band_tables(found: Findings) -> Iterator[Table]:
    """A table per head: what each mel band carries, the figure's numbers."""
    for head, rows in groupby(series.bands(found.saliency), key=lambda row: row["head"]):
        by_network: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_network.setdefault(row["networks"], []).append(row)
        lines = tuple(
            (f"{own['hertz']:.0f}", interval(own["value"], own["low"], own["high"]), number(other["value"]))
            for own, other in zip(by_network["trained"], by_network["initial"], strict=True)
        )
        yield Table(f"{head}: share of each mel band", ("Hz", "trained", "untrained"), (lines,))
