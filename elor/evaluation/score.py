"""Everything that is printed about predictions, from one call: `evaluate`.

metrics/uar.json                            Evaluation.headline
metrics/<dimension>/<network>.json          Evaluation.metrics[dimension][network]
metrics/comparisons.json                    Evaluation.comparisons
metrics/agreement.json                      Evaluation.agreement
plots/data/scores/<name>.csv                Evaluation.plots[name]
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.corpora.tables import DIMENSIONS
from elor.errors import UserError
from elor.evaluation import baselines
from elor.evaluation.agreement import agreement
from elor.evaluation.breakdown import breakdown, factors, rater_spread
from elor.evaluation.calibration import Reliability, cross_entropy, ece, reliability
from elor.evaluation.comparisons import difference_interval, exchange, holm, mcnemar
from elor.evaluation.continuous import ccc, pearson, rmse
from elor.evaluation.guard import check_folds
from elor.evaluation.intervals import Statistic, bootstrap, jackknife, percentile_coverage, speaker_interval
from elor.evaluation.permutation import ccc_null, p_value, uar_null
from elor.evaluation.recall import kappa, macro_f1, mean_over_folds, recalls, uar, war
from elor.evaluation.selection import selection_gap
from elor.evaluation.tables import (
    Judged,
    check_predictions,
    fold_per_slice,
    judge,
    over_utterances,
    probability_columns,
)
from elor.targets import heads

CLASS_STATISTICS: dict[str, Statistic] = {"uar": uar, "war": war, "macro_f1": macro_f1, "kappa": kappa}
VALUE_STATISTICS: dict[str, Statistic] = {"ccc": ccc, "r": pearson, "rmse": rmse}
"""The first of each is the headline: the one that gets intervals, tests and a null distribution."""

MCNEMAR_NOTE = "description only: slices of a speaker are not independent, so this p is too small"


@dataclass(frozen=True)
class Settings:
    """What `evaluate` needs to know beside the tables.

    Attributes:
        confidence: nominal coverage of all intervals.
        draws: bootstrap samples of speakers.
        permutations: of labels within speakers; random sign patterns above 20 speakers.
        seed: of all of these; every network and head draws from a stream of its own.
        comparisons: declared beforehand: (dimension, network a, network b).
        rater: the evaluator whose ratings are the labels.
        protocol: `paper` or `strict`.
        target: `classes`, `distribution`, `regression` or `emotion`.
        classes: number of classes of a dimension.
        scale: lowest and highest rating.
        bins: of the reliability diagram.
    """

    confidence: float = 0.95
    draws: int = 10_000
    permutations: int = 10_000
    seed: int = 0
    comparisons: tuple[tuple[str, str, str], ...] = ()
    rater: str = "E-2"
    protocol: str = "paper"
    target: str = "classes"
    classes: int = 5
    scale: tuple[float, float] = (1.0, 5.0)
    bins: int = 15


@dataclass(frozen=True)
class Evaluation:
    """Results as plain values, ready to be written; the module's docstring says where."""

    headline: dict[str, float]
    metrics: dict[str, dict[str, dict[str, Any]]]
    comparisons: dict[str, Any]
    agreement: dict[str, Any]
    protocol: dict[str, Any]
    plots: dict[str, pd.DataFrame]


def evaluate(
    slices: pd.DataFrame,
    folds: pd.DataFrame | None,
    utterances: pd.DataFrame,
    ratings: pd.DataFrame,
    predictions: dict[str, pd.DataFrame],
    audits: dict[str, pd.DataFrame],
    settings: Settings,
) -> Evaluation:
    """Score the predictions of any number of networks.

    Args:
        slices: slices.csv.
        folds: folds.csv; None for predictions from elsewhere: then each speaker is a fold, all others its training
            part.
        utterances: utterances.csv.
        ratings: ratings.csv.
        predictions: per network, in the format of `elor.evaluation.tables`.
        audits: per network, its confusion counts on the test part per epoch; a network without it has no selection gap.
        settings: see `Settings`.

    Raises:
        UserError: if the folds break the protocol, predictions are incomplete, or a comparison names what is not there.
    """
    asked = heads(settings.target, settings.classes)
    protocol = {} if folds is None else check_folds(folds, slices, settings.protocol)
    fold = fold_per_slice(slices, folds)
    judged: dict[str, dict[str, Judged]] = {head.name: {} for head in asked}
    metrics: dict[str, dict[str, dict[str, Any]]] = {head.name: {} for head in asked}
    for network, table in predictions.items():
        checked = check_predictions(table, slices, asked, folds)
        for head in asked:
            one = judged[head.name][network] = judge(checked, slices, head, fold)
            scores = score(one, slices, folds, settings, f"{head.name}.{network}")
            if head.classes is not None and settings.target == "distribution":
                scores |= _soft(one, slices[probability_columns(head)].to_numpy(dtype=float))
            if network in audits:
                scores |= selection_gap(audits[network], head.name, head.classes)
            metrics[head.name][network] = scores
    return Evaluation(
        headline={
            f"{name}.{network}": scores[_headline(judged[name][network])]
            for name, networks in metrics.items()
            for network, scores in networks.items()
        },
        metrics=metrics,
        comparisons=compare_all(judged, settings),
        agreement=agreement(ratings, utterances, settings.rater, settings.classes, settings.scale, settings.confidence),
        protocol=protocol,
        plots=plot_tables(judged, slices, ratings, settings),
    )


def score(
    judged: Judged, slices: pd.DataFrame, folds: pd.DataFrame | None, settings: Settings, name: str
) -> dict[str, Any]:
    """All scores of one network and head, as a flat dict.

    Keys without a prefix are pooled over folds and per slice; `utterance_` marks the scores per utterance, `_folds` the
    mean over folds, `ci_` the primary interval (of the headline: UAR, or CCC for values), `war_ci_` that of WAR,
    `baseline_` what guessing reaches, `permutation_` the null distribution.

    Args:
        judged: one row per slice, in the order of `slices`.
        slices: slices.csv.
        folds: folds.csv, or None as in `evaluate`.
        settings: see `Settings`.
        name: names the stream of random numbers.
    """
    spoken = over_utterances(judged, slices["utterance"].to_numpy(dtype=object))
    scores = _level(judged, settings, name)
    scores |= {f"utterance_{key}": value for key, value in _level(spoken, settings, f"{name}.utterance").items()}
    scores |= _over_groups(judged, settings)
    if judged.classes is not None:
        scores |= _baselines(judged, slices, folds)
    return scores


def compare_all(judged: dict[str, dict[str, Judged]], settings: Settings) -> dict[str, Any]:
    """Test the declared comparisons, Holm-corrected over all of them.

    Raises:
        UserError: if a comparison names a dimension or network that is not there.
    """
    tests = []
    for dimension, a, b in settings.comparisons:
        known = judged.get(dimension, {})
        if a not in known or b not in known:
            raise UserError(
                f"The comparison {dimension}: {a} against {b} names what was not predicted; there are "
                f"{', '.join(f'{head}: {network}' for head, networks in judged.items() for network in networks)}."
            )
        tests.append({"dimension": dimension, "a": a, "b": b, **compare(known[a], known[b], settings)})
    for test, adjusted in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = adjusted
    return {"test": "sign flip over speakers, two-sided", "correction": "Holm", "comparisons": tests}


def compare(a: Judged, b: Judged, settings: Settings) -> dict[str, Any]:
    """Compare two networks, or two runs of one (`shared` against `nested` search: the search-leakage gap).

    Returns:
        The difference a - b of the pooled headline scores with its interval over speakers, the sign-flip p, and
        McNemar's test as a description.
    """
    headline = _statistics(a)[_headline(a)]
    tallies = a.tallies(a.speaker), b.tallies(b.speaker)
    test = exchange(*tallies, headline, settings.permutations, settings.seed)
    interval = difference_interval(*tallies, headline, settings.confidence)
    result: dict[str, Any] = {
        "score": _headline(a),
        "difference": float(headline(tallies[0].sum(0)) - headline(tallies[1].sum(0))),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "p": test.p,
        "patterns": test.patterns,
        "exact": test.exact,
    }
    if a.classes is not None:
        slicewise = mcnemar(a.predicted == a.truth, b.predicted == b.truth)
        result |= {f"mcnemar_{key}": value for key, value in slicewise._asdict().items()} | {"mcnemar": MCNEMAR_NOTE}
    return result


def plot_tables(
    judged: dict[str, dict[str, Judged]], slices: pd.DataFrame, ratings: pd.DataFrame, settings: Settings
) -> dict[str, pd.DataFrame]:
    """Tables for plots: one `confusion/<head>/<network>` each, and `folds`, `reliability`, `breakdown` over all.

    Confusions are raw rows (actual, predicted), sorted, so that no row belongs to a slice.
    """
    plots: dict[str, pd.DataFrame] = {}
    joint: dict[str, list[pd.DataFrame]] = {"folds": [], "reliability": [], "breakdown": []}
    for head, networks in judged.items():
        spread = None
        if head in DIMENSIONS:
            spread = rater_spread(ratings, slices["utterance"], head, settings.classes, settings.scale)
        groups = factors(slices, spread)
        for network, one in networks.items():
            parts = {"folds": _folds(one), "breakdown": breakdown(one, groups, settings.confidence)}
            if one.classes is not None:
                rows = pd.DataFrame({"actual": one.truth, "predicted": one.predicted})
                plots[f"confusion/{head}/{network}"] = rows.sort_values(["actual", "predicted"], ignore_index=True)
            if one.probabilities is not None:
                parts["reliability"] = pd.DataFrame(_bins(one, settings.bins)._asdict())
            for name, part in parts.items():
                part.insert(0, "dimension", head)
                part.insert(0, "network", network)
                joint[name].append(part)
    return plots | {name: pd.concat(tables, ignore_index=True) for name, tables in joint.items() if tables}


def _level(judged: Judged, settings: Settings, name: str) -> dict[str, Any]:
    """Pooled scores of slices, or of utterances, with intervals and the null distribution of the headline."""
    tallies = judged.tallies(judged.speaker)
    total, statistics, first = tallies.sum(0), _statistics(judged), _headline(judged)
    scores: dict[str, Any] = {"count": len(judged.truth), "speakers": len(tallies)}
    scores |= {key: float(statistic(total)) for key, statistic in statistics.items()}
    interval = jackknife(tallies, statistics[first], settings.confidence)
    percentile, studentised = bootstrap(
        tallies, statistics[first], _stream(settings, name, "bootstrap"), settings.confidence, settings.draws
    )
    scores |= {"ci_low": interval.low, "ci_high": interval.high}
    scores |= {"bootstrap_t_low": studentised.low, "bootstrap_t_high": studentised.high}
    scores |= {"bootstrap_low": percentile.low, "bootstrap_high": percentile.high}
    scores["bootstrap_covers"] = percentile_coverage(len(tallies), settings.confidence)
    if judged.classes is not None:
        beside = jackknife(tallies, war, settings.confidence)
        scores |= {"war_ci_low": beside.low, "war_ci_high": beside.high}
        scores |= {f"recall_{k}": float(recall) for k, recall in enumerate(recalls(total))}
        scores["fewest_of_a_class"] = int(min(count for count in total.sum(1) if count))
        scores["ccc"] = float(ccc(judged.sums(judged.speaker).sum(0)))
    if judged.probabilities is not None:
        scores["ece"] = ece(_bins(judged, settings.bins))
    null = _null(judged, settings, name)
    scores |= {"permutation_p": p_value(null, scores[first]), "permutation_999": float(np.quantile(null, 0.999))}
    return scores


def _over_groups(judged: Judged, settings: Settings) -> dict[str, Any]:
    """Means over folds, and the mean over speakers with its t-interval."""
    statistics, first = _statistics(judged), _headline(judged)
    folds, speakers = judged.tallies(judged.fold), judged.tallies(judged.speaker)
    scores: dict[str, Any] = {f"{key}_folds": mean_over_folds(s(folds)) for key, s in statistics.items()}
    if judged.classes is not None:
        occurs = folds.sum(2) > 0
        scores["folds_lacking_a_class"] = int((occurs.sum(1) < occurs.any(0).sum()).sum())
    interval = speaker_interval(statistics[first](speakers), settings.confidence)
    scores[f"{first}_speakers"] = mean_over_folds(statistics[first](speakers))
    return scores | {f"{first}_speakers_low": interval.low, f"{first}_speakers_high": interval.high}


def _baselines(judged: Judged, slices: pd.DataFrame, folds: pd.DataFrame | None) -> dict[str, float]:
    """Expected WAR and UAR of guessing, from the classes in each fold's training and test part."""
    names = np.unique(judged.fold)
    tested = judged.counts(judged.fold).sum(2)
    if folds is None:
        trained = tested.sum(0) - tested
    else:
        rows = folds[folds["role"] == "train"]
        labels = pd.Series(judged.truth, index=slices["slice"])
        trained = np.zeros_like(tested)
        np.add.at(trained, (np.searchsorted(names, rows["fold"]), labels.reindex(rows["slice"]).to_numpy()), 1)
    guesses = {
        "uniform": baselines.uniform_guess(tested),
        "majority": baselines.majority_guess(trained, tested),
        "prior": baselines.prior_guess(trained, tested),
    }
    return {
        f"baseline_{guess}_{key}": float(statistic(counts))
        for guess, counts in guesses.items()
        for key, statistic in (("uar", uar), ("war", war))
    }


def _soft(judged: Judged, shares: NDArray) -> dict[str, float]:
    """How well the probabilities meet the spread of the raters, and the best that is possible (the raters' entropy)."""
    if judged.probabilities is None:
        return {}
    reached = cross_entropy(shares, judged.probabilities)
    return {"cross_entropy": reached, "cross_entropy_floor": cross_entropy(shares, shares)}


def _folds(judged: Judged) -> pd.DataFrame:
    """Each fold's own scores; its UAR is the mean over the classes that it has."""
    folds = judged.tallies(judged.fold)
    names, sizes = np.unique(judged.fold, return_counts=True)
    return pd.DataFrame(
        {"fold": names, "slices": sizes} | {key: statistic(folds) for key, statistic in _statistics(judged).items()}
    )


def _null(judged: Judged, settings: Settings, name: str) -> NDArray:
    rng = _stream(settings, name, "permutation")
    if judged.classes is not None:
        return uar_null(judged.counts(judged.speaker), settings.permutations, rng)
    groups = np.unique(judged.speaker, return_inverse=True)[1]
    return ccc_null(judged.truth, judged.value, groups, settings.permutations, rng)


def _bins(judged: Judged, bins: int) -> Reliability:
    return reliability(judged.truth, judged.predicted, judged.probabilities, bins)


def _statistics(judged: Judged) -> dict[str, Statistic]:
    return VALUE_STATISTICS if judged.classes is None else CLASS_STATISTICS


def _headline(judged: Judged) -> str:
    return next(iter(_statistics(judged)))


def _stream(settings: Settings, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the name, not on what was scored before."""
    return np.random.default_rng([settings.seed, zlib.crc32("/".join(names).encode())])
