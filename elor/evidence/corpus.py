"""metrics/corpus.json: what was read, and what was labelled."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part


class Labels(Part):
    """What became a label."""

    rater: str
    """whose ratings are the labels; `mean`, or `gold` for the corpus' own"""
    asked_for: str = ""
    """what params.yaml asks for"""
    classes: int
    """of a dimension"""
    utterances: int
    """how many have a label"""
    left_out: dict[str, int] = Field(default_factory=dict)
    """by reason, those that have none"""
    by_speaker: dict[str, int] = Field(default_factory=dict)
    """labelled utterances"""
    valence: tuple[int, ...] = ()
    """labelled utterances by class"""
    arousal: tuple[int, ...] = ()
    """the same"""
    dominance: tuple[int, ...] = ()
    """the same"""
    emotion: tuple[int, ...] = ()
    """of the target emotion: the same of its four classes"""
    other_emotions: dict[str, int] = Field(default_factory=dict)
    """of the target emotion: utterances of emotions that are none of the four, by name"""
    range: tuple[float, ...] = ()
    """lowest and highest rating"""


class Corpus(File):
    """The corpus in numbers."""

    SCHEMA: ClassVar[str] = "corpus/1"

    utterances: int
    """how many"""
    speakers: int
    """how many"""
    minutes: Number
    """of sound"""
    ratings: int
    """of all raters"""
    complete_ratings: int = 0
    """those that give valence and arousal"""
    self_reports: int = 0
    """speakers' own"""
    by_speaker: dict[str, int] = Field(default_factory=dict)
    """utterances"""
    by_session: dict[str, int] = Field(default_factory=dict)
    """utterances"""
    by_emotion: dict[str, int] = Field(default_factory=dict)
    """utterances"""
    by_evaluator: dict[str, int] = Field(default_factory=dict)
    """complete ratings"""
    source: str = ""
    """what kind of corpus"""
    range: tuple[float, ...] = ()
    """lowest and highest rating that a manifest declares"""
    dialogues: int | None = None
    """of a release"""
    left_out: dict[str, int] = Field(default_factory=dict)
    """by reason"""
    deviations: tuple[str, ...] = ()
    """how it differs from what a release should be"""
    copies: tuple[str, ...] = ()
    """recordings that stand under two speakers"""
    labels: Labels | None = None
    """what became a label"""
    corpora: dict[str, Corpus] = Field(default_factory=dict)
    """of several corpora the same of each, by name"""
