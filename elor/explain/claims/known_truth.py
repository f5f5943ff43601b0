"""Which claims are known to be true or false, where a corpus was made: docs/known-truth.md declares the rule.

Nothing here sees a verdict, nor any number that a verdict rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from elor.evidence.claims import Claim, Scoreboard
from elor.evidence.names import EXTREMITY, Planted, Verdict
from elor.explain.claims.scores import evenness

if TYPE_CHECKING:  # networks bring torch, which tables of claims do not need
    from elor.explain.counterfactuals import Effect

MARGIN = 0.1
"""Standard deviations of answers that a cue must move them by, per standard deviation of the cue."""

RELATED, EVENER = 0.1, 0.02
"""Spearman's r from which ratings are related, and how much more even a rater must be."""

EACH = 2
"""Utterances of every speaker that are spoken again."""


@dataclass(frozen=True)
class Move:
    """What a cue should do to an answer.

    Attributes:
        cue: that is moved.
        answer: of a head, as interventions name it.
        sign: where more of the cue should move the answer; 0: somewhere.
        moves: whether it should at all.
    """

    cue: str
    answer: str
    sign: int = 0
    moves: bool = True


AROUSAL, VALENCE = "arousal", "valence"

NETWORK: Mapping[str, tuple[Move, ...]] = {
    "arousal-frequencies": (Move("tilt_db", AROUSAL, 1),),
    "arousal-interruptions": (Move("run_s", AROUSAL, -1),),
    "arousal-peaks": (Move("peakiness", AROUSAL, 1),),
    "arousal-rate": (Move("rate", AROUSAL, 1),),
    "arousal-loudness": (Move("level_db", AROUSAL, moves=False),),
    "valence-extremes-frequencies": (Move("tilt_db", f"{VALENCE}.{EXTREMITY}", 1),),
    "valence-low-pauses": (Move("run_s", VALENCE, 1), Move("pause_cv", VALENCE, 1)),
    "valence-high-pauses": (Move("run_s", VALENCE, 1), Move("pause_s", VALENCE, 1)),
    "amplitude-arousal": (Move("level_db", AROUSAL),),
    "amplitude-valence": (Move("level_db", VALENCE),),
    "amplitude-matters": (Move("level_db", AROUSAL), Move("level_db", VALENCE)),
}
"""Claims that are true or false of a network."""

ASKED = tuple(dict.fromkeys(move.cue for moves in NETWORK.values() for move in moves))
"""Cues that are moved."""

BETTER = {
    "elor-best-arousal": (AROUSAL,),
    "ftr-worst-arousal": (AROUSAL,),
    "elor-ftr-best-valence": (VALENCE,),
    "learned-beats-handcrafted": (AROUSAL, VALENCE),
}
"""Claims that one network is better, and the heads concerned: false where nothing can be learned."""


@dataclass(frozen=True)
class Known:
    """What is known of an invented corpus and of the networks that learned it.

    Attributes:
        cues: by answer and cue the sign that was planted; nothing where labels were shuffled.
        effects: by cue and answer what it does to the networks.
        ratings: by claim whether it is true of the corpus' ratings.
    """

    cues: Mapping[str, Mapping[str, int]]
    effects: Mapping[tuple[str, str], Effect] = field(default_factory=dict)
    ratings: Mapping[str, bool | None] = field(default_factory=dict)

    def has_cues(self, head: str) -> bool:
        """Whether anything was planted in a head."""
        return any(cues for answer, cues in self.cues.items() if answer.partition(".")[0] == head)


def truth_of(claim: str, known: Known) -> bool | None:
    """Whether a claim is true; None where that is not known."""
    if claim in NETWORK:
        parts = [_moved(move, known.effects.get((move.cue, move.answer))) for move in NETWORK[claim]]
        return False if False in parts else None if None in parts else True
    if claim == "mfcc-amplitude":
        return False  # the first coefficient is the log-energy (`elor.features.mfcc`)
    if claim == "arousal-easier":
        either = known.has_cues(AROUSAL), known.has_cues(VALENCE)
        return None if all(either) else either[0]
    if claim in BETTER:
        return None if any(map(known.has_cues, BETTER[claim])) else False
    return known.ratings.get(claim)


def planted(claim: str, known: Known) -> Planted | None:
    """Whether the cues that a claim is about were planted as it says, otherwise, or not at all."""
    if claim not in NETWORK:
        return None
    signs = [known.cues.get(move.answer, {}).get(move.cue, 0) * (move.sign or 1) for move in NETWORK[claim]]
    if any(sign < 0 and move.sign for sign, move in zip(signs, NETWORK[claim], strict=True)):
        return Planted.reversed
    return Planted.present if all(signs) else Planted.absent


def of_ratings(table: pd.DataFrame, rater: str) -> dict[str, bool | None]:
    """What is true of ratings, given very many of them.

    Args:
        table: utterance, speaker, rater, valence and arousal in classes.
        rater: whose ratings are the labels.
    """
    own = table[table["rater"] == rater]
    if own.empty:
        return {}
    middle = (table["valence"].min() + table["valence"].max()) / 2
    distance = own.assign(distance=(own["valence"] - middle).abs())
    r = np.mean([one["distance"].corr(one["arousal"], "spearman") for _, one in distance.groupby("speaker")])
    beyond = []
    for _, other in table[table["rater"] != rater].groupby("rater"):
        common = own[own["utterance"].isin(other["utterance"])]
        both = other[other["utterance"].isin(own["utterance"])]
        if len(common):
            beyond.append(_evenness(common) - _evenness(both))
    found: dict[str, bool | None] = {"extreme-valence-aroused": True if r > RELATED else False if r < 0 else None}
    if beyond:
        even = min(beyond)
        found["rater-balanced"] = True if even > EVENER else False if even < -EVENER else None
    return found


def scoreboard(rows: list[Claim]) -> Scoreboard:
    """How many claims were decided, and how many of these rightly."""
    known = [row for row in rows if row.truth is not None]
    said = [row for row in known if row.verdict.asserts]
    right = sum((row.verdict is Verdict.holds) == row.truth for row in said)
    return Scoreboard(
        right=right, wrong=len(said) - right, undecided=len(known) - len(said), undecidable=len(rows) - len(known)
    )


def _moved(move: Move, effect: Effect | None) -> bool | None:
    if effect is None:
        return None
    if move.sign:
        low, high = sorted((move.sign * effect.low, move.sign * effect.high))
        return True if low > MARGIN else False if high < MARGIN else None
    outside = effect.low > MARGIN or effect.high < -MARGIN
    inside = effect.low > -MARGIN and effect.high < MARGIN
    return (outside if move.moves else inside) if outside or inside else None


def _evenness(table: pd.DataFrame) -> float:
    """Of the cells of the plane that are used, of 25."""
    cells = table.groupby(["valence", "arousal"]).size().to_numpy()
    return float(evenness(np.pad(cells, (0, max(0, 25 - len(cells))))))
