"""The human ceiling: how well people agree, so that a reader sees 0.45 beside what people reach.

What people are compared with is what networks are scored against. Where the labels are one evaluator's, that is this
evaluator; where they are a mean of all evaluators (`labels.rater: mean`, and the targets regression and distribution
always), each evaluator is compared with the mean of the *others*: a mean that holds one's own rating agrees with it for
no merit. It has one rater less than the labels, so this ceiling is, if anything, too low. Ratings are compared
utterance by utterance: as classes, by the same rule that makes the labels, and for regression as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, triu

from elor.corpora.faults import joined
from elor.corpora.labels import MEAN, scaled, to_class
from elor.evaluation.caution import caution, without_spread
from elor.evaluation.continuous import CONCORDANCE, ccc, moments, rmse
from elor.evaluation.intervals import jackknife, printed
from elor.evaluation.recall import RECALL, Array, confusions, kappa, ratio, uar, war
from elor.targets import Target

MEAN_OF_OTHERS = "the mean of the other evaluators"

NO_VOTES = (
    "There is no human ceiling for emotions: ratings.csv holds ratings of {dimensions}, and no single "
    "evaluator's choice of an emotion. What stands here is about {dimensions}."
)

MOST_PAIRS = 100
"""Pairs of evaluators that are listed one by one: those with the most utterances in common."""


def agreement(
    ratings: pd.DataFrame,
    utterances: pd.DataFrame,
    rater: str | Mapping[str, str],
    target: Target,
    scale: tuple[float, float] = (1.0, 5.0),
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Agreement of the evaluators with the labels' one (or with each other's mean), with each other, and as a whole.

    Args:
        ratings: ratings.csv: utterance, rater, kind (evaluator, self), and the dimensions; missing = empty.
        utterances: utterances.csv: utterance, speaker, and corpus if there are several.
        rater: the chosen evaluator, or `mean`; by corpus if there are several.
        target: what the labels are.
        scale: lowest and highest rating.
        confidence: of the intervals over speakers.

    Returns:
        Per dimension: `others`, all other evaluators' ratings as predictions of the chosen one's, or each evaluator's
        as predictions of the mean of the others (`war`, `uar`, `kappa`, and on 0 .. classes-1 `ccc` and `rmse`; an
        interval over speakers of the UAR, for regression of the CCC; `no_spread`, `caution`, `utterances`, `ratings`);
        `raters`, the same for each single rater, self-reports apart; `pairs` and `pairs_summary` (`pairs_of`);
        `alpha`, Krippendorff's ordinal alpha of all evaluators. And `exact`, the share of utterances of two and more
        evaluators on which all give the same to every dimension, with `exact_utterances` and `ratings_per_utterance`;
        `rater` and `reference`, whom they are compared with; `note`, for emotions, that there is no ceiling. A corpus
        with one rater has none of it: empty lists and NaN.
    """
    names = [rater] if isinstance(rater, str) else list(dict.fromkeys(rater.values()))
    names = [MEAN] if target.averaged else names
    several = len(names) > 1 and not isinstance(rater, str)
    chosen = utterances.set_index("utterance")["corpus"].map(rater) if several else names[0]
    points = as_points(ratings, target, scale)
    people = as_classes(ratings[ratings["kind"] == "evaluator"], target, scale)
    speaker = utterances.set_index("utterance")["speaker"]
    called = [MEAN_OF_OTHERS if name == MEAN else name for name in names]
    result: dict[str, Any] = {"rater": ", ".join(names), "reference": joined(called)}
    result |= exact_agreement(people, target.dimensions)
    if not target.rated:
        result["note"] = NO_VOTES.format(dimensions=joined(target.dimensions))
    for dimension in target.dimensions:
        everyone = against(points, chosen, dimension, speaker)
        how = (target.classes, confidence, target.heads[0].valued)
        pairs, summary = pairs_of(people, dimension, target.classes)
        result[dimension] = {
            "others": _prediction(everyone[everyone["kind"] == "evaluator"], *how),
            "raters": [
                {"rater": name, "kind": kind, **_prediction(group, *how)}
                for (name, kind), group in everyone.groupby(["rater", "kind"])  # who rates others and herself is two
            ],
            "pairs": pairs,
            "pairs_summary": summary,
            "alpha": krippendorff(value_counts(people, dimension, target.classes), "ordinal"),
        }
    return result


def as_classes(ratings: pd.DataFrame, target: Target, scale: tuple[float, float]) -> pd.DataFrame:
    """Ratings as classes, by the rule that makes the labels; only those that give all the target's dimensions."""
    table = ratings.dropna(subset=list(target.dimensions))
    return table.assign(**{d: to_class(table[d].to_numpy(), target.classes, *scale) for d in target.dimensions})


def as_points(ratings: pd.DataFrame, target: Target, scale: tuple[float, float]) -> pd.DataFrame:
    """The same on the scale of the classes, 0 .. classes-1, without rounding."""
    table = ratings.dropna(subset=list(target.dimensions))
    return table.assign(**{d: scaled(table[d].to_numpy(), target.classes, *scale) for d in target.dimensions})


def against(rated: pd.DataFrame, rater: str | pd.Series, dimension: str, speaker: pd.Series) -> pd.DataFrame:
    """Raters' points beside those of the chosen one, or beside the mean of all other evaluators.

    Args:
        rated: from `as_points`.
        rater: the chosen one, or `mean`; of each utterance its own if it is a series by utterance. Self-reports are
            compared, but belong to no mean.
        dimension: which.
        speaker: by utterance.

    Returns:
        One row per rating that has something beside it: rater, kind, utterance, truth, predicted, speaker.
    """
    names = rater if isinstance(rater, str) else rater.reindex(rated["utterance"]).to_numpy(dtype=object)
    own = ((rated["rater"] == names) & (rated["kind"] == "evaluator")).to_numpy()
    chosen = rated[own].set_index("utterance")[dimension].reindex(rated["utterance"]).to_numpy()
    truth = np.where(own, np.nan, chosen)
    if np.any(mean := np.asarray(names == MEAN)):
        truth = np.where(mean, _mean_of_others(rated, dimension), truth)
    table = rated[["rater", "kind", "utterance"]].assign(truth=truth, predicted=rated[dimension])
    table = table[np.isfinite(truth)]
    return table.assign(speaker=speaker.reindex(table["utterance"]).to_numpy(dtype=object))


def exact_agreement(people: pd.DataFrame, dimensions: Sequence[str]) -> dict[str, float]:
    """How often all evaluators of an utterance give the same to all dimensions (the paper, of two: 16 %)."""
    groups = people.groupby("utterance")
    several = groups.size() >= 2
    same = (groups[list(dimensions)].nunique() == 1).all(axis=1)[several]
    return {
        "exact": float(same.mean()) if len(same) else float("nan"),
        "exact_utterances": len(same),
        "ratings_per_utterance": float(groups.size().mean()) if len(people) else float("nan"),
    }


def value_counts(rated: pd.DataFrame, dimension: str, classes: int) -> NDArray[np.int64]:
    """How many raters gave each class to each utterance, `(utterances, classes)`."""
    units, place = np.unique(rated["utterance"].to_numpy(dtype=object), return_inverse=True)
    cells = place * classes + rated[dimension].to_numpy(dtype=int)
    return np.bincount(cells, minlength=len(units) * classes).reshape(len(units), classes)


def krippendorff(counts: ArrayLike, metric: str = "ordinal") -> float:
    """Krippendorff's alpha = 1 - D_observed / D_expected, from the values that each unit received.

    With coincidences o_ck = sum_u n_uc (n_uk - [c = k]) / (m_u - 1) over units of m_u >= 2 values, their margins n_c
    and N = sum n_c: alpha = 1 - (N - 1) sum o_ck d_ck / sum n_c n_k d_ck. The squared distance d_ck is 1 (nominal), (c
    - k)^2 (interval), or (sum_{g=c..k} n_g - (n_c + n_k) / 2)^2 (ordinal). Reference: Krippendorff, "Computing
    Krippendorff's alpha-reliability", 2011. NaN where no unit has two values or only one class occurs.

    Args:
        counts: how many raters gave each class to each unit, `(units, classes)`, classes in order.
        metric: `nominal`, `ordinal` or `interval`.
    """
    counts = np.asarray(counts, dtype=np.float64)
    counts = counts[counts.sum(1) >= 2]
    shares = counts / (counts.sum(1, keepdims=True) - 1)
    coincidences = shares.T @ counts - np.diag(shares.sum(0))
    margins = coincidences.sum(1)
    distance = _distances(margins, metric)
    expected = (np.outer(margins, margins) * distance).sum()
    return float(1 - ratio((margins.sum() - 1) * (coincidences * distance).sum(), expected))


def _distances(margins: Array, metric: str) -> Array:
    """Squared distances between classes, `(classes, classes)`."""
    order = np.arange(len(margins))
    if metric == "nominal":
        return (order[:, None] != order).astype(np.float64)
    if metric == "interval":
        return (order[:, None] - order).astype(np.float64) ** 2
    middle = np.cumsum(margins) - margins / 2  # of each class on the scale of ranks
    return (middle[:, None] - middle) ** 2


def pairs_of(people: pd.DataFrame, dimension: str, classes: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Agreement of each pair of evaluators that have utterances in common.

    Args:
        people: evaluators' ratings as classes, one per utterance and rater.
        dimension: which.
        classes: number of classes.

    Returns:
        The `MOST_PAIRS` pairs with the most common utterances, in the order of their names: a, b, utterances, exact,
        kappa. And a summary of all: `pairs`, how many are `listed`, and the means of `exact` and `kappa` over pairs,
        weighted by common utterances.
    """
    raters, row = np.unique(people["rater"].to_numpy(dtype=object), return_inverse=True)
    table = _all_pairs(row, people["utterance"], people[dimension].to_numpy(dtype=np.int64), classes)
    known = table.dropna()
    summary = {
        "pairs": len(table),
        "listed": min(len(table), MOST_PAIRS),
        "exact": float(ratio(table["exact"] @ table["utterances"], table["utterances"].sum())),
        "kappa": float(ratio(known["kappa"] @ known["utterances"], known["utterances"].sum())),
    }
    most = table.sort_values(["utterances", "a", "b"], ascending=[False, True, True])[:MOST_PAIRS]
    shown = most.sort_values(["a", "b"])
    return shown.assign(a=raters[shown["a"]], b=raters[shown["b"]]).to_dict("records"), summary


def _all_pairs(rater: NDArray, utterance: pd.Series, value: NDArray, classes: int) -> pd.DataFrame:
    """Every pair of raters (as numbers) with common utterances: a, b, utterances, exact, kappa.

    A few products of sparse matrices (raters, utterances) make all pairs at once. With x and y the classes of a pair on
    its n common utterances, quadratic-weighted kappa is 1 - sum (x - y)^2 / (sum x^2 + sum y^2 - 2 sum x sum y / n).
    """
    units, column = np.unique(utterance.to_numpy(dtype=object), return_inverse=True)
    shape = (rater.max(initial=-1) + 1, len(units))
    one, x, xx = (csr_array((value**power, (rater, column)), shape=shape) for power in range(3))
    votes = csr_array((value**0, (rater, column * classes + value)), shape=(shape[0], shape[1] * classes))
    common = triu(one @ one.T, k=1, format="coo")
    (a, b), n = common.coords, common.data
    same, xy, sum_a, sum_b, square_a, square_b = (
        np.asarray((left @ right.T).tocsr()[a, b]).ravel() if len(n) else n
        for left, right in ((votes, votes), (x, x), (x, one), (one, x), (xx, one), (one, xx))
    )
    squares = square_a + square_b
    weighted = 1 - ratio(squares - 2 * xy, squares - 2 * sum_a * sum_b / n)
    return pd.DataFrame({"a": a, "b": b, "utterances": n, "exact": same / n, "kappa": weighted})


def _mean_of_others(rated: pd.DataFrame, dimension: str) -> Array:
    """For each rating the mean of the evaluators' ratings of its utterance without this one; NaN where none is left."""
    evaluator = (rated["kind"] == "evaluator").to_numpy()
    own = np.where(evaluator, rated[dimension], 0.0)
    groups = rated["utterance"]
    sums = pd.Series(own, index=rated.index).groupby(groups).transform("sum").to_numpy()
    count = pd.Series(evaluator, index=rated.index).groupby(groups).transform("sum").to_numpy()
    return ratio(sums - own, count - evaluator)


def _prediction(pairs: pd.DataFrame, classes: int, confidence: float, values: bool) -> dict[str, Any]:
    """Scores of one rater's (or several raters') points as predictions of what stands beside them.

    Args:
        pairs: from `against`.
        classes: number of classes.
        confidence: of the interval.
        values: compare the points as they are (regression), not as classes.
    """
    names, groups = np.unique(pairs["speaker"].to_numpy(dtype=object), return_inverse=True)
    points = [np.clip(pairs[side].to_numpy(dtype=float), 0, classes - 1) for side in ("truth", "predicted")]
    rounded = [to_class(side, classes, 0, classes - 1) for side in points]
    counts = confusions(*rounded, classes, groups, len(names))
    sums = moments(*(points if values else rounded), groups, len(names))
    tallies, statistic, limits = (sums, ccc, CONCORDANCE) if values else (counts, uar, RECALL)
    interval = printed(jackknife(tallies, statistic, confidence), len(names), limits)
    scores: dict[str, Any] = {key: float(score(counts.sum(0))) for key, score in (("war", war), ("uar", uar))}
    scores |= {"ci_low": interval.low, "ci_high": interval.high, "kappa": float(kappa(counts.sum(0)))}
    scores |= {"ccc": float(ccc(sums.sum(0))), "rmse": float(rmse(sums.sum(0)))}
    scores |= {"no_spread": without_spread(interval), "caution": caution(len(names), interval)}
    return scores | {"speakers": len(names), "utterances": pairs["utterance"].nunique(), "ratings": len(pairs)}
