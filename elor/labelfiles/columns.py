"""Any table of labels: the columns, the range and the direction of the scales are said by the user."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elor.corpora.manifest import OPTIONAL, REQUIRED
from elor.errors import UserError
from elor.labelfiles.labels import Labels, Rating, checked, lines_of, merged, reverse, scores
from elor.tables import read_rows
from elor.targets import DIMENSIONS

OURS = REQUIRED + OPTIONAL


def read(path: Path, columns: Mapping[str, str], low: float, high: float, turned: Sequence[str] = ()) -> Labels:
    """Read a table separated by commas, semicolons or tabs.

    Args:
        path: the table.
        columns: our name to theirs, where they differ; ours are those of a manifest, `OURS`.
        low: lowest rating of the scale.
        high: highest rating.
        turned: dimensions of which a low value means much.

    Raises:
        UserError: if a column is unknown, lacks, occurs twice or is no dimension, a row has another number of fields, a
            value is no number, or lies off the range; names lines.
    """
    if not low < high:
        raise UserError(f"--low {low:g} must lie below --high {high:g}.")
    if strange := [name for name in columns if name not in OURS]:
        raise UserError(f"--column {strange[0]} is not known; there are {', '.join(OURS)}.")
    if strange := [name for name in turned if name not in DIMENSIONS]:
        raise UserError(f"--reverse {strange[0]} is no dimension; there are {', '.join(DIMENSIONS)}.")
    lines = lines_of(path)
    delimiter = max(",;\t", key="".join(lines[:1]).count)
    rows = list(read_rows((f"{line}\n" for line in lines), path, delimiter))  # a text may go on in the next line
    theirs = {name: columns.get(name, name) for name in OURS}
    header = [name.strip() for name in next(csv.reader(lines[:1], delimiter=delimiter), [])]
    if lacking := [theirs[name] for name in (*REQUIRED, *columns) if theirs[name] not in header]:
        raise UserError(
            f"{path} lacks the columns {', '.join(dict.fromkeys(lacking))}; found were {', '.join(header) or 'none'}; "
            "say which are meant by --column, for instance --column arousal=activation."
        )
    found = [_rating(path, line, row, theirs) for line, row in rows]
    notes = [f"turned round: {', '.join(turned)}"] if turned else []
    if unread := [name for name in header if name and name not in theirs.values()]:
        notes.append(f"columns not read: {', '.join(unread)}")
    return merged(checked(Labels(path, tuple(reverse(found, turned, low, high)), low, high, tuple(notes))))


def _rating(path: Path, line: int, row: dict[str, str], theirs: Mapping[str, str]) -> Rating:
    texts = {name: (row.get(column) or "").strip() for name, column in theirs.items()}
    if not texts["file"]:
        raise UserError(f"Line {line} of {path} names no file; fill it in.")
    others: dict[str, Any] = {
        name: text for name, text in texts.items() if name not in (*DIMENSIONS, "file", "speaker", "rater")
    }
    values = scores(texts, f"Line {line} of {path}")
    return Rating(line, texts["file"], texts["speaker"], texts["rater"], *values, **others)
