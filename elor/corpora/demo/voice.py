"""The source-filter synthesiser: glottal pulses, breath and friction through five formants.

The source is the derivative of the KLGLOTT88 flow (Klatt and Klatt 1990): within the open quotient of a period the flow
is x^2 - x^3, so its derivative 2x - 3x^2 runs from 0 to -1 and jumps back at the glottis's closure; the jump is
band-limited by a polynomial residual (Valimaki and Huovilainen 2007). The filter is one all-pole cascade per frame of
10 ms, applied in the frequency domain with overlap-add. Everything is float64 and rounded once.
"""

from dataclasses import dataclass

import numpy as np

from elor.audio import SAMPLE_RATE
from elor.corpora.demo import contours
from elor.corpora.demo.contours import Segment, Syllables
from elor.corpora.demo.cues import Cues, Plan
from elor.corpora.demo.sounds import BANDWIDTHS, CONSONANTS

HOP = 160
WINDOW = 2 * HOP
FFT = 1024
LEAD = HOP
"""Zeros before each frame, where the ringing before a zero-phase filter's peak finds room."""

OPEN_QUOTIENT = 0.6
FLOOR_DBFS = -66.0
CEILING = 0.985
"""Largest peak, re full scale: an utterance that would clip is turned down, and its `level_db` says so."""

JITTER = 0.004
CREAK_JITTER, CREAK_ALTERNATION = 0.004, 0.04
"""Per step of creak: deviation of the periods, and how much every second pulse loses."""


@dataclass(frozen=True)
class Speech:
    """A spoken utterance and the truth about it.

    Attributes:
        samples: int16 at 16 kHz.
        segments: runs of speech and the pauses between them.
        f0: planted F0 in Hz at the centre of every 10-ms frame, 0 where there is no voice.
        level_db: RMS over the runs of speech in dB re full scale, as it came out.
    """

    samples: np.ndarray
    segments: tuple[Segment, ...]
    f0: np.ndarray
    level_db: float


def synthesise(plan: Plan) -> Speech:
    """Speak a plan; the same plan always gives the same samples."""
    cues, syllables = plan.cues, contours.lay_out(plan)
    length, segments = contours.total_samples(syllables), contours.segments(syllables)
    time = np.arange(length) / SAMPLE_RATE
    voice = contours.voice_amplitude(syllables, cues.peakiness, time)
    f0 = plan.speaker.f0_hz * 2.0 ** (contours.melody(syllables, cues, time, voice) / 12)
    source = _voiced(plan, syllables, f0, voice, time) + _friction(plan, syllables, time)
    spoken = np.concatenate([np.arange(s.start, s.end) for s in segments if s.kind == "speech"])
    level = cues.level_db - _decibels(source[spoken])
    level = min(level, 20 * np.log10(CEILING / np.abs(source).max()))
    signal = source * 10 ** (level / 20)
    floor = 10 ** (FLOOR_DBFS / 20) * plan.chance("floor").standard_normal(length)
    samples = np.round(np.clip(signal + floor, -1, 1) * 32767).astype(np.int16)
    centres = slice(HOP // 2, None, HOP)
    truth = np.where(voice[centres] > contours.VOICED_ABOVE, f0[centres], 0.0)
    return Speech(samples, segments, truth, _decibels(signal[spoken]))


def _decibels(signal: np.ndarray) -> float:
    """RMS level in dB re 1."""
    return float(10 * np.log10(np.mean(signal**2)))


def _voiced(plan: Plan, syllables: Syllables, f0: np.ndarray, amplitude: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Pulses and breath through the vocal tract. Shape: (samples,)."""
    cues = plan.cues
    pulses, phase = glottal_pulses(plan, f0, contours.creakiness(syllables, time))
    breath = plan.chance("breath").standard_normal(len(time)) * np.where(phase < OPEN_QUOTIENT, 1.0, 0.4)
    loudness = 10 ** (cues.aspiration_db / 20) * np.sqrt(np.mean(pulses**2) / np.mean(breath**2))
    frames = _frames(len(time))
    tract = all_pole(contours.formants(syllables, plan.speaker.formant_scale * cues.formant_scale, frames), BANDWIDTHS)
    tract *= _colour(cues)
    return _filtered(amplitude * (pulses + loudness * breath), tract, np.arange(len(frames)))


def glottal_pulses(plan: Plan, f0: np.ndarray, creakiness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivative of the glottal flow, and its phase in 0..1, at each sample of an F0 curve in Hz."""
    creak, step = plan.cues.creak, f0 / SAMPLE_RATE
    cycle = np.cumsum(step).astype(int)
    shake = plan.chance("periods").standard_normal(cycle[-1] + 1)[cycle]
    step = step * (1 + np.clip((JITTER + CREAK_JITTER * creak * creakiness) * shake, -0.1, 0.1))
    total = np.cumsum(step)
    phase = total % 1.0
    x = phase / OPEN_QUOTIENT
    pulses = np.where(x < 1, 2 * x - 3 * x**2, 0.0) + 0.5 * _step_residual((phase - OPEN_QUOTIENT) % 1.0, step)
    weaker = 1 - CREAK_ALTERNATION * creak * creakiness * (total.astype(int) % 2)
    return pulses * weaker, phase


def _step_residual(phase: np.ndarray, step: np.ndarray) -> np.ndarray:
    """What a band-limited step at phase 0, of height 2, adds to a plain one in the samples beside it."""
    after, before = phase / step, (phase - 1) / step
    return np.where(after < 1, 2 * after - after**2 - 1, 0.0) + np.where(before > -1, before**2 + 2 * before + 1, 0.0)


def _friction(plan: Plan, syllables: Syllables, time: np.ndarray) -> np.ndarray:
    """The consonants' noise, each with a spectrum of one resonance. Shape: (samples,)."""
    noise = plan.chance("friction").standard_normal(len(time)) * contours.noise_amplitude(syllables, time)
    resonances = all_pole(np.array([[c.centre_hz] for c in CONSONANTS]), np.array([[c.width_hz] for c in CONSONANTS]))
    resonances *= _colour(plan.cues) / np.abs(resonances).max(axis=1, keepdims=True)
    current = np.searchsorted(syllables.start, _frames(len(time)), side="right") - 1
    return _filtered(noise, resonances, syllables.consonant[np.maximum(current, 0)])


def all_pole(formants: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Transfer function of a cascade of digital resonators with gain 1 at 0 Hz.

    Shape:
        formants (frames, n) in Hz, bandwidths (n,) or (frames, n) in Hz; result (frames, 513), complex.
    """
    radius = np.exp(-np.pi * bandwidths / SAMPLE_RATE) * np.ones_like(formants)
    first = -2 * radius * np.cos(2 * np.pi * formants / SAMPLE_RATE)
    polynomial = np.zeros((len(formants), 2 * formants.shape[1] + 1))
    polynomial[:, 0] = 1.0
    for k in range(formants.shape[1]):  # multiply by 1 + first z^-1 + radius^2 z^-2
        longer = polynomial.copy()
        longer[:, 1:] += first[:, k, None] * polynomial[:, :-1]
        longer[:, 2:] += radius[:, k, None] ** 2 * polynomial[:, :-2]
        polynomial = longer
    return polynomial.sum(axis=1, keepdims=True) / np.fft.rfft(polynomial, FFT)


def _colour(cues: Cues) -> np.ndarray:
    """Gain of the spectral cues: a shelf above 1 kHz and a peak at 2.8 kHz. Shape: (513,)."""
    hertz = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    shelf = hertz**2 / (hertz**2 + 1000.0**2)
    ring = np.exp(-0.5 * (np.log2(np.maximum(hertz, 1.0) / 2800.0) / 0.25) ** 2)
    return 10 ** ((cues.tilt_db * shelf + cues.ring_db * ring) / 20)


def _frames(length: int) -> np.ndarray:
    """Times in seconds of the centres of the frames that cover `length` samples: 0, 10 ms, 20 ms, ..."""
    return np.arange(length // HOP + 2) * (HOP / SAMPLE_RATE)


def _filtered(signal: np.ndarray, responses: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Filter a signal by one response per frame, with Hann windows that add up to one.

    Args:
        signal: shape (samples,).
        responses: transfer functions; shape (m, 513).
        which: the response of each frame, an index below m; shape (samples // 160 + 2,).

    Returns:
        Shape (samples,).
    """
    count = len(which)
    padded = np.zeros((count + 1) * HOP)
    padded[HOP : HOP + len(signal)] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    sounding = np.flatnonzero(frames.any(axis=1))
    windowed = np.zeros((len(sounding), FFT))
    windowed[:, LEAD : LEAD + WINDOW] = frames[sounding] * np.hanning(WINDOW + 1)[:-1]
    ringing = np.fft.irfft(np.fft.rfft(windowed) * responses[which[sounding]], FFT)
    total = np.zeros((count + FFT // HOP, HOP))
    for block in range(-(-FFT // HOP)):
        part = ringing[:, block * HOP : (block + 1) * HOP]
        total[sounding + block, : part.shape[1]] += part
    start = LEAD + HOP
    return total.ravel()[start : start + len(signal)]
