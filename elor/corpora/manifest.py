"""Any corpus of rated speech as one CSV file in audformat's columns.

`file`, `speaker`, `valence` and `arousal` are required, the last two unless there is `emotion`, which then is all that
can be learned or scored; `start` and `end` (seconds, or timedeltas such as `0 days 00:00:01.5`) make a row a segment;
`session`, `rater`, `utterance`, `scenario`, `gender`, `language`, `partition` and `dominance` are read where they are,
other columns are not. Paths are relative to the table. There is one row per segment and rater; a rater of the speaker's
own name is a self-report; without a column `rater` the labels are `gold`.
"""

import csv
import math
import os
import posixpath
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from elor.audio import AudioInfo, samples_at_16k
from elor.corpora.declared_truth import truth_files
from elor.corpora.faults import listed, plural
from elor.corpora.headers import channels_fault, inspect, notes
from elor.corpora.labels import GOLD, MEAN, emotion_key
from elor.corpora.missing_sounds import explained, is_file
from elor.corpora.schema import RATED, RATING_COLUMNS, UTTERANCE_COLUMNS, Tables, check, counts, typed
from elor.corpora.texts import spoken
from elor.errors import UserError
from elor.targets import DIMENSIONS

REQUIRED = ("file", "speaker", "valence", "arousal")
OPTIONAL = (
    "start",
    "end",
    "session",
    "rater",
    "utterance",
    "scenario",
    "gender",
    "emotion",
    "dominance",
    "language",
    "partition",
    "text",
)
DESCRIBED = ("utterance", "speaker", "session", "scenario", "gender", "language", "partition")
"""What all rows of one segment must say alike."""

_MISSING = {"", "nan", "nat", "na", "n/a", "<na>", "none", "null"}
_GENDERS = {"f": "F", "female": "F", "m": "M", "male": "M"}


@dataclass(frozen=True)
class Segment:
    """A sound file, or the part of it from `start_s` to `end_s`; None for its own start and end."""

    file: str
    start_s: float | None
    end_s: float | None

    @property
    def is_whole(self) -> bool:
        """Whether it is the file from start to end."""
        return self.start_s is None and self.end_s is None

    def suffix(self) -> str:
        """What tells the segment from others of its file in a name: nothing, or `@1.5-3.25`."""
        if self.is_whole:
            return ""
        start, end = (f"{value:.6f}".rstrip("0").rstrip(".") for value in (self.start_s or 0.0, self.end_s or 0.0))
        return f"@{start}-{'end' if self.end_s is None else end}"


@dataclass(frozen=True)
class Row:
    """One line of the table: its number in the file, its segment, its fields, its ratings by name."""

    line: int
    segment: Segment
    fields: dict[str, str]
    ratings: dict[str, float]


@dataclass(frozen=True)
class Manifest:
    """A corpus described by one CSV file.

    Attributes:
        path: the table.
        partial: go on without the sound files that are absent.
        low: lower end of the declared range of valence, arousal and dominance.
        high: upper end.
        stereo: what to do with files of two channels: `error`, `mean`, `left`, `right`.
        words: read the column `text` too.
        keep: a further column that the table of utterances is to have, as text; none if empty.
    """

    path: Path
    partial: bool = False
    low: float = 1.0
    high: float = 5.0
    stereo: str = "error"
    words: bool = False
    keep: str = ""
    kind = "manifest"

    @property
    def root(self) -> Path:
        """The table's folder."""
        return self.path.parent

    def files(self) -> list[str]:
        """The table, the sound files that it names, and those of its truth.

        Raises:
            UserError: for a faulty table, and one for all sound files that are absent, unless `partial`.
        """
        truth = (Path(os.path.relpath(file, self.root)).as_posix() for file in truth_files(self.path))
        return sorted({self.path.name, *self._files, *truth})

    def read(self) -> Tables:
        """Read the table and the headers of the sound files.

        Raises:
            UserError: for a faulty table (names the line), one for all absent sound files unless `partial`, one
                for all that are unreadable, empty, truncated or of several channels.
        """
        headers = inspect(self.root, self._files, lambda header: channels_fault(header, self.stereo))
        segments = self._segments(headers)
        names = _names(segments)
        utterances = typed(
            (self._utterance(names[segment], rows, headers[segment.file]) for segment, rows in segments.items()),
            UTTERANCE_COLUMNS | ({self.keep: "str"} if self._kept else {}),
        )
        ratings = typed(
            (rating for segment, rows in segments.items() for rating in self._ratings(names[segment], rows)),
            RATING_COLUMNS,
        )
        report = counts(utterances, ratings) | {
            "source": self.kind,
            "range": [self.low, self.high],
            "left_out": {"rows_without_sound": sum(row.segment.file not in headers for row in self.rows)},
            "deviations": self._deviations() + notes(headers),
        }
        return check(Tables(utterances, ratings, report))

    def texts(self) -> dict[str, str]:
        """The column `text`, by utterance.

        Raises:
            UserError: if there is none, or the rows of one segment differ in it.
        """
        if "text" not in self._table[0]:
            raise UserError(f"{self.path} has no column text, which corpus.words reads; add it, or set that to none.")
        segments = self._segments(set(self._files))
        names, found = _names(segments), {}
        for segment, rows in segments.items():
            self._agree(rows, ("text",))
            found[names[segment]] = spoken(rows[0].fields["text"])
        return found

    def _segments(self, files: Collection[str]) -> dict[Segment, list[Row]]:
        """The rows of each segment of some sound files."""
        found: dict[Segment, list[Row]] = {}
        for row in self.rows:
            if row.segment.file in files:
                found.setdefault(row.segment, []).append(row)
        return found

    @cached_property
    def _table(self) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
        """The columns, and each row with its line number."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream, strict=True)
                columns = [name.strip() for name in next(reader, [])]
                self._check_columns(columns)
                rows = [self._fields(columns, values, reader.line_num) for values in reader if any(values)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{self.path} cannot be read as a CSV file in UTF-8 ({error}); save it as one.") from None
        if not rows:
            raise UserError(f"{self.path} has no rows; it needs one per segment and rater.")
        return columns, rows

    def _check_columns(self, columns: Sequence[str]) -> None:
        required = [name for name in REQUIRED if not ("emotion" in columns and name in DIMENSIONS)]
        if lacking := [name for name in required if name not in columns]:
            raise UserError(
                f"{self.path} lacks {plural(len(lacking), 'column')}: {', '.join(lacking)}; found were "
                f"{', '.join(columns) or 'none'}; add them, separated by commas."
            )
        if twice := [name for name, count in Counter(columns).items() if count > 1]:
            raise UserError(f"{self.path} has {', '.join(twice)} more than once; keep one of each column.")

    def _fields(self, columns: Sequence[str], values: Sequence[str], line: int) -> tuple[int, dict[str, str]]:
        if len(values) != len(columns):
            raise self._error(line, f"has {len(values)} fields where the header has {len(columns)}; quote its commas")
        return line, {name: value.strip() for name, value in zip(columns, values, strict=True)}

    @cached_property
    def rows(self) -> list[Row]:
        """The lines of the table; no sound file is looked for.

        Raises:
            UserError: for a faulty table; names the line.
        """
        seen: dict[tuple[Segment, str], int] = {}
        rows = []
        for line, fields in self._table[1]:
            for name in ("file", "speaker", *(["rater"] if "rater" in fields else [])):
                if not fields[name]:
                    raise self._error(line, f"has no {name}; fill it in")
            if fields.get("rater") == MEAN:
                raise self._error(line, f"has the rater {MEAN}, which stands for the mean of all; rename it")
            segment = self._segment(line, fields)
            rows.append(Row(line, segment, fields, self._labels(line, fields)))
            before = seen.setdefault((segment, fields.get("rater", GOLD)), line)
            if before != line:
                raise self._error(line, f"rates the segment of line {before} again; keep one row per segment and rater")
        return rows

    def _segment(self, line: int, fields: dict[str, str]) -> Segment:
        name = fields["file"]
        if os.path.isabs(name):
            name = Path(os.path.relpath(name, self.root)).as_posix()
        start, end = (self._seconds(line, key, fields.get(key, "")) for key in ("start", "end"))
        start = start or None  # a segment that starts at zero starts where its file does
        if end is not None and end <= (start or 0.0):
            raise self._error(line, f"ends at {end:g} s, but starts at {start or 0.0:g} s; correct it")
        return Segment(posixpath.normpath(name), start, end)

    def _seconds(self, line: int, column: str, text: str) -> float | None:
        if text.lower() in _MISSING:
            return None
        try:
            value = float(text)
        except ValueError:
            try:
                value = pd.Timedelta(text).total_seconds()
            except ValueError:
                value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise self._error(
                line, f"has the {column} {text!r}; write seconds, or a timedelta such as 0 days 00:00:01.5"
            )
        return round(value, 6)

    def _labels(self, line: int, fields: dict[str, str]) -> dict[str, float]:
        found = {}
        for name in DIMENSIONS:
            text = fields.get(name, "")
            if text.lower() in _MISSING:
                continue
            try:
                value = float(text)
            except ValueError:
                raise self._error(line, f"has the {name} {text!r}; write a number or leave it empty") from None
            if not self.low <= value <= self.high:
                raise self._error(
                    line,
                    f"has the {name} {text} outside the declared range {self.low:g}..{self.high:g}; "
                    "correct it, or corpus.low and corpus.high",
                )
            found[name] = value
        return found

    @cached_property
    def _absent(self) -> list[str]:
        return [file for file in dict.fromkeys(row.segment.file for row in self.rows) if not is_file(self.root / file)]

    @cached_property
    def _files(self) -> list[str]:
        """The sound files to be read."""
        if self._absent and not self.partial:
            names = listed(explained(self.root, self._absent))
            raise UserError(
                f"{plural(len(self._absent), 'sound file')} of {self.path} cannot be found: {names}; restore them, or "
                "set corpus.partial to true to go on without them."
            )
        files = dict.fromkeys(row.segment.file for row in self.rows)
        present = [file for file in files if file not in set(self._absent)]
        if not present:
            raise UserError(f"No sound file of {self.path} exists; its paths must be relative to its folder.")
        return present

    def _utterance(self, name: str, rows: list[Row], header: AudioInfo) -> dict[str, Any]:
        """One row of the utterance table, from the rows of all raters of one segment."""
        first, segment = rows[0], rows[0].segment
        self._agree(rows, (*DESCRIBED, self.keep) if self._kept else DESCRIBED)
        try:
            start, stop = header.span(segment.start_s, segment.end_s)
        except ValueError as error:
            raise self._error(first.line, f"is not in its file: {error}; correct start and end") from None
        return {
            "utterance": name,
            "file": segment.file,
            "session": first.fields.get("session", ""),
            "scenario": first.fields.get("scenario", ""),
            "speaker": first.fields["speaker"],
            "gender": _GENDERS.get(first.fields.get("gender", "").lower(), ""),
            "samples": samples_at_16k(stop - start, header.rate),
            "emotion": _majority(rows),
            "start_s": segment.start_s,
            "end_s": segment.end_s,
            "language": first.fields.get("language", ""),
            "partition": first.fields.get("partition", ""),
        } | ({self.keep: first.fields[self.keep]} if self._kept else {})

    @property
    def _kept(self) -> bool:
        return self.keep in self._table[0] and self.keep not in UTTERANCE_COLUMNS

    def _agree(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        """Refuse a segment whose rows differ in what must be the same.

        Raises:
            UserError: naming the line and the column.
        """
        first = rows[0]
        for row in rows[1:]:
            for column in columns:
                if row.fields.get(column) != first.fields.get(column):
                    raise self._error(row.line, f"gives another {column} than line {first.line} of the same segment")

    def _ratings(self, utterance: str, rows: list[Row]) -> list[dict[str, Any]]:
        found = []
        for row in rows:
            rater = row.fields.get("rater", GOLD)
            kind = "self" if rater == row.fields["speaker"] else "evaluator"
            found.append({"utterance": utterance, "rater": rater, "kind": kind} | row.ratings)
        return found

    def _deviations(self) -> list[str]:
        columns, rows = self._table
        found = []
        if unknown := [name for name in columns if name not in REQUIRED + OPTIONAL]:
            found.append(f"columns not read: {', '.join(unknown)}")
        if "rater" not in columns:
            found.append(f"no column rater: all ratings are by {GOLD}, whatever rater is asked for")
        if unrated := [name for name in RATED if name not in columns]:
            found.append(f"no column {' and '.join(unrated)}: only emotion can be learned or scored")
        if self._absent:
            found.append(f"{plural(len(self._absent), 'sound file')} absent")
        genders = {fields.get("gender", "") for _, fields in rows}
        if odd := sorted(text for text in genders if text and text.lower() not in _GENDERS):
            found.append(f"genders read as not known: {', '.join(odd)}")
        return found

    def _error(self, line: int, fault: str) -> UserError:
        return UserError(f"Line {line} of {self.path} {fault}.")


def _names(segments: dict[Segment, list[Row]]) -> dict[Segment, str]:
    """Name utterances by the column `utterance`, else by the file's name, or its path where that is not unique."""
    files = {segment.file: posixpath.splitext(segment.file)[0] for segment in segments}
    stems = Counter(posixpath.basename(path) for path in files.values())
    found = {}
    for segment, rows in segments.items():
        path = files[segment.file]
        stem = posixpath.basename(path)
        plain = stem if stems[stem] == 1 else path.lstrip("./").replace("/", "-")
        found[segment] = rows[0].fields.get("utterance") or plain + segment.suffix()
    return found


def _majority(rows: Sequence[Row]) -> str:
    """The emotion that most evaluators give (a speaker's own is asked where nobody else rated), as most of them call it
    (of equals the first by the alphabet), or IEMOCAP's `xxx` where two are level. Names of one class are one emotion,
    in any case."""
    others = [row for row in rows if row.fields.get("rater", GOLD) != row.fields["speaker"]] or rows
    votes = [row.fields.get("emotion", "") for row in others]
    named = [vote for vote in votes if vote.lower() not in _MISSING]
    ranked = Counter(map(emotion_key, named)).most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return "xxx"
    spellings = Counter(vote for vote in named if emotion_key(vote) == ranked[0][0])
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling), default="")
