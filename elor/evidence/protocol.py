"""metrics/protocol.json: what the folds share, and what the search has seen."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part


class Vectors(Part):
    """What FTR, ELoR+FTR and the SVM read of every slice."""

    name: str
    """openSMILE's name of the set, or the name of the table's file"""
    width: int
    """how many numbers"""
    table: bool
    """whether they were made elsewhere"""


class Protocol(File):
    """What one must know to trust a score; of predictions from elsewhere without folds only the confidence."""

    SCHEMA: ClassVar[str] = "protocol/1"

    protocol: str = ""
    """`paper` or `strict`"""
    folds: int | None = None
    """how many"""
    slices: int | None = None
    """how many"""
    speakers: int | None = None
    """how many"""
    shared_speakers: int = 0
    """pairs of a fold and a speaker in its training and validation part"""
    split_utterances: int = 0
    """pairs of a fold and an utterance in both"""
    shared_sessions: int = 0
    """pairs of a fold and a session in its training and test part"""
    heads_left_out: tuple[str, ...] = ()
    """heads that `elor score --head` did not score"""
    confidence: Number = None
    """of all intervals"""
    search_has_seen: dict[str, str] = Field(default_factory=dict)
    """by network, in words"""
    vectors: Vectors | None = None
    """what the input `is10` held"""
