"""Tables and notes as plain text, Markdown or LaTeX: one description, three ways to write it down."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

WIDTH = 100
"""Columns of a terminal that notes are wrapped to where it has as many."""

MISSING = "-"
"""Stands for a number that is not defined."""

NO_SPREAD = "no spread"
"""Stands for the limits of an interval without width, which would look like certainty."""

Row = tuple[str, ...]


class Format(StrEnum):
    """Ways to write blocks down."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        caption: a line above it.
        header: one name per column.
        groups: rows, in groups that a rule separates where the format has one.
        labels: how many columns from the left are names, set to the left; the others are numbers, set to the right.
    """

    caption: str
    header: Row
    groups: tuple[tuple[Row, ...], ...]
    labels: int = 1


@dataclass(frozen=True)
class Notes:
    """Sentences, one per item, below a heading."""

    caption: str
    items: tuple[str, ...]


Block = Table | Notes


def render(blocks: Sequence[Block], how: Format, emphasis: Callable[[str], str] = str, width: int = WIDTH) -> str:
    """Write blocks down, with an empty line between two.

    Args:
        blocks: tables and notes in their order.
        how: the format. LaTeX needs the package booktabs.
        emphasis: what makes a caption stand out on a terminal.
        width: columns that a terminal's captions and notes are wrapped to.
    """
    if how is Format.markdown:
        return "\n\n".join(_markdown(block) for block in blocks)
    if how is Format.latex:
        return "\n\n".join(_latex(block) for block in blocks)
    return "\n\n".join(_terminal(block, emphasis, width) for block in blocks)


def number(value: float | None, digits: int = 3) -> str:
    """A score with a fixed number of digits; `MISSING` for None and NaN."""
    return MISSING if value is None or value != value else f"{value:.{digits}f}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A score with its interval: `0.301 [0.262, 0.340]`, or `0.500 [no spread]`: then it does not measure certainty.

    The score alone where the interval is not defined.
    """
    if value is None or low is None or high is None:
        return number(value)
    if low == high:
        return f"{number(value)} [{NO_SPREAD}]"
    return f"{number(value)} [{number(low)}, {number(high)}]"


def p_value(value: float | None) -> str:
    """A p value: `0.042`, or `<0.001`."""
    return "<0.001" if value is not None and value < 0.001 else number(value)


def _terminal(block: Block, emphasis: Callable[[str], str], width: int) -> str:
    caption = "\n".join(map(emphasis, textwrap.wrap(block.caption, width)))
    if isinstance(block, Notes):
        return "\n".join([caption, *(textwrap.fill(item, width, subsequent_indent="  ") for item in block.items)])
    rows = [block.header, *(row for group in block.groups for row in group)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [caption, _aligned(block.header, widths, block.labels)]
    for group in block.groups:
        lines += [rule, *(_aligned(row, widths, block.labels) for row in group)]
    return "\n".join(lines)


def _aligned(row: Row, widths: Sequence[int], labels: int) -> str:
    cells = [
        cell.ljust(width) if place < labels else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _markdown(block: Block) -> str:
    if isinstance(block, Notes):
        return "\n".join([f"**{block.caption}**\n", *(f"- {item}" for item in block.items)])
    rule = [":--" if place < block.labels else "--:" for place in range(len(block.header))]
    rows = [block.header, rule, *(row for group in block.groups for row in group)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"**{block.caption}**\n", *lines])


def _latex(block: Block) -> str:
    if isinstance(block, Notes):
        items = [rf"  \item {_escaped(item)}" for item in block.items]
        return "\n".join([rf"\paragraph{{{_escaped(block.caption)}}}", r"\begin{itemize}", *items, r"\end{itemize}"])
    columns = "".join("l" if place < block.labels else "r" for place in range(len(block.header)))
    lines = [r"\begin{table*}", r"  \centering", rf"  \caption{{{_escaped(block.caption)}}}"]
    lines += [rf"  \begin{{tabular}}{{{columns}}}", r"    \toprule", _latex_row(block.header)]
    for group in block.groups:
        lines += [r"    \midrule", *map(_latex_row, group)]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table*}"])


def _latex_row(row: Row) -> str:
    return "    " + " & ".join(map(_escaped, row)) + r" \\"


def _escaped(text: str) -> str:
    """Text that LaTeX prints as it stands; minus signs and comparisons are set as mathematics."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {character: "\\" + character for character in "&%$#_{}"}
    plain = "".join(special.get(character, character) for character in text)
    signs = re.sub(r"(?<![\w.\])-])-(?=\d)", "$-$", plain)
    return signs.replace("<", "$<$").replace(">", "$>$")
