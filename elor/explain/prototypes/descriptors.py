"""What a signal is like, in numbers that a phonetician would name: the rows of the paper's Table 6.

The paper reads its generalised input signals by eye ("high frequencies", "many interruptions", "higher peaks",
"periodic frequencies for a longer period"). Each of those words is one or more of the descriptors here, so that a trend
can be tested. All of them but the level's (`peak`, `rms_dbfs`, `lufs`) are the same for a signal and its multiples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.signal import lfilter

from elor.explain.level import rms
from elor.explain.pause_detection import BELOW, pauses

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Descriptor:
    """A number that tells what a sound is like.

    Attributes:
        title: its name.
        unit: empty where it is a plain number.
        axis: what an axis says in place of a unit.
        step: unit of a difference, where it is another one.
    """

    title: str
    unit: str = ""
    axis: str = ""
    step: str | None = None

    @property
    def difference(self) -> str:
        """The unit of a difference of two."""
        return self.unit if self.step is None else self.step


DESCRIPTORS = {
    "centroid_hz": Descriptor("spectral centroid", "Hz"),
    "bandwidth_hz": Descriptor("bandwidth", "Hz"),
    "rolloff_hz": Descriptor("85 % roll-off", "Hz"),
    "share_above_2k": Descriptor("energy above 2 kHz", "", axis="share"),
    "pauses": Descriptor("number of pauses", "", axis="count"),
    "pause_total_s": Descriptor("pauses in total", "s"),
    "pause_mean_s": Descriptor("mean length of pauses", "s"),
    "pause_irregularity": Descriptor("irregularity of pauses", "", axis="ratio"),
    "pause_trend": Descriptor("trend of pauses", "octaves"),
    "peak": Descriptor("highest peak", "full scale", step=""),
    "crest_db": Descriptor("crest factor", "dB"),
    "kurtosis": Descriptor("kurtosis", "", axis="ratio"),
    "rms_dbfs": Descriptor("level", "dBFS", step="dB"),
    "lufs": Descriptor("loudness", "LUFS"),
    "periodic_s": Descriptor("periodic in all", "s"),
    "longest_periodic_s": Descriptor("longest periodic run", "s"),
    "hnr_db": Descriptor("harmonics to noise", "dB"),
}
"""All descriptors, in their order."""

LEVELS = ("rms_dbfs", "lufs")
"""Descriptors of overall loudness; at a given RMS they say nothing, or only how the ear weighs the spectrum."""

SEARCHED = {"time": "searched over samples", "fourier": "searched over a 1/f spectrum"}
"""In which of the two parametrisations prototypes were sought."""

SPECTRUM_S, PERIODIC_S, HOP_S = 0.064, 0.060, 0.010
"""Frames of the spectrum (15.6 Hz wide), and of the autocorrelation: 4.5 periods of 75 Hz, every 10 ms."""

BLOCK = 64
"""Frames at a time: they fit a core's cache, which makes it faster by a half."""

ROLLOFF, HIGH_HZ = 0.85, 2_000.0
LOWEST_HZ, HIGHEST_HZ, PERIODIC = 75.0, 500.0, 0.6


def describe(signal: ArrayLike, rate: int = 16_000) -> dict[str, float]:
    """All descriptors of a signal, NaN where one is undefined (pauses of a signal without pauses, silence, ...).

    Args:
        signal: (samples,), amplitudes with full scale at 1.
        rate: samples per second.

    Returns:
        The keys of `DESCRIPTORS`; `spectrum`, `interruptions`, `level`, `loudness` and `periodicity` say what they
        mean.

    Raises:
        ValueError: if the signal is not one-dimensional, or holds NaN or infinities.
    """
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise ValueError(f"a signal is (samples,) of finite numbers, not {signal.shape} with NaN or infinities")
    found: dict[str, float] = {}
    for part in PARTS:
        found |= part(signal, rate)
    return {name: float(found[name]) for name in DESCRIPTORS}


def spectrum(signal: Array, rate: int = 16_000) -> dict[str, float]:
    """Where the energy lies: moments of the power spectrum P(f), the mean of 64-ms Hann frames, half overlapping.

    centroid_hz: c = sum f P / sum P.
    bandwidth_hz: sqrt(sum (f - c)^2 P / sum P); a pure tone has that of the window, 9 Hz.
    rolloff_hz: the frequency below which 85 % of the energy lie, linear within a bin.
    share_above_2k: the share of the energy above 2 kHz, 0..1.
    """
    size = min(round(SPECTRUM_S * rate), len(signal))
    power = np.square(np.abs(fft.rfft(_frames(signal, size, max(size // 2, 1)) * _hann(size)))).mean(0)
    total = power.sum()
    if not total > 0:
        return dict.fromkeys(("centroid_hz", "bandwidth_hz", "rolloff_hz", "share_above_2k"), float("nan"))
    hertz = fft.rfftfreq(size, 1 / rate)
    centroid = hertz @ power / total
    below = np.cumsum(power) / total
    return {
        "centroid_hz": centroid,
        "bandwidth_hz": np.sqrt(np.square(hertz - centroid) @ power / total),
        "rolloff_hz": np.interp(ROLLOFF, np.concatenate([[0.0], below]), np.concatenate([[0.0], hertz])),
        "share_above_2k": power[hertz > HIGH_HZ].sum() / total,
    }


def interruptions(signal: Array, rate: int = 16_000) -> dict[str, float]:
    """The pauses (quiet for 100 ms and more, sound on both sides: `elor.explain.pause_detection`), durations d_i in s.

    pauses: their number.
    pause_total_s, pause_mean_s: sum and mean of d_i.
    pause_irregularity: the paper's "constant in frequency and duration", the other way round: the mean of the
        coefficients of variation of the d_i and of the times between the pauses' middles. 0 is a metronome; undefined
        for fewer than three pauses.
    pause_trend: by how many octaves pauses grow over the signal: the slope of log2 d_i over the middles, times the
        signal's duration; undefined for fewer than three pauses.
    """
    ranges = np.array(pauses(signal, rate), dtype=np.float64).reshape(-1, 2) / rate
    durations, middles = ranges[:, 1] - ranges[:, 0], ranges.mean(1)
    irregularity = trend = np.nan
    if len(ranges) >= 3:
        gaps = np.diff(middles)
        irregularity = (durations.std(ddof=1) / durations.mean() + gaps.std(ddof=1) / gaps.mean()) / 2
        trend = np.polyfit(middles, np.log2(durations), 1)[0] * len(signal) / rate
    return {
        "pauses": len(ranges),
        "pause_total_s": durations.sum(),
        "pause_mean_s": durations.mean() if len(ranges) else np.nan,
        "pause_irregularity": irregularity,
        "pause_trend": trend,
    }


def level(signal: Array, rate: int = 16_000) -> dict[str, float]:
    """How large and how peaky, over all samples.

    peak: max |x|, full scale at 1.
    crest_db: 20 log10(peak / RMS); 3.01 for a sine.
    kurtosis: m4 / m2^2 about the mean; 3 for Gaussian noise, 1.5 for a sine.
    rms_dbfs: 20 log10 RMS.
    """
    peak, mean = np.abs(signal).max(initial=0.0), rms(signal)
    squares = np.square(signal - signal.mean()) if len(signal) else np.zeros(1)
    spread = squares.mean()
    return {
        "peak": peak,
        "crest_db": 20 * np.log10(peak / mean) if mean > 0 else np.nan,
        "kurtosis": np.square(squares).mean() / spread**2 if spread > 0 else np.nan,
        "rms_dbfs": 20 * np.log10(mean) if mean > 0 else np.nan,
    }


def loudness(signal: Array, rate: int = 16_000) -> dict[str, float]:
    """lufs: gated programme loudness by ITU-R BS.1770-4, for one channel.

    L = -0.691 + 10 log10 of the mean power of the K-weighted signal over 400-ms blocks (75 % overlap) above an absolute
    gate of -70 LUFS and, of those, above a relative one 10 LU below their own loudness. Undefined when nothing passes,
    and for signals shorter than a block.
    """
    size, hop = round(0.4 * rate), round(0.1 * rate)
    if len(signal) < size:
        return {"lufs": np.nan}
    weighted = signal
    for numerator, denominator in k_weighting(rate):
        weighted = lfilter(numerator, denominator, weighted)
    summed = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    starts = np.arange(0, len(signal) - size + 1, hop)
    power = (summed[starts + size] - summed[starts]) / size
    power = power[power > 10 ** ((-70 + 0.691) / 10)]
    power = power[power > 0.1 * power.mean()] if len(power) else power
    return {"lufs": -0.691 + 10 * np.log10(power.mean()) if len(power) else np.nan}


def k_weighting(rate: int) -> list[tuple[Array, Array]]:
    """BS.1770's two filters for any sampling rate, as (numerator, denominator): a shelf for the head, a high-pass.

    The recommendation prints coefficients for 48 kHz only. They are bilinear transforms of analogue filters (Brecht De
    Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018), whose values are here:
    shelf 1681.97 Hz, Q 0.7072, 3.9998 dB; high-pass 38.135 Hz, Q 0.5003.
    """
    k, q = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = np.array([high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k])
    below = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    j, p = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    rumble = np.array([1 + j / p + j * j, 2 * (j * j - 1), 1 - j / p + j * j])
    return [(shelf / below[0], below / below[0]), (np.array([1.0, -2.0, 1.0]), rumble / rumble[0])]


def periodicity(signal: Array, rate: int = 16_000) -> dict[str, float]:
    """How long it sounds periodic, and how purely, from the normalised autocorrelation of 60-ms frames every 10 ms.

    r(t) = r_x(t) / r_w(t), the autocorrelation of the Hann-windowed frame over that of the window (Boersma, "Accurate
    short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", 1993). A
    frame is periodic when r has a peak, a maximum with lower values on both sides, above 0.6 between 75 and 500 Hz; a
    frame as quiet as a pause is not.

    periodic_s: share of periodic frames times the signal's duration.
    longest_periodic_s: the same of the longest run of them.
    hnr_db: mean over the periodic frames of 10 log10(r / (1 - r)) at the highest peak (a parabola through three
        lags), at most 60; undefined without any.
    """
    size = round(PERIODIC_S * rate)
    if len(signal) < size:
        return {"periodic_s": 0.0, "longest_periodic_s": 0.0, "hnr_db": np.nan}
    frames = _frames(signal.astype(np.float32), size, round(HOP_S * rate))
    parts = [frames[first : first + BLOCK] for first in range(0, len(frames), BLOCK)]
    peaks = np.concatenate([_highest_peaks(part - part.mean(1, keepdims=True), rate) for part in parts])
    power = np.concatenate([np.square(part).mean(1) for part in parts])
    periodic = (peaks > PERIODIC) & (power > 0) & (power >= np.percentile(power, 95) * 10 ** (-BELOW / 10))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], periodic, [False]])))
    longest = (edges[1::2] - edges[::2]).max(initial=0)
    purity = np.clip(peaks[periodic], 0.0, 1 - 1e-6).astype(np.float64)
    seconds = len(signal) / rate / len(periodic)
    return {
        "periodic_s": periodic.sum() * seconds,
        "longest_periodic_s": longest * seconds,
        "hnr_db": np.mean(10 * np.log10(purity / (1 - purity))) if len(purity) else np.nan,
    }


PARTS: tuple[Callable[[Array, int], dict[str, float]], ...] = (spectrum, interruptions, level, loudness, periodicity)


def _highest_peaks(frames: Array, rate: int) -> Array:
    """The highest peak of the normalised autocorrelation of each frame, (frames,); -inf without a peak."""
    size = frames.shape[1]
    first, last = int(np.floor(rate / HIGHEST_HZ)), int(np.ceil(rate / LOWEST_HZ))
    length, window = fft.next_fast_len(size + last + 2, real=True), _hann(size).astype(frames.dtype)

    def correlation(rows: Array) -> Array:
        spectra = fft.rfft(rows, length)
        return fft.irfft(np.square(spectra.real) + np.square(spectra.imag), length)[..., : last + 2]

    found = correlation(frames * window)
    r = found[:, first - 1 :] / np.maximum(found[:, :1], np.finfo(frames.dtype).tiny)
    own = correlation(window)
    r *= own[0] / own[first - 1 :]
    middle = r[:, 1:-1]
    heights = np.where((middle > r[:, :-2]) & (middle >= r[:, 2:]), middle, -np.inf)
    rows, best = np.arange(len(r)), heights.argmax(1)
    before, peak, after = r[rows, best], heights[rows, best], r[rows, best + 2]
    bend = before - 2 * np.where(np.isfinite(peak), peak, before) + after
    lift = np.divide((before - after) ** 2, 8 * bend, out=np.zeros_like(bend), where=bend < 0)
    return peak - lift


def _frames(signal: Array, size: int, hop: int) -> Array:
    """Whole frames of a signal, (frames, size); a view."""
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]


def _hann(size: int) -> Array:
    """Periodic Hann window, (size,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
