"""The human ceiling: how well people agree, so that a reader sees 0.45 beside what people reach.

Ratings are compared as classes, by the same rule that makes the labels, and utterance by utterance.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from elor.corpora.labels import to_class
from elor.corpora.tables import DIMENSIONS
from elor.evaluation.intervals import jackknife
from elor.evaluation.recall import Array, confusions, kappa, ratio, uar, war


def agreement(
    ratings: pd.DataFrame,
    utterances: pd.DataFrame,
    rater: str,
    classes: int,
    scale: tuple[float, float] = (1.0, 5.0),
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Agreement of the evaluators with the chosen one, with each other, and as a whole.

    Args:
        ratings: ratings.csv: utterance, rater, kind (evaluator, self), valence, arousal; missing = empty.
        utterances: utterances.csv: utterance, speaker.
        rater: the chosen evaluator.
        classes: number of classes of a dimension.
        scale: lowest and highest rating.
        confidence: of the intervals over speakers.

    Returns:
        Per dimension: `others`, all other evaluators' ratings as predictions of the chosen one's (`war`, `uar` with an
        interval over speakers, `kappa`, `utterances`, `ratings`); `raters`, the same for each single rater,
        self-reports included; `pairs`, for each pair of evaluators (utterances, exact, kappa); `alpha`, Krippendorff's
        ordinal alpha of all evaluators. And `exact`, the share of utterances of two and more evaluators on which all
        give the same valence and arousal, with `exact_utterances` and `ratings_per_utterance`. A corpus with one rater
        has none of it: empty lists and NaN.
    """
    table = as_classes(ratings, classes, scale)
    people = table[table["kind"] == "evaluator"]
    speaker = utterances.set_index("utterance")["speaker"]
    result: dict[str, Any] = {"rater": rater, **exact_agreement(people)}
    for dimension in DIMENSIONS:
        everyone = against(table, rater, dimension, speaker)
        result[dimension] = {
            "others": _prediction(everyone[everyone["kind"] == "evaluator"], classes, confidence),
            "raters": [
                {"rater": name, "kind": group["kind"].iloc[0], **_prediction(group, classes, confidence)}
                for name, group in everyone.groupby("rater")
            ],
            "pairs": _pairs(people, dimension, classes),
            "alpha": krippendorff(value_counts(people, dimension, classes), "ordinal"),
        }
    return result


def as_classes(ratings: pd.DataFrame, classes: int, scale: tuple[float, float]) -> pd.DataFrame:
    """Ratings as classes, by the rule that makes the labels; only those that give both dimensions."""
    table = ratings.dropna(subset=list(DIMENSIONS))
    return table.assign(**{name: to_class(table[name].to_numpy(), classes, *scale) for name in DIMENSIONS})


def against(rated: pd.DataFrame, rater: str, dimension: str, speaker: pd.Series) -> pd.DataFrame:
    """Other raters' classes beside the chosen one's on common utterances: rater, kind, truth, predicted, speaker."""
    chosen = rated.loc[rated["rater"] == rater].set_index("utterance")[dimension]
    others = rated[(rated["rater"] != rater) & rated["utterance"].isin(chosen.index)]
    return pd.DataFrame(
        {
            "rater": others["rater"],
            "kind": others["kind"],
            "utterance": others["utterance"],
            "truth": chosen.reindex(others["utterance"]).to_numpy().astype(int),
            "predicted": others[dimension].to_numpy().astype(int),
            "speaker": speaker.reindex(others["utterance"]).to_numpy(dtype=object),
        }
    )


def exact_agreement(people: pd.DataFrame) -> dict[str, float]:
    """How often all evaluators of an utterance give the same valence and arousal (the paper: 16 %)."""
    groups = people.groupby("utterance")
    several = groups.size() >= 2
    same = (groups[list(DIMENSIONS)].nunique() == 1).all(axis=1)[several]
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


def _prediction(pairs: pd.DataFrame, classes: int, confidence: float) -> dict[str, float]:
    """Scores of one rater's (or several raters') classes as predictions of the chosen rater's."""
    names, groups = np.unique(pairs["speaker"].to_numpy(dtype=object), return_inverse=True)
    tallies = confusions(pairs["truth"], pairs["predicted"], classes, groups, len(names))
    total, interval = tallies.sum(0), jackknife(tallies, uar, confidence)
    scores = {"war": float(war(total)), "uar": float(uar(total)), "ci_low": interval.low, "ci_high": interval.high}
    return scores | {"kappa": float(kappa(total)), "utterances": pairs["utterance"].nunique(), "ratings": len(pairs)}


def _pairs(evaluators: pd.DataFrame, dimension: str, classes: int) -> list[dict[str, Any]]:
    """Agreement of each pair of evaluators that have utterances in common."""
    wide = evaluators.pivot(index="utterance", columns="rater", values=dimension)
    found = []
    for a, b in combinations(wide.columns, 2):
        both = wide[[a, b]].dropna().to_numpy(dtype=int)
        if len(both):
            counts = confusions(both[:, 0], both[:, 1], classes, np.zeros(len(both), dtype=int), 1)[0]
            scores = {"exact": float(war(counts)), "kappa": float(kappa(counts))}
            found.append({"a": a, "b": b, "utterances": len(both), **scores})
    return found
