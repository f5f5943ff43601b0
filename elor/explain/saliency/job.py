"""What the saliency analysis hands to its workers: jobs, and batches of slices."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from elor.explain.windows import Sounds, Windows
from elor.training.data import Inputs

BATCH = 8
"""Slices at a time: with more of them the activations of the first layer no longer stay in the cache."""

OWN, EXEMPLARY = "own", "exemplary"
"""Roles of networks: each fold's on its own test slices, and one speaker's on all slices, as the paper has it."""

PAIR = ("arousal", "valence")
"""The heads that the paper compares with each other, beyond the correlation of their maps; of others there is none."""


@dataclass(frozen=True)
class SaliencyJob:
    """What is measured on some of the test slices of one fold.

    Attributes:
        fold: its name.
        networks: files of the networks to explain, by the role they have in the summary.
        files: path of the audio array, as `elor.training.data.Inputs` takes it.
        rows: (n,) row numbers of the slices.
        supports: (n,) samples of each before its padding.
        others: (n,) rows of other utterances, whose waveforms are no slice's own; its own row where there is none.
        sample: (m,) those of the rows on which the slow methods are run.
        shown: (k,) those of the rows whose maps are kept.
        seeds: of the untrained networks, the same for all jobs of a fold.
        steps, most: of integrated gradients: to begin with, and at most.
        seed: of everything else random.
        device: where to compute.
    """

    fold: str
    networks: dict[str, Path]
    files: dict[str, Path]
    rows: NDArray
    supports: NDArray
    others: NDArray
    sample: NDArray
    shown: NDArray
    seeds: tuple[int, ...]
    steps: int
    most: int
    seed: int
    device: str


def batches(job: SaliencyJob, inputs: Inputs, rows: NDArray, others: Sounds | None = None) -> Iterator[Windows]:
    """Some of a job's slices, `BATCH` at a time, with the sounds of other utterances, if they are wanted."""
    supports = dict(zip(job.rows.tolist(), job.supports.tolist(), strict=True))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        (audio,) = inputs.batch(some)
        yield Windows(some.tolist(), audio, [supports[row] for row in some.tolist()], others or {})
