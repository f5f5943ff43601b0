"""The table of claims as blocks of text: verdicts beside the paper's numbers and the controls, then rows in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from elor.corpora.faults import plural
from elor.report.text import MISSING, Block, Notes, Row, Table, number, p_value

Claims = Mapping[str, Any]
"""What metrics/claims.json holds."""

CONTROL = "labels shuffled within speakers: the control"
NULLED = f"{CONTROL} of these claims"


def claims(found: Claims, against: Claims | None = None, name: str = "") -> list[Block]:
    """The table, the comparison with another run's if there is one, and all rows in words.

    Args:
        found: metrics/claims.json.
        against: that of another run.
        name: what the other run is called.
    """
    blocks: list[Block] = [overview(found)]
    if against is not None:
        blocks.append(comparison(found, against, name))
    return [*blocks, in_words(found), reading(found)]


def overview(found: Claims) -> Table:
    """One row per claim: verdict, the paper's number, ours, the control, p, and the unit, which may be long."""
    header = ("claim", "verdict", "paper", "ours", "control", "p", "p Holm", "unit")
    return Table(_caption(found), header, _groups(found["claims"], _cells), labels=2)


def comparison(found: Claims, against: Claims, name: str) -> Table:
    """The verdicts of two runs side by side; a claim that the other run lacks has an empty cell.

    Beside a run with shuffled labels stand only the claims that the shuffle voids.
    """
    shuffled = bool(against.get("shuffled"))
    rows = [row for row in found["claims"] if not shuffled or row.get("nulled", True)]
    others = {row["id"]: row for row in against["claims"]}

    def cells(row: Claims) -> Row:
        other = others.get(row["id"], {})
        return (
            row["id"],
            row["verdict"],
            other.get("verdict", MISSING),
            quantity(row["ours"]),
            quantity(other.get("ours")),
        )

    caption = f"Beside {name}" + (f" ({NULLED})" if shuffled else "")
    header = ("claim", "verdict here", "verdict there", "ours here", "ours there")
    return Table(caption, header, _groups(rows, cells), labels=3)


def in_words(found: Claims) -> Notes:
    """The sentence of every row."""
    return Notes("In words", tuple(row["text"] for row in found["claims"]))


def reading(found: Claims) -> Notes:
    """How verdicts come about."""
    family = found["family"]
    return Notes(
        "How to read it",
        (
            "A claim that was declared for a test holds, or is contradicted, only if its p survives "
            f"{family['method']}'s correction over all {plural(family['claims'], 'such claim')}, at "
            f"{100 * family['level']:g} % for the family; a claim that needs several pieces of evidence has the "
            "largest of their p, and trends of prototypes, which have none to rely on, must point the same way.",
            "A claim that is exploratory, or measured, says so: it is decided by its rule, without a p, and outside "
            "that promise.",
            "Not distinguishable from untrained: a network whose weights, or heads, are random does as much, or more.",
            "Undecided: the sentence says what is lacking. What a network does with a dimension tells nothing about it "
            "as long as its answers are no better than if labels were permuted within speakers; nor do scores of which "
            "none is better than that.",
        ),
    )


def _caption(found: Claims) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found["counts"].items() if count)
    caption = f"{plural(len(found['claims']), 'claim')} of the paper: {counts}"
    return f"{caption} ({CONTROL})" if found.get("shuffled") else caption


def _groups(claims: Sequence[Claims], cells: Callable[[Claims], Row]) -> tuple[tuple[Row, ...], ...]:
    """Rows by group, in the order of the file."""
    return tuple(tuple(map(cells, rows)) for _, rows in groupby(claims, key=lambda row: row["group"]))


def _cells(row: Claims) -> Row:
    numbers = (quantity(row["paper"]), quantity(row["ours"]), control_of(row))
    return (row["id"], row["verdict"], *numbers, p_value(row["p"]), p_value(row["p_holm"]), row.get("unit", ""))


def control_of(row: Claims) -> str:
    """The control of a claim: its value, or where it is a range `low to high`; `MISSING` without either."""
    low, high = row.get("control_low"), row.get("control_high")
    if row.get("control_value") is not None or low is None or high is None:
        return quantity(row.get("control_value"))
    return f"{quantity(low)} to {quantity(high)}"


def quantity(value: Any) -> str:
    """A number, a small one with two digits that count; the paper's words, and what is not there, leave it empty."""
    if not isinstance(value, (int, float)):
        return MISSING
    return number(value, 2) if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
