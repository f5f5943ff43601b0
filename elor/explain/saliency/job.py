"""What the saliency analysis hands to its workers and gets back: jobs, batches of slices, and rows of correlations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from elor.explain.correlation import View
from elor.explain.model import Heads
from elor.training.data import Inputs

BATCH = 8
"""Slices at a time: with more of them the activations of the first layer no longer stay in the cache."""

OWN, EXEMPLARY = "own", "exemplary"
"""Roles of networks: each fold's on its own test slices, and one speaker's on all slices, as the paper has it."""

Tag = dict[str, object]
"""What a row of a table is about: row, method, model, ..."""


@dataclass(frozen=True)
class Job:
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


@dataclass
class Found:
    """What a job returns.

    Attributes:
        correlations: row, role, method, model, pair, control, label, and r in every reading.
        integrals: row, role, model, head, steps, error: how complete integrated gradients were.
        overlaps: row, role, model, overlap, chance: Jaccard index of two heads' top occlusion windows.
        bands: row, role, model, head, band, drop: how far the logit falls without a mel band.
        masks: row, role, method, head, r: of a map from silence, or by silencing, with the same from or by noise.
        erasures: row, role, model, head, order, and every measure of `elor.explain.erasure.MEASURES`.
        maps: per exemplary row the arrays of its maps.
    """

    correlations: list[dict] = field(default_factory=list)
    integrals: list[dict] = field(default_factory=list)
    overlaps: list[dict] = field(default_factory=list)
    bands: list[dict] = field(default_factory=list)
    masks: list[dict] = field(default_factory=list)
    erasures: list[dict] = field(default_factory=list)
    maps: dict[int, dict[str, NDArray]] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """One of the lists as a table."""
        return pd.DataFrame(getattr(self, name))


@dataclass(frozen=True)
class Batch:
    """Some slices: their row numbers, their audio (batch, 1, samples), and their samples before the padding."""

    rows: list[int]
    audio: Tensor
    supports: list[int]

    @cached_property
    def waves(self) -> NDArray:
        """The audio as an array, (batch, samples)."""
        return self.audio[:, 0].cpu().numpy()

    @cached_property
    def signals(self) -> list[View]:
        """The audio, ready to be correlated."""
        return self.views(self.waves)

    def views(self, maps: NDArray) -> list[View]:
        """Maps (batch, samples), ready to be correlated."""
        return [View(one, support) for one, support in zip(maps, self.supports, strict=True)]

    def tags(self, **more: object) -> list[Tag]:
        """One tag per slice."""
        return [{"row": row, **more} for row in self.rows]


def batches(job: Job, inputs: Inputs, rows: NDArray) -> Iterator[Batch]:
    """Some of a job's slices, `BATCH` at a time."""
    supports = dict(zip(job.rows.tolist(), job.supports.tolist(), strict=True))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        (audio,) = inputs.batch(some)
        yield Batch(some.tolist(), audio, [supports[row] for row in some.tolist()])


def compare(tags: list[Tag], batch: Batch, maps: dict[str, NDArray], logits: Heads, found: Found) -> dict:
    """r of every map with its signal, its share in the padding, and r of two heads' maps; returns the maps' views."""
    views = {head: batch.views(value) for head, value in maps.items()}
    labels = {head: value.argmax(1).tolist() for head, value in logits.items()}
    for index, tag in enumerate(tags):
        for head, some in views.items():
            row = tag | {"pair": f"{head}~input", "control": "", "label": labels[head][index]}
            found.correlations.append(row | some[index].r(batch.signals[index]) | {"beyond": some[index].beyond})
        for one, other in combinations(views, 2):
            row = tag | {"pair": f"{one}~{other}", "control": "", "label": -1}
            found.correlations.append(row | views[one][index].r(views[other][index]))
    return views


def compare_swapped(tags: list[Tag], batch: Batch, views: dict, swapped: dict[str, NDArray], found: Found) -> None:
    """The same with the map of the runner-up class: with the signal, and with the predicted class' map."""
    for head, maps in swapped.items():
        for index, (tag, view) in enumerate(zip(tags, batch.views(maps), strict=True)):
            row = tag | {"control": "class swap", "label": -1}
            found.correlations.append(row | {"pair": f"{head}~input"} | view.r(batch.signals[index]))
            found.correlations.append(row | {"pair": f"{head}~{head}"} | view.r(views[head][index]))


def arrays(heads: Heads) -> dict[str, NDArray]:
    """Maps as arrays."""
    return {name: value.cpu().numpy() for name, value in heads.items()}
