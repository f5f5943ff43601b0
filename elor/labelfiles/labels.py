"""What every reader of a foreign label file returns, and the checks that all of them share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from elor.corpora.faults import listed, plural
from elor.errors import UserError
from elor.targets import DIMENSIONS

Scores = tuple[float | None, float | None, float | None]
"""Valence, arousal, dominance."""

_MISSING = ("", "nan", "na", "n/a", "none", "null")


ONE_OF_A_SEGMENT = ("speaker", "gender", "session", "scenario", "partition")
"""What a segment has once, whoever rates it and how often."""


@dataclass(frozen=True)
class Rating:
    """One rating of one segment of speech.

    Attributes:
        line: its line in the label file.
        file: the sound file: a path, or a name with or without suffix.
        speaker: empty if the label file does not know.
        rater: empty for a consensus.
        valence, arousal, dominance: on the corpus' own range, low to high; None where not given.
        start, end: seconds as text; empty for the whole file.
        session, scenario, gender, partition, emotion, utterance, language, text: as text; empty where the label file
            says nothing.
    """

    line: int
    file: str
    speaker: str
    rater: str
    valence: float | None
    arousal: float | None
    dominance: float | None
    emotion: str = ""
    gender: str = ""
    session: str = ""
    scenario: str = ""
    partition: str = ""
    start: str = ""
    end: str = ""
    utterance: str = ""
    language: str = ""
    text: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Segment and rater: what may occur once."""
        return self.file, self.start, self.end, self.rater


@dataclass(frozen=True)
class Labels:
    """A label file's content: its ratings, the range that they are on, and what a reader should know."""

    path: Path
    ratings: tuple[Rating, ...]
    low: float
    high: float
    notes: tuple[str, ...] = ()


def lines_of(path: Path) -> list[str]:
    """The lines of a label file in UTF-8, with or without a byte order mark.

    Raises:
        UserError: if it is absent, a folder, or no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path} is no file; give the label file itself.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8 ({error}); give the label file itself.") from None
    return text.removesuffix("\n").split("\n")  # unlike splitlines, which ends a line at any line end of Unicode


def scores(texts: Mapping[str, str], where: str) -> Scores:
    """Valence, arousal and dominance as numbers; None for what stands for a missing one.

    Raises:
        UserError: if one is no number; `where` names the line.
    """
    found = []
    for name in DIMENSIONS:
        text = texts.get(name, "").strip()
        try:
            found.append(None if text.lower() in _MISSING else float(text))
        except ValueError:
            raise UserError(f"{where} has the {name} {text!r}; write a number or leave it empty.") from None
    return found[0], found[1], found[2]


def reverse(ratings: Iterable[Rating], dimensions: Iterable[str], low: float, high: float) -> list[Rating]:
    """Turn scales round whose low end means much: x becomes low + high - x."""

    def turned(rating: Rating) -> Rating:
        for name in dimensions:
            if (value := getattr(rating, name)) is not None:
                rating = replace(rating, **{name: low + high - value})
        return rating

    return [turned(rating) for rating in ratings]


def checked(labels: Labels) -> Labels:
    """Return the labels if there are any, every rating lies on the range, and all or none name a rater.

    Raises:
        UserError: one for all offending lines.
    """
    if not labels.ratings:
        raise UserError(f"{labels.path} holds no rating of this format; is it the right file, and the right --kind?")
    for name in DIMENSIONS:

        def off(rating: Rating, name: str = name) -> bool:
            value = getattr(rating, name)
            return value is not None and not labels.low <= value <= labels.high

        refuse(
            labels, off, f"with {name} outside {labels.low:g}..{labels.high:g}", "correct the file, or give its range"
        )
    if any(rating.rater for rating in labels.ratings):
        refuse(labels, lambda rating: not rating.rater, "without a rater where others have one", "fill it in")
    return labels


def refuse(labels: Labels, offends: Callable[[Rating], bool], fault: str, remedy: str) -> None:
    """Raise one error that names every line at fault, if there is one.

    Raises:
        UserError: as said.
    """
    if lines := [rating.line for rating in labels.ratings if offends(rating)]:
        where = listed([f"{line}" for line in dict.fromkeys(lines)])
        raise UserError(f"{labels.path}: {plural(len(lines), 'rating')} {fault} (line {where}); {remedy}.")


def merged(labels: Labels) -> Labels:
    """One rating per segment and rater: repeated lines count once, differing ones are averaged; the notes say so.

    Raises:
        UserError: if the lines of a segment name several people, sessions, scenarios or partitions.
    """
    groups: dict[tuple[str, str, str, str], list[Rating]] = {}
    for rating in labels.ratings:
        groups.setdefault(rating.key, []).append(rating)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return labels
    for name in ONE_OF_A_SEGMENT:

        def torn(rating: Rating, name: str = name) -> bool:
            return len({getattr(one, name) for one in groups[rating.key]}) > 1

        refuse(labels, torn, f"of one segment and rater with another {name}", "correct the file")
    averaged = [group[0].file for group in twice if len({scores_of(rating) for rating in group}) > 1]
    note = f"{plural(len(twice), 'segment')} rated more than once by one rater: repeated lines count once"
    if averaged:
        note += f", differing ones are averaged ({listed(averaged)})"
    if several := [group[0].file for group in twice if len({rating.emotion for rating in group}) > 1]:
        note += f"; of several emotions the first is taken ({listed(several)})"
    return replace(labels, ratings=tuple(map(_mean, groups.values())), notes=(*labels.notes, note))


scores_of = attrgetter(*DIMENSIONS)


def _mean(group: list[Rating]) -> Rating:
    means: dict[str, Any] = {}
    unlike = {scores_of(rating): rating for rating in group}.values()
    for name in DIMENSIONS:
        given = [value for rating in unlike if (value := getattr(rating, name)) is not None]
        means[name] = sum(given) / len(given) if given else None
    return replace(group[0], **means)
