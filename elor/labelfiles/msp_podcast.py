"""The label files of MSP-Podcast (Lotfian and Busso 2019), ratings on 1..7, all scales upwards. Three layouts:

- `labels_consensus.csv`: `FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set`;
- `labels_detailed.csv`: one row per rater, in columns (`FileName,Workers,EmoClass_Major,...,EmoAct,EmoVal,EmoDom`) or
  packed: `FileName,EmoDetail` with `WORKER1; Neutral; Concerned; A:3.0; V:4.0; D:4.0;`;
- `labels.txt`: a line `MSP-PODCAST_1_1.wav; N; A:3.0; V:4.0; D:4.0;`, below it the raters' lines.

The last two name no speaker: speakers come from the consensus beside them, or from a table given by hand.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from elor.errors import UserError
from elor.labelfiles.labels import Labels, Rating, checked, lines_of, merged, scores
from elor.tables import read_rows

LOW, HIGH = 1.0, 7.0
EMOTIONS = {"A": "angry", "H": "happy", "S": "sad", "N": "neutral", "U": "surprise", "F": "fear"}
EMOTIONS |= {"D": "disgust", "C": "contempt", "O": "other", "X": "xxx"}
UNKNOWN = ("", "unknown", "nan", "none")
CONSENSUS = "labels_consensus.csv"

_SCORES = r"A:(?P<arousal>[^;]*);\s*V:(?P<valence>[^;]*);\s*D:(?P<dominance>[^;]*);"
_TURN = re.compile(rf"(?P<file>MSP-PODCAST[\w-]*\.wav);\s*(?P<emotion>\w)\s*;\s*{_SCORES}")
_RATER = re.compile(rf"(?P<rater>WORKER\w*);.*?;\s*{_SCORES}")


def read(path: Path, speakers: Path | None = None) -> Labels:
    """Read one of the three layouts.

    Args:
        path: the label file.
        speakers: a table in the layout of the consensus, for a file that names no speaker; by default
            `labels_consensus.csv` beside it.

    Raises:
        UserError: for a file of no such layout, lines that cannot be read, values off the range, or if no table names
            the speakers; names lines.
    """
    lines = lines_of(path)
    header = next(csv.reader(lines[:1]), [])
    if "FileName" not in header:
        found = list(_from_text(path, lines))
    elif "EmoDetail" in header:
        found = [_packed(path, line, row) for line, row in read_rows(lines, path)]
    elif lacking := [name for name in ("EmoAct", "EmoVal") if name not in header]:
        raise UserError(f"{path} lacks the columns {', '.join(lacking)}; give a label file of MSP-Podcast.")
    else:
        found = [_from_columns(path, line, row) for line, row in read_rows(lines, path)]
    labels = checked(Labels(path, tuple(found), LOW, HIGH))
    if "SpkrID" not in header:
        labels = _with_speakers(labels, speakers or path.parent / CONSENSUS)
    return merged(labels)


def _from_columns(path: Path, line: int, row: dict[str, str]) -> Rating:
    texts = {"valence": row["EmoVal"], "arousal": row["EmoAct"], "dominance": row.get("EmoDom", "")}
    emotion = row.get("EmoClass") or row.get("EmoClass_Major", "")
    return Rating(
        line,
        row["FileName"],
        _known(row.get("SpkrID", "")),
        row.get("Workers", "") or row.get("Worker", ""),
        *scores(texts, f"Line {line} of {path}"),
        emotion=EMOTIONS.get(emotion, emotion.lower()),
        gender=_known(row.get("Gender", "")),
        partition=row.get("Split_Set", ""),
    )


def _known(text: str) -> str:
    return "" if text.lower() in UNKNOWN else text


def _packed(path: Path, line: int, row: dict[str, str]) -> Rating:
    match = _RATER.fullmatch(row["EmoDetail"])
    if match is None:
        raise UserError(f"Line {line} of {path} has no rating in EmoDetail; correct it.")
    emotion = row["EmoDetail"].split(";")[1].strip().lower()
    values = scores(match.groupdict(), f"Line {line} of {path}")
    return Rating(line, row["FileName"], "", match["rater"], *values, emotion=emotion)


def _from_text(path: Path, lines: list[str]) -> Iterator[Rating]:
    """The raters' lines of `labels.txt`; each rating bears the consensus' emotion of its turn."""
    turn: re.Match[str] | None = None
    for line, text in enumerate(map(str.strip, lines), start=1):
        where = f"Line {line} of {path}"
        if match := _TURN.fullmatch(text):
            turn = match
        elif match := _RATER.fullmatch(text):
            if turn is None:
                raise UserError(f"{where} rates no turn; correct it.")
            emotion = EMOTIONS.get(turn["emotion"], turn["emotion"])
            yield Rating(line, turn["file"], "", match["rater"], *scores(match.groupdict(), where), emotion=emotion)
        elif text:
            raise UserError(f"{where} fits no pattern of MSP-Podcast; correct it, or give another --kind.")


def _with_speakers(labels: Labels, table: Path) -> Labels:
    """The labels with speaker, gender and partition of the consensus."""
    if not table.is_file():
        raise UserError(f"{labels.path} names no speaker and {table} does not exist; give the consensus by --speakers.")
    if "SpkrID" not in next(csv.reader(lines_of(table)[:1]), []):
        raise UserError(
            f"{labels.path} names no speaker, and {table} has no column SpkrID; give the consensus by --speakers."
        )
    known = {rating.file: rating for rating in read(table).ratings}
    filled = []
    for rating in labels.ratings:
        person = known.get(rating.file)
        if person is not None:
            rating = replace(rating, speaker=person.speaker, gender=person.gender, partition=person.partition)
        filled.append(rating)
    return replace(labels, ratings=tuple(filled), notes=(*labels.notes, f"speakers from {table.name}"))
