"""How well maps fit a known truth, and what several networks allow to say about a method.

The unit is the network: each was trained from other weights on other signals. A verdict takes into account what a
network without training gives on the same signals, since loud cues stand out in any network's maps, and whether a map
of one head prefers that head's cue to the other head's, since a map that marks all sounds has a good AUC against
silence even where the labels were random.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from elor.evaluation.intervals import speaker_interval
from elor.evidence.names import Control
from elor.explain.correlation import pearson

GOOD = 0.8
"""AUC from which a method is said to find a cue."""

SLIGHT = 0.05
"""Share of a map's mass: a difference to untrained networks that is surely smaller is none."""

SCORES = ("auc", "mass", "own", "distractor", "share", "between")

FINDS, ALSO_LOUD, POINTS = "finds it", "finds it, and the distractor", "points to it"
WIDE = "undecided: too few networks, the interval is wide"
MISSES, SOUND = "misses it", "marks sounds, not distinguishable from chance among the cues"


def auc(scores: NDArray, truth: NDArray) -> NDArray:
    """Area under the ROC curve of each row: the chance that a cell of the truth ranks above another one.

    Shape:
        (n, cells), (n, cells) bool -> (n,); NaN where all cells are of one kind.
    """
    ranks = rankdata(scores, axis=1)
    inside = truth.sum(1)
    outside = truth.shape[1] - inside
    wins = (ranks * truth).sum(1) - inside * (inside + 1) / 2
    return np.divide(wins, inside * outside, out=np.full(len(truth), np.nan), where=(inside > 0) & (outside > 0))


def scored(
    maps: Mapping[str, NDArray], truth: Mapping[str, NDArray], distractor: NDArray | None = None
) -> dict[str, float]:
    """Score the magnitudes of maps against the truth; means over heads and signals, NaN where undefined.

    Args:
        maps: per head (n, cells).
        truth: per head the cells of its cue, (n, cells) bool.
        distractor: cells of the distractor, (n, cells) bool.

    Returns:
        `auc`, of the cue's cells among all, and `mass`, the share of the map that lies on them; `own`, the AUC of a
        head's cue among the cues of two heads only; `distractor`, the share of the map's mass there, and `share`, its
        share of the cells; `between`, r of two heads' maps.
    """
    sizes = {head: np.abs(maps[head]).astype(np.float64) for head in truth}
    found = {"auc": np.nanmean([np.nanmean(auc(sizes[head], cells)) for head, cells in truth.items()])}
    marked = {head: cells.any(1) for head, cells in truth.items()}
    found["mass"] = np.mean([_mass(sizes[head][rows], truth[head][rows]) for head, rows in marked.items()])
    if len(truth) == 2:
        some = np.logical_or(*truth.values())
        rows = {head: zip(sizes[head], cells, some, strict=True) for head, cells in truth.items()}
        only = [np.nanmean([auc(s[None, c], t[None, c])[0] for s, t, c in each]) for each in rows.values()]
        between = np.nanmean([pearson(a, b) for a, b in zip(*maps.values(), strict=True)])
        found |= {"own": np.mean(only), "between": between}
    if distractor is not None:
        mass = [_mass(sizes[head][rows], distractor[rows]) for head, rows in marked.items()]
        found |= {"distractor": np.mean(mass), "share": distractor.mean()}
    return {key: float(found.get(key, np.nan)) for key in SCORES}


def _mass(sizes: NDArray, cells: NDArray) -> float:
    """Mean share of each row's sum that lies in some cells, (n, cells) each."""
    return float(np.mean((sizes * cells).sum(1) / np.maximum(sizes.sum(1), 1e-30)))


def summarise(scores: pd.DataFrame, confidence: float = 0.95) -> dict[str, dict[str, dict]]:
    """Means over networks, their t-intervals, and a verdict for every method.

    Args:
        scores: rows of `elor.explain.selfcheck.methods.check`, of all networks.
        confidence: of the intervals.

    Returns:
        By set and method: every score of trained networks as `mean`, `low`, `high`; `initial`, the mean of each score
        without training; `contrast`, of the mass on the cue against it (an AUC has a ceiling, which loud cues reach in
        any network); `networks`, how many; `verdict`.
    """
    found: dict[str, dict[str, dict]] = {}
    for (name, method), rows in scores.groupby(["set", "method"], sort=False):
        by_model = {model: part.set_index("network")[list(SCORES)] for model, part in rows.groupby("model")}
        trained, without = by_model["trained"], by_model[Control.initial]
        entry: dict = {score: _estimate(trained[score], confidence) for score in SCORES}
        entry[Control.initial] = {score: float(without[score].mean()) for score in SCORES}
        entry["contrast"] = _estimate(trained["mass"] - without["mass"], confidence)
        entry["networks"] = len(trained)
        found.setdefault(str(name), {})[str(method)] = entry | {"verdict": verdict(entry)}
    return found


def verdict(entry: Mapping) -> str:
    """What the scores of several networks allow to say of a method.

    It finds nothing unless the interval of its AUC lies above 0.5, and more of the mass is on the cue than in untrained
    networks, with an interval above 0. Then it `misses` the cue if the means say so, or an interval that excludes a
    find (an AUC from 0.8, a difference from 0.05); else the intervals are merely wide. Where there are two cues, the
    head's own must rank above the other's, or the method marks sounds. It `finds` the cue with an AUC from 0.8, `points
    to` it with less; a distractor with more of the mass than of the cells is mentioned.
    """
    if not (entry["auc"]["low"] > 0.5 and entry["contrast"]["low"] > 0):
        return WIDE if _may_find(entry) else MISSES
    if np.isfinite(entry["own"]["mean"]) and not entry["own"]["low"] > 0.5:
        return SOUND
    if entry["auc"]["mean"] < GOOD:
        return POINTS
    return ALSO_LOUD if entry["distractor"]["mean"] > entry["share"]["mean"] else FINDS


def _may_find(entry: Mapping) -> bool:
    """Do the means, and the intervals' upper ends, leave room for a find?"""
    needed = {"auc": (0.5, GOOD), "contrast": (0.0, SLIGHT)}
    if np.isfinite(entry["own"]["mean"]):
        needed["own"] = (0.5, GOOD)
    return all(entry[score]["mean"] > mean and entry[score]["high"] >= high for score, (mean, high) in needed.items())


def _estimate(values: pd.Series, confidence: float) -> dict[str, float]:
    low, high = speaker_interval(values, confidence)  # networks instead of speakers
    return {"mean": float(values.mean()), "low": low, "high": high}
