"""Whether words change what a network hears: networks of two kinds, with and without, each from several seeds.

Two networks of one kind differ, too: by the chance of their training. So the question is whether a network that is told
the words differs more from one that is not than networks of one kind differ from each other. It is asked twice: of the
maps of single slices (occlusion, the reference), and of what alterations of the sound do to the answers, the words
remaining as they are. Both are tested by exchanging the names of the two kinds among the networks, in all ways.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.audio import FULL_SCALE
from elor.device import exact, local
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.run import answers
from elor.explain.interventions.versions import UNALTERED, versions
from elor.explain.occlusion import occlusion
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.registry import TEXT
from elor.training.weights_file import load_network

BATCH = 16


class Told(nn.Module):
    """A network that hears sounds, and is told one text, the same for all; one that reads no words is told none.

    Args:
        network: in evaluation mode.
        words: (1, words) of the text.
    """

    def __init__(self, network: MultiHeadNetwork, words: Tensor) -> None:
        super().__init__()
        self.network, self.words = network, words

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        inputs = {"audio": audio, TEXT: self.words.expand(len(audio), -1)}
        return self.network(*(inputs[name] for name in self.network.architecture.inputs))


@dataclass(frozen=True)
class HearingJob:
    """What all networks are asked about one slice.

    Attributes:
        networks: their files, those that are told nothing first, as many as those that are told the words.
        audio, words: slices.npy and text.npy.
        row: number of the slice.
        support: its samples before the padding.
        targets: by head the class that maps explain, the rated one; 0 for values.
        seed: of noise in alterations.
        device: where to compute.
    """

    networks: tuple[Path, ...]
    audio: Path
    words: Path
    row: int
    support: int
    targets: dict[str, int]
    seed: int
    device: str


@dataclass(frozen=True)
class Heard:
    """What they answered.

    Attributes:
        maps: by head the falls of the logit, (networks, windows) of the slice's own samples.
        changes: network, intervention, dose, answer, change: of the answer, by the alteration.
    """

    maps: dict[str, NDArray]
    changes: pd.DataFrame


@exact()
def hear(job: HearingJob) -> Heard:
    """Occlude and alter one slice for all networks."""
    device = local(job.device)
    sound = np.load(job.audio, mmap_mode="r")[job.row, : job.support] / FULL_SCALE
    words = torch.from_numpy(np.load(job.words, mmap_mode="r")[job.row][None].copy()).to(device)
    some = [one for one in versions(sound, [job.seed, job.row]) if not one.length]
    stack = torch.from_numpy(np.stack([one.sound for one in some])).float()[:, None].to(device)
    padded = torch.zeros(1, 1, SLICE_SAMPLES, device=device)
    padded[..., : job.support] = torch.from_numpy(sound).float()
    targets = {head: torch.tensor([target], device=device) for head, target in job.targets.items()}
    maps: dict[str, list[NDArray]] = {head: [] for head in job.targets}
    tables = []
    for number, path in enumerate(job.networks):
        network = load_network(path).to(device)
        told = Told(network, words).eval()
        found = occlusion(told, padded, targets, supports=[job.support], trusted=True)
        for head, value in found.items():
            maps[head].append(value[0].cpu().numpy())
        with torch.inference_mode():
            parts = [answers(network.architecture.heads, told(batch)) for batch in stack.split(BATCH)]
        for answer in parts[0]:
            values = np.concatenate([part[answer] for part in parts])
            table = pd.DataFrame({"intervention": [one.intervention for one in some], "dose": [v.dose for v in some]})
            table["change"] = values - values[table["intervention"].to_numpy() == UNALTERED]
            tables.append(table.assign(network=number, answer=answer).query("intervention != @UNALTERED").dropna())
    return Heard({head: np.stack(value) for head, value in maps.items()}, pd.concat(tables, ignore_index=True))


def kinds(count: int) -> NDArray[np.bool_]:
    """Which of `count` networks are told the words: the second half."""
    return np.arange(count) >= count // 2


def exchanged(count: int, statistic: Callable[[NDArray[np.bool_]], float]) -> dict[str, Any]:
    """The statistic of the two kinds as they are, and the share of all ways to name them that reach it.

    Both names may be exchanged without a change, so that C(count, count / 2) / 2 ways are left, and p is no smaller
    than one in so many. Undefined where the statistic is.
    """
    observed = statistic(kinds(count))
    if not np.isfinite(observed):
        return {"difference": np.nan, "p": np.nan, "patterns": 0}
    half = count // 2
    ways = [np.isin(np.arange(count), chosen) for chosen in combinations(range(count), half) if 0 in chosen]
    reached = sum(statistic(~way) >= observed - 1e-12 for way in ways)
    return {"difference": observed, "p": reached / len(ways), "patterns": len(ways)}


def likeness(maps: Sequence[NDArray]) -> tuple[NDArray, int]:
    """Mean over slices of Pearson's r between the maps of each two networks, (networks, networks); of how many slices.

    Args:
        maps: of each slice (networks, windows); one on which some map is constant is left out.
    """
    found = [np.corrcoef(one) for one in maps if one.shape[1] > 1 and (one.std(axis=1) > 0).all()]
    return np.mean(found, axis=0) if found else np.full([len(maps[0])] * 2, np.nan), len(found)


def of_maps(maps: Sequence[NDArray]) -> dict[str, Any]:
    """How alike maps are within and between the kinds: `plain`, `told`, `between`, and the test of their difference."""
    r, slices = likeness(maps)
    count, pairs = len(r), ~np.eye(len(r), dtype=bool)

    def apart(told: NDArray[np.bool_]) -> float:
        same = told[:, None] == told
        return float(r[same & pairs].mean() - r[~same].mean())

    told = kinds(count)
    within = {"plain": ~told[:, None] & ~told, "told": told[:, None] & told}
    means = {name: float(r[rows & pairs].mean()) for name, rows in within.items()}
    means["between"] = float(r[told[:, None] != told].mean())
    return means | {"slices": slices} | exchanged(count, apart)


def reaches(changes: pd.DataFrame) -> pd.DataFrame:
    """What each alteration does to each network's answers over its doses, the unaltered sound among them.

    Args:
        changes: of all slices, see `Heard.changes`.

    Returns:
        Index intervention and answer, a column per network: the slope of the least-squares line of the mean change by
        the dose, times the range of doses.
    """
    means = changes.groupby(["intervention", "answer", "network", "dose"])["change"].mean().reset_index()
    rows = {}
    for (name, answer, network), some in means.groupby(["intervention", "answer", "network"]):
        doses, change = some["dose"].to_numpy(), some["change"].to_numpy()
        if np.isfinite(none := ALTERATIONS[name].none):
            doses, change = np.append(doses, none), np.append(change, 0.0)  # by definition
        rows.setdefault((name, answer), {})[network] = np.polyfit(doses, change, 1)[0] * np.ptp(doses)
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index(axis=1)
    table.index = pd.MultiIndex.from_tuples(table.index, names=["intervention", "answer"])
    return table


def of_effects(table: pd.DataFrame) -> dict[str, Any]:
    """How far the kinds' effects lie apart, in units of the spread over seeds: the mean over all effects of the squared
    difference of their means by their pooled variance; with the test, and the effects themselves as `rows`.

    Args:
        table: as `reaches` returned it.
    """
    values = table.to_numpy()

    def apart(told: NDArray[np.bool_]) -> float:
        difference, spread = _means(values, told)
        return float(np.mean(difference[spread > 0] ** 2 / spread[spread > 0] ** 2)) if (spread > 0).any() else 0.0

    told = kinds(values.shape[1])
    difference, spread = _means(values, told)
    rows = [
        {"intervention": name, "answer": answer, "plain": plain, "told": plain + more, "spread": sd}
        for (name, answer), plain, more, sd in zip(
            table.index, values[:, ~told].mean(1), difference, spread, strict=True
        )
    ]
    return {"rows": rows} | exchanged(values.shape[1], apart)


def _means(values: NDArray, told: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Difference of the kinds' means, and the pooled standard deviation within them, of every effect."""
    sides = values[:, told], values[:, ~told]
    pooled = sum(side.var(axis=1, ddof=1) for side in sides) / 2
    return sides[0].mean(1) - sides[1].mean(1), np.sqrt(pooled)
