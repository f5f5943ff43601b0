"""IEMOCAP's annotation grammar, written: one text file per dialogue (the reader is `elor/corpora/iemocap.py`)."""

from dataclasses import replace

import numpy as np

from elor.corpora.demo.casting import Turn
from elor.corpora.demo.ratings import Annotation, Rating, Vote

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"

Timed = list[tuple[Turn, tuple[float, float]]]
"""Turns with their start and end in seconds."""


def text(turns: Timed, annotations: dict[str, Annotation]) -> str:
    """The evaluation file of one dialogue, in the order of the given turns."""
    return HEADER + "".join(_block(turn, *times, annotations[turn.name]) for turn, times in turns)


def reversed_text(turns: Timed, annotations: dict[str, Annotation]) -> str:
    """The same for the folder Attribute, where valence and activation stand on the reversed scale, 6 - value."""
    return text(turns, {turn.name: _reversed(annotations[turn.name]) for turn, _ in turns})


def _reversed(annotation: Annotation) -> Annotation:
    def turned(rating: Rating) -> Rating:
        if rating.valence is None or rating.arousal is None:
            return rating
        return replace(rating, valence=6 - rating.valence, arousal=6 - rating.arousal)

    return replace(annotation, ratings=tuple(turned(rating) for rating in annotation.ratings))


def _block(turn: Turn, start: float, end: float, annotation: Annotation) -> str:
    evaluators = [rating for rating in annotation.ratings if rating.rater[0] == "E"]
    means = np.mean([_as_averaged(rating) for rating in evaluators], axis=0)
    average = ", ".join(f"{mean:.4f}" for mean in means)
    lines = [f"[{start:.4f} - {end:.4f}]\t{turn.name}\t{annotation.emotion}\t[{average}]"]
    lines += [_vote_line(vote) for vote in annotation.votes]
    lines += [_rating_line(rating) for rating in annotation.ratings]
    return "\n".join(lines) + "\n\n"


def _as_averaged(rating: Rating) -> tuple[int, int, int]:
    """What enters the header's average: as in IEMOCAP, a placeholder counts 6, a missing dominance 0."""
    return (
        6 if rating.valence is None else rating.valence,
        6 if rating.arousal is None else rating.arousal,
        rating.dominance or 0,
    )


def _vote_line(vote: Vote) -> str:
    categories = " ".join(f"{category};" for category in vote.categories) or ";"
    return f"C-{vote.rater.replace('-', '')}:\t{categories}\t()"


def _rating_line(rating: Rating) -> str:
    valence, arousal, _ = _as_averaged(rating)
    dominance = ";" if rating.dominance is None else f" {rating.dominance};"
    return f"A-{rating.rater.replace('-', '')}:\tval {valence}; act {arousal}; dom {dominance}\t({rating.remark})"
