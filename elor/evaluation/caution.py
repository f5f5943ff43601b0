"""What an interval cannot say of itself: sentences beside the numbers."""

from elor.corpora.faults import plural
from elor.evaluation.intervals import SPEAKERS_FOR_INTERVAL, Interval

FEW_SPEAKERS = 5
"""Where fewer of many speakers have a class, intervals of a nominal 95 % cover 70 to 95 %, by simulation."""


def without_spread(interval: Interval) -> bool:
    """Whether a printed interval has no width: no speaker changes the score. What is not printed has no ends."""
    return interval.high - interval.low < 1e-9


def caution(speakers: int, interval: Interval, owners: int | None = None) -> str:
    """What a reader of an interval over speakers must know; empty where nothing speaks against it.

    Args:
        speakers: how many speakers there are; without any there is no score to be careful with.
        interval: that of the score, as printed.
        owners: how many speakers have the class that the fewest have; None for values.
    """
    found = []
    if 0 < speakers < SPEAKERS_FOR_INTERVAL:
        found.append(
            f"No interval over {plural(speakers, 'speaker')} respects speakers: the score says nothing of other voices."
        )
    elif without_spread(interval):
        found.append("No speaker changes the score, so its interval has no width: that is no certainty.")
    if owners is not None and owners < min(FEW_SPEAKERS, speakers):
        found.append(f"A class comes from {owners} of {speakers} speakers: the intervals cover less than they claim.")
    return " ".join(found)
