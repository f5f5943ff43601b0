"""The saliency of some of one fold's test slices: maps of trained and control networks, and their correlations.

A job is a pure function of its values and files. It keeps correlations and, for the exemplary slices, the maps; all
other maps live for one batch.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elor.device import exact, local
from elor.explain.controls import model_free
from elor.explain.correlation import View, pearson
from elor.explain.examination import Scope, examine
from elor.explain.maps import both, predicted
from elor.explain.model import Heads, at, prepared
from elor.explain.saliency.control_networks import TRAINED, models
from elor.explain.saliency.job import PAIR, SaliencyJob, batches
from elor.explain.saliency.slow import sample, show
from elor.explain.windows import Found, Tag, Windows, arrays
from elor.networks import MultiHeadNetwork
from elor.training.data import Inputs
from elor.training.weights_file import load_network

QUICK = ("guided", "gradient")
ON_TRAINED, ON_CONTROLS = Scope(QUICK, QUICK, QUICK, QUICK), Scope(QUICK, QUICK)
"""What is made of every slice; controls of the signal and of the class only on a trained network."""

FLATTENED = "flattened"
"""Name of the pair of gradients of the heads `PAIR` at what both read, the flattened output of the CNN."""


@exact()
def measure(job: SaliencyJob) -> Found:
    """Explain every network of a job, and its controls, on the job's slices."""
    inputs = Inputs(job.files, local(job.device))
    found, whole = Found(), list(batches(job, inputs, job.rows))
    own = {
        row: sound
        for windows in whole
        for row, sound in zip(windows.rows, zip(windows.waves, windows.supports, strict=True), strict=True)
    }
    pairs = zip(job.rows.tolist(), job.others.tolist(), strict=True)
    sounds = {row: own[other] for row, other in pairs if other != row}
    whole = [replace(windows, others=sounds) for windows in whole]
    _without_model(whole, found)
    known: dict = {}  # what two roles share is measured once: untrained networks, and the exemplary one at home
    for role, path in job.networks.items():
        network = load_network(path).to(inputs.device)
        for name, model in models(network, job.seeds):
            key = (network.architecture if name.startswith("initial") else path, name)
            if key not in known:
                known[key] = Found()
                _explain(whole, name, model.to(inputs.device), known[key])
            found.correlations += [{"role": role} | row for row in known[key].correlations]
    sample(job, inputs, found)
    show(job, inputs, found)
    return found


def _explain(whole: list[Windows], name: str, model: MultiHeadNetwork, found: Found) -> None:
    """All that is measured on one model."""
    trained = name == TRAINED
    for windows in whole:
        _compare_flattened(windows.tags(method="gradient", model=name), windows, model, trained, found)
        scope, choose = (ON_TRAINED, both) if trained else (ON_CONTROLS, predicted)
        examine(model, windows, scope, {"model": name}, found, choose)


def _compare_flattened(tags: list[Tag], windows: Windows, model: MultiHeadNetwork, swap: bool, found: Found) -> None:
    """r of the pair's gradients at the flattened layer; and of one head's gradients of two classes, mean of both heads.

    Nothing is padded there, so the paper's reading is the signed one. Networks that lack a head have no such pair.
    """
    if not set(PAIR) <= set(model.heads) or model.cnn is None:
        return
    own, *others = _at_flattened(model, windows.audio, both if swap else predicted)
    rows = [({"control": ""}, _rows_r(*(own[head] for head in PAIR)))]
    if others and set(PAIR) <= set(others[0]):
        rows.append(
            ({"control": "class swap"}, np.mean([_rows_r(own[head], others[0][head]) for head in PAIR], axis=0))
        )
    for more, values in rows:
        for tag, r in zip(tags, values.tolist(), strict=True):
            found.correlations.append(tag | {"pair": FLATTENED, "label": -1, "padded": r, "signed": r} | more)


def _at_flattened(model: MultiHeadNetwork, audio: Tensor, choose: Callable[[Heads], list[Heads]]) -> list[dict]:
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


def _without_model(whole: list[Windows], found: Found) -> None:
    """Rows of "maps" that no model made, in place of every head's."""
    for windows in whole:
        for index, tag in enumerate(windows.tags(role="", method="none", pair="map~input", control="", label=-1)):
            for name, values in model_free(windows.waves[index]).items():
                r = View(values, windows.supports[index]).r(windows.signals[index])
                found.correlations.append(tag | {"model": name} | r)
