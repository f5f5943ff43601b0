"""Speakers drawn at random, with the release's class frequencies and a realistic spread between speakers.

Many repetitions of a whole study at once: `hits` and `slices` per class have the shape `(studies, speakers, classes)`.
"""

from __future__ import annotations

import numpy as np

VALENCE = np.array([1258, 3389, 1782, 1781, 471]) / 8681
AROUSAL = np.array([106, 1134, 3023, 3533, 885]) / 8681
SLICES = np.array([594, 640, 719, 836, 984, 1071, 817, 926, 956, 1138])
"""Slices per speaker on the full release."""

SKILL = np.array([-1.2, 0.2, -0.4, -0.3, -1.3])
"""Log-odds of a hit per class: pooled UAR near 0.37."""


def speakers(rng, studies: int, count: int, prior=VALENCE, spread: float = 0.3, concentration: float = 20.0):
    """Class frequencies vary over speakers (Dirichlet), and so does skill (normal log-odds, common and per class)."""
    shares = rng.dirichlet(prior * concentration, size=(studies, count))
    slices = rng.multinomial(rng.choice(SLICES, size=(studies, count)), shares)
    odds = SKILL + rng.normal(0, spread, (studies, count, 1)) + rng.normal(0, spread, (studies, count, 5))
    return rng.binomial(slices, 1 / (1 + np.exp(-odds))), slices


def talkers(rng, studies: int, count: int, slices: int = 40, spread: float = 0.3):
    """Moments `(studies, speakers, 6)` of values whose bias, slope and noise vary over speakers; CCC near 0.6."""
    shape = (studies, count, 1)
    truth = rng.normal(2, 0.4, shape) + rng.normal(0, 0.8, (studies, count, slices))
    slope, bias = 0.6 + rng.normal(0, spread, shape), rng.normal(0, spread, shape)
    value = 2 + bias + slope * (truth - 2) + rng.normal(0, 0.6, truth.shape)
    terms = (np.ones_like(truth), truth, value, truth**2, value**2, truth * value)
    return np.stack([term.sum(-1) for term in terms], axis=-1)


def tables(hits, slices):
    """Confusion counts `(..., 5, 5)` with these hits; misses lie one class further."""
    counts = np.zeros((*hits.shape, hits.shape[-1]), dtype=np.int64)
    classes = np.arange(hits.shape[-1])
    counts[..., classes, classes] = hits
    counts[..., classes, (classes + 1) % len(classes)] = slices - hits
    return counts
