"""What an invented corpus declares of itself, in a file beside its table: `tones.truth.yaml` beside `tones.csv`."""

import csv
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from pydantic import Field

from elor.corpora.missing_sounds import is_file
from elor.errors import UserError
from elor.sections import Section, check, read_yaml

COLUMNS = ("speaker", "cue", "less", "more")


class Truth(Section):
    """What was planted, what that makes true, and where to hear it.

    Attributes:
        cues: by answer (`arousal`, `valence`, `valence.extremity`) and cue whether more of it raises the answer (1) or
            lowers it (-1).
        claims: by claim whether it is true of the corpus' ratings.
        pairs: a table of `COLUMNS`: recordings made again with less and with more of one cue, all else equal; their
            files relative to it.
    """

    cues: dict[str, dict[str, Literal[-1, 1]]]
    claims: dict[str, bool] = Field(default_factory=dict)
    pairs: str | None = None


End = TypeVar("End")


class Pair(NamedTuple, Generic[End]):
    """A counterfactual pair, with less and with more of a cue: two files, or two plans that are still to be spoken."""

    speaker: str
    cue: str
    less: End
    more: End


def beside(table: Path) -> Path:
    """Where the truth about a corpus stands."""
    return table.with_suffix(".truth.yaml")


def read_truth(table: Path) -> Truth | None:
    """What the corpus of a table declares; None where it declares nothing.

    Raises:
        UserError: if the file is damaged; names the key.
    """
    path = beside(table)
    return check(Truth, read_yaml(path), str(path)) if path.is_file() else None


def read_pairs(table: Path, truth: Truth) -> list[Pair[Path]]:
    """The counterfactual pairs.

    Raises:
        UserError: if the table of pairs is absent or lacks a column, or a recording is absent.
    """
    if truth.pairs is None:
        return []
    path = table.parent / truth.pairs
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}, which {beside(table)} names as pairs, cannot be read ({error}); restore it."
        ) from None
    if lacking := [name for name in COLUMNS if not rows or any(not row.get(name) for row in rows)]:
        raise UserError(f"{path} lacks {', '.join(lacking)} in some row; it needs {', '.join(COLUMNS)} in every one.")
    found = [Pair(row["speaker"], row["cue"], path.parent / row["less"], path.parent / row["more"]) for row in rows]
    if absent := [file for one in found for file in (one.less, one.more) if not is_file(file)]:
        raise UserError(f"{path} names {absent[0]}, which does not exist; restore it, or remove its row.")
    return found


def truth_files(table: Path) -> list[Path]:
    """All files that a corpus' truth stands in; none where it declares nothing."""
    truth = read_truth(table)
    if truth is None:
        return []
    pairs = [] if truth.pairs is None else [table.parent / truth.pairs]
    return [beside(table), *pairs, *(file for one in read_pairs(table, truth) for file in (one.less, one.more))]
