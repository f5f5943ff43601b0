"""Planted cues: what is there is found by the methods that can find it, and by none where there is nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from elor.explain.model import predict
from elor.explain.occlusion import band_edges
from elor.explain.selfcheck.methods import train
from elor.explain.selfcheck.planted import (
    CUE,
    DISTRACTOR,
    FLOOR,
    SAMPLES,
    SEGMENTS,
    SETS,
    disjoint,
    frequency,
    hum,
    pauses,
)
from elor.explain.selfcheck.scoring import (
    ALSO_LOUD,
    FINDS,
    MISSES,
    POINTS,
    SOUND,
    WIDE,
    auc,
    scored,
    summarise,
    verdict,
)

pytestmark = pytest.mark.long

SEGMENT = SAMPLES // SEGMENTS


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def test_the_truth_is_where_the_energy_is() -> None:
    data = disjoint(20, seed=3)
    segments = data.audio[:, 0].numpy().reshape(20, SEGMENTS, SEGMENT)
    marked = data.time["first"] | data.time["second"] | data.distractor["time"]
    assert (data.time["first"].sum(1) == 2).all()
    assert (data.time["second"].sum(1) == 2).all()
    assert not (data.time["first"] & data.time["second"]).any()
    assert not (data.distractor["time"] & (data.time["first"] | data.time["second"])).any()
    assert rms(segments[~marked]) == pytest.approx(FLOOR, rel=0.05)
    ratio = rms(segments[data.distractor["time"]]) / rms(segments[data.time["first"]])
    assert ratio == pytest.approx(DISTRACTOR / CUE, rel=0.05)


def test_a_counterfactual_changes_the_cue_and_nothing_else() -> None:
    data = disjoint(10, seed=4)
    changed = (data.swapped("first") - data.audio)[:, 0].numpy().reshape(10, SEGMENTS, SEGMENT)
    touched = np.abs(changed).max(2) > 1e-6
    assert (touched == data.time["first"]).all()


def test_pauses_have_the_same_silence_in_all() -> None:
    data = pauses(12, seed=5)
    silent = data.time["count"]
    assert (silent.sum(1) == 6).all()
    runs = np.diff(np.pad(silent, ((0, 0), (1, 1))).astype(int), axis=1).clip(0).sum(1)
    assert (runs == np.where(data.classes["count"] == 0, 1, 3)).all()


@pytest.mark.parametrize(("make", "head"), [(frequency, "pitch"), (hum, "class")])
def test_the_bands_of_a_cue_hold_what_a_swap_removes(make, head: str) -> None:
    data = make(12, seed=6)
    power = np.abs(np.fft.rfft((data.swapped(head) - data.audio)[:, 0].numpy())) ** 2
    edges = band_edges(SAMPLES)
    bands = np.stack([power[:, low:high].sum(1) for low, high in pairwise(edges)], axis=1)
    present = data.bands[head]
    own = (bands * present).sum(1)[present.any(1)] / bands.sum(1)[present.any(1)]
    assert own.min() > (0.3 if make is frequency else 0.99)  # a swapped pitch also adds the other class'


def test_auc_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.random((7, 30)).round(1), rng.random((7, 30)) > 0.7  # with ties
    expected = [roc_auc_score(t, s) for s, t in zip(scores, truth, strict=True)]
    np.testing.assert_allclose(auc(scores, truth), expected, atol=1e-12)
    assert np.isnan(auc(scores[:1], np.zeros((1, 30), dtype=bool)))[0]


def test_scores_of_maps_that_are_right_wrong_and_blind() -> None:
    truth = {"one": np.eye(6, dtype=bool)[[0]], "two": np.eye(6, dtype=bool)[[1]]}
    loud = np.eye(6, dtype=bool)[[5]]
    right = scored({head: cells.astype(float) for head, cells in truth.items()}, truth, loud)
    assert (right["auc"], right["mass"], right["own"], right["distractor"]) == (1.0, 1.0, 1.0, 0.0)
    deaf = scored({head: loud - 0.1 * cells for head, cells in truth.items()}, truth, loud)
    assert deaf["distractor"] > 0.9
    both = (truth["one"] | truth["two"]).astype(float)  # marks every cue, whoever's it is
    sound = scored({"one": both, "two": both}, truth, loud)
    assert sound["own"] == 0.5
    assert sound["auc"] == pytest.approx(0.9)
    assert sound["between"] == pytest.approx(1.0)


def test_training_depends_on_its_seed_alone() -> None:
    data = SETS["level"](64, 1)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, two = (predict(train(data, 7, epochs=1), data.audio)["level"] for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), state)


def rows(
    auc_: float, own: float, distractor: float, mass: float = 0.4, count: int = 4, spread: float = 0.01
) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = []
    for network in range(count):
        for model, on_cue in (("trained", mass), ("initial", 0.1)):
            noise = spread * rng.standard_normal()
            row = {"set": "s", "method": "m", "network": network, "model": model, "auc": auc_ + noise, "share": 0.1}
            row |= {"mass": on_cue + noise, "own": own + noise, "distractor": distractor, "between": 0.0}
            table.append(row)
    return pd.DataFrame(table)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (rows(0.97, 0.9, 0.02), FINDS),
        (rows(0.97, 0.9, 0.3), ALSO_LOUD),
        (rows(0.97, np.nan, np.nan), FINDS),  # one head, no distractor
        (rows(0.7, 0.9, 0.02), POINTS),
        (rows(0.97, 0.5, 0.02), SOUND),
        (rows(0.4, 0.9, 0.02), MISSES),
        (rows(0.97, 0.9, 0.02, mass=0.1), MISSES),  # an untrained network does as well
        (rows(0.97, 0.9, 0.02, count=3, spread=0.2), WIDE),  # as good as the first, and not measured often enough
        (rows(0.4, 0.9, 0.02, count=3, spread=0.2), MISSES),
    ],
)
def test_verdicts_follow_from_the_numbers(table: pd.DataFrame, expected: str) -> None:
    entry = summarise(table)["s"]["m"]
    assert entry["verdict"] == expected == verdict(entry)
