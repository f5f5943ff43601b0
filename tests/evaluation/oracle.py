"""Every number that `evaluate` prints, once more: from rows, one formula each, by scikit-learn and scipy if they can.

Nothing here adds up tallies. Rows have the columns speaker, fold, truth, predicted, value, and p0.. where there are
probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics

Rows = pd.DataFrame
Score = Callable[[Rows], float]


def uar(rows: Rows) -> float:
    return metrics.recall_score(rows.truth, rows.predicted, labels=sorted(rows.truth.unique()), average="macro")


def war(rows: Rows) -> float:
    return metrics.accuracy_score(rows.truth, rows.predicted)


def macro_f1(rows: Rows) -> float:
    return metrics.f1_score(rows.truth, rows.predicted, average="macro")


def kappa(rows: Rows) -> float:
    return metrics.cohen_kappa_score(rows.truth, rows.predicted, labels=range(4), weights="quadratic")


def ccc(rows: Rows) -> float:
    cov = np.cov(rows.truth, rows.value, ddof=0)
    return 2 * cov[0, 1] / (cov[0, 0] + cov[1, 1] + (rows.truth.mean() - rows.value.mean()) ** 2)


def r(rows: Rows) -> float:
    return stats.pearsonr(rows.truth, rows.value).statistic


def rmse(rows: Rows) -> float:
    return metrics.root_mean_squared_error(rows.truth, rows.value)


SCORES: dict[str, dict[str, Score]] = {
    "ordered": {"uar": uar, "war": war, "macro_f1": macro_f1, "kappa": kappa, "ccc": ccc},
    "unordered": {"uar": uar, "war": war, "macro_f1": macro_f1},
    "values": {"ccc": ccc, "r": r, "rmse": rmse},
}


def interval(rows: Rows, score: Score, confidence: float) -> tuple[float, float]:
    """The t-interval around the pooled score, its error from the scores without each speaker."""
    without = np.array([score(rows[rows.speaker != name]) for name in rows.speaker.unique()])
    n = len(without)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return stats.t.interval(confidence, n - 1, score(rows), error)


def resampled(rows: Rows, score: Score, confidence: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The percentile interval of speakers drawn with replacement."""
    own = [np.flatnonzero(rows.speaker == name) for name in rows.speaker.unique()]
    drawn = [
        score(rows.iloc[np.concatenate([own[k] for k in rng.integers(0, len(own), len(own))])]) for _ in range(draws)
    ]
    return np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])


def shuffled(rows: Rows, score: Score, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Scores after the truth was shuffled within each speaker."""
    own = [np.flatnonzero(rows.speaker == name) for name in rows.speaker.unique()]
    found = []
    for _ in range(draws):
        truth = rows.truth.to_numpy().copy()
        for places in own:
            truth[places] = rng.permutation(truth[places])
        found.append(score(rows.assign(truth=truth)))
    return np.array(found)


def swapped(a: Rows, b: Rows, score: Score) -> float:
    """The two-sided p of all exchanges of two networks' answers, speaker by speaker."""
    names, differences = a.speaker.unique(), []
    answers = [name for name in ("predicted", "value") if name in a]
    for swaps in product([False, True], repeat=len(names)):
        swap = a.speaker.isin(names[list(swaps)])
        one, other = (a.assign(**{n: np.where(s, b[n], a[n]) for n in answers}) for s in (swap, ~swap))
        differences.append(score(one) - score(other))
    return float(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))


def ece(rows: Rows, bins: int) -> float:
    shares = rows.filter(regex="^p[0-9]$").to_numpy()
    confidence = shares[np.arange(len(rows)), rows.predicted]
    right, total = (rows.predicted == rows.truth).to_numpy(), 0.0
    for low, high in zip(np.linspace(0, 1, bins + 1)[:-1], np.linspace(0, 1, bins + 1)[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def guesses(rows: Rows, trained: dict[str, np.ndarray], values: bool) -> dict[str, float]:
    """What guessing reaches, row by row: how probable is it that the guess hits?

    Args:
        rows: the tested ones.
        trained: the truth of each fold's training slices.
        values: guess the training part's mean.
    """
    if values:
        mean = rows.assign(value=[trained[fold].mean() for fold in rows.fold])
        return {"baseline_mean_ccc": ccc(mean), "baseline_mean_rmse": rmse(mean)}
    prior = pd.Series([np.mean(trained[f] == t) for f, t in zip(rows.fold, rows.truth, strict=True)], rows.index)
    most = pd.Series([stats.mode(trained[f]).mode == t for f, t in zip(rows.fold, rows.truth, strict=True)], rows.index)
    found = {}
    said, tested = {int(stats.mode(values).mode) for values in trained.values()}, int(stats.mode(rows.truth).mode)
    found["baseline_tested_class"] = tested
    if len(said) == 1:
        found["baseline_majority_class"] = said.pop()
    uniform = pd.Series(0.25, rows.index)
    for name, hit in (("uniform", uniform), ("majority", most), ("prior", prior), ("tested", rows.truth == tested)):
        found[f"baseline_{name}_war"] = hit.mean()
        found[f"baseline_{name}_uar"] = hit.groupby(rows.truth).mean().mean()
    return found


def level(
    rows: Rows, kind: str, trained: dict[str, np.ndarray], confidence: float, bins: int
) -> tuple[dict[str, float], Score]:
    """All but the random numbers of one level (slices, or utterances), and the headline."""
    scores = SCORES[kind]
    headline, covers = next(iter(scores.values())), len(rows.speaker.unique())
    z = stats.norm.ppf((1 + confidence) / 2) * np.sqrt((covers - 1) / covers)
    found = {"count": len(rows), "speakers": covers, "no_spread": False, "caution": ""}
    found |= {name: score(rows) for name, score in scores.items()} | guesses(rows, trained, kind == "values")
    found["ci_low"], found["ci_high"] = interval(rows, headline, confidence)
    found["bootstrap_covers"] = stats.t(covers - 1).cdf(z) - stats.t(covers - 1).cdf(-z)
    if kind != "values":
        found["war_ci_low"], found["war_ci_high"] = interval(rows, war, confidence)
        recalls = metrics.recall_score(rows.truth, rows.predicted, labels=range(4), average=None)
        found |= {f"recall_{k}": recall for k, recall in enumerate(recalls)}
        found["fewest_of_a_class"] = rows.truth.value_counts().min()
        found["fewest_speakers_of_a_class"] = rows.groupby("truth").speaker.nunique().min()
        found["ece"] = ece(rows, bins)
    return found, headline


def groups(rows: Rows, kind: str, confidence: float) -> dict[str, float]:
    """Means over folds and over speakers."""
    scores = SCORES[kind]
    found = {
        f"{name}_folds": np.mean([score(part) for _, part in rows.groupby("fold")]) for name, score in scores.items()
    }
    name, headline = next(iter(scores.items()))
    each = [headline(part) for _, part in rows.groupby("speaker")]
    low, high = stats.ttest_1samp(each, 0).confidence_interval(confidence)
    found |= {f"{name}_speakers": np.mean(each), f"{name}_speakers_low": low, f"{name}_speakers_high": high}
    if kind != "values":
        found["folds_lacking_a_class"] = sum(rows.groupby("fold").truth.nunique() < rows.truth.nunique())
    return found
