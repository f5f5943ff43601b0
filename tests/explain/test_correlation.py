"""Readings of amplitude, and intervals and tests over speakers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn

from elor.evaluation.units import by_speaker, over_units
from elor.explain.attribution import gradient
from elor.explain.correlation import (
    View,
    among_networks,
    contrast,
    envelope,
    estimate,
    fisher,
    verdict,
)
from elor.explain.guided import guided_backprop

pytestmark = pytest.mark.long

SAMPLES = 8_000


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    loudness = np.exp(np.sin(np.arange(SAMPLES) / 900))
    signal = rng.normal(size=SAMPLES) * loudness
    return 0.3 * signal + rng.normal(size=SAMPLES) * loudness, signal


def r(a, b, support: int = SAMPLES) -> dict[str, float]:
    return View(a, support).r(View(b, support))


def test_each_reading_is_scipys(pair) -> None:
    a, b = pair
    found = r(a, b)
    frames = [np.sqrt((v.reshape(-1, 400) ** 2).mean(1)) for v in pair]
    assert found["signed"] == pytest.approx(pearsonr(a, b)[0])
    assert found["magnitude"] == pytest.approx(pearsonr(np.abs(a), np.abs(b))[0])
    assert found["envelope"] == pytest.approx(pearsonr(*frames)[0])
    assert found["level"] == pytest.approx(spearmanr(*(20 * np.log10(f) for f in frames))[0])
    assert found["padded"] == pytest.approx(found["signed"])


def test_padding_changes_the_papers_reading_only(pair) -> None:
    a, b = (np.pad(v, (0, SAMPLES)) for v in pair)
    a[:SAMPLES] += 1  # an offset, so that the padding is no part of the mean
    padded, plain = r(a, b), r(a[:SAMPLES], b[:SAMPLES])
    for reading in ("signed", "magnitude", "envelope", "level"):
        assert padded[reading] == pytest.approx(plain[reading], abs=1e-12)
    assert abs(padded["padded"] - plain["padded"]) > 0.02


def local() -> nn.Module:
    """Convolutions that begin before the signal and end behind it, without biases, and a mean over time.

    So each sample's gradient rests on its neighbours alone, and what is silent adds nothing.
    """
    torch.manual_seed(0)
    layers = [nn.Conv1d(1, 6, 5, padding=4, bias=False), nn.ReLU(), nn.MaxPool1d(4)]
    layers += [nn.Conv1d(6, 5, 9, padding=8, bias=False), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(5, 3)).double().eval()


@pytest.mark.parametrize("method", [gradient, guided_backprop])
@pytest.mark.parametrize("padding", [4, 1_200, SAMPLES])
def test_zeros_behind_a_slice_change_no_r_of_a_local_network(pair, method, padding: int) -> None:
    model, signal = local(), 0.1 * pair[1]
    found = []
    for whole in (signal, np.pad(signal, (0, padding))):
        audio = torch.from_numpy(whole)[None, None]
        views = [
            View(method(model, audio, {"output": torch.tensor([target])})["output"][0], SAMPLES) for target in (0, 2)
        ]
        found.append(views[0].r(View(whole, SAMPLES)) | {"two classes": views[0].r(views[1])["signed"]})
    for reading in ("signed", "magnitude", "envelope", "level", "two classes"):
        assert found[1][reading] == pytest.approx(found[0][reading], rel=0, abs=1e-9)
        assert abs(found[0][reading]) > 1e-3


def test_r_flips_sign_with_the_map_and_ignores_its_scale(pair) -> None:
    a, b = pair
    base, scaled, flipped = r(a, b), r(1e-12 * a, b), r(-a, b)
    assert scaled == pytest.approx(base)
    assert flipped["signed"] == pytest.approx(-base["signed"])
    assert flipped["magnitude"] == pytest.approx(base["magnitude"])


def test_a_constant_map_has_no_correlation(pair) -> None:
    assert all(math.isnan(value) for value in r(np.zeros(SAMPLES), pair[1]).values())
    assert math.isnan(r(np.full(SAMPLES, 0.1), pair[1])["signed"])


def test_an_envelope_is_rms_by_frames() -> None:
    np.testing.assert_allclose(envelope(np.array([3.0, -4.0, 0.0, 2.0, 9.0]), 2), [math.sqrt(12.5), math.sqrt(2)])
    assert envelope(np.array([2.0]), 400).tolist() == [2.0]


def test_undefined_slices_are_counted_and_never_zero() -> None:
    speakers = np.array(["a", "a", "b", "b", "c", "c", "d"])
    values = np.array([0.5, np.nan, 0.5, 0.5, 0.5, 0.5, np.nan])
    found = estimate(values, speakers)
    assert found["r"] == pytest.approx(0.5)
    assert (found["slices"], found["undefined"], found["speakers"]) == (5, 2, 3)


def test_slices_are_averaged_in_speakers_first() -> None:
    found = estimate([0.2] * 98 + [0.6, 0.6], ["a"] * 98 + ["b"] * 2)
    assert found["r"] == pytest.approx(math.tanh((math.atanh(0.2) + math.atanh(0.6)) / 2))
    np.testing.assert_allclose(by_speaker([1.0, 3.0, np.nan], ["b", "b", "a"]), [np.nan, 2.0])
    assert np.isfinite(fisher([1.0, -1.0])).all()


def test_a_contrast_is_over_speakers_with_the_exact_p() -> None:
    rng = np.random.default_rng(1)
    speakers = np.repeat(np.arange(6), 10)
    control = np.tanh(rng.normal(0.5, 0.05, (3, 60)))
    trained = np.tanh(np.arctanh(control).mean(0) + 0.2 + 0.01 * np.repeat(rng.normal(size=6), 10))
    found = contrast(trained, control, speakers)
    assert found["difference"] == pytest.approx(0.2, abs=0.01)
    assert found["p"] == 2 / 2**6
    assert found["verdict"] == "higher than initial"
    assert (
        contrast(np.tanh(np.arctanh(control).mean(0)), trained, speakers, "shifted")["verdict"] == "lower than shifted"
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.1, 0.1, "not distinguishable from initial"),
        (0.1, 0.2, "higher than initial"),
        (-0.2, -0.1, "lower than initial"),
    ],
)
def test_the_verdict_comes_from_the_interval(low: float, high: float, expected: str) -> None:
    assert verdict(low, high) == expected


def test_one_speaker_decides_nothing() -> None:
    found = contrast([0.5, 0.4], [[0.1, 0.1]], ["a", "a"])
    assert found["verdict"].startswith("undecided")


SPEAKERS, SLICES, SEEDS = 10, 4, 5


def study(rng, shared: bool = False, single: bool = False):
    """r of trained and untrained networks that differ by luck alone: the network's (sd 0.2), speaker's, slice's.

    `shared`: the same networks for all speakers, instead of some for each. `single`: so it is for the trained one only.
    """
    voice = np.repeat(rng.normal(0, 0.1, SPEAKERS), SLICES)
    networks = rng.normal(0, 0.2, (SEEDS + 1, 1 if shared else SPEAKERS))
    luck = np.repeat(np.broadcast_to(networks, (SEEDS + 1, SPEAKERS)), SLICES, axis=1).copy()
    if single:
        luck[0] = luck[0, 0]
    z = 0.5 + voice + luck + rng.normal(0, 0.05, (SEEDS + 1, SPEAKERS * SLICES))
    return np.tanh(z[0]), np.tanh(z[1:]), np.repeat(np.arange(SPEAKERS), SLICES)


def errors(share: float, runs: int) -> float:
    """Three standard errors of a share of so many runs."""
    return 3 * math.sqrt(share * (1 - share) / runs)


def test_under_the_null_the_contrast_covers_and_its_p_is_uniform() -> None:
    rng = np.random.default_rng(2)
    found = [contrast(*study(rng, shared=False)) for _ in range(4_000)]
    assert np.mean([one["low"] <= 0 <= one["high"] for one in found]) == pytest.approx(0.95, abs=errors(0.95, 4_000))
    p = np.array([one["p"] for one in found])
    for level in np.array([5, 26, 102, 256, 410]) / 2 ** (SPEAKERS - 1):  # 0.01 to 0.8: values that p can have
        assert np.mean(p <= level) == pytest.approx(level, abs=errors(level, 4_000))


@pytest.mark.parametrize("how", [{"shared": True}, {"single": True}])
def test_networks_that_all_speakers_share_would_be_taken_for_an_effect(how) -> None:
    rng = np.random.default_rng(3)
    found = [contrast(*study(rng, **how)) for _ in range(200)]
    assert (
        np.mean([one["low"] <= 0 <= one["high"] for one in found]) < 0.65
    )  # why folds have untrained ones of their own


def test_speakers_of_a_fold_count_once() -> None:
    speakers, folds = ["a", "a", "b", "c", "d"], ["y", "y", "y", "x", "x"]
    np.testing.assert_allclose(over_units([1.0, 3.0, 4.0, np.nan, 7.0], speakers, folds), [7.0, 3.0])
    np.testing.assert_allclose(over_units([1.0, 3.0, 4.0, np.nan, 7.0], speakers), [2.0, 4.0, 7.0])
    np.testing.assert_allclose(over_units([1.0, 3.0, 4.0, 5.0, 7.0], speakers, speakers), [2.0, 4.0, 5.0, 7.0])


def test_a_speaker_whom_two_folds_test_counts_in_each() -> None:
    speakers, folds = ["a", "a", "b", "a", "b"], ["x", "x", "y", "y", "x"]
    np.testing.assert_allclose(over_units([1.0, 3.0, 4.0, 8.0, 6.0], speakers, folds), [(2.0 + 6.0) / 2, 6.0])


def test_where_folds_hold_several_speakers_only_the_fold_as_unit_covers() -> None:
    rng = np.random.default_rng(7)
    folds, each = 10, 4
    speakers = np.repeat(np.arange(folds * each), SLICES)
    fold = speakers // each
    by_fold, by_voice = [], []
    for number in range(2_000):
        luck = rng.normal(0, 0.2, (SEEDS + 1, folds))[:, fold]
        voice = rng.normal(0, 0.1, folds * each)[speakers]
        z = 0.5 + voice + luck + rng.normal(0, 0.05, luck.shape)
        r, controls = np.tanh(z[0]), np.tanh(z[1:])
        by_fold.append(contrast(r, controls, speakers, networks=fold))
        if number < 40:  # the sign-flip test of 40 units is a slow one
            by_voice.append(contrast(r, controls, speakers))
    assert {one["units"] for one in by_fold} == {folds}
    assert np.mean([one["low"] <= 0 <= one["high"] for one in by_fold]) == pytest.approx(0.95, abs=errors(0.95, 2_000))
    assert np.mean([one["low"] <= 0 <= one["high"] for one in by_voice]) < 0.8


def test_one_network_among_many_covers() -> None:
    rng = np.random.default_rng(4)
    found = [among_networks(*study(rng, single=True)) for _ in range(1_000)]
    covered = [one["low"] <= 0 <= one["high"] for one in found]
    assert 0.93 <= np.mean(covered) <= 0.98
    assert covered == [one["p"] > 0.05 for one in found]


def test_a_network_far_from_all_others_is_found() -> None:
    rng = np.random.default_rng(5)
    _, controls, speakers = study(rng, shared=False)
    found = among_networks(np.full(controls.shape[1], np.tanh(1.6)), controls, speakers)
    assert found["verdict"] == "higher than initial"
    assert found["units"] == SPEAKERS * SEEDS


def test_the_interval_of_a_mean_correlation_covers() -> None:
    rng = np.random.default_rng(6)
    speakers, covered = np.repeat(np.arange(10), 5), []
    for _ in range(1_000):
        z = 0.4 + np.repeat(rng.normal(0, 0.1, 10), 5) + rng.normal(0, 0.1, 50)
        found = estimate(np.tanh(z), speakers)
        covered.append(found["low"] <= np.tanh(0.4) <= found["high"])
    assert 0.93 <= np.mean(covered) <= 0.97
