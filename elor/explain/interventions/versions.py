"""All that is done to one window of sound for the causal test: a slice of a corpus, or a part of a recording."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elor.explain.interventions.alterations import ALTERATIONS, Alteration
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.pause_detection import pauses
from elor.features.slices import SLICE_SAMPLES

UNALTERED = ""
"""Name of the intervention of a slice as it is."""


@dataclass(frozen=True)
class Version:
    """An altered window: what was done (`UNALTERED` for nothing), its dose, and the sound, fitted to a window.

    Attributes:
        intervention: see `ALTERATIONS`.
        dose: NaN for a sham, and for an unaltered one.
        sound: (samples,).
        length: whether it is the length control of that dose, and nothing else was done.
    """

    intervention: str
    dose: float
    sound: NDArray
    length: bool = False


def versions(
    sound: NDArray,
    seed: Sequence[int],
    alterations: Mapping[str, Alteration] = ALTERATIONS,
    samples: int = SLICE_SAMPLES,
) -> Iterator[Version]:
    """A window as it is, at every dose of every alteration that applies to it with its control, and at every sham.

    Args:
        sound: (samples,), a window's own samples without its padding, in [-1, 1].
        seed: of what is random; all doses of an alteration have the same noise.
        alterations: by name. Doses that alter nothing are left out.
        samples: length of a window, to which all versions are cut or filled up.
    """
    yield Version(UNALTERED, np.nan, fitted(sound, samples))
    pausing = bool(pauses(sound))
    for name, alteration in alterations.items():
        if alteration.needs_pauses and not pausing:
            continue
        for dose in alteration.doses:
            if dose != alteration.none:
                altered = alteration.apply(sound, dose, np.random.default_rng(seed))
                yield Version(name, dose, fitted(altered, samples))
                if alteration.to_length:
                    control = alteration.to_length(sound, len(altered), np.random.default_rng(seed))
                    yield Version(name, dose, fitted(control, samples), length=True)
        if alteration.sham:
            yield Version(name, np.nan, fitted(alteration.sham(sound, np.random.default_rng(seed)), samples))
