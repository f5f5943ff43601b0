"""What the analyses of a whole corpus explain: its slices, its folds, and every fold's networks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.engine import Engine


@dataclass(frozen=True)
class Experiment:
    """What is explained, by whom.

    Attributes:
        slices, folds: the tables of these names.
        models: folder of `<network>/<fold>.safetensors`.
        audio: slices.npy.
        seed: of untrained networks and all draws.
        engine: where it is computed.
    """

    slices: pd.DataFrame
    folds: pd.DataFrame
    models: Path
    audio: Path
    seed: int
    engine: Engine

    @property
    def tested(self) -> NDArray:
        """(slices,) the fold that tests each slice; NaN where none does."""
        tests = self.folds[self.folds["role"] == "test"]
        return tests.set_index("slice")["fold"].reindex(self.slices["slice"]).to_numpy()

    def sample(self, count: int, least: int = 1) -> NDArray:
        """Row numbers of about `count` slices that are tested, the same number of every speaker: see `stratified`."""
        rows = np.flatnonzero(pd.notna(self.tested))
        return rows[stratified(self.slices["speaker"].to_numpy()[rows], count, np.random.default_rng(self.seed), least)]

    def model(self, fold: str, network: str = "elor") -> Path:
        """The file of a fold's network."""
        return self.models / network / f"{fold}.safetensors"

    def device(self, index: int) -> str:
        """The device of a job: they are dealt out in turn."""
        devices = self.engine.devices()
        return devices[index % len(devices)]

    def seeds(self, fold: int, count: int) -> tuple[int, ...]:
        """Of the untrained networks beside a fold's own: with the same ones their luck would be every fold's."""
        return tuple(1_000 * self.seed + fold * count + number for number in range(count))


def stratified(speakers: NDArray, count: int, rng: np.random.Generator, least: int = 1) -> NDArray:
    """Row numbers of about `count` slices, the same number of every speaker, in rising order.

    Args:
        speakers: (slices,).
        count: how many in all.
        rng: of the draw.
        least: of every speaker, however small `count` is.
    """
    names = np.unique(speakers)
    each = max(least, round(count / len(names)))
    rows = [np.flatnonzero(speakers == name) for name in names]
    return np.sort(np.concatenate([rng.choice(some, min(each, len(some)), replace=False) for some in rows]))
