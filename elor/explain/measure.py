"""The saliency of one fold's test slices: maps by every method of trained and control networks, and their correlations.

A job is a pure function of its values and files. It keeps correlations and, for the exemplary slices, the maps; all
other maps live for one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import hypergeom
from torch import Tensor

from elor.explain.attribution import gradient, segment_sums
from elor.explain.controls import cascade, model_free, partly_untrained, runner_up, shift_correlations, untrained
from elor.explain.correlation import View, pearson
from elor.explain.erasure import baselines, erasure, from_windows
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import Heads, predict, targets_of
from elor.explain.occlusion import WINDOW, occlusion, starts
from elor.networks import TwoHeadNetwork
from elor.training.checkpoint import load_network
from elor.training.data import Inputs
from elor.training.engine import local_device

BATCH = 16
METHODS: dict[str, Callable[..., Heads]] = {"guided": guided_backprop, "gradient": gradient}
OWN, EXEMPLARY = "own", "exemplary"
"""Roles of networks: each fold's on its own test slices, and one speaker's on all slices, as the paper has it."""

TOP = 0.1
"""Share of occlusion windows that counts as the parts on which a head rests."""


@dataclass(frozen=True)
class Job:
    """What is measured on the test slices of one fold.

    Attributes:
        networks: files of the networks to explain, by the role they have in the summary.
        files: path of the audio array, as `elor.training.data.Inputs` takes it.
        rows: (n,) row numbers of the slices.
        supports: (n,) samples of each before its padding.
        sample: (m,) those of the rows on which the slow methods are run.
        shown: (k,) those of the rows whose maps are kept.
        seeds: of the untrained networks.
        steps, most: of integrated gradients: to begin with, and at most.
        seed: of everything else random.
        device: where to compute.
    """

    networks: dict[str, Path]
    files: dict[str, Path]
    rows: NDArray
    supports: NDArray
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
        erasures: row, role, model, head, order, deletion, insertion: see `elor.explain.erasure`.
        maps: per exemplary row the arrays of its maps.
    """

    correlations: list[dict] = field(default_factory=list)
    integrals: list[dict] = field(default_factory=list)
    overlaps: list[dict] = field(default_factory=list)
    erasures: list[dict] = field(default_factory=list)
    maps: dict[int, dict[str, NDArray]] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """One of the lists as a table."""
        return pd.DataFrame(getattr(self, name))


def measure(job: Job) -> Found:
    """Explain every network of a job, and its controls, on the job's slices."""
    inputs = Inputs(job.files, torch.device(local_device(job.device)))
    found = Found()
    _without_model(job, inputs, found)
    known: dict = {}  # untrained networks of equal shape are equal: measured once
    for role, path in job.networks.items():
        network = load_network(path).to(inputs.device)
        for name, model in _models(network, job.seeds, whole=role == OWN):
            key = (network.architecture, name) if name.startswith("untrained") else (role, name)
            if key not in known:
                known[key] = Found()
                _explain(job, inputs, name, model.to(inputs.device), known[key])
            found.correlations += [{"role": role} | row for row in known[key].correlations]
    _sample(job, inputs, found)
    _show(job, inputs, found)
    return found


def _models(network: TwoHeadNetwork, seeds: tuple[int, ...], whole: bool) -> Iterator[tuple[str, TwoHeadNetwork]]:
    """The trained network; the cascade from the top, ending before the first layer; and untrained ones."""

    def fresh(seed: int) -> TwoHeadNetwork:
        return untrained(lambda: TwoHeadNetwork(network.architecture), seed)

    yield "trained", network
    blocks = [f"cnn.{index}" for index in reversed(range(len(network.architecture.filters)))]
    for parts in cascade(["heads", *blocks])[:-1] if whole else []:
        yield f"{' '.join(parts)} untrained", partly_untrained(network, fresh(seeds[0]), parts)
    for number, seed in enumerate(seeds):
        yield f"untrained {number}", fresh(seed)


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


def _batches(job: Job, inputs: Inputs, rows: NDArray) -> Iterator[Batch]:
    supports = dict(zip(job.rows.tolist(), job.supports.tolist(), strict=True))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        (audio,) = inputs.batch(some)
        yield Batch(some.tolist(), audio, [supports[row] for row in some.tolist()])


def _explain(job: Job, inputs: Inputs, name: str, model: TwoHeadNetwork, found: Found) -> None:
    """All that is measured on one model; controls of the signal and of the class only on a trained one."""
    trained = name == "trained"
    for method, function in METHODS.items():
        if name.startswith("heads") and method != "guided":
            continue
        for batch in _batches(job, inputs, job.rows):
            tags = [{"row": row, "method": method, "model": name} for row in batch.rows]
            logits = predict(model, batch.audio)
            maps = _arrays(function(model, batch.audio, targets_of(logits, None)))
            views = _compare(tags, batch, maps, logits, found)
            if trained:
                if others := runner_up(logits):
                    swapped = _arrays(function(model, batch.audio, others))
                    _compare_swapped(tags, batch, views, {head: swapped[head] for head in others}, found)
                _compare_foreign(tags, batch, maps, job.seed, found)


def _compare(tags: list[dict], batch: Batch, maps: dict[str, NDArray], logits: Heads, found: Found) -> dict:
    """r of every map with its signal, and of the maps of two heads; returns the views of the maps."""
    views = {head: batch.views(value) for head, value in maps.items()}
    labels = {head: value.argmax(1).tolist() for head, value in logits.items()}
    for index, tag in enumerate(tags):
        for head, some in views.items():
            row = tag | {"pair": f"{head}~input", "control": "", "label": labels[head][index]}
            found.correlations.append(row | some[index].r(batch.signals[index]))
        for one, other in combinations(views, 2):
            row = tag | {"pair": f"{one}~{other}", "control": "", "label": -1}
            found.correlations.append(row | views[one][index].r(views[other][index]))
    return views


def _compare_swapped(tags: list[dict], batch: Batch, views: dict, swapped: dict[str, NDArray], found: Found) -> None:
    """The same with the map of the runner-up class: with the signal, and with the predicted class' map."""
    for head, maps in swapped.items():
        for index, (tag, view) in enumerate(zip(tags, batch.views(maps), strict=True)):
            row = tag | {"control": "class swap", "label": -1}
            found.correlations.append(row | {"pair": f"{head}~input"} | view.r(batch.signals[index]))
            found.correlations.append(row | {"pair": f"{head}~{head}"} | view.r(views[head][index]))


def _compare_foreign(tags: list[dict], batch: Batch, maps: dict[str, NDArray], seed: int, found: Found) -> None:
    """Maps against another slice's waveform, on what both have; and against their own waveform, shifted."""
    count = len(tags)
    for head, values in maps.items():
        for index, tag in enumerate(tags):
            row, support = tag | {"pair": f"{head}~input", "label": -1}, batch.supports[index]
            other = (index + max(count // 2, 1)) % count
            if other != index:
                both = min(support, batch.supports[other])
                r = View(values[index], both).r(View(batch.waves[other], both))
                found.correlations.append(row | {"control": "other waveform"} | r)
            own = batch.waves[index][:support]
            shifted = shift_correlations(values[index][:support], own, seed + tag["row"])
            found.correlations.append(row | {"control": "shifted", "signed": float(shifted.mean())})


def _without_model(job: Job, inputs: Inputs, found: Found) -> None:
    """Rows of "maps" that no model made, in place of every head's."""
    for batch in _batches(job, inputs, job.rows):
        for index, row in enumerate(batch.rows):
            for name, values in model_free(batch.waves[index]).items():
                tag = {"row": row, "role": "", "method": "none", "model": name, "pair": "map~input", "control": ""}
                view = View(values, batch.supports[index])
                found.correlations.append(tag | {"label": -1} | view.r(batch.signals[index]))


def _sample(job: Job, inputs: Inputs, found: Found) -> None:
    """The slow methods, on the sample: the fold's own network and one that is untrained."""
    network = load_network(job.networks[OWN])
    fresh = untrained(lambda: TwoHeadNetwork(network.architecture), job.seeds[0])
    for name, model in (("trained", network), ("untrained 0", fresh)):
        for batch in _batches(job, inputs, job.sample):
            _explain_slowly(job, batch, name, model.to(inputs.device), found)


def _explain_slowly(job: Job, batch: Batch, name: str, model: TwoHeadNetwork, found: Found) -> None:
    """Integrated gradients and occlusion, and on a trained network the erasure of what each method ranks first."""
    logits = predict(model, batch.audio)
    path = integrated_gradients(model, batch.audio, steps=job.steps, most=job.most)
    drops = occlusion(model, batch.audio, supports=batch.supports)
    tags = [{"row": row, "role": OWN, "model": name} for row in batch.rows]
    _compare([tag | {"method": "integrated"} for tag in tags], batch, _arrays(path.time()), logits, found)
    for head, error in _arrays(path.error()).items():
        for tag, steps, value in zip(tags, path.steps.tolist(), error.tolist(), strict=True):
            found.integrals.append(tag | {"head": head, "steps": steps, "error": value})
    for index, tag in enumerate(tags):
        own = {head: value[index].cpu().numpy() for head, value in drops.items()}
        _compare_occlusion(tag, own, batch.waves[index], batch.supports[index], found)
    if name == "trained":
        _erase(job, tags, batch, model, logits, path.time(), drops, found)


def _erase(
    job: Job,
    tags: list[dict],
    batch: Batch,
    model: TwoHeadNetwork,
    logits: Heads,
    ig: Heads,
    drops: Heads,
    found: Found,
) -> None:
    """Deletion and insertion in the order of every method, at random, and loudest first."""
    signal = batch.audio[:, 0]
    maps = {method: function(model, batch.audio) for method, function in METHODS.items()}
    for head, value in logits.items():
        scores = {method: segment_sums(by_head[head] * signal) for method, by_head in maps.items()}
        scores["integrated"] = segment_sums(ig[head])
        for index, tag in enumerate(tags):
            orders = {order: score[index] for order, score in scores.items()}
            orders |= {"occlusion": from_windows(drops[head][index])} | baselines(signal[index], job.seed + tag["row"])
            target = int(value[index].argmax())
            areas = erasure(model, signal[index], head, target, orders, batch.supports[index])
            for order, (deletion, insertion) in areas.items():
                row = tag | {"head": head, "order": order, "deletion": deletion, "insertion": insertion}
                found.erasures.append(row)


def _compare_occlusion(tag: dict, drops: dict[str, NDArray], signal: NDArray, support: int, found: Found) -> None:
    """r of the drops with the windows' level (reading `envelope`), and the overlap of two heads' top windows."""
    begins = [begin for begin in starts(len(signal)) if begin < support]
    level = np.array([np.sqrt(np.mean(signal[begin : begin + WINDOW] ** 2)) for begin in begins])
    own = {head: value[: len(begins)] for head, value in drops.items()}
    row = tag | {"method": "occlusion", "control": "", "label": -1}
    for head, value in own.items():
        found.correlations.append(row | {"pair": f"{head}~input", "envelope": pearson(value, level)})
    for one, other in combinations(own, 2):
        found.correlations.append(row | {"pair": f"{one}~{other}", "envelope": pearson(own[one], own[other])})
        found.overlaps.append(tag | overlap(own[one], own[other]))


def overlap(one: NDArray, other: NDArray, top: float = TOP) -> dict[str, float]:
    """Jaccard index of the top windows of two heads, and what two random choices would give.

    Args:
        one, other: (windows,).
        top: share of the windows.

    Returns:
        overlap, and chance: the mean of k / (2 m - k) over the hypergeometric k shared of m.
    """
    count = len(one)
    m = max(1, round(top * count))
    shared = len(set(np.argsort(-one)[:m].tolist()) & set(np.argsort(-other)[:m].tolist()))
    k = np.arange(m + 1)
    chance = float((hypergeom(count, m, m).pmf(k) * k / (2 * m - k)).sum())
    return {"overlap": shared / (2 * m - shared), "chance": chance}


def _show(job: Job, inputs: Inputs, found: Found) -> None:
    """Keep the maps of the exemplary slices, by their fold's own network, for figures and players."""
    network = load_network(job.networks[OWN]).to(inputs.device)
    for batch in _batches(job, inputs, job.shown):
        path = integrated_gradients(network, batch.audio, steps=job.steps, most=job.most)
        kinds = {method: function(network, batch.audio) for method, function in METHODS.items()}
        kinds |= {"integrated": path.time(), "stft": path.stft()}
        kinds["occlusion"] = occlusion(network, batch.audio, supports=batch.supports)
        targets = targets_of(predict(network, batch.audio), None)
        for index, row in enumerate(batch.rows):
            kept = {kind: np.stack([v[index].cpu().numpy() for v in heads.values()]) for kind, heads in kinds.items()}
            found.maps[row] = kept | {"target": np.array([int(value[index]) for value in targets.values()])}


def _arrays(heads: Heads) -> dict[str, NDArray]:
    return {name: value.cpu().numpy() for name, value in heads.items()}
