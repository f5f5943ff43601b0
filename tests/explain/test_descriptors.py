"""Property 10: descriptors of signals whose values are known, and of two independent programs."""

from __future__ import annotations

import numpy as np
import parselmouth
import pyloudnorm
import pytest
from scipy.signal import butter, sosfilt

from elor.explain.pause_detection import pauses
from elor.explain.prototypes.descriptors import DESCRIPTORS, describe, interruptions, k_weighting, loudness

RATE = 16_000
TIME = np.arange(6 * RATE) / RATE
LEVEL_KEYS = ("peak", "rms_dbfs", "lufs")


def noise(seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(len(TIME))


def voice(hnr_db: float = 20.0, f0: float = 150.0) -> np.ndarray:
    """Ten harmonics of equal power per octave and white noise so far below them."""
    tone = sum(np.sin(2 * np.pi * k * f0 * TIME) / k for k in range(1, 11))
    hiss = np.random.default_rng(1).standard_normal(len(TIME))
    return 0.05 * (tone + hiss * tone.std() * 10 ** (-hnr_db / 20))


def with_gaps(starts: tuple[float, ...], durations: tuple[float, ...]) -> np.ndarray:
    signal = noise()
    for start, duration in zip(starts, durations, strict=True):
        signal[round(start * RATE) : round((start + duration) * RATE)] = 0.0
    return signal


def test_a_sine() -> None:
    found = describe(0.5 * np.sin(2 * np.pi * 220 * TIME))
    assert list(found) == list(DESCRIPTORS)
    assert found["centroid_hz"] == pytest.approx(220, abs=0.5)
    assert found["bandwidth_hz"] < 10
    assert found["rolloff_hz"] == pytest.approx(220, abs=10)
    assert found["share_above_2k"] == pytest.approx(0, abs=1e-9)
    assert found["peak"] == pytest.approx(0.5)
    assert found["crest_db"] == pytest.approx(3.0103, abs=1e-3)
    assert found["kurtosis"] == pytest.approx(1.5, abs=1e-3)
    assert found["rms_dbfs"] == pytest.approx(-9.0309, abs=1e-3)
    assert found["periodic_s"] == found["longest_periodic_s"] == pytest.approx(6.0)
    assert found["hnr_db"] > 40
    assert found["pauses"] == 0


def test_two_tones_have_the_moments_of_two_lines() -> None:
    found = describe(np.sin(2 * np.pi * 1_000 * TIME) + 2 * np.sin(2 * np.pi * 3_000 * TIME))
    assert found["centroid_hz"] == pytest.approx((1_000 + 4 * 3_000) / 5, abs=1)
    assert found["bandwidth_hz"] == pytest.approx(800, abs=1)  # 2,000 sqrt(0.2 * 0.8)
    assert found["share_above_2k"] == pytest.approx(0.8, abs=1e-3)


def test_white_noise() -> None:
    found = describe(noise())
    assert found["periodic_s"] == found["longest_periodic_s"] == 0
    assert np.isnan(found["hnr_db"])
    assert found["centroid_hz"] == pytest.approx(4_000, rel=0.02)
    assert found["bandwidth_hz"] == pytest.approx(8_000 / np.sqrt(12), rel=0.02)
    assert found["rolloff_hz"] == pytest.approx(6_800, rel=0.02)
    assert found["share_above_2k"] == pytest.approx(0.75, abs=0.01)
    assert found["kurtosis"] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("hertz", [20, 40, 3_000])
def test_what_repeats_outside_the_voice_range_only_is_not_counted_below_it(hertz: int) -> None:
    found = describe(np.sin(2 * np.pi * hertz * TIME))
    expected = 6.0 if hertz > 75 else 0.0  # a multiple of a 3-kHz period lies within; half a 20-Hz period has no peak
    assert found["periodic_s"] == pytest.approx(expected, abs=0.05)


def test_three_gaps_are_three_pauses() -> None:
    starts = (1.0, 2.5, 4.0)
    signal = with_gaps(starts, (0.4, 0.4, 0.4))
    for (start, stop), expected in zip(pauses(signal, RATE), starts, strict=True):
        assert (stop - start) / RATE == pytest.approx(0.40, abs=0.02)
        assert start / RATE == pytest.approx(expected, abs=0.02)
    found = describe(signal)
    assert found["pauses"] == 3
    assert found["pause_mean_s"] == pytest.approx(0.40, abs=0.02)
    assert found["pause_total_s"] == pytest.approx(1.20, abs=0.06)
    assert found["pause_irregularity"] == pytest.approx(0, abs=0.03)
    assert found["pause_trend"] == pytest.approx(0, abs=0.2)


def test_pauses_that_double_grow_by_octaves_and_are_irregular() -> None:
    found = interruptions(with_gaps((0.5, 2.0, 3.5), (0.2, 0.4, 0.8)))
    middles, octaves = np.array([0.6, 2.2, 3.9]), np.array([0.0, 1.0, 2.0])
    assert found["pause_trend"] == pytest.approx(6 * np.polyfit(middles, octaves, 1)[0], rel=0.1)
    durations, gaps = np.array([0.2, 0.4, 0.8]), np.diff(middles)
    cv = [values.std(ddof=1) / values.mean() for values in (durations, gaps)]
    assert found["pause_irregularity"] == pytest.approx(np.mean(cv), abs=0.05)


def test_two_pauses_have_neither_rhythm_nor_trend() -> None:
    found = interruptions(with_gaps((1.0, 3.0), (0.3, 0.3)))
    assert found["pauses"] == 2
    assert np.isnan(found["pause_irregularity"])
    assert np.isnan(found["pause_trend"])


def test_half_a_tone_is_periodic_for_half_the_time() -> None:
    signal = np.where(TIME < 3, np.sin(2 * np.pi * 150 * TIME), 10 * noise())
    found = describe(signal)
    assert found["periodic_s"] == pytest.approx(3, abs=0.06)
    broken = np.where((TIME > 1) & (TIME < 1.5), 10 * noise(), np.sin(2 * np.pi * 150 * TIME))
    assert describe(broken)["longest_periodic_s"] == pytest.approx(4.5, abs=0.06)


@pytest.mark.parametrize("gain", [0.01, 20.0])
def test_a_gain_moves_the_level_only(gain: float) -> None:
    signal = with_gaps((1.0, 2.5, 4.0), (0.3, 0.4, 0.5)) + np.where(TIME < 1, voice(), 0)
    before, after = describe(signal), describe(gain * signal)
    for name in DESCRIPTORS:
        if name not in LEVEL_KEYS:
            assert after[name] == pytest.approx(before[name], rel=1e-4, nan_ok=True), name
    assert after["peak"] == pytest.approx(gain * before["peak"])
    for name in ("rms_dbfs", "lufs"):
        assert after[name] - before[name] == pytest.approx(20 * np.log10(gain), abs=1e-3), name


@pytest.mark.parametrize("hnr_db", [5, 10, 20])
def test_hnr_is_praats(hnr_db: float) -> None:
    signal = voice(hnr_db)
    sound = parselmouth.Sound(signal, RATE)
    praat = sound.to_harmonicity_ac(time_step=0.01, minimum_pitch=75.0, silence_threshold=0.1, periods_per_window=4.5)
    expected = praat.values[praat.values > -200].mean()
    found = describe(signal)
    assert found["hnr_db"] == pytest.approx(expected, abs=1.0)
    assert found["hnr_db"] == pytest.approx(hnr_db, abs=1.0)
    assert found["periodic_s"] > 5.5


@pytest.mark.parametrize("case", ["noise", "sine", "voice", "quiet passages"])
def test_lufs_is_pyloudnorms(case: str) -> None:
    signal = {
        "noise": noise(),
        "sine": 0.3 * np.sin(2 * np.pi * 997 * TIME),
        "voice": voice(),
        "quiet passages": noise() * np.where(np.sin(2 * np.pi * 0.4 * TIME) > 0, 1.0, 0.01),
    }[case]
    expected = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(signal)
    assert loudness(signal)["lufs"] == pytest.approx(expected, abs=0.01)


def test_the_weighting_is_the_recommendations_own_at_48_khz() -> None:
    (shelf, below), (high_pass, rumble) = k_weighting(48_000)
    assert shelf == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-8)
    assert below == pytest.approx([1.0, -1.69065929318241, 0.73248077421585], abs=1e-8)
    assert high_pass == pytest.approx([1.0, -2.0, 1.0])
    assert rumble == pytest.approx([1.0, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("signal", [np.zeros(96_000), np.zeros(10), np.ones(300), np.array([0.5])])
def test_what_is_undefined_is_nan_and_nothing_fails(signal: np.ndarray) -> None:
    found = describe(signal)
    assert np.isnan(found["lufs"])
    assert found["periodic_s"] == 0
    assert found["pauses"] == 0
    assert np.isnan(found["centroid_hz"]) == (not signal.any())


def test_rumble_is_not_a_voice() -> None:
    rumble = sosfilt(butter(4, 40, fs=RATE, output="sos"), noise())
    assert describe(rumble)["periodic_s"] < 0.3


def test_no_numbers_no_description() -> None:
    with pytest.raises(ValueError, match="finite"):
        describe(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"\(2, 8\)"):
        describe(np.zeros((2, 8)))
