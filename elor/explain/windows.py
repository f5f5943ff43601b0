"""Windows of sound, and what is found out about them: the slices of a corpus, or the windows of a recording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from elor.explain.correlation import View
from elor.explain.model import Heads
from elor.explain.occlusion import segment_at

Tag = dict[str, object]
"""What a row of a table is about: row, method, model, ..."""

Sounds = Mapping[int, tuple[NDArray, int]]
"""By row the waveform of another utterance, (samples,), and its samples before the padding."""


@dataclass(frozen=True)
class Windows:
    """Some windows: their row numbers, their audio (batch, 1, samples), and their samples before the padding.

    Attributes:
        rate: samples per second.
        others: other sounds, whose waveforms are no window's own; rows without one are left out.
    """

    rows: list[int]
    audio: Tensor
    supports: list[int]
    others: Sounds = field(default_factory=dict)
    rate: int = 16_000

    @property
    def segment(self) -> int:
        """Samples of 50 ms, which is also how far occlusion windows are apart."""
        return segment_at(self.rate)

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
        """One tag per window."""
        return [{"row": row, **more} for row in self.rows]


@dataclass
class Found:
    """What is found out about windows, one row of a table each.

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


def arrays(heads: Heads) -> dict[str, NDArray]:
    """Maps as arrays."""
    return {name: value.cpu().numpy() for name, value in heads.items()}
