"""A manifest without names: speakers, raters and utterances under pseudonyms, and the key beside it.

Metrics, plots and predictions bear the names of speakers and raters, and metrics and plots belong to git. Where these
names are real ones, the run is made from a manifest that holds none; the key stays where the names are.
"""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elor.errors import UserError
from elor.files import write_csv

SEGMENT = ("file", "start", "end")


@dataclass(frozen=True)
class Renamed:
    """How many got pseudonyms, and where the key lies."""

    speakers: int
    raters: int
    utterances: int
    key: Path


def rename(table: Path, output: Path) -> Renamed:
    """Write a manifest whose speakers are S01, S02, .., raters R01, .., utterances u0001, .., in the rows' order.

    A rater of a speaker's own name, who reports on herself, stays the speaker. Paths of sound files stay, and lead
    from the new manifest to the same files; only data/ holds them, which git ignores.

    Args:
        table: a manifest CSV.
        output: the new one; its key is `<output>.key.csv`: kind, name, pseudonym.

    Raises:
        UserError: if the table has no columns `file` and `speaker`, a row is longer than the header, or the output is
            the table.
    """
    rows = _rows(table)
    if output.resolve() == table.resolve():
        raise UserError(f"{output} is the table itself; give another file.")
    speakers = _numbered("S", (row["speaker"] for row in rows))
    raters = _numbered("R", (row.get("rater", "") for row in rows if row.get("rater", "") not in speakers))
    utterances = _numbered("u", (_segment(row) for row in rows))
    for row in rows:
        row["utterance"] = utterances[_segment(row)]
        row["speaker"] = speakers.get(row["speaker"], "")
        if "rater" in row:
            row["rater"] = (raters | speakers).get(row["rater"], "")
        row["file"] = os.path.relpath(table.parent / row["file"], output.parent)
    write_csv(output, rows)
    key = output.with_suffix(".key.csv")
    kinds = {"speaker": speakers, "rater": raters, "utterance": utterances}
    pairs = [(kind, *pair) for kind, named in kinds.items() for pair in named.items()]
    write_csv(key, [{"kind": kind, "name": name, "pseudonym": pseudonym} for kind, name, pseudonym in pairs])
    return Renamed(len(speakers), len(raters), len(utterances), key)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except FileNotFoundError:
        raise UserError(f"{table} does not exist; give a manifest CSV.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{table} is no text in UTF-8 ({error}); save it as UTF-8.") from None
    reader = csv.DictReader(lines, restval="")
    rows = [dict(row) for row in reader]
    if not rows or not {"file", "speaker"} <= rows[0].keys():
        raise UserError(f"{table} has no rows with the columns file and speaker; give a manifest CSV.")
    if long := [number for number, row in enumerate(rows, start=2) if None in row]:
        raise UserError(f"{table}, line {long[0]}, has more fields than the header; mend it.")
    return rows


def _segment(row: dict[str, str]) -> str:
    return "@".join(row.get(name, "") for name in SEGMENT).rstrip("@")


def _numbered(letter: str, names: Iterable[str]) -> dict[str, str]:
    """Pseudonyms by name, in the order of the names."""
    found = [name for name in dict.fromkeys(names) if name]
    width = max(2, len(str(len(found))))
    return {name: f"{letter}{number:0{width}d}" for number, name in enumerate(found, start=1)}
