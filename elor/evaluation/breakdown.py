"""Where a network fails: its scores by speaker, gender, session, scenario, length of speech, and the raters' agreement.

Groups are aggregates; no row tells a single rating.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.audio import SAMPLE_RATE
from elor.evaluation.agreement import as_classes
from elor.evaluation.caution import without_spread
from elor.evaluation.continuous import ccc, rmse
from elor.evaluation.intervals import jackknife, printed
from elor.evaluation.measures import headline_statistic, range_of
from elor.evaluation.predictions import Judged
from elor.evaluation.recall import uar, war
from elor.targets import Target

LENGTHS_S = (1.0, 2.0, 3.0, 4.5, 6.0)
"""Upper limits of the groups by seconds of speech in a slice; a slice holds 6 s at most."""


ACROSS = ("corpus", "language")
"""Factors of which a run of one corpus has nothing to say."""


def factors(slices: pd.DataFrame, spread: NDArray | None = None) -> dict[str, NDArray]:
    """The groups that each slice belongs to: one array of names, `(n,)`, per factor.

    Args:
        slices: slices.csv: speaker, samples, and gender, session, scenario where known.
        spread: the group of each slice by its raters' agreement (`rater_spread`), if there are ratings.
    """
    groups = {}
    for factor in ("speaker", "gender", "session", "scenario", *ACROSS):
        if factor in slices and (factor not in ACROSS or slices[factor].nunique() > 1):
            groups[factor] = slices[factor].replace("", "unknown").to_numpy(dtype=object)
    groups["length"] = length_groups(slices["samples"].to_numpy() / SAMPLE_RATE)
    if spread is not None:
        groups["agreement"] = spread
    return groups


def length_groups(seconds: NDArray) -> NDArray:
    """Names such as `1.0-2.0 s` (above 1, up to 2) for seconds of speech, `(n,)`."""
    lows = (0.0, *LENGTHS_S[:-1])
    names = np.array([f"{low:.1f}-{high:.1f} s" for low, high in zip(lows, LENGTHS_S, strict=True)], dtype=object)
    return names[np.minimum(np.searchsorted(LENGTHS_S, seconds), len(names) - 1)]


def rater_spread(
    ratings: pd.DataFrame, utterance: pd.Series, dimension: str, target: Target, scale: tuple[float, float]
) -> NDArray:
    """How far an utterance's evaluators lie apart on one dimension, in classes, for each slice's utterance, `(n,)`.

    Returns:
        `all the same`, `1 apart`, `2 or more apart`, or `one rater` (none to disagree with).
    """
    table = as_classes(ratings, target, scale)
    rated = table[table["kind"] == "evaluator"].groupby("utterance")[dimension]
    count = rated.size().reindex(utterance, fill_value=0).to_numpy()
    apart = (rated.max() - rated.min()).reindex(utterance, fill_value=0).to_numpy()
    names = np.array(["all the same", "1 apart", "2 or more apart"], dtype=object)[np.minimum(apart, 2).astype(int)]
    return np.where(count < 2, "one rater", names)


def breakdown(judged: Judged, groups: dict[str, NDArray], confidence: float = 0.95) -> pd.DataFrame:
    """Scores per group.

    A UAR goes over the classes that occur in its group; groups that lack different classes are not comparable, which is
    what the column `classes` is for.

    Args:
        judged: one row per slice.
        groups: from `factors`.
        confidence: of the interval over the group's speakers, NaN below three of them.

    Returns:
        One row per factor and group: factor, group, slices, speakers, classes, uar, war, ci_low, ci_high (of the UAR),
        no_spread (no speaker of the group changes its UAR, so the interval has no width); for values ccc and rmse in
        place of uar and war, and no classes.
    """
    rows = []
    for factor, names in groups.items():
        for name in np.unique(names):
            part = judged.where(names == name)
            rows.append({"factor": factor, "group": name, **_scores(part, confidence)})
    return pd.DataFrame(rows)


def _scores(part: Judged, confidence: float) -> dict[str, float]:
    tallies = part.tallies(part.speaker)
    total = tallies.sum(0)
    interval = printed(jackknife(tallies, headline_statistic(part), confidence), len(tallies), range_of(part))
    row: dict[str, float] = {"slices": len(part.truth), "speakers": len(tallies)}
    if part.head.valued:
        row |= {"ccc": float(ccc(total)), "rmse": float(rmse(total))}
    else:
        row |= {"classes": int((total.sum(1) > 0).sum()), "uar": float(uar(total)), "war": float(war(total))}
    return row | {"ci_low": interval.low, "ci_high": interval.high, "no_spread": without_spread(interval)}
