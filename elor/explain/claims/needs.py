"""What an undecided claim would have needed: a larger effect, or more speakers."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr, stdtrit

from elor.evidence.claims import Needed, Piece
from elor.evidence.names import Reference, Role
from elor.explain.claims.evidence import ROUNDING, standard_error

MOST_SPEAKERS = 10_000
"""Beyond so many an effect counts as none that more speakers could show."""


def needed(pieces: Sequence[Piece], place: int, level: float, confidence: float = 0.95) -> Needed | None:
    """What would have taken a claim's piece below a level of p, all else equal.

    The spread over units is taken as it was found. The smallest effect is t(1 - level / 2, n - 1) standard errors, and
    beyond what the control reaches; the speakers are the fewest N for which the effect that was found is as many of the
    errors that N speakers would leave.

    Args:
        pieces: the claim's.
        place: of the one that its verdict hangs on; if that has no test, the one of the largest p counts.
        level: of p that its family left to a further claim.
        confidence: of the interval.

    Returns:
        None for a claim without a test.
    """
    if pieces[place].p is None:
        tests = [k for k, one in enumerate(pieces) if one.role is Role.decides and one.p is not None]
        place = max(tests, key=lambda k: pieces[k].p or 0.0, default=place)
    piece = pieces[place]
    if piece.p is None or piece.low is None or piece.high is None or piece.units is None or piece.units < 2:
        return None
    found = piece.ours if piece.difference is None else piece.difference
    error = standard_error(piece.low, piece.high, piece.units, confidence)
    if found is None or not error > ROUNDING * abs(found):
        return None
    margin = _margin(piece)
    if piece.absence:  # what is to be shown is how far it stays below the margin
        room = margin - float(stdtrit(piece.units - 1, 1 - level)) * error
        return Needed(
            piece=place, effect=max(room, 0.0), speakers=_speakers(_room(piece, found), error, piece.units, level, 1)
        )
    showable = float(stdtrit(piece.units - 1, 1 - level / 2)) * error
    if piece.control == Reference.margin:  # it must be shown to lie beyond what counts as none
        found = abs(found) - margin
        return Needed(piece=place, effect=margin + showable, speakers=_speakers(found, error, piece.units, level, 2))
    smallest = max(showable, margin)
    lower = piece.points == 0 and piece.difference is not None and found < 0  # a map that shows less than its control
    speakers = None if lower or abs(found) <= margin else _speakers(abs(found), error, piece.units, level, 2)
    return Needed(piece=place, effect=smallest, speakers=speakers)


def _margin(piece: Piece) -> float:
    """What the control reaches, where it is a range."""
    return max((abs(end) for end in (piece.control_low, piece.control_high) if end is not None), default=0.0)


def _room(piece: Piece, found: float) -> float:
    """How far an effect stays from the nearer end of what counts as none."""
    ends = (piece.control_high, None if piece.control_low is None else -piece.control_low)
    return min(end - way * found for end, way in zip(ends, (1, -1), strict=True) if end is not None)


def _speakers(found: float, error: float, units: int, level: float, sides: int) -> int | None:
    """The fewest units for which so large an effect has a p of the level; None if none is enough."""
    if found <= 0:
        return None
    counts = np.arange(2, MOST_SPEAKERS + 1)
    p = sides * stdtr(counts - 1, -found / error * np.sqrt(counts / units))
    enough = np.flatnonzero(p <= level)
    return int(counts[enough[0]]) if len(enough) else None
