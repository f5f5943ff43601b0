"""Means over folds whose networks share training slices: their intervals and p (Nadeau and Bengio 2003)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from elor.evaluation.comparisons import sign_flip
from elor.evaluation.intervals import around, rounding
from elor.evaluation.units import over_units, share_networks


@dataclass(frozen=True)
class Units:
    """The slices' speakers and folds, and the units over which means are taken.

    Attributes:
        table: speaker and fold by row number of the slice.
        confidence: of all intervals.
    """

    table: pd.DataFrame
    confidence: float

    @property
    def name(self) -> str:
        """What a unit is: `speaker` where every fold tests one, else `fold`."""
        return "fold" if share_networks(self.table["fold"], self.table["speaker"]) else "speaker"

    def means(self, values: pd.Series) -> NDArray:
        """Means over a speaker's slices, then over a fold's speakers, (units,); values by row number."""
        where = self.table.loc[values.index]
        return over_units(values, where["speaker"], where["fold"])

    def estimate(self, values: pd.Series, name: str) -> dict:
        """The mean over units as `name`, its interval `low` and `high`, and the two-sided p of the same t."""
        means = self.means(values)
        if not len(means):
            return {name: np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
        low, high, p = overlapping_t(means, self.table["fold"].nunique(), self.confidence)
        return {name: float(means.mean()), "low": low, "high": high, "p": p}


def overlapping_t(means: NDArray, folds: int, confidence: float = 0.95) -> tuple[float, float, float]:
    """t-interval and p of a mean over folds whose networks share training slices, by Nadeau and Bengio's correction.

    Args:
        means: of the units, (n,).
        folds: how many there are in all; each trains on nearly all that the others do.
        confidence: of the interval.

    Returns:
        Lower and upper limit, and the two-sided p; of equal means p is that of the sign-flip test. NaN below two.
    """
    count = len(means)
    if count < 2:
        return np.nan, np.nan, np.nan
    mean, error = means.mean(), means.std(ddof=1) * np.sqrt(1 / count + 1 / max(folds - 1, 1))
    p = sign_flip(means).p if rounding(error, mean) else 2 * stdtr(count - 1, -abs(mean) / error)
    return *around(mean, error, count, confidence), float(p)
