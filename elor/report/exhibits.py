"""The shown network's prototypes, and the slices that come closest to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elor.audio import FULL_SCALE
from elor.evidence.prototypes import Label
from elor.tables import read_table

HEARD = 2
"""Exemplars per label that the page plays."""

SIGNS = {"low": -1.0, "high": 1.0}
"""The ends of a head that answers with a value, which are its labels: what was sought was so many times the value."""


@dataclass(frozen=True)
class Prototype:
    """What excites one label most, in one way of making.

    Attributes:
        head, label: whose it is.
        signal: (samples,), the best restart.
        hertz: of the bins, (bins,).
        spectra: (restarts, bins) in dB below the highest bin, the best restart first.
        converged: which restarts have, in the same order.
        entry: what metrics/prototypes.json says of it.
    """

    head: str
    label: str
    signal: NDArray
    hertz: NDArray
    spectra: NDArray
    converged: list[bool]
    entry: Label


@dataclass(frozen=True)
class Exemplar:
    """A slice to which the shown network gives one of a label's highest logits; of a value, the lowest or the highest.

    Attributes:
        head, label, rank, logit: see `elor.explain.prototypes.summary.exemplars`; the first rank is 1. What the network
            answers is `answered` of the logit.
        name: of the slice.
        rated: the class, or the value, that people gave it.
        signal: (samples,) without the padding; only those of the first `HEARD` are kept.
    """

    head: str
    label: str
    rank: int
    name: str
    logit: float
    rated: Any
    signal: NDArray | None


def output(label: str) -> str:
    """What is highest where a label is answered most strongly: a `logit`; of a head's low and high end, its `value`."""
    return "value" if label in SIGNS else "logit"


def answered(label: str, logit: float) -> float:
    """What the network answered where so much was reached: of a value's low end, that turned back."""
    return SIGNS.get(label, 1.0) * logit


def prototypes(folder: Path, table: Mapping[str, Mapping[str, Mapping[str, Label]]]) -> dict[str, list[Prototype]]:
    """By mode and parametrisation (a dot between) the prototypes of every label; empty if there are none.

    Args:
        folder: data/prototypes.
        table: that of metrics/prototypes.json.
    """
    if not (folder / "signals.npz").is_file():
        return {}
    with np.load(folder / "signals.npz") as signals, np.load(folder / "spectra.npz") as spectra:

        def prototype(way: str, head: str, label: str, entry: Label) -> Prototype:
            name = f"{way}.{head}.{label}"
            best, levels = signals[name][0].astype(np.float32), spectra[name].astype(np.float32)
            return Prototype(head, label, best, spectra["hertz"], levels, list(entry.converged_best_first), entry)

        return {
            way: [prototype(way, head, label, entry) for head, by in heads.items() for label, entry in by.items()]
            for way, heads in table.items()
        }


def exemplars(data: Path) -> list[Exemplar]:
    """The exemplars of all labels, the best first; empty if there are none.

    Args:
        data: the run's folder of this name.
    """
    path = data / "prototypes" / "exemplars.csv"
    if not path.is_file():
        return []
    slices = read_table(data / "slices.csv")
    places = {name: place for place, name in enumerate(slices["slice"])}
    audio = np.load(data / "slices.npy", mmap_mode="r")

    def signal(name: str) -> NDArray:
        place = places[name]
        return np.asarray(audio[place, : slices["samples"][place]], dtype=np.float32) / FULL_SCALE

    return [
        Exemplar(
            head=row["head"],
            label=str(row["label"]),
            rank=row["rank"],
            name=row["slice"],
            logit=row["logit"],
            rated=row["rated"],
            signal=signal(row["slice"]) if row["rank"] <= HEARD else None,
        )
        for row in read_table(path).to_dict("records")
    ]
