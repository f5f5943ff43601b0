"""The synthesiser: what is planted is what Praat, scipy and plain arithmetic find in the sound."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import scipy.signal

from elor.corpora.demo import Plan, Speech, contours, load_recipe, plan_utterance, synthesise, voice
from elor.corpora.demo.recipe_schema import Recipe
from elor.corpora.demo.sounds import BANDWIDTHS

pytestmark = pytest.mark.long

RECIPE = Path(__file__).parents[2] / "data" / "demo.yaml"
RATE = 16_000


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(RECIPE)


@pytest.fixture
def plan(recipe: Recipe) -> Plan:
    return plan_utterance(recipe, "Ses02F", 0.1, 0.2, "pair", 5, duration_s=6.0)


def decibels(signal: np.ndarray) -> float:
    return 10 * math.log10(np.mean(np.square(signal)))


def spoken(speech: Speech) -> np.ndarray:
    signal = speech.samples / 32767
    return np.concatenate([signal[s.start : s.end] for s in speech.segments if s.kind == "speech"])


def band_db(signal: np.ndarray, low: float, high: float) -> float:
    hertz, power = scipy.signal.welch(signal, RATE, nperseg=1024)
    return 10 * math.log10(power[(hertz >= low) & (hertz < high)].sum())


def praat_f0(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and F0 in Hz of Praat's voiced frames (autocorrelation method)."""
    pitch = parselmouth.Sound(samples / 32768, RATE).to_pitch_ac(time_step=0.01, pitch_floor=55, pitch_ceiling=700)
    hertz = pitch.selected_array["frequency"]
    return pitch.xs()[hertz > 0], hertz[hertz > 0]


class TestSound:
    @pytest.mark.parametrize("speaker", ["Ses01F", "Ses02M", "Ses03F", "Ses04M", "Ses05F", "Ses05M"])
    @pytest.mark.parametrize(("valence", "arousal"), [(-0.9, 0.9), (0.9, 0.8), (-0.8, -0.9), (0.6, -0.4)])
    def test_praat_measures_the_planted_f0(self, recipe: Recipe, speaker: str, valence: float, arousal: float) -> None:
        plan = plan_utterance(recipe, speaker, valence, arousal, f"{speaker} {valence}", 3, duration_s=4.0)
        speech = synthesise(plan)
        times, hertz = praat_f0(speech.samples)
        truth = speech.f0[np.clip(np.round((times - 0.005) / 0.01).astype(int), 0, len(speech.f0) - 1)]
        difference = 12 * np.log2(hertz[truth > 0] / truth[truth > 0])
        assert len(difference) > 0.8 * np.sum(speech.f0 > 0)
        assert abs(np.median(difference)) < 0.15
        assert abs(np.mean(difference)) < 0.3
        planted_mean = 12 * np.log2(speech.f0[speech.f0 > 0] / plan.speaker.f0_hz).mean()
        assert planted_mean == pytest.approx(plan.cues.f0_semitones, abs=0.05)

    def test_f0_range(self, plan: Plan) -> None:
        f0 = synthesise(plan.with_cue(f0_range_semitones=7.0)).f0
        low, high = np.percentile(12 * np.log2(f0[f0 > 0]), [5, 95])
        assert high - low == pytest.approx(7.0, abs=0.4)

    def test_all_pole_is_scipy(self) -> None:
        formants = np.array([[500.0, 1500.0, 2500.0, 3500.0, 4500.0]])
        radius = np.exp(-np.pi * BANDWIDTHS / RATE)
        poles = radius * np.exp(2j * np.pi * formants[0] / RATE)
        polynomial = np.poly(np.concatenate([poles, poles.conj()])).real
        _, expected = scipy.signal.freqz(polynomial.sum(), polynomial, worN=voice.FFT // 2 + 1, include_nyquist=True)
        np.testing.assert_allclose(voice.all_pole(formants, BANDWIDTHS)[0], expected, rtol=1e-9)

    def test_overlap_add_is_a_filter(self) -> None:
        """With one response for all frames, filtering by frames is filtering."""
        signal = np.random.default_rng(0).standard_normal(5000)
        radius, angle = 0.9, 2 * np.pi * 1200 / RATE
        polynomial = np.array([1.0, -2 * radius * np.cos(angle), radius**2])
        response = 1 / np.fft.rfft(polynomial, voice.FFT)
        filtered = voice._filtered(signal, response[None], np.zeros(5000 // 160 + 2, dtype=int))
        np.testing.assert_allclose(filtered, scipy.signal.lfilter([1.0], polynomial, signal), atol=1e-9)

    def test_pulses_are_band_limited(self, recipe: Recipe) -> None:
        """At a constant F0 of 400 Hz, what lies between the harmonics is 30 dB below them."""
        plan = plan_utterance(recipe, "Ses01F", 0.0, 0.0, "steady", 1).with_cue(creak=0)
        f0 = np.full(16_000, 400.0)
        pulses, _ = voice.glottal_pulses(plan, f0, np.zeros(16_000))
        spectrum = np.abs(np.fft.rfft(pulses * np.hanning(16_000))) ** 2
        near = np.abs((np.arange(len(spectrum)) + 200) % 400 - 200) < 60  # jitter widens the harmonics
        assert 10 * np.log10(spectrum[near].sum() / spectrum[~near].sum()) > 30

    def test_creak_weakens_every_second_pulse(self, recipe: Recipe) -> None:
        plan = plan_utterance(recipe, "Ses01M", 0.0, 0.0, "steady", 1).with_cue(creak=7)
        pulses, phase = voice.glottal_pulses(plan, np.full(16_000, 100.0), np.ones(16_000))
        closures = np.flatnonzero(np.diff(phase) < 0)
        peaks = np.array([np.abs(cycle).max() for cycle in np.split(pulses, closures)[1:-1]])
        ratio = np.median(peaks[0::2]) / np.median(peaks[1::2])
        assert min(ratio, 1 / ratio) == pytest.approx(1 - 7 * 0.04, abs=0.05)

    def test_no_clipping_and_no_digital_silence(self, recipe: Recipe) -> None:
        for speaker in ("Ses01F", "Ses03F"):
            speech = synthesise(plan_utterance(recipe, speaker, -1.0, 1.0, "extreme", 1))
            samples = speech.samples
            assert np.abs(samples.astype(int)).max() < 32_767
            zeros = np.flatnonzero(np.diff(np.concatenate([[True], samples != 0, [True]]).astype(int)) == -1)
            assert len(zeros) < 0.2 * len(samples)
            assert np.count_nonzero(samples) > 0.9 * len(samples)


class TestCounterfactuals:
    """One cue changed: the sound changes by that much, and the rest stays."""

    def test_same_plan_same_samples(self, plan: Plan) -> None:
        np.testing.assert_array_equal(synthesise(plan).samples, synthesise(plan).samples)

    def test_unknown_cue(self, plan: Plan) -> None:
        with pytest.raises(TypeError, match="loudness"):
            plan.with_cue(loudness=1.0)

    def test_level(self, plan: Plan) -> None:
        soft, loud = synthesise(plan.with_cue(level_db=-30.0)), synthesise(plan.with_cue(level_db=-24.0))
        assert decibels(spoken(loud)) - decibels(spoken(soft)) == pytest.approx(6.0, abs=0.05)
        assert soft.segments == loud.segments
        np.testing.assert_array_equal(soft.f0, loud.f0)
        softly, loudly = spoken(soft), spoken(loud)
        assert np.corrcoef(softly, loudly)[0, 1] > 0.999  # the same waveform but for the floor

    def test_noise_floor_stays(self, plan: Plan) -> None:
        """Level changes the speech, not the recording: pauses hold the same noise floor, sample by sample."""
        soft, loud = synthesise(plan.with_cue(level_db=-30.0)), synthesise(plan.with_cue(level_db=-24.0))
        pauses = [s for s in soft.segments if s.kind == "pause"]
        assert pauses
        for pause in pauses:
            inside = slice(pause.start + 800, pause.end - 320)  # the last sound has died away
            np.testing.assert_allclose(soft.samples[inside], loud.samples[inside], atol=2)
            assert decibels(soft.samples[inside] / 32767) == pytest.approx(-66, abs=1.0)

    def test_pitch(self, plan: Plan) -> None:
        higher = plan.with_cue(f0_semitones=plan.cues.f0_semitones + 3)
        before, after = (praat_f0(synthesise(p).samples)[1] for p in (plan, higher))
        assert 12 * np.log2(np.median(after) / np.median(before)) == pytest.approx(3, abs=0.2)

    def test_rate_says_the_same_in_less_time(self, plan: Plan) -> None:
        faster = plan.with_cue(rate=1.25 * plan.cues.rate, run_s=0.8 * plan.cues.run_s)
        before, after = contours.lay_out(plan), contours.lay_out(faster)
        np.testing.assert_array_equal(before.vowel, after.vowel)
        np.testing.assert_array_equal(before.run, after.run)
        assert after.length.sum() == pytest.approx(before.length.sum() / 1.25)
        assert len(synthesise(faster).samples) < len(synthesise(plan).samples)

    def test_pauses(self, plan: Plan) -> None:
        def pauses(plan: Plan) -> list[int]:
            return [s.end - s.start for s in synthesise(plan).segments if s.kind == "pause"]

        steady = plan.with_cue(pause_cv=0.0, pause_trend=0.0)
        assert set(pauses(steady.with_cue(pause_s=0.5))) <= {7999, 8000, 8001}
        assert len(pauses(steady.with_cue(run_s=0.7))) > len(pauses(steady.with_cue(run_s=1.5))) > 0
        growing = pauses(steady.with_cue(pause_trend=1.0, run_s=0.7))
        assert growing == sorted(growing)
        assert growing[-1] / growing[0] == pytest.approx(2.0, rel=0.01)

    def test_tilt_and_ring(self, plan: Plan) -> None:
        """A shelf of 6 dB at 1 kHz and a peak at 2.8 kHz, against the band of the fundamental."""

        def contrast(plan: Plan, low: float, high: float) -> float:
            signal = spoken(synthesise(plan))
            return band_db(signal, low, high) - band_db(signal, 150, 250)

        flat, bright = plan.with_cue(tilt_db=0.0, ring_db=0.0), plan.with_cue(tilt_db=6.0, ring_db=0.0)
        expected = 6 * (3000**2 / (3000**2 + 1000**2) - 200**2 / (200**2 + 1000**2))
        assert contrast(bright, 2800, 3200) - contrast(flat, 2800, 3200) == pytest.approx(expected, abs=0.7)
        ringing = plan.with_cue(tilt_db=0.0, ring_db=6.0)
        assert contrast(ringing, 2700, 2900) - contrast(flat, 2700, 2900) == pytest.approx(6, abs=0.5)
        assert contrast(ringing, 5000, 7000) - contrast(flat, 5000, 7000) == pytest.approx(0, abs=0.5)

    def test_formants(self, recipe: Recipe) -> None:
        """Praat's formants move by the planted factor."""
        plan = plan_utterance(recipe, "Ses02M", 0.0, 0.0, "formants", 1, duration_s=6.0)

        def second_formant(plan: Plan) -> float:
            speech = synthesise(plan)
            sound = parselmouth.Sound(speech.samples / 32768, RATE)
            formant = sound.to_formant_burg(max_number_of_formants=5, maximum_formant=5200)
            voiced = np.flatnonzero(speech.f0 > 0) * 0.01 + 0.005
            return float(np.nanmean([formant.get_value_at_time(2, time) for time in voiced]))

        ratio = second_formant(plan.with_cue(formant_scale=1.06)) / second_formant(plan.with_cue(formant_scale=0.96))
        assert ratio == pytest.approx(1.06 / 0.96, abs=0.05)

    def test_breath_and_creak_lower_the_harmonicity(self, plan: Plan) -> None:
        def harmonicity(**cues: float) -> float:
            sound = parselmouth.Sound(synthesise(plan.with_cue(**cues)).samples / 32768, RATE)
            values = sound.to_harmonicity_cc().values
            return float(values[values > -100].mean())

        clear = harmonicity(creak=0, aspiration_db=-40.0)
        assert clear - harmonicity(creak=0, aspiration_db=-18.0) > 1
        assert clear - harmonicity(creak=7, aspiration_db=-40.0) > 1

    def test_peakiness_raises_the_crest(self, plan: Plan) -> None:
        def crest(plan: Plan) -> float:
            signal = spoken(synthesise(plan))
            return float(np.abs(signal).max() / np.sqrt(np.mean(signal**2)))

        quiet = plan.with_cue(level_db=-30.0)
        assert crest(quiet.with_cue(peakiness=1.5)) > 1.1 * crest(quiet.with_cue(peakiness=0.75))
