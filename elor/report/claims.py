"""The table of claims as blocks of text: verdicts beside the paper's numbers and the controls, then every piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from elor.corpora.faults import plural
from elor.evidence.claims import Claim, Claims, Piece
from elor.evidence.names import Control, Reference, Role
from elor.report.results import SHUFFLED
from elor.report.sentences import (
    PROMISES,
    ROLES,
    VERDICTS,
    control,
    control_of,
    corrected_name,
    corrected_said,
    counted,
    interval_of,
    leaning,
    p_of,
    paper_of,
    piece_line,
    quantity,
    scored,
    sentence,
)
from elor.report.text import MISSING, Block, Notes, Row, Table, p_value

NULLED = f"{SHUFFLED} of these claims"

PIECES = ("claim", "piece of evidence", "role", "ours", "control", "", "difference [interval]", "p", "points", "unit")
"""Columns of the pieces; the one without a name says which control."""


def claims(found: Claims, against: Claims | None = None, name: str = "") -> list[Block]:
    """The table, the comparison with another run's if there is one, every claim in words with its pieces.

    Args:
        found: metrics/claims.json.
        against: that of another run.
        name: what the other run is called.
    """
    blocks: list[Block] = [overview(found)]
    if against is not None:
        blocks.append(comparison(found, against, name))
    return [*blocks, *in_words(found), reading(found)]


def as_html(found: Claims) -> str:
    """The table, for a notebook."""
    from elor.report import html  # late: a terminal needs no page

    return html.blocks(overview(found))


def overview(found: Claims) -> Table:
    """One row per claim: verdict, the paper's number, and of the piece that decides ours, its control, p and unit."""
    header = ("claim", "verdict", "paper", "ours", "control", "p", corrected_name(found.family), "unit")
    header += () if found.scoreboard is None else ("truth",)
    return Table(_caption(found), header, _groups(found.claims, lambda row: _cells(found, row)), labels=2)


def evidence(found: Claims) -> Table:
    """Every piece of evidence under its claim, each with its own control, interval and p."""
    groups = tuple(
        tuple(piece_cells(row, piece, found.family.level) for piece in row.evidence)
        for row in found.claims
        if row.evidence
    )
    return Table("Every piece of evidence, with its own control", PIECES, groups, labels=3)


def piece_cells(row: Claim, piece: Piece, level: float) -> Row:
    """A piece as a row of `evidence`; `level`: as of `leaning`."""
    if piece.missing:
        return (row.id, f"{piece.what}: {piece.missing}", ROLES[piece.role], *[MISSING] * 5, "not to be had", "")
    points = MISSING if piece.role is Role.illustrates else leaning(piece, level)
    numbers = (quantity(piece.ours), control_of(piece), control(piece.control), interval_of(piece), p_of(piece))
    return (row.id, piece.what, ROLES[piece.role], *numbers, points, piece.unit)


def comparison(found: Claims, against: Claims, name: str) -> Table:
    """The verdicts of two runs side by side, and what was found in the piece that this run's verdict hangs on.

    A claim that the other run lacks has an empty cell, and so has a piece that is another quantity there. Beside a
    run with shuffled labels stand only the claims that the shuffle voids.
    """
    rows = [row for row in found.claims if not against.shuffled or row.nulled]
    others = {row.id: row for row in against.claims}

    def cells(row: Claim) -> Row:
        other = others.get(row.id)
        verdict = MISSING if other is None else other.verdict
        return (row.id, row.verdict, verdict, quantity(row.ours), quantity(_the_same(row, other)), row.unit)

    caption = f"Beside {name}" + (f" ({NULLED})" if against.shuffled else "")
    caption += ": numbers of the piece that the verdict here hangs on; that there may hang on another"
    header = ("claim", "verdict here", "verdict there", "ours here", "ours there", "unit")
    return Table(caption, header, _groups(rows, cells), labels=3)


def _the_same(row: Claim, other: Claim | None) -> float | None:
    """What another run found in the piece that this run's verdict hangs on; None if it is not the same quantity there.

    The two verdicts may hang on different pieces, and a run may lack a piece that the other has. Of several rivals each
    has its own numbers.
    """
    if other is None or row.deciding is None:
        return None
    wanted = _quantity(row.evidence[row.deciding])
    return next((piece.ours for piece in other.evidence if _quantity(piece) == wanted), None)


def _quantity(piece: Piece) -> tuple[str, str, str]:
    """What tells a piece from the others of its claim: the control does only where it is the name of a rival."""
    return piece.what, piece.unit, "" if piece.control in {*Control, *Reference} else piece.control


def in_words(found: Claims) -> list[Notes]:
    """Per claim a sentence, and below it every piece of evidence in a line."""
    family = found.family
    return [
        Notes(
            f"In words, {row.id}: {row.verdict}",
            (
                sentence(row, family),
                *(f"{ROLES[piece.role]}: {piece_line(piece, family.level)}" for piece in row.evidence),
            ),
        )
        for row in found.claims
    ]


def reading(found: Claims) -> Notes:
    """How verdicts come about."""
    family = found.family
    return Notes(
        "How to read it",
        (
            "A claim is a list of pieces of evidence, each with its own control. Its own line shows the piece that the "
            "verdict hangs on: the weakest of those that prove it, the strongest of those against it, or the one that "
            "stands in the way.",
            f"{plural(family.claims, 'claim')} were declared for a test, and their p are corrected together "
            f"({family.method}: {PROMISES[family.method]} {100 * family.level:g} %); trends of prototypes have no p to "
            "rely on, and must point the same way.",
            "A claim that is exploratory, or measured, says so: it is decided without a p, and outside that promise.",
            *(f"{verdict.capitalize()}: {said}" for verdict, said in VERDICTS.items()),
        ),
    )


def _caption(found: Claims) -> str:
    caption = f"{plural(len(found.claims), 'claim')} of the paper: {counted(found.counts)}"
    caption += "" if found.scoreboard is None else f"; {scored(found.scoreboard)}"
    return f"{caption} ({SHUFFLED})" if found.shuffled else caption


def _groups(claims: Sequence[Claim], cells: Callable[[Claim], Row]) -> tuple[tuple[Row, ...], ...]:
    """Rows by group, in the order of the file."""
    return tuple(tuple(map(cells, rows)) for _, rows in groupby(claims, key=lambda row: row.group))


def _cells(found: Claims, row: Claim) -> Row:
    numbers = (paper_of(row), quantity(row.ours), control_of(row))
    truth = {True: "true", False: "false", None: MISSING}[row.truth]
    cells = (row.id, row.verdict, *numbers, p_value(row.p), corrected_said(row, found.family), row.unit)
    return cells if found.scoreboard is None else (*cells, truth)
