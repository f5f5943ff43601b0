"""What intervals and tests take as independent: speakers, or folds where several speakers share a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def share_networks(folds: ArrayLike, speakers: ArrayLike) -> bool:
    """Whether any fold tests several speakers; fold and speaker of each slice, (n,) both."""
    pairs = np.unique(np.stack([np.asarray(folds), np.asarray(speakers)]).astype(str), axis=1)
    return len(np.unique(pairs[0])) < pairs.shape[1]


def by_speaker(z: ArrayLike, speakers: ArrayLike) -> NDArray:
    """Mean over each speaker's defined values, (speakers,) in their sorted order; NaN for one without any."""
    z, speakers = np.asarray(z, dtype=np.float64), np.asarray(speakers)
    names, member = np.unique(speakers, return_inverse=True)
    defined = np.isfinite(z)
    count = np.bincount(member[defined], minlength=len(names))
    total = np.bincount(member[defined], weights=z[defined], minlength=len(names))
    return np.divide(total, count, out=np.full(len(names), np.nan), where=count > 0)


def over_units(z: ArrayLike, speakers: ArrayLike, networks: ArrayLike | None = None) -> NDArray:
    """The defined means of speakers, or those of each network over its speakers, (units,).

    Where folds hold several speakers, these share a network, trained and untrained, and with it what is due to its
    random weights; a fold is one observation then, however many speakers it has. A speaker whom several folds test has
    a mean in each.

    Args:
        z: one value per slice, (n,); NaN is left out.
        speakers: (n,).
        networks: which network, that is which fold, each slice has, (n,); none: every speaker is a unit.
    """
    names, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    if networks is None:
        means = by_speaker(z, speaker)
    else:
        pairs = np.unique(np.asarray(networks), return_inverse=True)[1] * len(names) + speaker
        means = by_speaker(by_speaker(z, pairs), np.unique(pairs) // max(len(names), 1))
    return means[np.isfinite(means)]
