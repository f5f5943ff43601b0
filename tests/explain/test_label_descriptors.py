"""Table 6: medians, ranges, intervals over fold networks, and no name of a slice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from elor.explain.prototypes.descriptors import DESCRIPTORS
from elor.explain.prototypes.run import Found
from elor.explain.prototypes.spectra import frequencies, spectra
from elor.explain.prototypes.summary import exemplars, label_descriptors

CENTROIDS = {"A": (900.0, 1_000.0, 1_100.0), "B": (1_300.0, 5_000.0, 1_300.0), "C": (1_000.0, 1_000.0, 1_000.0)}
"""By network those of three restarts; B's second has not converged. A is shown."""


def table() -> pd.DataFrame:
    """One label in one search: three folds' networks and an untrained one."""
    rows = []
    for network, values in (CENTROIDS | {"calibrated 0": (4_000.0,) * 3}).items():
        for restart, value in enumerate(values):
            row = {"network": network, "calibrated": int(network.startswith("calibrated")), "restart": restart}
            row |= {"mode": "level", "parametrisation": "time", "head": "arousal", "label": 3}
            row |= {"place": 3 - restart, "converged": int((network, restart) != ("B", 1))}
            row |= {"logit": 2.0, "percentile": 99.0} | dict.fromkeys(DESCRIPTORS, 1.0)
            rows.append(row | {"centroid_hz": value, "pause_mean_s": 0.2 if network == "A" else np.nan})
    return pd.DataFrame(rows)


def test_a_descriptor_has_the_mean_of_the_folds_with_its_interval() -> None:
    entry = label_descriptors(table(), "A")["level.time"]["arousal"]["3"]["descriptors"]["centroid_hz"]
    medians = np.array([1_000.0, 1_300.0, 1_000.0])
    assert entry["points"] == medians.tolist()
    assert entry["mean"] == pytest.approx(1_100.0)
    reach = t.ppf(0.975, 2) * medians.std(ddof=1) / np.sqrt(3)
    assert (entry["ci_low"], entry["ci_high"]) == pytest.approx((1_100.0 - reach, 1_100.0 + reach))
    narrow = label_descriptors(table(), "A", 0.5)["level.time"]["arousal"]["3"]["descriptors"]["centroid_hz"]
    assert narrow["ci_high"] - 1_100.0 == pytest.approx(reach * t.ppf(0.75, 2) / t.ppf(0.975, 2))
    assert (entry["median"], entry["low"], entry["high"]) == (1_000.0, 900.0, 1_100.0)
    assert entry["folds"] == [1_000.0, 1_300.0]
    assert entry["calibrated"] == [4_000.0, 4_000.0]


def test_what_a_single_fold_has_has_no_interval() -> None:
    entry = label_descriptors(table(), "A")["level.time"]["arousal"]["3"]["descriptors"]["pause_mean_s"]
    assert (entry["points"], entry["mean"]) == ([0.2], 0.2)
    assert np.isnan([entry["ci_low"], entry["ci_high"]]).all()


def test_which_restarts_have_converged_is_told_in_the_order_of_the_files() -> None:
    for shown, expected in (("A", [True, True, True]), ("B", [True, False, True])):
        entry = label_descriptors(table(), shown)["level.time"]["arousal"]["3"]
        assert entry["converged_best_first"] == expected
        assert (entry["converged"], entry["restarts"]) == (sum(expected), 3)


def test_exemplars_are_the_highest_logits_with_their_ratings() -> None:
    slices = pd.DataFrame({"slice": list("abcdefg"), "emotion": [0, 1, 2, 3, 0, 1, 2]})
    logits = np.array([0.0, 3.0, 1.0, 6.0, 2.0, 5.0, 4.0])
    found = exemplars([Found(pd.DataFrame(), {}, {}, {("emotion", "sad"): logits})], slices)
    assert found["slice"].tolist() == list("dfgbe")
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert found["rated"].tolist() == ["neutral", "happy", "sad", "happy", "angry"]


def test_a_tone_is_where_its_spectrum_is_highest() -> None:
    seconds = np.arange(96_000) / 16_000
    levels = spectra(np.stack([np.sin(2 * np.pi * 1_000 * seconds), np.zeros(96_000)]))
    assert levels.shape == (2, len(frequencies()))
    assert frequencies()[levels[0].argmax()] == pytest.approx(1_000, abs=8)
    assert levels[0].max() == 0.0
    assert (levels[1] == -100).all()
