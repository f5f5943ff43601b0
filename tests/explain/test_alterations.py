"""Every alteration changes what it names, by the dose it names, and nothing at its zero dose."""

from __future__ import annotations

import numpy as np
import parselmouth
import pytest

from elor.explain.interventions import alterations
from elor.explain.interventions.alterations import (
    ALTERATIONS,
    add_noise,
    gain,
    high_pass,
    high_shelf,
    insert_pauses,
    lengthen_pauses,
    limit_peaks,
    low_pass,
    low_shelf,
    refill_pauses,
    remove_pauses,
    with_silence,
    with_sound,
)
from elor.explain.interventions.stretch_and_pitch import fitted, shift_pitch, stretch
from elor.explain.level import rms
from elor.explain.pause_detection import pauses
from tests.explain.sounds import RATE, speech, tone

DOSES = [(name, dose) for name, alteration in ALTERATIONS.items() for dose in alteration.doses]


def frequency(signal: np.ndarray) -> float:
    """The strongest frequency, to 0.02 Hz."""
    middle = signal[2_000:-2_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    return spectrum.argmax() * RATE / (1 << 20)


def amplitude(signal: np.ndarray) -> float:
    """Of a tone, away from the ends."""
    return np.sqrt(2) * rms(signal[8_000:-8_000])


def durations(signal: np.ndarray) -> list[float]:
    return [(stop - start) / RATE for start, stop in pauses(signal)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_three_gaps_are_three_pauses_and_the_silence_around_is_none() -> None:
    signal = tone(220, 6.0)
    for start in (1.003, 2.5, 4.2):
        signal[round(start * RATE) : round((start + 0.4) * RATE)] = 0.0
    assert durations(signal) == pytest.approx([0.4] * 3, abs=0.02)
    assert [start / RATE for start, _ in pauses(signal)] == pytest.approx([1.003, 2.5, 4.2], abs=0.01)
    assert durations(np.pad(signal, (9_000, 2_007))) == pytest.approx([0.4] * 3, abs=0.02)
    assert durations(100 * signal) == durations(signal)


def test_short_gaps_and_sounds_without_any_have_no_pauses() -> None:
    signal = tone(220, 2.0)
    assert pauses(signal) == []
    signal[16_000 : 16_000 + 1_200] = 0.0  # 75 ms
    assert pauses(signal) == []
    assert pauses(np.zeros(9_000)) == []
    assert pauses(signal[:300]) == []


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_zero_dose_is_the_signal_itself(name: str, rng: np.random.Generator) -> None:
    alteration, signal = ALTERATIONS[name], speech()
    assert alteration.none in alteration.doses
    assert list(alteration.doses) == sorted(alteration.doses)
    np.testing.assert_allclose(alteration.apply(signal, alteration.none, rng), signal, atol=1e-12)


@pytest.mark.parametrize(("name", "dose"), DOSES)
def test_any_sound_can_be_altered_and_is_left_as_it_was(name: str, dose: float) -> None:
    for signal in (speech(), np.zeros(5_000), speech()[:300], np.array([0.1])):
        before, (one, two) = (
            signal.copy(),
            (ALTERATIONS[name].apply(signal, dose, np.random.default_rng(3)) for _ in "12"),
        )
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("name", [name for name, alteration in ALTERATIONS.items() if alteration.sham])
def test_a_sham_is_audible_and_keeps_length_and_level(name: str, rng: np.random.Generator) -> None:
    signal = speech()
    sham = ALTERATIONS[name].sham(signal, rng)
    assert len(sham) == len(signal)
    assert np.abs(sham - signal).max() > 0  # the processing was not bypassed
    assert rms(sham) == pytest.approx(rms(signal), rel=0.05)


def test_what_changes_the_length_and_nothing_else_has_a_length_control(rng: np.random.Generator) -> None:
    signal = speech()
    for name, alteration in ALTERATIONS.items():
        changes = any(len(alteration.apply(signal, dose, rng)) != len(signal) for dose in alteration.doses)
        assert changes == (alteration.to_length is not None), name


@pytest.mark.parametrize("name", [name for name, alteration in ALTERATIONS.items() if alteration.to_length])
def test_a_length_control_is_the_signal_itself_cut_or_extended(name: str, rng: np.random.Generator) -> None:
    control, signal = ALTERATIONS[name].to_length, speech()
    np.testing.assert_array_equal(control(signal, 40_000, rng), signal[:40_000])
    np.testing.assert_array_equal(control(signal, len(signal), rng), signal)
    longer = control(signal, 80_000, rng)
    assert len(longer) == 80_000
    np.testing.assert_array_equal(longer[: len(signal) - 80], signal[:-80])  # the rest may fade
    for one in (np.zeros(5_000), signal[:300], np.array([0.1])):
        assert len(control(one, 6_000, rng)) == 6_000
        assert np.isfinite(control(one, 6_000, rng)).all()


def test_silence_behind_the_end_is_noise_floor_and_no_pause(rng: np.random.Generator) -> None:
    signal = speech()
    longer = with_silence(signal, 80_000, rng)
    added = longer[len(signal) :]
    assert (added != 0).all()  # which would be padding
    assert rms(added) == pytest.approx(1e-4, rel=0.2)  # the sound's own floor
    assert durations(longer) == pytest.approx(durations(signal), abs=0.01)


def test_sound_behind_the_end_is_as_loud_and_the_beginning_again() -> None:
    signal = speech()
    longer = with_sound(signal, 80_000)
    np.testing.assert_array_equal(longer[64_080:], signal[80:16_000])
    assert np.abs(np.diff(longer[63_900:64_100])).max() <= 1.1 * np.abs(np.diff(signal)).max()  # no click
    assert rms(longer) == pytest.approx(rms(signal), rel=0.05)


def test_gain_is_decibels() -> None:
    assert rms(gain(tone(220), -12.0)) / rms(tone(220)) == pytest.approx(0.2512, abs=1e-4)


@pytest.mark.parametrize("hertz", [100.0, 500.0, 1_000.0, 1_700.0])
def test_passes_have_the_gain_of_their_formula(hertz: float) -> None:
    """The RMS is restored, so a pair of tones tells: their ratio changes by |H(f)| / |H(f0)|."""
    cut = 1_000.0

    def response(f: float, sign: int) -> float:
        return 1 / (1 + (np.tan(np.pi * f / RATE) / np.tan(np.pi * cut / RATE)) ** (8 * sign))

    def measured(altered: np.ndarray, f: float) -> float:
        part = altered[8_000:-8_000]
        time = np.arange(len(part)) / RATE
        return 2 * abs(np.mean(part * np.exp(-2j * np.pi * f * time)))

    for function, octaves, sign, other in ((low_pass, 3.0, 1, 250.0), (high_pass, 4.0, -1, 2_500.0)):
        altered = function(tone(hertz, 3.0) + tone(other, 3.0), octaves)
        wanted = response(hertz, sign) / response(other, sign)
        assert measured(altered, hertz) / measured(altered, other) == pytest.approx(wanted, abs=2e-4)


def test_what_changes_the_spectrum_keeps_the_level(rng: np.random.Generator) -> None:
    signal = speech()
    for name in ("low_pass", "high_pass", "low_shelf", "high_shelf", "peak_limiting", "pitch"):
        for dose in ALTERATIONS[name].doses:
            assert rms(ALTERATIONS[name].apply(signal, dose, rng)) == pytest.approx(rms(signal), rel=1e-9), (name, dose)


def test_low_pass_leaves_a_constant_alone() -> None:
    np.testing.assert_allclose(low_pass(np.full(4_000, 0.2), 4.0), 0.2, rtol=1e-9)


@pytest.mark.parametrize("level", [-12.0, 6.0])
def test_shelves_lift_one_side_by_their_level_and_the_corner_by_half(level: float) -> None:
    def lift(hertz: float, low: bool) -> float:
        signal = tone(hertz)
        return 20 * np.log10(amplitude(alterations._shelf(signal, level, 1_000.0, low)) / amplitude(signal))

    assert [lift(f, True) for f in (20, 1_000, 7_900)] == pytest.approx([level, level / 2, 0.0], abs=0.01)
    assert [lift(f, False) for f in (20, 1_000, 7_900)] == pytest.approx([0.0, level / 2, level], abs=0.01)


def test_at_equal_level_a_low_shelf_is_the_opposite_high_shelf() -> None:
    signal = speech()
    np.testing.assert_allclose(low_shelf(signal, 9.0, 1_000.0), high_shelf(signal, -9.0, 1_000.0), atol=1e-12)


def test_limiting_lowers_peaks_by_its_dose_at_equal_rms() -> None:
    signal = tone(220)
    signal[16_000:16_160] *= 4  # one peak of 10 ms, 12 dB above all else, whose energy is next to nothing

    def crest(value: np.ndarray) -> float:
        return 20 * np.log10(np.abs(value).max() / rms(value))

    for dose in (3.0, 6.0, 9.0):
        limited = limit_peaks(signal, dose)
        assert crest(signal) - crest(limited) == pytest.approx(dose, abs=0.5)
        far = np.r_[0:15_000, 17_000:32_000]
        ratio = limited[far] / np.where(signal[far] == 0, 1, signal[far])
        assert ratio[signal[far] != 0].std() < 1e-9  # away from the peak only the level was restored
    everywhere = limit_peaks(speech(), 6.0)
    assert rms(everywhere) == pytest.approx(rms(speech()), rel=1e-9)
    assert 0 < crest(speech()) - crest(everywhere) < 6


@pytest.mark.parametrize("level", [-20.0, 0.0])
def test_noise_has_its_level(level: float, rng: np.random.Generator) -> None:
    signal = speech()
    noise = add_noise(signal, level, rng) - signal
    assert 20 * np.log10(rms(noise) / rms(signal)) == pytest.approx(level, abs=1e-9)


def test_pauses_are_put_in_lengthened_and_taken_out(rng: np.random.Generator) -> None:
    signal = speech()
    assert durations(signal) == pytest.approx([0.4, 0.4], abs=0.03)
    for count in (1, 2, 4):
        altered = insert_pauses(signal, count, rng)
        assert len(altered) == len(signal) + count * 4_800
        assert len(pauses(altered)) == 2 + count
    assert durations(lengthen_pauses(signal, 0.2, rng)) == pytest.approx([0.6, 0.6], abs=0.03)
    assert durations(remove_pauses(signal, 0.5)) == pytest.approx([0.2, 0.2], abs=0.03)
    assert durations(remove_pauses(signal, 1.0)) == []
    assert durations(refill_pauses(signal, rng)) == pytest.approx([0.4, 0.4], abs=0.03)


def test_an_inserted_pause_is_quiet_but_no_digital_silence(rng: np.random.Generator) -> None:
    altered = insert_pauses(tone(220), 1, rng)
    (start, stop) = pauses(altered)[0]
    inside = altered[start + 400 : stop - 400]
    assert (inside != 0).all()
    assert rms(inside) <= 0.012 * rms(tone(220))  # 40 dB below, give or take its own fluctuation


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.12, 1.25])
def test_stretching_changes_the_length_and_keeps_frequency_and_level(speed: float) -> None:
    altered = stretch(tone(220, 4.0), speed)
    assert len(altered) == round(64_000 / speed)
    assert not (altered[-100:] == 0).all()
    assert frequency(altered) == pytest.approx(220.0, abs=0.1)
    assert amplitude(altered) == pytest.approx(0.1, rel=0.01)


def test_stretching_speech_keeps_its_pitch() -> None:
    signal = speech()
    for speed in (0.8, 1.25):
        assert praat(stretch(signal, speed))[0] == pytest.approx(praat(signal)[0], rel=0.01)


@pytest.mark.parametrize("semitones", [-2, -1, 1, 2])
def test_pitch_moves_by_its_semitones_and_keeps_the_duration(semitones: int) -> None:
    altered = shift_pitch(tone(220, 4.0), semitones)
    assert len(altered) == 64_000
    assert frequency(altered) == pytest.approx(220.0 * 2 ** (semitones / 12), abs=0.1)


def test_pitch_moves_and_formants_stay() -> None:
    signal = speech()
    fundamental, *formants = praat(signal)
    for semitones in (-2, 2):
        moved, *kept = praat(shift_pitch(signal, semitones))
        assert 12 * np.log2(moved / fundamental) == pytest.approx(semitones, abs=0.1)
        assert kept == pytest.approx(formants, rel=0.06)  # by resampling alone, 12 %


def praat(signal: np.ndarray) -> tuple[float, float, float]:
    """Medians of fundamental and two formants over voiced frames, by Praat."""
    sound = parselmouth.Sound(signal, RATE)
    pitch, formants = sound.to_pitch(), sound.to_formant_burg(maximum_formant=5_500)
    voiced = [(t, f) for t, f in zip(pitch.xs(), pitch.selected_array["frequency"], strict=True) if f > 0]
    places = [[formants.get_value_at_time(k, t) for t, _ in voiced] for k in (1, 2)]
    return float(np.median([f for _, f in voiced])), *(float(np.nanmedian(place)) for place in places)


def test_slices_are_cut_or_filled() -> None:
    assert fitted(np.ones(3), 5).tolist() == [1, 1, 1, 0, 0]
    assert fitted(np.ones(7), 5).tolist() == [1] * 5
