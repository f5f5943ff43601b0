"""What an undecided claim would have needed: a larger effect, or more speakers, or folds of as many."""

from dataclasses import replace

import numpy as np
from scipy.special import stdtr, stdtrit

from elor.evaluation.intervals import rounding
from elor.evidence.claims import MOST_SPEAKERS, Needed, Piece
from elor.evidence.names import Reference, Role
from elor.explain.claims.decide import Picture, lean
from elor.explain.claims.evidence import standard_error


def needed(claim: Picture, place: int, level: float, confidence: float = 0.95, unit: str = "speaker") -> Needed | None:
    """What would have taken a claim's piece below a level of p, and how many speakers would have decided the claim.

    The spread over units is taken as it was found. The smallest effect is t(1 - level / 2, n - 1) standard errors, and
    beyond what the control reaches; the speakers are the fewest N for which the effect that was found is as many of the
    errors that N speakers would leave. Against a claim that falls by any one of k tests, a piece needs k times less.

    Args:
        claim: its pieces.
        place: of the one that its verdict hangs on; if that has no test, the one of the largest p counts.
        level: of p that its family left to a further claim.
        confidence: of the interval.
        unit: what its pieces' units are, see `elor.evidence.claims.Needed`.

    Returns:
        None for a claim without a test.
    """
    pieces = claim.pieces
    if pieces[place].p is None or pieces[place].role is not Role.decides:
        tests = [k for k, one in enumerate(pieces) if one.role is Role.decides and one.p is not None]
        place = max(tests, key=lambda k: pieces[k].p or 0.0, default=place)
    piece = pieces[place]
    error = _error(piece, confidence)
    if error is None:
        return None
    own = level / len(claim.tests) if piece.points < 0 and claim.tests else level
    return Needed(
        piece=place,
        effect=_least(piece, error, own),
        speakers=_speakers(piece, error, own),
        beyond=_beyond(piece)[0] > 0,
        decided=_decided(claim, level, confidence),
        unit=unit,
    )


def _decided(claim: Picture, level: float, confidence: float) -> int | None:
    """The fewest speakers with whom the table of cases asserts something; between those looked at nothing changes."""
    tests = [(piece, error) for piece in claim.tests if (error := _error(piece, confidence)) is not None]
    levels = {level, level / max(1, len(claim.tests)), 1 - confidence}
    counts = {_speakers(piece, error, one) for piece, error in tests for one in levels}
    for count in sorted(count for count in counts if count is not None):
        found = lean(replace(claim, pieces=[_with(piece, count, confidence) for piece in claim.pieces]))
        if found.verdict.asserts and (found.p or 0.0) <= level:
            return count
    return None


def _with(piece: Piece, count: int, confidence: float) -> Piece:
    """A test as it would be with so many speakers, no fewer than there are."""
    error, units = _error(piece, confidence), piece.units or 0
    if piece.role is not Role.decides or error is None or count <= units:
        return piece
    beyond, sides = _beyond(piece)
    if beyond <= 0:
        return piece
    p = float(sides * stdtr(count - 1, -beyond / error * np.sqrt(count / units)))
    seen = piece.points == 0 and p <= 1 - confidence  # its interval leaves zero
    return piece.model_copy(update={"p": p, "points": 1 if seen else piece.points})


def _error(piece: Piece, confidence: float) -> float | None:
    """The standard error of what a piece tests; None without a test, or where all units are alike."""
    if None in (piece.p, piece.low, piece.high, piece.effect) or (piece.units or 0) < 2:
        return None
    error = standard_error(piece.low, piece.high, piece.units, confidence)
    return None if rounding(error, piece.effect) else error


def _beyond(piece: Piece) -> tuple[float, int]:
    """How far what was found lies beyond what it is tested against, 0 or less if it does not, and the test's sides."""
    margin = _margin(piece)
    if piece.absence:  # what is to be shown is how far it stays below the margin
        return _room(piece), 1
    if piece.control == Reference.margin:  # it must be shown to lie beyond what counts as none
        return abs(piece.ours) - margin, 2
    lower = piece.points == 0 and piece.difference is not None and piece.difference < 0  # a map below its control
    return 0.0 if lower or abs(piece.effect) <= margin else abs(piece.effect), 2


def _least(piece: Piece, error: float, level: float) -> float:
    """The smallest effect that could have been shown; of an absence the largest of which it could."""
    margin = _margin(piece)
    if piece.absence:
        room = margin - float(stdtrit(piece.units - 1, 1 - level)) * error
        both = piece.control_low is not None and piece.control_high is not None
        return max(room, 0.0) if both else room
    showable = float(stdtrit(piece.units - 1, 1 - level / 2)) * error
    return margin + showable if piece.control == Reference.margin else max(showable, margin)


def _margin(piece: Piece) -> float:
    """What the control reaches, where it is a range."""
    return max((abs(end) for end in (piece.control_low, piece.control_high) if end is not None), default=0.0)


def _room(piece: Piece) -> float:
    """How far an effect stays from the nearer end of what counts as none."""
    ends = (piece.control_high, None if piece.control_low is None else -piece.control_low)
    return min(end - way * piece.effect for end, way in zip(ends, (1, -1), strict=True) if end is not None)


def _speakers(piece: Piece, error: float, level: float) -> int | None:
    """The fewest units with whom what was found has a p of the level; None if none is enough."""
    beyond, sides = _beyond(piece)
    if beyond <= 0:
        return None
    counts = np.arange(2, MOST_SPEAKERS + 1)
    p = sides * stdtr(counts - 1, -beyond / error * np.sqrt(counts / piece.units))
    enough = np.flatnonzero(p <= level)
    return int(counts[enough[0]]) if len(enough) else None
