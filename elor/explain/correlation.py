"""Correlations of maps and signals, and what may be inferred from them over speakers.

Every r is turned into z = artanh(r) (Fisher 1915), averaged over the slices of a speaker, then over speakers: slices of
one speaker are not independent, speakers are. The interval is a t-interval over speakers. A correlation with something
constant is undefined: NaN, left out and counted, never 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr
from scipy.stats import rankdata

from elor.evaluation.comparisons import sign_flip
from elor.evaluation.intervals import around, speaker_interval
from elor.evaluation.units import by_speaker, over_units
from elor.evidence.names import Control

READINGS = ("padded", "padded magnitude", "signed", "magnitude", "envelope", "level")
"""What the paper's "amplitude" may mean: r(S, x) with the padding, as the paper has it, and r(|S|, |x|) so; and on the
slice's own samples r(S, x), r(|S|, |x|), r of the RMS in 25-ms frames, and Spearman's r of those levels in dB."""

FRAME = 400
"""25 ms at 16 kHz."""

LARGEST = 1 - 1e-9
"""|r| from here on is held, since artanh(1) is infinite (x with itself, in the model-free rows)."""


class View:
    """A map or a signal, centred in every reading, and how long it is then, so that r is a dot product.

    Args:
        values: (samples,), of floats; float32 gives r to six digits, in half the time of float64.
        support: samples before the padding.

    Attributes:
        centred: by reading, (samples,) or (frames,).
        length: by reading the Euclidean norm of that; NaN where the values are constant up to rounding.
        beyond: share of the absolute values that lies in the padding; NaN where there is no padding, or nothing.
    """

    def __init__(self, values: ArrayLike, support: int) -> None:
        whole = np.asarray(values)
        size = np.abs(whole)
        own, level = whole[:support], envelope(whole[:support])
        found = {"padded": _centred(whole), "padded magnitude": _centred(size)}
        if len(own) < len(whole):
            found |= {"signed": _centred(own), "magnitude": _centred(size[:support])}
        else:
            found |= {"signed": found["padded"], "magnitude": found["padded magnitude"]}
        found["envelope"] = _centred(level)
        found["level"] = _centred(rankdata(level))  # Spearman: a level in dB has the ranks of the RMS
        self.centred = {name: centred for name, (centred, _) in found.items()}
        self.length = {name: length for name, (_, length) in found.items()}
        total = float(size.sum())
        self.beyond = float(size[support:].sum()) / total if support < len(whole) and total else math.nan

    def r(self, other: View) -> dict[str, float]:
        """The correlation in each reading; NaN where one of the two is constant."""
        return {
            name: float(own @ other.centred[name]) / (self.length[name] * other.length[name])
            for name, own in self.centred.items()
        }


def envelope(values: NDArray, frame: int = FRAME) -> NDArray:
    """RMS of consecutive frames; the rest of a frame is left out, unless there is nothing else: (frames,)."""
    count = max(len(values) // frame, 1)
    return np.sqrt(np.square(values[: count * frame].reshape(count, -1)).mean(1))


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's r of two vectors; NaN where one is constant."""
    (one, length), (other, width) = (_centred(np.asarray(values, dtype=np.float64)) for values in (a, b))
    return float(one @ other) / (length * width)


def fisher(r: ArrayLike) -> NDArray:
    """z = artanh(r), |r| held just below 1; NaN stays NaN."""
    return np.arctanh(np.clip(np.asarray(r, dtype=np.float64), -LARGEST, LARGEST))


def estimate(
    r: ArrayLike, speakers: ArrayLike, confidence: float = 0.95, networks: ArrayLike | None = None
) -> dict[str, Any]:
    """Mean correlation over speakers, or over folds where these share networks: see `elor.evidence.saliency.Estimate`.

    Args:
        r: one correlation per slice, (n,); NaN where undefined.
        speakers: (n,).
        confidence: of the interval.
        networks: see `over_units`.
    """
    means = over_units(fisher(r), speakers, networks)
    defined = int(np.isfinite(np.asarray(r, dtype=np.float64)).sum())
    centre = float(np.tanh(means.mean())) if len(means) else float("nan")
    low, high = np.tanh(speaker_interval(means, confidence))
    known = len(over_units(fisher(r), speakers))
    reach = {"r": centre, "low": float(low), "high": float(high)}
    return reach | {"speakers": known, "slices": defined, "undefined": len(np.asarray(r)) - defined}


def contrast(
    r: ArrayLike,
    control: ArrayLike,
    speakers: ArrayLike,
    against: str = Control.initial,
    confidence: float = 0.95,
    networks: ArrayLike | None = None,
) -> dict[str, Any]:
    """Does a correlation differ from its control's, slice by slice? The unit is the speaker, or the fold. See `tested`.

    Honest only where the units bring networks of their own, trained and untrained (or where the control is taken on the
    same network): what one network's luck adds to all speakers, this interval cannot see. With one speaker per fold
    speakers are such units; where a fold holds several, say so by `networks`. See also `among_networks`.

    Args:
        r: one correlation per slice, (n,).
        control: the control's, (n,) or (seeds, n): their z are averaged per slice.
        speakers: (n,).
        against: the control's name, for the verdict.
        confidence: of the interval.
        networks: see `over_units`.
    """
    reference = np.atleast_2d(fisher(control)).mean(0)
    return tested(over_units(fisher(r) - reference, speakers, networks), against, confidence)


def among_networks(
    r: ArrayLike, controls: ArrayLike, networks: ArrayLike, against: str = Control.initial, confidence: float = 0.95
) -> dict[str, Any]:
    """Does one network's correlation lie outside the spread of untrained networks?

    Networks differ by their random weights more than speakers do. So the one is compared with the many: of each
    untrained network the mean difference over its slices; then the t prediction interval for a further network, and its
    p.

    Args:
        r: of the one network, one per slice, (n,).
        controls: of untrained networks, (seeds, n).
        networks: which of them a column's are: the group in which each slice was measured, (n,).
    """
    differences = fisher(r) - np.atleast_2d(fisher(controls))
    means = np.concatenate([by_speaker(row, networks) for row in differences])
    means = means[np.isfinite(means)]
    centre = float(means.mean()) if len(means) else np.nan
    low = high = p = np.nan
    if (count := len(means)) > 1:
        spread = means.std(ddof=1) * np.sqrt(1 + 1 / count)
        p = float(2 * stdtr(count - 1, -abs(centre) / spread)) if spread > 0 else np.nan
        low, high = around(centre, spread, count, confidence)
    return _contrast(centre, low, high, p, count, against)


def tested(differences: NDArray, against: str, confidence: float) -> dict[str, Any]:
    """Mean difference over units, t-interval, sign-flip p (exact up to 20 units), how many, and what may be said."""
    count = len(differences)
    centre, p = (float(differences.mean()), sign_flip(differences).p) if count else (np.nan, np.nan)
    return _contrast(centre, *speaker_interval(differences, confidence), p, count, against)


def _contrast(centre: float, low: float, high: float, p: float, units: int, against: str) -> dict[str, Any]:
    test = {"difference": centre, "low": low, "high": high, "p": p, "units": units}
    return test | {"verdict": verdict(low, high, against)}


def verdict(low: float, high: float, against: str = Control.initial) -> str:
    """What an interval of the contrast allows to say."""
    if not np.isfinite([low, high]).all():
        return "undecided: fewer than two defined correlations"
    if low <= 0 <= high:
        return f"not distinguishable from {against}"
    return f"{'higher' if low > 0 else 'lower'} than {against}"


def _centred(values: NDArray) -> tuple[NDArray, float]:
    """The values without their mean, and their length then; NaN where they are constant up to rounding."""
    centred = values - values.mean()
    length = math.sqrt(centred @ centred)
    rounding = 16 * np.finfo(values.dtype).eps
    return centred, length if length > rounding * math.sqrt(values @ values) else math.nan
