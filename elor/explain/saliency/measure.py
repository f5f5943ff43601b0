"""The saliency of some of one fold's test slices: maps of trained and control networks, and their correlations.

A job is a pure function of its values and files. It keeps correlations and, for the exemplary slices, the maps; all
other maps live for one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elor.explain.controls import cascade, mean_shift, model_free, partly_untrained, runner_up, untrained
from elor.explain.correlation import View, pearson
from elor.explain.guided import guided_and_plain
from elor.explain.model import Heads, at, prepared, targets_of
from elor.explain.saliency.job import OWN, Batch, Found, Job, Tag, arrays, batches, compare
from elor.explain.saliency.sample import sample, show
from elor.networks import TwoHeadNetwork
from elor.training.checkpoint import load_network
from elor.training.data import Inputs
from elor.training.engine import local_device

FLATTENED = "flattened"
"""Name of the pair of two heads' gradients at what both read, the flattened output of the CNN."""


def measure(job: Job) -> Found:
    """Explain every network of a job, and its controls, on the job's slices."""
    inputs = Inputs(job.files, torch.device(local_device(job.device)))
    found, whole = Found(), list(batches(job, inputs, job.rows))
    _without_model(whole, found)
    known: dict = {}  # what two roles share is measured once: untrained networks, and the exemplary one at home
    for role, path in job.networks.items():
        network = load_network(path).to(inputs.device)
        for name, model in _models(network, job.seeds, whole=role == OWN):
            key = (network.architecture if name.startswith("untrained") else path, name)
            if key not in known:
                known[key] = Found()
                _explain(job, whole, name, model.to(inputs.device), known[key])
            found.correlations += [{"role": role} | row for row in known[key].correlations]
    sample(job, inputs, found)
    show(job, inputs, found)
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


def _explain(job: Job, whole: list[Batch], name: str, model: TwoHeadNetwork, found: Found) -> None:
    """All that is measured on one model; controls of the signal and of the class only on a trained one."""
    trained, partly = name == "trained", name.startswith("heads")
    for batch in whole:
        logits, maps = guided_and_plain(model, batch.audio, _both if trained else _predicted, plain=not partly)
        _compare_flattened(batch.tags(method="gradient", model=name), batch, model, trained, found)
        own = {method: arrays(sets[0]) for method, sets in maps.items()}
        views = {}
        for method, sets in maps.items():
            tags = batch.tags(method=method, model=name)
            views[method] = compare(tags, batch, own[method], logits, found)
            if trained:
                _compare_swapped(tags, batch, views[method], arrays(sets[1]), found)
        if trained:
            _compare_foreign(batch, own, views, job.seed, found)


def _predicted(logits: Heads) -> list[Heads]:
    return [targets_of(logits, None)]


def _both(logits: Heads) -> list[Heads]:
    """The predicted classes, and those next to them."""
    return [targets_of(logits, None), runner_up(logits)]


def _compare_swapped(tags: list[Tag], batch: Batch, views: dict, swapped: dict[str, NDArray], found: Found) -> None:
    """The same with the map of the runner-up class: with the signal, and with the predicted class' map."""
    for head, maps in swapped.items():
        for index, (tag, view) in enumerate(zip(tags, batch.views(maps), strict=True)):
            row = tag | {"control": "class swap", "label": -1}
            found.correlations.append(row | {"pair": f"{head}~input"} | view.r(batch.signals[index]))
            found.correlations.append(row | {"pair": f"{head}~{head}"} | view.r(views[head][index]))


def _compare_foreign(batch: Batch, maps: dict, views: dict, seed: int, found: Found) -> None:
    """Maps against another slice's waveform, on what both have; and against their own waveform, shifted."""
    count = len(batch.rows)
    for index, tag in enumerate(batch.tags(model="trained", label=-1)):
        support, other = batch.supports[index], (index + max(count // 2, 1)) % count
        both, signal = min(support, batch.supports[other]), batch.signals[index]
        foreign = View(batch.waves[other], both)
        shifted = mean_shift(batch.waves[index][:support], seed + batch.rows[index])
        for method, head in ((method, head) for method, by_head in maps.items() for head in by_head):
            row = tag | {"method": method, "pair": f"{head}~input"}
            if other != index:
                r = View(maps[method][head][index], both).r(foreign)
                found.correlations.append(row | {"control": "other waveform"} | r)
            own = views[method][head][index]
            length = own.length["signed"] * signal.length["signed"]
            r = float(own.centred["signed"] @ shifted) / length
            found.correlations.append(row | {"control": "shifted", "signed": r})


def _compare_flattened(tags: list[Tag], batch: Batch, model: TwoHeadNetwork, swap: bool, found: Found) -> None:
    """r of two heads' gradients at the flattened layer; and of one head's gradients of two classes, mean of both heads.

    Nothing is padded there, so the paper's reading is the signed one. Networks of one head have no such pair.
    """
    if len(model.heads) != 2 or model.cnn is None:
        return
    own, *others = _at_flattened(model, batch.audio, _both if swap else _predicted)
    between = _rows_r(*own.values())
    rows = [({"control": ""}, between)]
    if others and len(others[0]) == len(own):
        rows.append(({"control": "class swap"}, np.mean([_rows_r(own[head], others[0][head]) for head in own], axis=0)))
    for more, values in rows:
        for tag, r in zip(tags, values.tolist(), strict=True):
            found.correlations.append(tag | {"pair": FLATTENED, "label": -1, "padded": r, "signed": r} | more)


def _at_flattened(model: TwoHeadNetwork, audio: Tensor, choose: Callable[[Heads], list[Heads]]) -> list[dict]:
    """Per set of classes and head the gradient at the heads' common input, (batch, width)."""
    with prepared(model):
        with torch.no_grad():
            features = model.features(audio)
        features.requires_grad_()
        logits = {name: head(features) for name, head in model.heads.items()}
        return [
            arrays(
                {
                    head: torch.autograd.grad(at(logits[head], target).sum(), features, retain_graph=True)[0]
                    for head, target in targets.items()
                }
            )
            for targets in choose(logits)
        ]


def _rows_r(one: NDArray, other: NDArray) -> NDArray:
    """r of each row, (batch,)."""
    return np.array([pearson(a, b) for a, b in zip(one, other, strict=True)])


def _without_model(whole: list[Batch], found: Found) -> None:
    """Rows of "maps" that no model made, in place of every head's."""
    for batch in whole:
        for index, tag in enumerate(batch.tags(role="", method="none", pair="map~input", control="", label=-1)):
            for name, values in model_free(batch.waves[index]).items():
                r = View(values, batch.supports[index]).r(batch.signals[index])
                found.correlations.append(tag | {"model": name} | r)
