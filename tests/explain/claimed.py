"""Invented findings that speak for every claim of the paper, against every one, or for none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from elor.evaluation.predictions import Judged
from elor.evidence.interventions import Interventions
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured
from elor.explain.claims.scores import Scored
from elor.targets import Head

SPEAKERS = 10
NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
HEADS = ("arousal", "valence")

LEVEL_SD = 10.0
"""dB by which slices differ in level."""

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


def contrast(side: int, p: float) -> dict[str, Any]:
    """A mean over speakers of 0.2, or of nearly nothing, whose t test has this p (0.6)."""
    mean, p = (0.2 * side, p) if side else (0.01, 0.6)
    return spread(mean, p) | {"difference": mean, "verdict": "as the interval says"}


def spread(mean: float, p: float) -> dict[str, Any]:
    """The t-interval over speakers of a mean whose t test has this p."""
    error = abs(mean) / stdtrit(SPEAKERS - 1, 1 - p / 2)
    reach = error * stdtrit(SPEAKERS - 1, 0.975)
    return {"low": mean - reach, "high": mean + reach, "p": max(p, 2.0 ** (1 - SPEAKERS)), "units": SPEAKERS}


def estimate(r: float, p: float) -> dict[str, Any]:
    """A mean correlation whose t test over speakers, of Fisher's z, has this p."""
    reach = spread(np.arctanh(r), p)
    return {"r": r, "low": np.tanh(reach["low"]), "high": np.tanh(reach["high"]), "speakers": SPEAKERS, "slices": 40}


def pair(side: int, p: float) -> dict[str, Any]:
    """r of two maps, or of a map and the input, beside its controls; padding makes all of them larger."""

    def readings(r: float) -> dict[str, Any]:
        return {name: estimate(value, p) for name, value in (("signed", r), ("padded", r + 0.03))}

    ours = readings(-0.5 if side < 0 else 0.5)

    return {
        "as_the_paper": 0.53,
        "initial": 0.53 - 0.2 * side,
        "decisive": "signed",
        "verdict": "as its contrast",
        "readings": {name: {"trained": part, "contrast": contrast(side, p)} for name, part in ours.items()},
        "controls": {
            "initial": {"readings": readings(0.5 - 0.2 * side)},
            "heads": {"readings": readings(0.4), "contrast": contrast(side, p)},
            "class swap": {"readings": readings(0.4), "contrast": contrast(min(side, 0), p)},
        },
    }


def saliency(side: int, p: float) -> dict[str, Any]:
    maps = {name: pair(side, p) for name in ("arousal~input", "valence~input", "arousal~valence")}
    over = {"over random": contrast(side or 1, p if side else 0.6), "over initial": contrast(side, p)}
    wins = {"wins": 0.6 + 0.2 * side, "initial wins": 0.6, "mean": 0.5, "slices": 20}
    fall = {"loudest": {measure: over | wins for measure in ("deletion", "noise deletion")}}
    excess = {"overlap": 0.3 + 0.2 * side, "chance": 0.1, "slices": 20}
    excess |= {f"over {against}": contrast(side, p) for against in ("chance", "initial")}
    untrained = {"overlap": 0.1, "chance": 0.1, "slices": 20, "over chance": contrast(0, p)}
    return {
        "own": {"guided": maps, "gradient": {"flattened": pair(side, p)}},
        "overlap": {"trained": excess, "initial": untrained},
        "erasure": {head: fall for head in HEADS},
    }


def trend(side: int, expected: str, p: float) -> dict[str, Any]:
    way = expected if side > 0 else {"up": "down", "down": "up"}[expected]
    finding = "varies with the label" if side else "not distinguishable from untrained"
    one = {"statistic": 50.0 if side else 5.0, "direction": way, "outside": bool(side)}
    per = {name: one | {"p": p, "calibrated": [-10.0, 10.0]} for name in ("paper.time", "paper.fourier")}
    return {"per": per, "direction": way, "finding": finding, "verdict": finding}


def effect(slope: float, change: float, p: float) -> dict[str, Any]:
    """What an intervention does: its slope, and the change at two doses, measured to within 0.02."""
    doses = {
        str(dose): {"change": sign * change, "low": sign * change - 0.02, "high": sign * change + 0.02, "p": p}
        for dose, sign in ((-12, -1), (12, 1))
    }
    doses["0"] = {"change": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    for dose in doses.values():
        dose["speakers"] = SPEAKERS
    inside = {"per_unit": slope, "calibrated": [-0.002, 0.002]} | spread(slope or 1e-4, p)
    return {"doses": doses, "slope": inside, "finding": "raises" if slope > 0 else "lowers"}


def gain(side: int, sign: int, p: float) -> dict[str, Any]:
    """2 standard deviations of answers over those of the level; 0.27, as far as untrained networks; or 0.03, none."""
    slope = {1: 0.06, 0: 0.008, -1: 0.001}[side] * sign
    one = effect(slope, 0.06 * sign, p if side else 0.6)
    one["slope"]["calibrated"] = [-0.01, 0.01] if side >= 0 else [-1e-4, 1e-4]
    return one


@dataclass
class Given:
    """What the stages before would have written, as trees that a test may change; `facts` makes the models of them."""

    saliency: dict[str, Any]
    prototypes: dict[str, Any]
    interventions: dict[str, Any]
    learned: dict[str, dict[str, float]]
    scored: Scored = field(default_factory=lambda: NO_SCORES)

    @property
    def measured(self) -> Measured:
        return Measured(
            saliency=Saliency.of(self.saliency),
            prototypes=Prototypes.of(self.prototypes, speaker="Ses01F"),
            interventions=Interventions.of(self.interventions),
            learned=self.learned,
        )

    @property
    def facts(self) -> Facts:
        return Facts(self.measured, self.scored)


def given(side: int, p: float = 1e-5, learned: float = 1e-4) -> Given:
    """All findings for (+1) or against (-1) the paper; `learned` is the p of the networks' scores against chance."""
    trends: dict[str, Any] = {}
    for (head, descriptor, kind), expected in TRENDS.items():
        trends.setdefault(head, {}).setdefault(descriptor, {})[kind] = trend(side, expected, p)
    networks: dict[str, Any] = {"elor": {}, "lom": {}}
    for answer, effects in (("heads", EFFECTS), ("extremity", EXTREMITY)):
        for (head, name), sign in effects.items():
            slope = 0.006 * sign * side or 0.0015 * sign  # of 0: as untrained networks do, not shown to be absent
            one = effect(slope, 0.06 * sign * side, p if side else 0.6)
            entry = networks["elor"].setdefault(name, {"unit": "dB", "heads": {}})
            entry.setdefault(answer, {})[head] = one
    for head, sign in (("arousal", 1), ("valence", -1)):
        networks["elor"]["gain"]["heads"][head] = gain(side, sign, p)
    networks["lom"]["gain"] = {"unit": "dB", "heads": {head: gain(side, 1, p) for head in HEADS}}
    return Given(
        saliency=saliency(side, p),
        prototypes={"networks": {"folds": 10, "calibrated": 20}, "trends": trends},
        interventions={
            "networks": networks,
            "spread": {net: dict.fromkeys((*HEADS, "valence.extremity"), 0.6) for net in networks},
            "level_sd": LEVEL_SD,
            "features": {"lom": {"mfcc": {"gain": {"moved_sd": [0.02 if side >= 0 else 0.9, *[0.0] * 25]}}}},
        },
        learned={head: dict.fromkeys(NETWORKS, learned) for head in HEADS},
        scored=scored(side),
    )


def facts(side: int, p: float = 1e-5, learned: float = 1e-4) -> Facts:
    """The same as models."""
    return given(side, p, learned).facts


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
            judged[head][network] = Judged(Head(head, 5), truth, predicted, np.eye(5)[truth], speaker, speaker)
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
