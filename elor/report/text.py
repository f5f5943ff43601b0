"""Tables and notes as plain text, Markdown or LaTeX: one description, three ways to write it down."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

WIDTH = 80
"""Columns where no terminal says how many it has."""

WIDEST = 100
"""Columns that sentences are wrapped to on a wider terminal."""

MOST_PARTS = 2
"""A table that is wider than the terminal is folded into this many, one below the other; more become cards."""

MISSING = "-"
"""Stands for a number that is not defined."""

NO_SPREAD = "no spread"
"""Stands for the limits of an interval without width, which would look like certainty."""

KEEP = "\N{NO-BREAK SPACE}"
"""Holds a name and its number together while lines are wrapped."""

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

    @property
    def rows(self) -> int:
        """How many, of all groups."""
        return sum(map(len, self.groups))


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
        width: columns that a terminal has; sentences take `WIDEST` at most.
    """
    if how is Format.markdown:
        return "\n\n".join(_markdown(block) for block in blocks)
    if how is Format.latex:
        return "\n\n".join(_latex(block) for block in blocks)
    return "\n\n".join(_terminal(block, emphasis, width) for block in blocks)


def number(value: float | None, digits: int = 3) -> str:
    """A score with a fixed number of digits; `MISSING` for None and NaN."""
    return MISSING if value is None or value != value else f"{value:.{digits}f}"


def fine(value: float, digits: int = 3, sign: str = "-") -> str:
    """A number with so many digits behind the point, or two that say something where it is small; `sign` as in
    Python's formats."""
    return f"{value:{sign}.{digits}f}" if abs(value) >= 0.1 or value == 0 else f"{value:{sign}.2g}"


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


def p_said(value: float | None) -> str:
    """A p value in a sentence: `p = 0.042`, or `p < 0.001`."""
    return "p < 0.001" if value is not None and value < 0.001 else f"p = {number(value)}"


def _terminal(block: Block, emphasis: Callable[[str], str], width: int) -> str:
    narrow = min(width, WIDEST)
    caption = "\n".join(map(emphasis, textwrap.wrap(block.caption, narrow)))
    if isinstance(block, Notes):
        return "\n".join([caption, *(textwrap.fill(item, narrow, subsequent_indent="  ") for item in block.items)])
    parts = _folded(block, width)
    if not parts:
        return "\n".join([caption, *_cards(block, width)])
    return "\n".join([caption, "\n\n".join(_columns(block, part) for part in parts)])


def _widths(table: Table) -> list[int]:
    rows = [table.header, *(row for group in table.groups for row in group)]
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _folded(table: Table, width: int) -> list[list[int]]:
    """Places of the columns of each part, all of which begin with the labels; no part if they do not fit."""
    widths, labels = _widths(table), list(range(table.labels))
    numbers = range(table.labels, len(widths))
    for count in range(1, MOST_PARTS + 1):
        each = max(1, -(-len(numbers) // count))
        parts = [labels + list(numbers[first : first + each]) for first in range(0, len(numbers), each)] or [labels]
        if all(sum(widths[place] + 2 for place in part) - 2 <= width for part in parts):
            return parts
    return []


def _columns(table: Table, places: Sequence[int]) -> str:
    widths = _widths(table)
    rule = "-" * (sum(widths[place] for place in places) + 2 * (len(places) - 1))

    def aligned(row: Row) -> str:
        cells = (
            row[place].ljust(widths[place]) if place < table.labels else row[place].rjust(widths[place])
            for place in places
        )
        return "  ".join(cells).rstrip()

    lines = [aligned(table.header)]
    for group in table.groups:
        lines += [rule, *map(aligned, group)]
    return "\n".join(lines)


def _cards(table: Table, width: int) -> Iterator[str]:
    """A row as its labels, and below them its other cells, each after the name of its column."""
    for group in table.groups:
        yield "-" * width
        for row in group:
            yield textwrap.fill("  ".join(filter(None, row[: table.labels])), width, subsequent_indent="  ")
            named = zip(table.header[table.labels :], row[table.labels :], strict=True)
            cells = [f"{name} {cell}".strip().replace(" ", KEEP) for name, cell in named if cell not in ("", MISSING)]
            if cells:
                lines = textwrap.fill(", ".join(cells), width, initial_indent="  ", subsequent_indent="  ")
                yield lines.replace(KEEP, " ")


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
