"""The saliency analysis of a whole corpus: who is measured where, and what is kept."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.engine import Engine
from elor.explain.exemplary_speaker import fold_of
from elor.explain.experiment import Experiment
from elor.explain.saliency.job import BATCH, EXEMPLARY, OWN, SaliencyJob
from elor.explain.saliency.measure import measure
from elor.explain.windows import Found
from elor.files import replacing
from elor.params import ExplainScale

PART = 4 * BATCH
"""Slices of a job, at most: few enough that two cores end at the same time."""


def plan(what: Experiment, speaker: str, amount: ExplainScale, first_steps: int = 64) -> list[SaliencyJob]:
    """Some jobs per fold: its own network on raw audio and that of the exemplary speaker, on its test slices.

    Args:
        what: is explained.
        speaker: whose network is the exemplary one, see `elor.explain.exemplary_speaker`.
        amount: how many slices for the slow methods, and their steps at most; how many are kept; untrained networks.
        first_steps: of integrated gradients.
    """
    slices, tested = what.slices, what.tested
    exemplary = fold_of(speaker, slices, what.folds)
    sample = what.sample(amount.slices)
    shown = _spread(np.flatnonzero((slices["speaker"] == speaker) & (tested == exemplary)), amount.shown)
    return [
        SaliencyJob(
            fold=fold,
            networks={OWN: what.model(fold), EXEMPLARY: what.model(exemplary)},
            files={"audio": what.audio},
            rows=rows,
            supports=slices["samples"].to_numpy()[rows],
            others=rows[_others(slices["utterance"].to_numpy()[rows])],
            sample=np.intersect1d(rows, sample),
            shown=np.intersect1d(rows, shown),
            seeds=what.seeds(index, amount.untrained),
            steps=min(first_steps, amount.steps),
            most=amount.steps,
            seed=what.seed,
            device=what.device(place),
        )
        for place, (index, fold, rows) in enumerate(_parts(tested))
    ]


def _parts(tested: NDArray) -> Iterator[tuple[int, str, NDArray]]:
    """The slices of one fold after the other, in parts of up to `PART`: the fold's number and name, and the rows."""
    for index, fold in enumerate(pd.unique(tested[pd.notna(tested)])):
        whole = np.flatnonzero(tested == fold)
        for rows in np.array_split(whole, -(-len(whole) // PART)):
            yield index, fold, rows


def _others(utterances: NDArray) -> NDArray:
    """For each slice the place of one of another utterance, half way round if possible; its own if all are of one."""
    count = len(utterances)
    places = np.arange(count)
    for place in range(count):
        ahead = (place + count // 2 + np.arange(count)) % count
        foreign = ahead[utterances[ahead] != utterances[place]]
        places[place] = foreign[0] if len(foreign) else place
    return places


def run(jobs: Sequence[SaliencyJob], engine: Engine) -> list[Found]:
    """Run all jobs, with progress in slices; what they find is in their order."""
    return engine.track(measure, [(job,) for job in jobs], "saliency", [len(job.rows) for job in jobs], "slice")


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Up to `count` rows, spread evenly."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


def table_of(jobs: Sequence[SaliencyJob], found: Sequence[Found], name: str, slices: pd.DataFrame) -> pd.DataFrame:
    """One of the lists of all jobs as a table, with the slice's name, its speaker and its fold; rows are sorted."""
    table = pd.concat(
        [one.table(name).assign(fold=job.fold) for job, one in zip(jobs, found, strict=True)], ignore_index=True
    )
    if "row" not in table:  # a network of one head has no pairs of heads
        return table
    for place, column in enumerate(("slice", "speaker")):
        table.insert(place, column, slices[column].to_numpy()[table["row"].to_numpy(int)])
    table.insert(2, "fold", table.pop("fold"))
    return table.sort_values("row", kind="stable").drop(columns="row").reset_index(drop=True)


def write_maps(folder: Path, found: Sequence[Found], slices: pd.DataFrame) -> None:
    """Write the maps of the exemplary slices, one `<slice>.npz` each, for figures and players.

    Arrays, heads first and in the network's order: guided, gradient, integrated (heads, samples), stft (heads, frames,
    bins), occlusion (heads, windows), float32; target (heads,), the class that each map explains.
    """
    for one in found:
        for row, maps in one.maps.items():
            with replacing(folder / f"{slices['slice'][row]}.npz") as part, part.open("wb") as stream:
                np.savez(stream, **maps)
