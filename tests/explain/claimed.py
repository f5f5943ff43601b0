"""Invented findings that speak for every claim of the paper, against every one, or for none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from elor.evaluation.tables import Judged
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured
from elor.explain.claims.scores import Scored

SPEAKERS = 10
NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
HEADS = ("arousal", "valence")

MEASURED = "mfcc-amplitude"
"""A claim that is a measurement: no statistics decide it."""

NO_SCORES = Scored({}, pd.DataFrame(columns=["utterance", "rater", "speaker", *HEADS]), "gold", 5)

TRENDS = {  # what the paper says of the prototypes
    ("arousal", "centroid_hz", "monotone"): "up",
    ("arousal", "pauses", "monotone"): "up",
    ("arousal", "peak", "monotone"): "up",
    ("arousal", "longest_periodic_s", "monotone"): "up",
    ("valence", "centroid_hz", "extreme"): "up",
    ("valence", "longest_periodic_s", "extreme"): "up",
    ("valence", "pause_irregularity", "low_high"): "up",
    ("valence", "pauses", "low_high"): "down",
    ("valence", "pause_mean_s", "low_high"): "up",
    ("valence", "rms_dbfs", "low_high"): "down",
}
EFFECTS = {  # what should follow on real speech
    ("arousal", "high_shelf"): 1,
    ("arousal", "pause_insertion"): 1,
    ("arousal", "peak_limiting"): -1,
    ("arousal", "time_stretch"): 1,
    ("valence", "pause_insertion"): -1,
    ("valence", "pause_lengthening"): 1,
    ("valence", "gain"): -1,
    ("valence", "high_shelf"): 1,  # a claim's neighbour, which decides nothing
}
EXTREMITY = {("valence", "high_shelf"): 1}
"""The same of the expected label's distance from the middle."""

SKILL = {  # hits in ten slices of the frequent class, and in four of each other one
    1: {
        "arousal": {"elor": (10, 3), "elor_ftr": (9, 2), "lom": (9, 2), "ftr": (8, 1)},
        "valence": {"elor_ftr": (8, 1), "elor": (7, 0), "lom": (6, 0), "ftr": (5, 0)},
    },
    -1: {
        "arousal": {"elor": (0, 0), "elor_ftr": (0, 1), "lom": (0, 1), "ftr": (1, 2)},
        "valence": {"elor_ftr": (0, 2), "elor": (1, 3), "lom": (1, 3), "ftr": (2, 4)},
    },
}
TRUTH = np.repeat(np.arange(5), (4, 4, 10, 4, 4))


def facts(side: int, p: float = 1e-5, learned: float = 1e-4) -> Facts:
    """All findings for (+1) or against (-1) the paper; `learned` is the p of the networks' scores against chance."""
    return Facts(measured(side, p, learned), scored(side))


def contrast(side: int, p: float) -> dict[str, Any]:
    return {"difference": 0.2 * side, "low": 0.2 * side - 0.1, "high": 0.2 * side + 0.1, "p": p if side else 0.6}


def pair(side: int, p: float) -> dict[str, Any]:
    """r of two maps, or of a map and the input, beside its controls; padding makes all of them larger."""

    def readings(r: float) -> dict[str, Any]:
        return {"signed": {"r": r}, "padded": {"r": r + 0.03}}

    return {
        "as_the_paper": 0.53,
        "untrained": 0.53 - 0.2 * side,
        "decisive": "signed",
        "verdict": "as its contrast",
        "readings": {name: {"trained": part, "contrast": contrast(side, p)} for name, part in readings(0.5).items()},
        "controls": {
            "untrained": {"readings": readings(0.5 - 0.2 * side)},
            "heads untrained": {"readings": readings(0.4), "contrast": contrast(side, p)},
            "class swap": {"readings": readings(0.4), "contrast": contrast(min(side, 0), p)},
        },
    }


def saliency(side: int, p: float) -> dict[str, Any]:
    maps = {name: pair(side, p) for name in ("arousal~input", "valence~input", "arousal~valence")}
    over = {"over random": contrast(side or 1, p if side else 0.6), "over untrained": contrast(side, p)}
    wins = {"wins": 0.6 + 0.2 * side, "untrained wins": 0.6}
    fall = {"loudest": {measure: over | wins for measure in ("deletion", "noise deletion")}}
    excess = {"overlap": 0.3 + 0.2 * side, "chance": 0.1}
    excess |= {f"over {against}": contrast(side, p) for against in ("chance", "untrained")}
    untrained = {"overlap": 0.1, "chance": 0.1, "over chance": {"low": -0.05, "high": 0.05}}
    return {
        "own": {"guided": maps, "gradient": {"flattened": pair(side, p)}},
        "overlap": {"trained": excess, "untrained": untrained},
        "erasure": {head: fall for head in HEADS},
    }


def trend(side: int, expected: str, p: float) -> dict[str, Any]:
    way = expected if side > 0 else {"up": "down", "down": "up"}[expected]
    verdict = "varies with the label" if side else "not distinguishable from untrained"
    per = {name: {"statistic": 50.0, "p": p, "untrained": [-10.0, 10.0]} for name in ("paper.time", "paper.fourier")}
    return {"per": per, "direction": way, "verdict": verdict}


def effect(slope: float, change: float, p: float) -> dict[str, Any]:
    """What an intervention does: its slope, and the change at two doses, measured to within 0.02."""
    doses = {
        str(dose): {"change": sign * change, "low": sign * change - 0.02, "high": sign * change + 0.02, "p": p}
        for dose, sign in ((-12, -1), (12, 1))
    }
    doses["0"] = {"change": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    for dose in doses.values():
        dose["speakers"] = SPEAKERS
    inside = {"per_unit": slope, "low": slope - 0.001, "high": slope + 0.001, "p": p, "untrained": [-0.002, 0.002]}
    inside["units"] = SPEAKERS
    return {"doses": doses, "slope": inside, "verdict": "raises" if slope > 0 else "lowers"}


def measured(side: int, p: float, learned: float) -> Measured:
    trends: dict[str, Any] = {}
    for (head, descriptor, kind), expected in TRENDS.items():
        trends.setdefault(head, {}).setdefault(descriptor, {})[kind] = trend(side, expected, p)
    networks: dict[str, Any] = {"elor": {}, "lom": {}}
    for answer, effects in (("heads", EFFECTS), ("extremity", EXTREMITY)):
        for (head, name), sign in effects.items():
            one = effect(0.005 * sign * side, 0.06 * sign * side, p if side else 0.6)
            networks["elor"].setdefault(name, {}).setdefault(answer, {})[head] = one
    loud = effect(0.005, 0.06, p) if side > 0 else effect(0.1 if side else 0.0, 1.0, p)
    networks["elor"]["gain"]["heads"]["arousal"] = loud
    networks["lom"]["gain"] = {"heads": {head: loud for head in HEADS}}
    return Measured(
        saliency=saliency(side, p),
        prototypes={"networks": {"folds": 10, "untrained": 20}, "trends": trends},
        interventions={
            "networks": networks,
            "spread": {net: dict.fromkeys(HEADS, 0.6) for net in networks},
            "features": {"lom": {"mfcc": {"gain": {"moved_sd": [0.02 if side >= 0 else 0.9, *[0.0] * 25]}}}},
        },
        scores={head: {net: {"utterance_permutation_p": learned} for net in NETWORKS} for head in HEADS},
    )


def scored(side: int) -> Scored:
    """Ten speakers who are all alike; networks that hit as `SKILL` says."""
    speaker = np.repeat([f"S{number}" for number in range(SPEAKERS)], len(TRUTH)).astype(object)
    extremity = np.abs(TRUTH - 2).argsort(kind="stable")
    arousal = np.empty_like(TRUTH)
    arousal[extremity] = np.sort(TRUTH)[:: side or 1]
    truths = {"valence": np.tile(TRUTH, SPEAKERS), "arousal": np.tile(arousal, SPEAKERS)}
    judged: dict[str, dict[str, Judged]] = {head: {} for head in HEADS}
    for head, truth in truths.items():
        for network in NETWORKS:
            hits = SKILL[side or 1][head][network]
            predicted = np.concatenate([_predict(part, *hits) for part in np.split(truth, SPEAKERS)])
            judged[head][network] = Judged(5, truth, predicted, np.eye(5)[truth], speaker, speaker)
    return Scored(judged, ratings(side), "E-2", 5)


def ratings(side: int) -> pd.DataFrame:
    """E-2 uses every cell of the plane once per speaker, E-1 and E-3 use one cell; or the other way round."""
    rows = []
    for number in range(SPEAKERS):
        for cell in range(25):
            for rater in ("E-1", "E-2", "E-3"):
                valence, arousal = divmod(cell, 5) if (rater == "E-2") == (side >= 0) else (2, 2)
                rows.append((f"S{number}_{cell}", rater, f"S{number}", valence, arousal))
    return pd.DataFrame(rows, columns=["utterance", "rater", "speaker", "valence", "arousal"])


def _predict(truth: np.ndarray, frequent: int, other: int) -> np.ndarray:
    """The first so many slices of each class right, the others one class off."""
    predicted = (truth + 1) % 5
    for label in range(5):
        rows = np.flatnonzero(truth == label)[: frequent if label == 2 else other]
        predicted[rows] = label
    return predicted
