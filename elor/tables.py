"""CSV tables as the stages hand them on: names stay text, numbers have twelve digits or as asked, writes are atomic."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from elor.errors import UserError
from elor.files import write_text

NAMES = (
    *("slice", "utterance", "speaker", "fold", "role", "gender", "session", "scenario", "rater", "kind", "head"),
    *("other", "other_speaker", "corpus", "language", "partition", "text"),
)
"""Columns of names, and of what was said: a speaker `03` or `NA` is text, and what is unknown is empty, not missing."""

INSTEAD = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
"""What stands for `<` where a name could be taken for a tag."""


SEPARATOR = "-"
"""Between a corpus' name, which has none in it, and another name."""


def read_table(path: Path, *names: str) -> pd.DataFrame:
    """Read a CSV table that a stage wrote.

    Args:
        path: the table.
        names: columns of names beside `NAMES`, where the table has them.

    Raises:
        UserError: if the file is absent or empty.
    """
    try:
        columns = pd.read_csv(path, nrows=0).columns
        numbers = {name: [""] for name in columns if name not in (*NAMES, *names)}
        texts = {name: "str" for name in columns if name in (*NAMES, *names)}
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=numbers)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run dvc repro, which makes it.") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty: delete it and run dvc repro again.") from None


def read_rows(lines: Iterable[str], path: Path, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of anybody's CSV table, with their line numbers; blank ones are left out.

    Args:
        lines: of the table, the header first; a line end within quotes stays where it is.
        path: for messages.
        delimiter: between fields.

    Raises:
        UserError: if it is no CSV, a column occurs twice, or a row has more or fewer fields than there are columns.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if twice := [name for name, count in Counter(columns).items() if count > 1]:
            raise UserError(f"{path} has {', '.join(twice)} more than once; keep one of each column.")
        for values in reader:
            if not any(values):
                continue
            if len(values) != len(columns):
                raise UserError(
                    f"Line {reader.line_num} of {path} has {len(values)} fields where the header has {len(columns)}; "
                    "quote its commas, write decimals with a point, or fill in what is missing."
                )
            yield reader.line_num, {name: value.strip() for name, value in zip(columns, values, strict=True)}
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as a CSV table (line {reader.line_num}: {error}); mend it.") from None


def write_table(frame: pd.DataFrame, path: Path, digits: str = "%.12g") -> None:
    """Write a table as CSV, atomically; missing values are empty.

    Args:
        digits: how floats are written.
    """
    write_text(path, frame.to_csv(index=False, float_format=digits, lineterminator="\n"))


def write_plot(frame: pd.DataFrame, path: Path, digits: str = "%.12g") -> None:
    """Write a table that `dvc plots` draws from; DVC puts it into a page as it is.

    Every `<` becomes `INSTEAD`: a speaker called `<!--<script>` would swallow the page's own script.
    """
    safe = frame.copy()
    for name in frame.select_dtypes(exclude="number"):
        safe[name] = [text.replace("<", INSTEAD) if isinstance(text, str) else text for text in frame[name]]
    write_table(safe, path, digits)


def full_names(table: pd.DataFrame) -> pd.Series:
    """Every row's speaker with the corpus' name in front, be it there already or not."""
    fronts = table.corpus + SEPARATOR
    bare = [name if name.startswith(front) else front + name for name, front in zip(table.speaker, fronts, strict=True)]
    return pd.Series(bare, index=table.index, dtype=object)


def own_name(full: str) -> str:
    """A speaker's name in the own corpus."""
    front, separator, name = full.partition(SEPARATOR)
    return name if separator else front
