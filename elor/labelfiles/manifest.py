"""Writes ratings as a manifest: finds their sound files, leaves out what cannot be used and says so."""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from elor.corpora.faults import listed, plural
from elor.corpora.manifest import OPTIONAL, Manifest
from elor.corpora.missing_sounds import explained, is_file
from elor.errors import UserError
from elor.files import replacing
from elor.labelfiles import Unknown
from elor.labelfiles.labels import Labels, Rating
from elor.targets import DIMENSIONS

SUFFIXES = (".wav", ".flac")
COLUMNS = ("file", "speaker", *(name for name in OPTIONAL if name not in DIMENSIONS))
"""What is written before the dimensions, where anybody fills it."""

TOGETHER = "unknown"
"""The name that speakers who are not known share, if they are kept."""


@dataclass(frozen=True)
class Written:
    """What a manifest holds: counts, and what was left out or changed."""

    rows: int
    segments: int
    speakers: int
    raters: int
    notes: tuple[str, ...]


def write(
    labels: Labels,
    audio: Path,
    output: Path,
    partitions: Iterable[str] = (),
    unknown: Unknown = "leave-out",
    partial: bool = False,
) -> Written:
    """Write the manifest and check that `Manifest` reads it.

    Args:
        labels: what a reader returned.
        audio: the folder below which the sound files lie.
        output: the table; the paths in it are relative to its folder.
        partitions: keep only these; empty: all.
        unknown: segments whose speaker is not known are left out, or share one speaker, so that no fold has them on
            both sides.
        partial: go on without sound files that are missing.

    Raises:
        UserError: if sound files are missing (and not `partial`) or not unique, a partition does not occur, or nothing
            is left.
    """
    ratings, notes = list(labels.ratings), list(labels.notes)
    if chosen := tuple(partitions):
        ratings = _of_partitions(labels, ratings, chosen)
    ratings = _identified(ratings, unknown, notes)
    ratings = _located(ratings, audio, output.parent.resolve(), partial, notes)
    if not ratings:
        raise UserError(f"Nothing of {labels.path} is left to write: {'; '.join(notes)}.")
    _write(output, _csv(ratings), labels)
    return Written(
        len(ratings),
        len({rating.key[:3] for rating in ratings}),
        len({rating.speaker for rating in ratings}),
        len({rating.rater for rating in ratings}),
        tuple(notes),
    )


def _write(output: Path, text: str, labels: Labels) -> None:
    """Put the table in its place once `Manifest` has read it."""
    with replacing(output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
        try:
            Manifest(part, low=labels.low, high=labels.high).files()
        except UserError as error:
            raise UserError(f"The manifest was not written: {str(error).replace(str(part), str(output))}") from None


def _of_partitions(labels: Labels, ratings: list[Rating], chosen: tuple[str, ...]) -> list[Rating]:
    there = sorted({rating.partition for rating in ratings if rating.partition})
    if strange := [name for name in chosen if name not in there]:
        raise UserError(f"{labels.path} has no partition {strange[0]}; there are {', '.join(there) or 'none'}.")
    return [rating for rating in ratings if rating.partition in chosen]


def _identified(ratings: list[Rating], unknown: Unknown, notes: list[str]) -> list[Rating]:
    nobody = [rating for rating in ratings if not rating.speaker]
    if not nobody:
        return ratings
    names = listed(list(dict.fromkeys(rating.file for rating in nobody)))
    if unknown == "together":
        notes.append(f"{plural(len(nobody), 'rating')} of unknown speakers share the speaker {TOGETHER} ({names})")
        return [rating if rating.speaker else replace(rating, speaker=TOGETHER) for rating in ratings]
    notes.append(f"{plural(len(nobody), 'rating')} of unknown speakers left out ({names})")
    return [rating for rating in ratings if rating.speaker]


def _located(ratings: list[Rating], audio: Path, home: Path, partial: bool, notes: list[str]) -> list[Rating]:
    """The ratings with paths relative to `home`."""
    if not audio.is_dir():
        raise UserError(f"{audio} is no folder; give the one that holds the sound files by --audio.")
    below = _below(audio)
    found: list[Rating] = []
    lost: list[str] = []
    twice: list[str] = []
    for rating in ratings:
        paths = _candidates(rating.file, audio, below)
        if len(paths) == 1:
            path = paths[0].parent.resolve() / paths[0].name  # of the file itself a link is kept
            found.append(replace(rating, file=Path(os.path.relpath(path, home)).as_posix()))
        else:
            (twice if paths else lost).append(rating.file)
    if twice:
        names = listed(list(dict.fromkeys(twice)))
        raise UserError(f"Several files below {audio} are called {names}; give the folder that holds each once.")
    if lost:
        gone = list(dict.fromkeys(lost))
        names = listed(explained(audio, gone)) + _elsewhere(gone, below)
        text = f"{plural(len(gone), 'sound file')} missing below {audio}: {names}"
        if not partial:
            raise UserError(f"{text}; restore them, or give --partial to go on without them.")
        notes.append(text)
    return found


def _candidates(file: str, audio: Path, below: dict[str, list[Path]]) -> list[Path]:
    """The sound files that a name may mean: that very path, or those of that name in the folders that it gives."""
    given = PurePosixPath(file.replace("\\", "/"))
    if is_file(audio / given):
        return [audio / given]
    folders = tuple(part for part in given.parts[:-1] if part != ".")
    named = below.get(_stem(file), [])
    return [path for path in named if not folders or path.absolute().parent.parts[-len(folders) :] == folders]


def _elsewhere(gone: list[str], below: dict[str, list[Path]]) -> str:
    """Where there is a file of such a name, but in another folder than the table gives."""
    for file in gone:
        if other := below.get(_stem(file)):
            return f" ({other[0]} has the name of {file}, but lies in another folder)"
    return ""


def _below(folder: Path) -> dict[str, list[Path]]:
    """Every sound file below a folder by its name without suffix; names that start with a dot do not count."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found


def _stem(file: str) -> str:
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if name.lower().endswith(SUFFIXES) else name


def _csv(ratings: list[Rating]) -> str:
    """The table, without columns that nobody fills."""
    columns = [name for name in COLUMNS if any(getattr(rating, name) for rating in ratings)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*columns, *DIMENSIONS])
    for rating in ratings:
        values = [getattr(rating, name) for name in DIMENSIONS]
        numbers = ["" if value is None else f"{value:.6g}" for value in values]
        writer.writerow([*(getattr(rating, name) for name in columns), *numbers])
    return stream.getvalue()
