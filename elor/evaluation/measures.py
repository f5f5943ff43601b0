"""All numbers of one network and head: `score`."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.evaluation import chance_level
from elor.evaluation.calibration import Reliability, ece, reliability
from elor.evaluation.caution import caution, without_spread
from elor.evaluation.continuous import CONCORDANCE, ccc, pearson, rmse
from elor.evaluation.intervals import (
    Interval,
    Statistic,
    bootstrap,
    jackknife,
    percentile_coverage,
    printed,
    speaker_interval,
)
from elor.evaluation.permutation import ccc_null, p_value, uar_null
from elor.evaluation.predictions import Judged, over_utterances
from elor.evaluation.recall import RECALL, kappa, macro_f1, mean_over_folds, recalls, uar, war
from elor.evaluation.settings import Settings

UNORDERED_STATISTICS: dict[str, Statistic] = {"uar": uar, "war": war, "macro_f1": macro_f1}
CLASS_STATISTICS: dict[str, Statistic] = {**UNORDERED_STATISTICS, "kappa": kappa}
VALUE_STATISTICS: dict[str, Statistic] = {"ccc": ccc, "r": pearson, "rmse": rmse}
"""The first of each is the headline: the one that gets intervals, tests and a null distribution."""


def score(
    judged: Judged,
    slices: pd.DataFrame,
    folds: pd.DataFrame | None,
    settings: Settings,
    name: str,
    every: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """All scores of one network and head, as a flat dict.

    Keys without a prefix are pooled over folds and per slice; `utterance_` marks the scores per utterance, `_folds` the
    mean over folds, `ci_` the primary interval (of the headline: UAR, or CCC for values), `war_ci_` that of WAR,
    `baseline_` what guessing reaches, `permutation_` the null distribution. `no_spread` and `caution` say what speaks
    against an interval. Classes without an order have neither `kappa` nor `ccc`.

    Args:
        judged: one row per slice, in the order of `slices`.
        slices: slices.csv, those that are tested.
        folds: folds.csv, or None as in `evaluate`.
        settings: see `Settings`.
        name: names the stream of random numbers.
        every: slices.csv with those that are only learned from; None: all are tested.
    """
    spoken = over_utterances(judged, slices["utterance"].to_numpy(dtype=object))
    trained = training(judged, slices if every is None else every, folds)
    scores = _level(judged, trained, settings, name)
    beside = _level(spoken, trained, settings, f"{name}.utterance")
    scores |= {f"utterance_{key}": value for key, value in beside.items()}
    return scores | _over_groups(judged, settings)


def statistics_of(judged: Judged) -> dict[str, Statistic]:
    """The scores of a head by name, the headline first."""
    if judged.head.valued:
        return VALUE_STATISTICS
    return CLASS_STATISTICS if judged.head.ordered else UNORDERED_STATISTICS


def headline_of(judged: Judged) -> str:
    """The score that gets intervals, tests and a null distribution: `uar`, or `ccc` of values."""
    return next(iter(statistics_of(judged)))


def headline_statistic(judged: Judged) -> Statistic:
    """What the headline is computed by, from tallies."""
    return statistics_of(judged)[headline_of(judged)]


def range_of(judged: Judged) -> tuple[float, float]:
    """Lowest and highest value of the headline."""
    return CONCORDANCE if judged.head.valued else RECALL


def bins_of(judged: Judged, bins: int) -> Reliability:
    """The reliability diagram of a head with probabilities."""
    return reliability(judged.truth, judged.predicted, judged.probabilities, bins)


def null_of(judged: Judged, permutations: int, rng: np.random.Generator) -> NDArray:
    """The headline when labels are permuted within speakers, `(permutations,)`."""
    if not judged.head.valued:
        return uar_null(judged.counts(judged.speaker), permutations, rng)
    return ccc_null(judged.truth, judged.value, judged.speaker, permutations, rng)


def p_by_utterance(judged: Judged, utterance: NDArray, settings: Settings, name: str) -> float:
    """`utterance_permutation_p` of `score`, alone.

    Args:
        judged: one row per slice.
        utterance: the utterance of each row, `(n,)`.
        settings, name: as there.
    """
    spoken = over_utterances(judged, utterance)
    null = null_of(spoken, settings.permutations, settings.stream(f"{name}.utterance", "permutation"))
    return p_value(null, float(headline_statistic(spoken)(spoken.tallies(spoken.speaker).sum(0))))


def training(judged: Judged, slices: pd.DataFrame, folds: pd.DataFrame | None) -> NDArray:
    """What the slices of each fold's training part add up to, folds in sorted order.

    Args:
        judged: one row per slice that is tested.
        slices: slices.csv, all of it.
        folds: folds.csv; None: a fold trains on all that it does not test.

    Returns:
        Slices per class, `(folds, K)`; of values their number and sum, `(folds, 2)`.
    """
    truth = slices[judged.head.name].to_numpy(dtype=float if judged.head.valued else int)
    terms = np.stack([np.ones(len(truth)), truth], axis=1) if judged.head.valued else np.eye(judged.head.outputs)[truth]
    names, member = np.unique(judged.fold, return_inverse=True)
    sums = np.zeros((len(names), terms.shape[1]))
    if folds is None:
        np.add.at(sums, member, terms)
        return terms.sum(0) - sums
    rows = folds[folds["role"] == "train"]
    place = pd.Series(np.arange(len(slices)), index=slices["slice"])
    np.add.at(sums, np.searchsorted(names, rows["fold"]), terms[place.reindex(rows["slice"]).to_numpy()])
    return sums


def _level(judged: Judged, trained: NDArray, settings: Settings, name: str) -> dict[str, Any]:
    """Pooled scores of slices, or of utterances, with intervals, guesses, and the null distribution of the headline."""
    tallies = judged.tallies(judged.speaker)
    total, first = tallies.sum(0), headline_of(judged)
    scores: dict[str, Any] = {"count": len(judged.truth), "speakers": len(tallies)}
    scores |= {key: float(statistic(total)) for key, statistic in statistics_of(judged).items()}
    scores |= _intervals(judged, tallies, settings, name)
    if judged.head.valued:
        scores |= _value_guesses(judged, trained)
    else:
        scores |= {f"recall_{k}": float(recall) for k, recall in enumerate(recalls(total))}
        scores["fewest_of_a_class"] = int(min(count for count in total.sum(1) if count))
        scores |= _class_guesses(judged, trained)
    if judged.head.ordered and not judged.head.valued:
        scores["ccc"] = float(ccc(judged.sums(judged.speaker).sum(0)))
    if judged.probabilities is not None:
        scores["ece"] = ece(bins_of(judged, settings.bins))
    null = null_of(judged, settings.permutations, settings.stream(name, "permutation"))
    return scores | {"permutation_p": p_value(null, scores[first]), "permutation_999": float(np.quantile(null, 0.999))}


def _intervals(judged: Judged, tallies: NDArray, settings: Settings, name: str) -> dict[str, Any]:
    """Intervals over speakers of the headline, of WAR, and what must be known of them."""
    count, statistic = len(tallies), headline_statistic(judged)
    primary = jackknife(tallies, statistic, settings.confidence)
    source = settings.stream(name, "bootstrap")
    percentile, studentised = bootstrap(tallies, statistic, source, settings.confidence, settings.draws)
    scores: dict[str, Any] = {}
    limits = range_of(judged)
    primary, studentised, percentile = (printed(one, count, limits) for one in (primary, studentised, percentile))
    scores |= _ends("ci", primary) | _ends("bootstrap_t", studentised) | _ends("bootstrap", percentile)
    scores["bootstrap_covers"] = percentile_coverage(count, settings.confidence)
    owners = None
    if not judged.head.valued:
        scores |= _ends("war_ci", printed(jackknife(tallies, war, settings.confidence), count, RECALL))
        having = (tallies.sum(2) > 0).sum(0)
        owners = scores["fewest_speakers_of_a_class"] = int(having[having > 0].min())
    return scores | {"no_spread": without_spread(primary), "caution": caution(count, primary, owners)}


def _over_groups(judged: Judged, settings: Settings) -> dict[str, Any]:
    """Means over folds, and the mean over speakers with its t-interval."""
    statistics, first = statistics_of(judged), headline_of(judged)
    folds = judged.tallies(judged.fold)
    scores: dict[str, Any] = {f"{key}_folds": mean_over_folds(s(folds)) for key, s in statistics.items()}
    if not judged.head.valued:
        if judged.head.ordered:
            scores["ccc_folds"] = mean_over_folds(ccc(judged.sums(judged.fold)))
        occurs = folds.sum(2) > 0
        scores["folds_lacking_a_class"] = int((occurs.sum(1) < occurs.any(0).sum()).sum())
    each = statistics[first](judged.tallies(judged.speaker))
    interval = printed(speaker_interval(each, settings.confidence), int(np.isfinite(each).sum()), range_of(judged))
    scores[f"{first}_speakers"] = mean_over_folds(each)
    return scores | _ends(f"{first}_speakers", interval)


def _class_guesses(judged: Judged, trained: NDArray) -> dict[str, float]:
    """Expected WAR and UAR of guessing, from the classes in each fold's training and test part.

    `majority` is ours, from the training parts; `tested` is the paper's, from the priors of all test parts.
    """
    tested = judged.counts(judged.fold).sum(2)
    guesses = {
        "uniform": chance_level.uniform_guess(tested),
        "majority": chance_level.majority_guess(trained, tested),
        "tested": chance_level.majority_guess(np.broadcast_to(tested.sum(0), tested.shape), tested),
        "prior": chance_level.prior_guess(trained, tested),
    }
    found: dict[str, float] = {
        f"baseline_{guess}_{key}": float(statistic(counts))
        for guess, counts in guesses.items()
        for key, statistic in (("uar", uar), ("war", war))
    }
    found["baseline_tested_class"] = int(tested.sum(0).argmax())
    said = np.unique(trained.argmax(1))
    if len(said) == 1 and trained.sum(1).all():  # else folds guess different classes
        found["baseline_majority_class"] = int(said[0])
    return found


def _value_guesses(judged: Judged, trained: NDArray) -> dict[str, float]:
    """CCC and RMSE of guessing the mean of each fold's training part."""
    guess = chance_level.mean_guess(trained, judged.truth, np.unique(judged.fold, return_inverse=True)[1])
    return {"baseline_mean_ccc": float(ccc(guess)), "baseline_mean_rmse": float(rmse(guess))}


def _ends(key: str, interval: Interval) -> dict[str, float]:
    return {f"{key}_low": interval.low, f"{key}_high": interval.high}
