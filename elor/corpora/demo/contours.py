"""From a plan to a score: when each syllable sounds, how loud, at what pitch, with which formants.

Everything here is a piecewise linear curve over time, given by its knots. The final form of a curve is decided by the
cues alone; what is drawn at random (syllables, stress, the irregularity of pauses) comes from streams of its own.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from elor.audio import SAMPLE_RATE
from elor.corpora.demo.cues import EDGE_S, Cues, Plan
from elor.corpora.demo.sounds import CONSONANTS, UPPER_FORMANTS, VOWELS

CONSONANT_SHARE = 0.34
"""Share of a syllable that its consonant takes."""

STRESSED, UNSTRESSED = 1.0, 0.7
"""Peak of a syllable's amplitude before the envelope's exponent."""

FINAL_LENGTHENING = 1.3
SHORTEST_PAUSE_S = 0.06
VOICED_ABOVE = 0.05
"""Amplitude above which a sample counts as voiced where the truth about F0 is concerned."""


@dataclass(frozen=True)
class Segment:
    """A run of speech or a pause between two runs, in samples, the end exclusive."""

    kind: Literal["speech", "pause"]
    start: int
    end: int


@dataclass(frozen=True)
class Syllables:
    """The syllables of an utterance, each an entry of arrays of one length.

    Attributes:
        consonant, vowel: indices into `CONSONANTS` and `VOWELS`.
        stressed: whether it bears stress.
        run: the number of its run of speech, from 0.
        start, length: seconds.
    """

    consonant: np.ndarray
    vowel: np.ndarray
    stressed: np.ndarray
    run: np.ndarray
    start: np.ndarray
    length: np.ndarray

    @property
    def end(self) -> np.ndarray:
        return self.start + self.length

    @property
    def vowel_start(self) -> np.ndarray:
        return self.start + CONSONANT_SHARE * self.length

    @property
    def last_of_run(self) -> np.ndarray:
        return _last(self.run)

    @property
    def first_of_run(self) -> np.ndarray:
        return np.append(True, self.run[1:] != self.run[:-1])


def lay_out(plan: Plan) -> Syllables:
    """Draw the syllables and place them in time."""
    cues = plan.cues
    draws = plan.chance("syllables").random((plan.syllables, 4))
    stressed = draws[:, 2] < 0.4
    weight = np.where(stressed, 1.15, 0.9) * (0.85 + 0.3 * draws[:, 3])
    run = _runs(weight / weight.mean() / cues.rate, cues.run_s)
    weight = weight * np.where(_last(run), FINAL_LENGTHENING, 1.0)
    length = weight / weight.mean() / cues.rate  # the rate over all speech is the planned one, exactly
    start = EDGE_S + np.append(0.0, np.cumsum(length)[:-1])
    pauses = _pauses(plan, int(run[-1]))
    start += np.append(0.0, np.cumsum(pauses))[run]
    consonants, vowels = plan.sounds or (tuple(range(len(CONSONANTS))), tuple(range(len(VOWELS))))
    consonant = np.array(consonants)[(draws[:, 0] * len(consonants)).astype(int)]
    vowel = np.array(vowels)[(draws[:, 1] * len(vowels)).astype(int)]
    return Syllables(consonant, vowel, stressed, run, start, length)


def _last(run: np.ndarray) -> np.ndarray:
    """Which syllables end a run, given the run of each."""
    return np.append(run[1:] != run[:-1], True)


def _runs(length: np.ndarray, run_s: float) -> np.ndarray:
    """Number the run of each syllable: a pause is due wherever another `run_s` of speech are full."""
    middle = np.cumsum(length) - 0.5 * length
    return np.unique((middle / run_s).astype(int), return_inverse=True)[1]


def _pauses(plan: Plan, count: int) -> np.ndarray:
    """Seconds of each pause: lognormal of the planned mean and variation, growing or shrinking by the planned trend."""
    cues = plan.cues
    sigma = np.sqrt(np.log1p(cues.pause_cv**2))
    noise = plan.chance("pauses").standard_normal(count)
    place = np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(count)
    pauses = cues.pause_s * np.exp(sigma * noise - 0.5 * sigma**2) * 2.0 ** (cues.pause_trend * place)
    return np.maximum(pauses, SHORTEST_PAUSE_S)


def segments(syllables: Syllables) -> tuple[Segment, ...]:
    """The runs of speech and the pauses between them, in order; the edges belong to neither."""
    starts = _samples(syllables.start[syllables.first_of_run])
    ends = _samples(syllables.end[syllables.last_of_run])
    found = [Segment("speech", int(starts[0]), int(ends[0]))]
    for k in range(1, len(starts)):
        found.append(Segment("pause", int(ends[k - 1]), int(starts[k])))
        found.append(Segment("speech", int(starts[k]), int(ends[k])))
    return tuple(found)


def total_samples(syllables: Syllables) -> int:
    """The utterance's length in samples, edges included."""
    return int(_samples(syllables.end[-1] + EDGE_S))


def _samples(seconds: np.ndarray) -> np.ndarray:
    return np.round(seconds * SAMPLE_RATE).astype(int)


def voice_amplitude(syllables: Syllables, peakiness: float, time: np.ndarray) -> np.ndarray:
    """Amplitude of the voice at each time: the syllables' envelope, 0 in pauses, to the power of `peakiness`.

    Shape: (n,) for n times in seconds.
    """
    s = syllables
    peak = np.where(s.stressed, STRESSED, UNSTRESSED)
    voicing = np.array([c.voicing for c in CONSONANTS])[s.consonant]
    vowel_s = s.end - s.vowel_start
    tail = np.where(s.last_of_run, 0.25, 0.6) * peak
    knots = np.stack(
        [
            s.start,
            s.start + 0.012,
            s.vowel_start - 0.004,
            s.vowel_start + 0.006,
            s.vowel_start + 0.3 * vowel_s,
            s.vowel_start + 0.6 * vowel_s,
            s.end - 0.015,
            s.end - 0.001,
        ],
        axis=1,
    )
    onset = np.maximum(voicing, 0.35 * peak)
    levels = np.stack([0 * peak, voicing, voicing, onset, peak, 0.9 * peak, tail, 0 * peak], axis=1)
    joined = ~s.last_of_run[:-1]  # inside a run the voice goes on into the next consonant, as far as that is voiced
    levels[:-1, -1][joined] = levels[1:, 0][joined] = np.minimum(tail[:-1], voicing[1:])[joined]
    return np.interp(time, knots.ravel(), levels.ravel()) ** peakiness


def noise_amplitude(syllables: Syllables, time: np.ndarray) -> np.ndarray:
    """Amplitude of the consonants' noise: a burst at a stop's release, a plateau for a fricative. Shape: (n,)."""
    s = syllables
    level = np.array([c.noise for c in CONSONANTS])[s.consonant]
    stop = np.array([c.stop for c in CONSONANTS])[s.consonant]
    release, zero = s.vowel_start, np.zeros(len(level))
    begin = np.where(stop, release - 0.014, s.start + 0.004)
    full = np.where(stop, release - 0.012, s.start + 0.4 * (release - s.start))
    fall = np.where(stop, release - 0.008, release - 0.012)
    knots = np.stack([begin, full, fall, release + 0.010], axis=1)
    return np.interp(time, knots.ravel(), np.stack([zero, level, level, zero], axis=1).ravel())


def formants(syllables: Syllables, scale: float, time: np.ndarray) -> np.ndarray:
    """Five formants in Hz at each time, gliding from the consonant's locus to the vowel. Shape: (n, 5)."""
    s = syllables
    vowel = VOWELS[s.vowel]
    locus = np.array([c.locus for c in CONSONANTS])[s.consonant]
    vowel_s = s.end - s.vowel_start
    knots = np.stack([s.start, s.vowel_start, s.vowel_start + 0.3 * vowel_s, s.end - 0.1 * vowel_s], axis=1).ravel()
    targets = np.stack([locus, locus, vowel, vowel], axis=1).reshape(-1, 3)
    lower = np.stack([np.interp(time, knots, targets[:, k]) for k in range(3)], axis=1)
    return scale * np.hstack([lower, np.tile(UPPER_FORMANTS, (len(time), 1))])


def melody(syllables: Syllables, cues: Cues, time: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Semitones re the speaker's F0 at each time, of the planned mean and range over the voiced part. Shape: (n,).

    Accents on stressed syllables, declination over each run, and the planned contour at its end. An utterance whose
    contour hardly moves, as of two unstressed syllables, is not blown up to the full range.
    """
    s = syllables
    middle = s.vowel_start + 0.4 * (s.end - s.vowel_start)
    runs = np.maximum.accumulate(np.where(s.first_of_run, s.start, 0.0))
    run_end = np.minimum.accumulate(np.where(s.last_of_run, s.end, np.inf)[::-1])[::-1]
    through = (middle - runs) / (run_end - runs)
    height = np.where(s.stressed, 0.55, 0.0) - 0.4 * through
    bend = {"falling": -0.5, "rising": 0.5, "alternating": 0.3}[cues.contour]
    start, end = height - 0.12, height + np.where(s.last_of_run, bend, -0.1)
    sign = np.where(np.arange(len(s.run)) % 2, 1.0, -1.0)
    height = height + (0.25 * sign if cues.contour == "alternating" else 0.0 * sign)  # up and down
    knots = np.stack([s.start, middle, s.end - 0.002], axis=1).ravel()
    curve = np.interp(time, knots, np.stack([start, height, end], axis=1).ravel())
    voiced = curve[voice > VOICED_ABOVE]
    spread = np.subtract(*np.percentile(voiced, [95, 5]))
    return cues.f0_semitones + cues.f0_range_semitones * (curve - voiced.mean()) / max(spread, 0.5)


def creakiness(syllables: Syllables, time: np.ndarray) -> np.ndarray:
    """Where creak sets in: 0 in the first two thirds of each run, rising to 1 at its end. Shape: (n,)."""
    starts = syllables.start[syllables.first_of_run]
    ends = syllables.end[syllables.last_of_run]
    knots = np.stack([starts, starts + 0.65 * (ends - starts), ends - 0.001, ends], axis=1).ravel()
    return np.interp(time, knots, np.tile([0.0, 0.0, 1.0, 0.0], len(starts)))
