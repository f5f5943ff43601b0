"""openSMILE's functionals, one vector per six-second slice: the paper's 1,582 (IS10), or those of another set.

openSMILE takes about 0.1 s for a slice, a quarter of an hour for a full corpus on one core. So the engine deals slices
to workers, and each finished vector goes into a store outside the repository under the digest of its slice: after
a kill, or after one sound file of a corpus has changed, only what is new is computed.

Reference:
    Schuller et al., The INTERSPEECH 2010 Paralinguistic Challenge (`opensmile.FeatureSet.IS10`, functionals).
    ComParE_2016: Schuller et al., The INTERSPEECH 2016 Computational Paralinguistics Challenge (6,373 functionals).
    eGeMAPSv02: Eyben et al., The Geneva Minimalistic Acoustic Parameter Set, 2016 (88 functionals).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elor.audio import FULL_SCALE, SAMPLE_RATE
from elor.engine import Engine
from elor.features.packed import opened, packed
from elor.features.slices import SLICE_SAMPLES
from elor.features.store import VectorStore, content_key
from elor.files import scratch, write_text
from elor.progress import Progress

if TYPE_CHECKING:
    import opensmile

IS10 = "IS10"
CORES = Engine("cpu")
SLICES_PER_JOB = 4  # about 0.4 s of work: little is lost by a kill, little is spent on dealing


@dataclass(frozen=True)
class Extraction:
    """What `write_is10` did: slices written, distinct ones computed now, and non-finite values set to zero."""

    slices: int
    computed: int
    replaced: int


def names(which: str = IS10) -> list[str]:
    """The names of a set's functionals, in the order of the vectors: 1,582 of IS10."""
    return list(_smile(which).feature_names)


def functionals(signal: np.ndarray, which: str = IS10) -> np.ndarray:
    """Compute the features of one signal exactly as openSMILE gives them.

    Args:
        signal: int16 `(samples,)` at 16 kHz.
        which: openSMILE's name of the set.

    Returns:
        float32 `(1582,)`, or as many as `names(which)`.
    """
    return _smile(which)(signal.astype(np.float32) / FULL_SCALE, SAMPLE_RATE)[0, :, 0]


def write_is10(slices: Path, out: Path, names_out: Path, engine: Engine = CORES, which: str = IS10) -> Extraction:
    """Write the features of every slice of `slices` (int16 `(n, 96000)`) to `out` (float32 `(n, 1582)` of IS10).

    openSMILE gives finite numbers even for digital silence. Should it ever give another, a zero takes its place in
    `out`, and the count is returned and said on stderr.

    Args:
        slices: the slices.
        out: the `.npy` file; it appears complete or not at all.
        names_out: text file for `names()`, one per line.
        engine: where openSMILE runs.
        which: openSMILE's name of the set.

    Raises:
        UserError: if `slices` cannot be read, the disk is full, or workers are killed again and again.
    """
    signals = opened(slices, (SLICE_SAMPLES,), "int16")
    keys = [content_key(row) for row in signals]
    rows = dict(zip(keys, range(len(keys)), strict=True))  # equal slices are computed once
    listed = names(which)
    with VectorStore(store_folder(which), len(listed)) as store:
        vectors = store.load()
        missing = [row for key, row in rows.items() if key not in vectors]
        with Progress(which, total=len(rows), unit="slice") as progress:
            progress.resume(len(rows) - len(missing))
            jobs = [missing[start : start + SLICES_PER_JOB] for start in range(0, len(missing), SLICES_PER_JOB)]

            def keep(index: int, values: np.ndarray) -> None:
                fresh = {keys[row]: vector for row, vector in zip(jobs[index], values, strict=True)}
                store.add(fresh)
                vectors.update(fresh)
                progress.advance(len(fresh))

            engine.run(functionals_of, [(slices, job, which) for job in jobs], finished=keep)
    write_text(names_out, "\n".join(listed) + "\n")
    replaced = 0
    with packed(out, (len(keys), len(listed)), "float32") as array:
        for row, key in enumerate(keys):
            finite = np.isfinite(vectors[key])
            array[row] = np.where(finite, vectors[key], 0)
            replaced += int((~finite).sum())
    if replaced:
        print(f"{which}: {replaced} values that are not finite were set to 0 in {out}.", file=sys.stderr)
    return Extraction(len(keys), len(missing), replaced)


def store_folder(which: str = IS10) -> Path:
    """Where finished vectors are kept: one folder per version of openSMILE and feature set."""
    import opensmile

    return scratch("is10", {"opensmile": opensmile.__version__, "features": opensmile.FeatureSet[which].value})


def functionals_of(slices: Path, rows: list[int], which: str) -> np.ndarray:
    """The vectors of some slices, a row each; a job of the engine."""
    signals = np.load(slices, mmap_mode="r")
    return np.stack([functionals(signals[row], which) for row in rows])


@cache
def _smile(which: str) -> opensmile.Smile:
    import opensmile  # late: whoever reads no functionals needs none

    return opensmile.Smile(opensmile.FeatureSet[which], opensmile.FeatureLevel.Functionals)
