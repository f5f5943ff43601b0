"""The saliency of some of one fold's test slices: maps of trained and control networks, and their correlations.

A job is a pure function of its values and files. It keeps correlations and, for the exemplary slices, the maps; all
other maps live for one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elor.device import exact, local
from elor.explain.controls import model_free, runner_up, shifted_range
from elor.explain.correlation import View, pearson
from elor.explain.guided import guided_and_plain
from elor.explain.model import Heads, at, prepared, targets_of
from elor.explain.saliency.job import Batch, Found, Job, Tag, arrays, batches, compare, compare_swapped
from elor.explain.saliency.models import TRAINED, models
from elor.explain.saliency.sample import sample, show
from elor.networks import TwoHeadNetwork
from elor.training.checkpoint import load_network
from elor.training.data import Inputs

NEAREST = 800
"""Samples (50 ms) by which a map is shifted at least."""

Sounds = Mapping[int, tuple[NDArray, int]]
"""By row the waveform of another utterance, (samples,), and its samples before the padding."""

FLATTENED = "flattened"
"""Name of the pair of two heads' gradients at what both read, the flattened output of the CNN."""


@exact()
def measure(job: Job) -> Found:
    """Explain every network of a job, and its controls, on the job's slices."""
    inputs = Inputs(job.files, local(job.device))
    found, whole = Found(), list(batches(job, inputs, job.rows))
    own = {
        row: sound
        for batch in whole
        for row, sound in zip(batch.rows, zip(batch.waves, batch.supports, strict=True), strict=True)
    }
    pairs = zip(job.rows.tolist(), job.others.tolist(), strict=True)
    sounds = {row: own[other] for row, other in pairs if other != row}
    _without_model(whole, found)
    known: dict = {}  # what two roles share is measured once: untrained networks, and the exemplary one at home
    for role, path in job.networks.items():
        network = load_network(path).to(inputs.device)
        for name, model in models(network, job.seeds):
            key = (network.architecture if name.startswith("untrained") else path, name)
            if key not in known:
                known[key] = Found()
                _explain(whole, sounds, name, model.to(inputs.device), known[key])
            found.correlations += [{"role": role} | row for row in known[key].correlations]
    sample(job, inputs, found)
    show(job, inputs, found)
    return found


def _explain(whole: list[Batch], sounds: Sounds, name: str, model: TwoHeadNetwork, found: Found) -> None:
    """All that is measured on one model; controls of the signal and of the class only on a trained one."""
    trained = name == TRAINED
    for batch in whole:
        logits, maps = guided_and_plain(model, batch.audio, _both if trained else _predicted)
        _compare_flattened(batch.tags(method="gradient", model=name), batch, model, trained, found)
        own = {method: arrays(sets[0]) for method, sets in maps.items()}
        views = {}
        for method, sets in maps.items():
            tags = batch.tags(method=method, model=name)
            views[method] = compare(tags, batch, own[method], logits, found)
            if trained:
                compare_swapped(tags, batch, views[method], arrays(sets[1]), found)
                _compare_foreign(tags, batch, own[method], sounds, found)


def _predicted(logits: Heads) -> list[Heads]:
    return [targets_of(logits, None)]


def _both(logits: Heads) -> list[Heads]:
    """The predicted classes, and those next to them."""
    return [targets_of(logits, None), runner_up(logits)]


def _compare_foreign(tags: list[Tag], batch: Batch, maps: dict, sounds: Sounds, found: Found) -> None:
    """Maps against another utterance's waveform, on what both have; and against their own waveform, shifted."""
    for index, (tag, support) in enumerate(zip(tags, batch.supports, strict=True)):
        for head, values in maps.items():
            row = tag | {"pair": f"{head}~input", "label": -1}
            if batch.rows[index] in sounds:
                wave, length = sounds[batch.rows[index]]
                both = min(support, length)
                r = View(values[index], both).r(View(wave, both))
                found.correlations.append(row | {"control": "other waveform"} | r)
            reach = shifted_range(values[index][:support], batch.waves[index][:support], NEAREST)
            if reach is not None:
                low, high = reach
                found.correlations.append(row | {"control": "shifted", "low": low, "high": high})


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
