"""Random numbers that depend on what they are for, and on nothing else.

Each purpose has a stream of its own, so that neither the order of the work, nor the number of processes, nor a change
of one cue moves any other random number.
"""

from zlib import crc32

import numpy as np


def chance(name: str, seed: int, purpose: str) -> np.random.Generator:
    """A fresh generator for one purpose, for instance `pauses`, of an utterance or dialogue of a given name."""
    return np.random.default_rng([crc32(name.encode()), seed, crc32(purpose.encode())])
