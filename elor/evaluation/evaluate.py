"""Everything that is printed about predictions, from one call: `evaluate`.

metrics/uar.json                            Evaluation.headline
metrics/war.json                            Evaluation.beside
metrics/<dimension>/<network>.json          Evaluation.metrics[dimension][network]
metrics/comparisons.json                    Evaluation.comparisons
metrics/agreement.json                      Evaluation.agreement
plots/data/scores/<name>.csv                Evaluation.plots[name]
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.errors import UserError
from elor.evaluation.agreement import agreement
from elor.evaluation.breakdown import breakdown, factors, rater_spread
from elor.evaluation.calibration import cross_entropy
from elor.evaluation.caution import without_spread
from elor.evaluation.comparisons import difference_interval, exchange, holm, mcnemar
from elor.evaluation.intervals import printed
from elor.evaluation.leakage import check_folds
from elor.evaluation.measures import bins_of, headline_of, headline_statistic, range_of, score, statistics_of
from elor.evaluation.predictions import Judged, check_predictions, fold_per_slice, judge, tested
from elor.evaluation.selection_gap import selection_gap
from elor.evaluation.settings import Settings
from elor.evaluation.spread import spread

MCNEMAR_NOTE = "description only: slices of a speaker are not independent, so this p is too small"


@dataclass(frozen=True)
class Evaluation:
    """Results as plain values, ready to be written; the module's docstring says where."""

    headline: dict[str, float]
    beside: dict[str, float]
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
    copies: pd.DataFrame | None = None,
) -> Evaluation:
    """Score the predictions of any number of networks.

    Args:
        slices: slices.csv.
        folds: folds.csv; None for predictions from elsewhere: then each speaker is a fold, all others its training
            part.
        utterances: utterances.csv.
        ratings: ratings.csv.
        predictions: per network, in the format of `elor.evaluation.predictions`.
        audits: per network, its confusion counts on the test part per epoch; a network without it has no selection gap.
        settings: see `Settings`.
        copies: copies.csv, for folds that were not checked against it; None: not known, or checked.

    Raises:
        UserError: if the folds break the protocol, predictions are incomplete, or a comparison names what is not there.
    """
    asked = settings.heads
    protocol: dict[str, Any] = {}
    if folds is not None:
        protocol = check_folds(folds, slices, settings.protocol, copies=copies, hold_out=settings.hold_out)
        protocol["shuffled"] = settings.shuffled
    every, slices = slices, tested(slices, folds)
    fold = fold_per_slice(slices, folds)
    judged: dict[str, dict[str, Judged]] = {head.name: {} for head in asked}
    metrics: dict[str, dict[str, dict[str, Any]]] = {head.name: {} for head in asked}
    for network, table in predictions.items():
        checked = check_predictions(table, slices, asked, folds)
        for head in asked:
            one = judged[head.name][network] = judge(checked, slices, head, fold)
            scores = score(one, slices, folds, settings, f"{head.name}.{network}", every)
            if head.soft:
                scores |= _soft(one, slices[head.share_columns].to_numpy(dtype=float))
            if head.spread and head.deviation_column in checked:
                scores |= spread(one, checked, slices, ratings, settings)
            if network in audits:
                scores |= selection_gap(audits[network], head)
            metrics[head.name][network] = scores
        joint = _joint([judged[head.name][network] for head in asked])
        for head in asked:
            metrics[head.name][network] |= joint
    return Evaluation(
        headline=_flat(metrics, ("uar", "ccc")),
        beside=_flat(metrics, ("war", "rmse")),
        metrics=metrics,
        comparisons=compare_all(judged, settings),
        agreement=agreement(ratings, utterances, settings.rater, settings.asked, settings.scale, settings.confidence),
        protocol=protocol,
        plots=plot_tables(judged, slices, ratings, settings),
    )


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
    headline = headline_statistic(a)
    tallies = a.tallies(a.speaker), b.tallies(b.speaker)
    test = exchange(*tallies, headline, settings.permutations, settings.seed)
    low, high = range_of(a)
    found = difference_interval(*tallies, headline, settings.confidence)
    interval = printed(found, len(tallies[0]), (low - high, high - low))
    result: dict[str, Any] = {
        "score": headline_of(a),
        "difference": float(headline(tallies[0].sum(0)) - headline(tallies[1].sum(0))),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "no_spread": without_spread(interval),
        "p": test.p,
        "patterns": test.patterns,
        "exact": test.exact,
    }
    if not a.head.valued:
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
        if head in settings.asked.dimensions:
            spread = rater_spread(ratings, slices["utterance"], head, settings.asked, settings.scale)
        groups = factors(slices, spread)
        for network, one in networks.items():
            parts = {"folds": _folds(one), "breakdown": breakdown(one, groups, settings.confidence)}
            if not one.head.valued:
                rows = pd.DataFrame({"actual": one.truth, "predicted": one.predicted})
                plots[f"confusion/{head}/{network}"] = rows.sort_values(["actual", "predicted"], ignore_index=True)
            if one.probabilities is not None:
                parts["reliability"] = pd.DataFrame(bins_of(one, settings.bins)._asdict())
            for name, part in parts.items():
                part.insert(0, "dimension", head)
                part.insert(0, "network", network)
                joint[name].append(part)
    return plots | {name: pd.concat(tables, ignore_index=True) for name, tables in joint.items() if tables}


def _flat(metrics: dict[str, dict[str, dict[str, Any]]], names: tuple[str, ...]) -> dict[str, float]:
    """By `<dimension>.<network>` the score that has one of the names: another one where heads answer with values."""
    return {
        f"{dimension}.{network}": next(scores[name] for name in names if name in scores)
        for dimension, networks in metrics.items()
        for network, scores in networks.items()
    }


def _joint(heads: list[Judged]) -> dict[str, float]:
    """The share of slices on which all heads are right: of two heads with five classes one of the paper's 25 cells.

    With a third head it is one of 125: it goes over all combinations of the heads' classes, never over two heads alone.
    """
    if len(heads) < 2 or any(one.head.valued for one in heads):
        return {}
    return {"joint_war": float(np.mean(np.all([one.predicted == one.truth for one in heads], axis=0)))}


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
    scores = {key: statistic(folds) for key, statistic in statistics_of(judged).items()}
    return pd.DataFrame({"fold": names, "slices": sizes} | scores)
