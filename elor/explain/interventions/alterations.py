"""Alterations of sound for the causal test: one acoustic property changes by a dose, all else stays as near as can be.

Every function takes a real signal (samples,) at 16 kHz, a slice's own samples without its padding, and returns a new
one. Nothing is rounded or clipped: networks take floats, and a clipped +12 dB would be two alterations at once. What
changes the spectrum keeps the RMS, so that level is altered by `gain` alone.

What changes the duration makes a slice shorter or longer. `fitted` brings it back to 6 s: one that has grown loses its
end, one that has shrunk gets more zeros. So a slice that was already full loses speech by growing, and shows padding
by shrinking, which it never had; of shorter slices only the length of the padding changes. A network that looks at
nothing but the padding would be moved, so each dose of such an alteration has a *length control*: the slice as it is,
cut or extended to the altered length. What the dose does beyond its length control is not the length's doing.

What a control is extended with should say as little as can be, and bring no more sound than the alteration does:

- pauses add silence, so the control gets the noise floor of the slice behind its end: as much sound, as much silence,
  and no pause, which needs sound on both sides;
- slow speech has more sound, as loud and as dense as before, so the control begins again from its start. Noise floor
  would be next to padding for a network on raw audio, and a network that adds up energy would pass for one that hears
  the rate.

A `sham` goes through the same processing and changes nothing else: what it does to an answer is the artefact's doing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.signal import butter, fftconvolve, lfilter, sosfiltfilt
from scipy.signal.windows import hann

from elor.audio import SAMPLE_RATE
from elor.explain.interventions.stretch_and_pitch import as_loud, fitted, shift_pitch, stretch
from elor.explain.level import rms
from elor.explain.pause_detection import pauses, quiet

FADE = 80
"""Samples (5 ms) that fade out before a joint and in after it."""

PAUSE = 4_800
"""Samples (300 ms) of an inserted pause: the demonstration corpus' own mean length, and common in speech."""

LOW_CORNER, HIGH_CORNER = 500.0, 2_000.0
"""Hz: midpoints of the two shelves. With one corner they would be the same alteration at equal RMS."""

ORDER = 4
"""Of the Butterworth filter, run forwards and backwards."""


def gain(signal: NDArray, level: float) -> NDArray:
    """y = 10^(level / 20) x; level in dB."""
    return signal * 10 ** (level / 20)


def low_pass(signal: NDArray, octaves: float) -> NDArray:
    """Remove what lies above 8 kHz / 2^octaves, at equal RMS; 0 octaves remove nothing.

    Zero phase: a Butterworth filter of order 4 forwards and backwards, |H|^2 = 1 / (1 + (w / wc)^8)^2 with
    w = tan(pi f / 16 kHz), so -6 dB at the cut-off.
    """
    return _filtered(signal, SAMPLE_RATE / 2 / 2**octaves, "lowpass") if octaves else signal


def high_pass(signal: NDArray, octaves: float) -> NDArray:
    """Remove what lies below 62.5 Hz * 2^octaves, as `low_pass` does; 0 octaves remove nothing."""
    return _filtered(signal, 62.5 * 2**octaves, "highpass") if octaves else signal


def low_shelf(signal: NDArray, level: float, corner: float = LOW_CORNER) -> NDArray:
    """Raise what lies below the corner by `level` dB, half of it at the corner; then restore the RMS.

    The biquad of Bristow-Johnson's "Audio EQ cookbook" with slope 1.
    """
    return as_loud(_shelf(signal, level, corner, low=True), signal)


def high_shelf(signal: NDArray, level: float, corner: float = HIGH_CORNER) -> NDArray:
    """Raise what lies above the corner by `level` dB; see `low_shelf`."""
    return as_loud(_shelf(signal, level, corner, low=False), signal)


def limit_peaks(signal: NDArray, reduction: float) -> NDArray:
    """Hold |x| at `reduction` dB below its peak, then restore the RMS: the crest factor falls, the level stays.

    Gain is min(1, T / |x|), its minimum over 5 ms, smoothed by a 5-ms Hann window: gliding, hence no clipping, and
    never above T.
    """
    peak = np.abs(signal).max(initial=0.0) * 10 ** (-reduction / 20)
    if not peak:
        return signal
    wanted = np.minimum(1.0, peak / np.maximum(np.abs(signal), peak))
    window = hann(FADE + 1, sym=True)
    lowest = minimum_filter1d(wanted, FADE + 1, mode="nearest")
    smooth = np.convolve(np.pad(lowest, FADE // 2, mode="edge"), window / window.sum(), mode="valid")
    return as_loud(signal * smooth, signal)


def add_noise(signal: NDArray, level: float, rng: np.random.Generator) -> NDArray:
    """Add white Gaussian noise `level` dB above (below, if negative) the signal's RMS: minus the SNR in dB."""
    noise = rng.standard_normal(len(signal))
    return signal + noise * (rms(signal) / max(rms(noise), 1e-12) * 10 ** (level / 20))


def insert_pauses(signal: NDArray, count: float, rng: np.random.Generator, length: int = PAUSE) -> NDArray:
    """Interrupt the sound `count` times for `length` samples of its own noise floor.

    The sound between its pauses is cut into `count` equal parts, and each part is interrupted at the quietest 25 ms of
    its middle half, with 5-ms fades. A `length` of 0 makes the joints only: the sham.
    """
    places = _quiet_places(signal, int(count))
    return _joined(np.split(signal, places), [_floor(signal, length, rng) for _ in places])


def remove_pauses(signal: NDArray, share: float) -> NDArray:
    """Take `share` (0..1) of every pause out of its middle."""
    pieces, done = [], 0
    for start, stop in pauses(signal):
        cut = round(share * (stop - start))
        if cut:
            begin = (start + stop - cut) // 2
            pieces.append(signal[done:begin])
            done = begin + cut
    return _joined([*pieces, signal[done:]], [signal[:0]] * len(pieces))


def lengthen_pauses(signal: NDArray, seconds: float, rng: np.random.Generator) -> NDArray:
    """Put `seconds` of noise floor into the middle of every pause."""
    middles = [(start + stop) // 2 for start, stop in pauses(signal)] if seconds else []
    return _joined(np.split(signal, middles), [_floor(signal, round(seconds * SAMPLE_RATE), rng) for _ in middles])


def refill_pauses(signal: NDArray, rng: np.random.Generator) -> NDArray:
    """Replace the middle half of every pause by noise floor of the same length: the sham of both above."""
    pieces, fills, done = [], [], 0
    for start, stop in pauses(signal):
        half = (stop - start) // 2
        begin = start + half // 2
        pieces.append(signal[done:begin])
        fills.append(_floor(signal, half, rng))
        done = begin + half
    return _joined([*pieces, signal[done:]], fills)


def with_silence(signal: NDArray, samples: int, rng: np.random.Generator) -> NDArray:
    """The signal cut at its end, or continued by its own noise floor: (samples,)."""
    if samples <= len(signal):
        return signal[:samples]
    return np.concatenate([signal, _floor(signal, samples - len(signal), rng)])  # as abruptly as padding begins


def with_sound(signal: NDArray, samples: int) -> NDArray:
    """The signal cut at its end, or begun again there, with 5-ms fades: (samples,)."""
    if samples <= len(signal):
        return signal[:samples]
    return _joined([signal, np.resize(signal, samples - len(signal))], [signal[:0]])


@dataclass(frozen=True)
class Alteration:
    """One property that is altered, dose by dose.

    Attributes:
        what: is altered, in a few words.
        unit: of the dose.
        doses: in rising order; more dose is more of what the name says.
        none: the dose that leaves a signal as it is.
        apply: signal, dose and a source of randomness to the altered signal.
        sham: the same processing without the alteration, if it has artefacts; its randomness likewise.
        needs_pauses: signals without a pause are left out, since there is nothing to alter.
        to_length: signal, samples and a source of randomness to the length control; None where the length stays.
        claimed, per: what claims call it, and one unit of its dose there; empty where none speaks of it.
    """

    what: str
    unit: str
    doses: tuple[float, ...]
    none: float
    apply: Callable[[NDArray, float, np.random.Generator], NDArray]
    sham: Callable[[NDArray, np.random.Generator], NDArray] | None = None
    needs_pauses: bool = False
    to_length: Callable[[NDArray, int, np.random.Generator], NDArray] | None = None
    claimed: str = ""
    per: str = ""


def _exactly(function: Callable) -> Callable:
    return lambda signal, dose, rng: function(signal, dose)


DECIBELS = (-12.0, -6.0, 0.0, 6.0, 12.0)
OCTAVES = (0.0, 1.0, 2.0, 3.0, 4.0)

ALTERATIONS: Mapping[str, Alteration] = {
    "gain": Alteration("level", "dB", DECIBELS, 0.0, _exactly(gain), claimed="amplification", per="dB"),
    "low_pass": Alteration("frequencies above 8 kHz / 2^dose removed", "octaves", OCTAVES, 0.0, _exactly(low_pass)),
    "high_pass": Alteration("frequencies below 62.5 Hz * 2^dose removed", "octaves", OCTAVES, 0.0, _exactly(high_pass)),
    "low_shelf": Alteration("level below 500 Hz, RMS kept", "dB", DECIBELS, 0.0, _exactly(low_shelf)),
    "high_shelf": Alteration(
        "level above 2 kHz, RMS kept",
        "dB",
        DECIBELS,
        0.0,
        _exactly(high_shelf),
        claimed="a higher level above 2 kHz",
        per="dB",
    ),
    "pause_insertion": Alteration(
        "pauses of 300 ms put in",
        "pauses",
        (0.0, 1.0, 2.0, 4.0),
        0.0,
        insert_pauses,
        lambda signal, rng: insert_pauses(signal, 4, rng, length=0),
        to_length=with_silence,
        claimed="pauses put in",
        per="pause",
    ),
    "pause_removal": Alteration(
        "share of every pause taken out",
        "of each",
        (0.0, 0.5, 1.0),
        0.0,
        _exactly(remove_pauses),
        refill_pauses,
        needs_pauses=True,
        to_length=with_silence,
    ),
    "pause_lengthening": Alteration(
        "seconds put into every pause",
        "s",
        (0.0, 0.1, 0.2, 0.4),
        0.0,
        lengthen_pauses,
        refill_pauses,
        needs_pauses=True,
        to_length=with_silence,
        claimed="longer pauses",
        per="second",
    ),
    "peak_limiting": Alteration(
        "peaks held down, RMS kept",
        "dB",
        (0.0, 3.0, 6.0, 9.0),
        0.0,
        _exactly(limit_peaks),
        claimed="peaks held down",
        per="dB",
    ),
    "time_stretch": Alteration(
        "speaking rate, pitch kept",
        "times the rate",
        (0.8, 0.9, 1.0, 1.12, 1.25),
        1.0,
        _exactly(stretch),
        lambda signal, rng: fitted(stretch(stretch(signal, 1.25), 0.8), len(signal)),
        to_length=_exactly(with_sound),
        claimed="faster speech",
        per="100 % of the rate",
    ),
    "noise": Alteration("white noise added", "dB re signal", (-np.inf, -30.0, -20.0, -10.0, 0.0), -np.inf, add_noise),
    "pitch": Alteration(
        "fundamental frequency, formants kept",
        "semitones",
        (-2.0, -1.0, 0.0, 1.0, 2.0),
        0.0,
        _exactly(shift_pitch),
        lambda signal, rng: shift_pitch(shift_pitch(signal, 2), -2),
    ),
}
"""What can be altered, by name."""


def _filtered(signal: NDArray, cut: float, kind: str) -> NDArray:
    sections = butter(ORDER, cut, kind, fs=SAMPLE_RATE, output="sos")
    edge = min(3 * FADE, len(signal) - 1)  # mirrored at both ends, so that a cut-off vowel makes no click
    return as_loud(sosfiltfilt(sections, signal, padlen=edge), signal)


def _shelf(signal: NDArray, level: float, corner: float, low: bool) -> NDArray:
    """The cookbook's shelf, without any change of the overall level."""
    amplitude, angle = 10 ** (level / 40), 2 * np.pi * corner / SAMPLE_RATE
    sign = 1 if low else -1
    cosine, wide = sign * np.cos(angle), np.sqrt(2 * amplitude) * np.sin(angle)
    up, down = amplitude + 1, amplitude - 1
    numerator = amplitude * np.array(
        [up - down * cosine + wide, 2 * sign * (down - up * cosine), up - down * cosine - wide]
    )
    denominator = np.array([up + down * cosine + wide, -2 * sign * (down + up * cosine), up + down * cosine - wide])
    return lfilter(numerator, denominator, signal)


def _quiet_places(signal: NDArray, count: int, frame: int = SAMPLE_RATE // 40) -> list[int]:
    """Where to interrupt: the middle of the quietest frame of each of `count` parts, 100 ms off all silence."""
    paused, clearance = np.zeros(len(signal), dtype=bool), SAMPLE_RATE // 10
    sounding = np.flatnonzero(~quiet(signal))
    around = [(0, sounding[0]), (sounding[-1], len(signal))] if len(sounding) else []
    for start, stop in [*pauses(signal), *around]:
        paused[max(0, start - clearance) : stop + clearance] = True
    begins = np.arange(0, len(signal) - frame + 1, frame)
    begins = begins[~paused[begins + frame // 2]]
    parts = np.array_split(begins, count) if count else []
    middles = [part[len(part) // 4 : len(part) - len(part) // 4] for part in parts]
    return [min(part, key=lambda at: rms(signal[at : at + frame])) + frame // 2 for part in middles if len(part)]


def _floor(signal: NDArray, count: int, rng: np.random.Generator, frame: int = SAMPLE_RATE // 40) -> NDArray:
    """Noise like the quietest 25 ms, in spectrum and level, but at least 40 dB below the loud parts: (count,).

    White noise filtered by that very piece of sound has its spectrum. Digital zeros would be no pause: they mean
    padding here, and the logarithm of MFCCs makes much of them.
    """
    whole = len(signal) // frame * frame
    if not count or not whole:
        return np.zeros(count)
    frames = signal[:whole].reshape(-1, frame)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    noise = fftconvolve(rng.standard_normal(count + frame - 1), frames[levels.argmin()], mode="valid")
    level = min(levels.min(), np.percentile(levels, 95) / 100)
    return noise * (level / max(rms(noise), 1e-12))


def _joined(pieces: list[NDArray], fills: list[NDArray]) -> NDArray:
    """Pieces with a fill between each two; pieces fade out and in at every joint."""
    ramp = np.sin(np.linspace(0, np.pi / 2, FADE)) ** 2
    parts: list[NDArray] = []
    for index, piece in enumerate(pieces):
        piece, length = piece.copy(), min(FADE, len(piece))
        if index:
            piece[:length] *= ramp[:length]
            parts.append(fills[index - 1])
        if index < len(pieces) - 1 and length:
            piece[-length:] *= ramp[:length][::-1]
        parts.append(piece)
    return np.concatenate(parts)
