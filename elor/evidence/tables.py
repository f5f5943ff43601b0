"""The bulk of a file of metrics, in CSV tables beside it: people read the file, programs read the tables.

Git carries the file, DVC's cache the tables. The file names each table with the digest that it had, so that a table of
another run is noticed and never read in its place.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elor.errors import UserError
from elor.files import file_digest, write_csv

TABLES = "tables"
"""The key of a file that names its tables, each with its digest."""

UNDEFINED = "nan"
"""What stands for null; an empty cell is a key that is absent. A text that would be read as something else (a language
called `nan`, a name that begins with a bracket) is written as JSON, in quotation marks."""

LISTED = "[]"
"""Ends the name of a list of parts."""

Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """Parts of a file that stand in a table, one row each.

    Attributes:
        name: of the table, without `.csv`.
        place: keys from the top of the file to a part, with slashes: `trends/{head}/{descriptor}` are the parts of all
            heads and descriptors, in columns of these names; `{line:doses,sham}` are only the parts so called;
            `alterations[]` are those of a list.
        kept: keys of the part that stay in the file.
    """

    name: str
    place: str
    kept: tuple[str, ...] = ()

    def take(self, tree: dict[str, Any]) -> list[Row]:
        """Move the parts out of a file's tree; what is empty then goes."""
        return list(self._take(tree, self.place.split("/"), {}))

    def _take(self, node: dict[str, Any], place: Sequence[str], keys: Row) -> Iterator[Row]:
        if not place:
            moved = {key: node.pop(key) for key in [*node] if key not in self.kept}
            if moved:
                yield keys | dict(_cells(moved))
            return
        if place[0].endswith(LISTED):
            yield from (keys | dict(_cells(part)) for part in node.pop(place[0].removesuffix(LISTED), ()))
            return
        column, only = _segment(place[0])
        for key in [key for key in node if only is None or key in only]:
            if isinstance(part := node[key], dict):
                yield from self._take(part, place[1:], keys | ({column: key} if column else {}))
                if not part:
                    del node[key]

    def put(self, tree: dict[str, Any], rows: Sequence[Row]) -> None:
        """Put rows of the table back into the tree."""
        segments = [_segment(one) for one in self.place.split("/")]
        columns = {column for column, _ in segments if column}
        for row in rows:
            node = tree
            for column, only in segments:
                node = _below(node, row[column] if column else only[0])
            for name, cell in row.items():
                if name not in columns and cell != "":
                    *above, last = name.split(".")
                    part = node
                    for key in above:
                        part = part.setdefault(key, {})
                    part[last] = _value(cell)


def write(found: Mapping[str, Any], tables: Sequence[Table], folder: Path, beside: Path) -> dict[str, Any]:
    """Write the tables of a file.

    Args:
        found: what the file holds.
        folder: of the tables.
        beside: the file.

    Returns:
        What is left for the file: `TABLES` first.
    """
    left, links = json.loads(json.dumps(found)), {}
    for table in tables:
        path = folder / f"{table.name}.csv"
        write_csv(path, table.take(left))
        links[os.path.relpath(path, beside.parent)] = file_digest(path)[:16]
    return {TABLES: links} | left


def read(
    found: Mapping[str, Any], tables: Sequence[Table], beside: Path, absent: list[Path] | None = None
) -> dict[str, Any]:
    """What a file holds with the rows of its tables in their places; one without tables as it is.

    Args:
        found: what the file holds.
        tables: that it may have.
        beside: the file.
        absent: where it is given, tables that are not there are added to it, and their rows left out, as in a fresh
            clone, which has the files but not DVC's data.

    Raises:
        UserError: if a table is unknown, of another run, or absent and `absent` is not given.
    """
    tree, known = dict(found), {table.name: table for table in tables}
    links = tree.pop(TABLES, {})
    if not isinstance(links, dict) or not {Path(link).stem for link in links} <= set(known):
        raise UserError(f"{beside}, key {TABLES}: names no tables of this file; run dvc repro to make it anew.")
    for link, digest in links.items():
        path = Path(os.path.normpath(beside.parent / link))
        if not path.is_file() and absent is not None:
            absent.append(path)
            continue
        if not path.is_file():
            raise UserError(f"{beside} has its numbers in {path}, which is absent: run dvc repro or dvc checkout.")
        if file_digest(path)[:16] != digest:
            raise UserError(f"{path} is not the table that {beside} was written with: run dvc repro or dvc checkout.")
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        known[path.stem].put(tree, rows)
    return tree


def _segment(text: str) -> tuple[str, tuple[str, ...] | None]:
    """A step of a place: its column, if it has one, and the keys that are meant, if not all."""
    if not text.startswith("{"):
        return "", (text,)
    column, _, only = text[1:-1].partition(":")
    return column, tuple(only.split(",")) if only else None


def _below(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The part of this name, or a new one at the end of the list of this name."""
    if not key.endswith(LISTED):
        return node.setdefault(key, {})
    listed = node.setdefault(key.removesuffix(LISTED), [])
    listed.append({})
    return listed[-1]


def _cells(part: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The cells of a part: those of what it holds are named with dots, a list is one cell of JSON."""
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _cells(value, f"{above}{key}.")
        elif value is None:
            yield above + key, UNDEFINED
        else:
            yield above + key, value if isinstance(value, str) and _value(value) == value else json.dumps(value)


def _value(cell: str) -> Any:
    """A cell's value; the model that reads it knows which texts are numbers."""
    if cell.startswith(("[", '"')):
        with suppress(ValueError):  # a sentence that begins so
            return json.loads(cell)
    return None if cell == UNDEFINED else cell
