"""The two tables that every source of rated speech becomes, and what must hold in them.

`utterances` has one row per turn or segment, `ratings` one row per utterance and rater. Text that is not known is
empty, a number that is not known is missing; both are an empty field in the CSV file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from elor.audio import SAMPLE_RATE
from elor.corpora.faults import listed
from elor.errors import UserError

RATED = ("valence", "arousal")
"""What a complete rating gives in every corpus; whether dominance is wanted too, labels.dimensions says."""

UTTERANCE_COLUMNS = {
    "utterance": "str",  # unique, usable as part of a file name
    "file": "str",  # relative to the root of the corpus, with forward slashes
    "session": "str",
    "dialogue": "str",
    "scenario": "str",  # improvised, scripted, or any text
    "speaker": "str",
    "gender": "str",  # F, M or empty
    "samples": "int64",  # at 16 kHz
    "emotion": "str",  # IEMOCAP's code, or any text
    "valence": "Int64",  # 0 .. classes-1 by the chosen rater; missing before `labels.label`, and where not rated
    "arousal": "Int64",
    "start_s": "float64",  # only of a segment of a longer file, else missing
    "end_s": "float64",  # missing: to the end of the file
    "corpus": "str",  # its name in the run
    "language": "str",
    "partition": "str",  # train, development, test, or whatever the corpus calls its own parts
}

FURTHER_COLUMNS = {"dominance": "Int64"}
"""What `labels.label` adds to them where it is learned."""

LONGEST_NAME = 200
"""Bytes of a speaker's name: models bear it as their file's name, of which file systems allow 255 bytes."""

RATING_COLUMNS = {
    "utterance": "str",
    "rater": "str",
    "kind": "str",  # evaluator, or self: the speaker on her own speech
    "valence": "float64",  # as released; missing where the rater gave none
    "arousal": "float64",
    "dominance": "float64",
}


@dataclass(frozen=True)
class Tables:
    """What a source holds.

    Attributes:
        utterances: one row per turn, columns `UTTERANCE_COLUMNS`.
        ratings: one row per utterance and rater, columns `RATING_COLUMNS`.
        report: counts, deviations, and what was left out and why: plain values for `metrics/corpus.json`.
    """

    utterances: pd.DataFrame
    ratings: pd.DataFrame
    report: dict[str, Any]


class Reader(Protocol):
    """A source of rated speech. Paths in its tables are relative to `root`."""

    @property
    def kind(self) -> str:
        """`iemocap` or `manifest`."""
        ...

    @property
    def root(self) -> Path:
        """The folder that every path in the tables is relative to."""
        ...

    def files(self) -> list[str]:
        """The sorted relative paths of every annotation and sound file that will be read, and of no other."""
        ...

    def read(self) -> Tables:
        """Read annotations and sound headers into tables without labels."""
        ...

    def texts(self) -> dict[str, str]:
        """What was said, by utterance; only of a source that was opened with `words`."""
        ...


def typed(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Make a table of `columns` in their order and types; a value that a row lacks is missing."""
    frame = pd.DataFrame(list(rows)).reindex(columns=list(columns))
    text = [name for name, kind in columns.items() if kind == "str"]
    frame[text] = frame[text].astype(object).fillna("")
    return frame.astype(dict(columns))


def read_utterances(path: Path) -> pd.DataFrame:
    """Read `data/utterances.csv`; speakers such as `03` stay text.

    Raises:
        UserError: if the file is absent or is no such table.
    """
    return _read(path, UTTERANCE_COLUMNS, FURTHER_COLUMNS)


def read_ratings(path: Path) -> pd.DataFrame:
    """Read `data/ratings.csv`.

    Raises:
        UserError: if the file is absent or is no such table.
    """
    return _read(path, RATING_COLUMNS)


def check(tables: Tables) -> Tables:
    """Return the tables in the order of names, if these are unique and usable.

    Whatever is drawn later is drawn from rows: in the order of names it does not depend on the order of files, or of
    a manifest's rows.

    Raises:
        UserError: for an utterance that occurs twice, is rated twice by one rater, or has no samples, and for
            utterances, speakers and raters that cannot be part of a file name.
    """
    utterances, ratings = tables.utterances, tables.ratings
    _none(utterances.utterance[utterances.utterance.duplicated()], "utterance names occur twice", "rename them")
    twice = ratings[ratings.duplicated(["utterance", "rater"])]
    _none(twice.utterance + " by " + twice.rater, "utterances are rated twice by one rater", "keep one rating")
    _none(utterances.utterance[utterances.samples <= 0], "utterances hold no samples", "take them out")
    for name in (utterances.utterance, utterances.speaker, ratings.rater):
        odd = name[(name == "") | name.str.startswith(".") | name.str.contains(r"[/\\\x00-\x1f]")]
        _none(odd.drop_duplicates().map(repr), f"{name.name}s cannot be part of a file name", "rename them")
    long = utterances.speaker[utterances.speaker.str.encode("utf-8", "surrogatepass").str.len() > LONGEST_NAME]
    shown = long.drop_duplicates().str.slice(0, 30) + "..."
    _none(shown, f"speakers' names are longer than {LONGEST_NAME} bytes, too long for a file's", "shorten them")
    if not set(ratings.utterance) <= set(utterances.utterance):
        raise ValueError("the ratings name utterances that the table of utterances lacks")
    return replace(
        tables,
        utterances=utterances.sort_values("utterance", ignore_index=True),
        ratings=ratings.sort_values(["utterance", "rater"], ignore_index=True),
    )


def counts(utterances: pd.DataFrame, ratings: pd.DataFrame) -> dict[str, Any]:
    """Count what a report says of every source: utterances, speakers, minutes, sessions, emotions, ratings."""
    complete = ratings[ratings[list(RATED)].notna().all(axis="columns")]
    return {
        "utterances": len(utterances),
        "speakers": utterances.speaker.nunique(),
        "minutes": round(float(utterances.samples.sum()) / SAMPLE_RATE / 60, 2),
        "ratings": len(ratings),
        "complete_ratings": len(complete),
        "self_reports": int((ratings.kind == "self").sum()),
        "by_speaker": _count(utterances.speaker),
        "by_session": _count(utterances.session),
        "by_emotion": _count(utterances.emotion),
        "by_evaluator": _count(complete.rater[complete.kind == "evaluator"]),
    }


def _count(values: pd.Series) -> dict[str, int]:
    return {name: int(count) for name, count in values[values != ""].value_counts().sort_index().items()}


def _none(offenders: pd.Series, fault: str, remedy: str) -> None:
    if len(offenders):
        raise UserError(f"{len(offenders)} {fault} ({listed(list(offenders))}); {remedy}.")


def _read(path: Path, columns: Mapping[str, str], further: Mapping[str, str] | None = None) -> pd.DataFrame:
    known = {**columns, **(further or {})}
    numbers = {name: [""] for name, kind in known.items() if kind != "str"}
    try:
        kinds = defaultdict(lambda: "str", known)  # a column that was kept for its own sake is text
        frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=numbers)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; the stage `labels` writes it.") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path} is not the table that the stage `labels` writes ({error}); run it again.") from None
    if [name for name in frame.columns if name in known] not in (list(columns), list(known)):
        raise UserError(f"{path} has the columns {', '.join(frame.columns)}; expected are {', '.join(columns)}.")
    return frame
