"""metrics/protocol.json: what the folds share, what the search has seen, and what it has selected."""

from typing import Any, ClassVar

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


class Selected(Part):
    """What a network was trained with: the paper's Tables 1 to 4."""

    scope: str
    """`shared`: one search for all folds; `nested`: one per fold; `none`"""
    fold: str | None
    """of a shared search"""
    provenance: dict[str, str]
    """by value: `search`, `default`, `pinned`, or the network that it was inherited from; `search` of a nested one says
    that any fold's found better than the default"""
    values: dict[str, Any]
    """by name; by fold and name where folds differ"""


class Protocol(File):
    """What one must know to trust a score; of predictions from elsewhere without folds only the confidence."""

    SCHEMA: ClassVar[str] = "protocol/1"

    protocol: str = ""
    """`paper` or `strict`"""
    hold_out: str = "speaker"
    """the column of which each value was tested once by networks that never heard it"""
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
    heard_speakers: int = 0
    """pairs of a fold and a speaker whom it tests and has learned from: none, unless a column is held out that speakers
    share"""
    shuffled: bool = False
    """whether the labels were shuffled within speakers (`labels.shuffle`): then the run is the control, and its scores
    are those of chance"""
    seeds: int = 1
    """networks of a kind per fold, each from a seed of its own; the mean of their answers is scored (`train.seeds`)"""
    heads_left_out: tuple[str, ...] = ()
    """heads that `elor score --head` did not score"""
    confidence: Number = None
    """of all intervals"""
    search_has_seen: dict[str, str] = Field(default_factory=dict)
    """by network, in words"""
    selected: dict[str, Selected] = Field(default_factory=dict)
    """by network"""
    vectors: Vectors | None = None
    """what the input `is10` held"""
