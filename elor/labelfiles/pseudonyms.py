"""A manifest without names: speakers, raters and utterances under pseudonyms, and the key beside it.

Metrics, plots and predictions bear the names of speakers and raters, and metrics and plots belong to git. Where these
names are real ones, the run is made from a manifest that holds none; the key stays where the names are.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elor.corpora.manifest import Manifest, Row
from elor.errors import UserError
from elor.files import write_csv


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
        output: the new one; its key, beside it, ends in `.key.csv` in place of `.csv`: kind, name, pseudonym.

    Raises:
        UserError: for a table that a run would refuse, whatever the range of its ratings; if the output is the table.
    """
    if not table.is_file():
        raise UserError(f"{table} does not exist; give a manifest CSV.")
    key = output.with_suffix(".key.csv")
    if table.resolve() in (output.resolve(), key.resolve()):
        raise UserError(f"{table} would be replaced by {output} or its key {key}; give another file.")
    rows = Manifest(table, low=-math.inf, high=math.inf).rows  # by the run's reader: who is one there is one here
    speakers = _numbered("S", (row.fields["speaker"] for row in rows))
    others = (row.fields.get("rater", "") for row in rows)
    raters = _numbered("R", (name for name in others if name not in speakers))
    utterances = _numbered("u", map(_segment, rows))
    people = raters | speakers
    named: list[dict[str, str]] = []
    for row in rows:
        file = os.path.relpath(table.parent.resolve() / row.segment.file, output.parent.resolve())
        new = {"file": file, "speaker": speakers[row.fields["speaker"]], "utterance": utterances[_segment(row)]}
        named.append(row.fields | new | ({"rater": people[row.fields["rater"]]} if "rater" in row.fields else {}))
    write_csv(output, named)
    kinds = {"speaker": speakers, "rater": raters, "utterance": utterances}
    pairs = [(kind, *pair) for kind, names in kinds.items() for pair in names.items()]
    write_csv(key, [{"kind": kind, "name": name, "pseudonym": pseudonym} for kind, name, pseudonym in pairs])
    key.chmod(0o600)  # names are nobody else's business
    return Renamed(len(speakers), len(raters), len(utterances), key)


def _segment(row: Row) -> str:
    return row.segment.file + row.segment.suffix()


def _numbered(letter: str, names: Iterable[str]) -> dict[str, str]:
    """Pseudonyms by name, in the order of the names."""
    found = [name for name in dict.fromkeys(names) if name]
    width = max(2, len(str(len(found))))
    return {name: f"{letter}{number:0{width}d}" for number, name in enumerate(found, start=1)}
