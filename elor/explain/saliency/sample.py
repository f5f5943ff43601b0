"""The slow methods, on a sample of the slices: integrated gradients, occlusion, deletion and insertion."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from torch import Tensor

from elor.explain.attribution import gradient, segment_sums
from elor.explain.controls import runner_up
from elor.explain.correlation import pearson
from elor.explain.erasure import baselines, erasure, from_windows
from elor.explain.guided import guided_backprop
from elor.explain.integrated import Path, integrated_gradients, noise_like
from elor.explain.model import Heads, predict, targets_of
from elor.explain.occlusion import WINDOW, band_occlusion, occlusion, starts
from elor.explain.saliency.job import OWN, Batch, Found, Job, Tag, arrays, batches, compare, compare_swapped
from elor.explain.saliency.models import TRAINED, models
from elor.networks import TwoHeadNetwork
from elor.training.checkpoint import load_network
from elor.training.data import Inputs

METHODS: dict[str, Callable[..., Heads]] = {"guided": guided_backprop, "gradient": gradient}

FEW = 8
"""Steps of integrated gradients to begin with on controls: a network without biases is complete with any number."""

TOP = 0.1
"""Share of occlusion windows that counts as the parts on which a head rests."""


def sample(job: Job, inputs: Inputs, found: Found) -> None:
    """Run the slow methods on the job's sample: of the fold's network, with untrained heads, and of untrained ones."""
    network = load_network(job.networks[OWN])
    for name, model in models(network, job.seeds, deepest=1):
        for batch in batches(job, inputs, job.sample):
            _explain_slowly(job, batch, name, model.to(inputs.device), found)


def _explain_slowly(job: Job, batch: Batch, name: str, model: TwoHeadNetwork, found: Found) -> None:
    """Integrated gradients, occlusion, and erasure; of a control only what is loudest, and what is drawn at random."""
    trained, logits = name == TRAINED, predict(model, batch.audio)
    steps, most = (job.steps, job.most) if trained else (min(FEW, job.steps), job.steps)
    path = integrated_gradients(model, batch.audio, steps=steps, most=most)
    maps, drops = path.time(), occlusion(model, batch.audio, supports=batch.supports)
    tags = batch.tags(role=OWN, model=name)
    views = compare([tag | {"method": "integrated"} for tag in tags], batch, arrays(maps), logits, found)
    _compare_occlusion(tags, batch, arrays(drops), found)
    for head, values in arrays(band_occlusion(model, batch.audio)).items():
        for tag, row in zip(tags, values.tolist(), strict=True):
            found.bands += [tag | {"head": head, "band": band, "drop": drop} for band, drop in enumerate(row)]
    if trained:
        _note_completeness(tags, path, found)
        _swap(job, batch, model, logits, views, found)
        _mask(job, batch, model, maps, drops, found)
    orders = _orders(model, batch, maps, drops) if trained else {head: {} for head in logits}
    _erase(job, tags, batch, model, logits, orders, found)


def _note_completeness(tags: list[Tag], path: Path, found: Found) -> None:
    """How many steps the maps took, and what is left of the completeness error."""
    for head, error in arrays(path.error()).items():
        for tag, steps, value in zip(tags, path.steps.tolist(), error.tolist(), strict=True):
            found.integrals.append(tag | {"head": head, "steps": steps, "error": value})


def _swap(job: Job, batch: Batch, model: TwoHeadNetwork, logits: Heads, views: dict, found: Found) -> None:
    """Integrated gradients and occlusion of the runner-up class, beside the predicted one's."""
    others = runner_up(logits)
    if not others:  # heads of a single output have no other class
        return
    path = integrated_gradients(model, batch.audio, others, steps=job.steps, most=job.steps)
    tags = batch.tags(role=OWN, model=TRAINED)
    compare_swapped([tag | {"method": "integrated"} for tag in tags], batch, views, arrays(path.time()), found)
    drops = occlusion(model, batch.audio, others, supports=batch.supports)
    _compare_occlusion(tags, batch, arrays(drops), found, "class swap")


def _mask(job: Job, batch: Batch, model: TwoHeadNetwork, maps: Heads, drops: Heads, found: Found) -> None:
    """How alike the maps are where noise at -60 dBFS stands in the place of silence."""
    mask = noise_like(batch.audio, seed=job.seed, supports=batch.supports)
    path = integrated_gradients(model, batch.audio, baseline=mask, steps=job.steps, most=job.steps)
    noisy = occlusion(model, batch.audio, mask=mask, supports=batch.supports)
    for method, one, other in (("integrated", maps, path.time()), ("occlusion", drops, noisy)):
        for head, values in arrays(other).items():
            for tag, a, b in zip(
                batch.tags(role=OWN, method=method, head=head), arrays(one)[head], values, strict=True
            ):
                found.masks.append(tag | {"r": pearson(a, b)})


def _orders(model: TwoHeadNetwork, batch: Batch, ig: Heads, drops: Heads) -> dict[str, dict[str, list[Tensor]]]:
    """How each method ranks the segments, (slices, segments), by head and method."""
    signal = batch.audio[:, 0]
    found: dict[str, dict[str, list[Tensor]]] = {head: {} for head in drops}
    for method, function in METHODS.items():
        for head, values in function(model, batch.audio).items():
            found[head][method] = list(segment_sums(values * signal))
    for head in found:
        found[head]["integrated"] = list(segment_sums(ig[head]))
        found[head]["occlusion"] = [from_windows(one) for one in drops[head]]
    return found


def _erase(
    job: Job,
    tags: list[dict],
    batch: Batch,
    model: TwoHeadNetwork,
    logits: Heads,
    orders: dict[str, dict[str, list[Tensor]]],
    found: Found,
) -> None:
    """Deletion and insertion in every order, at random, and loudest first."""
    signal = batch.audio[:, 0]
    for head, value in logits.items():
        for index, tag in enumerate(tags):
            scores = {order: some[index] for order, some in orders[head].items()}
            seed, target = job.seed + tag["row"], int(value[index].argmax())
            scores |= baselines(signal[index], seed)
            areas = erasure(model, signal[index], head, target, scores, batch.supports[index], seed=seed)
            found.erasures.extend(tag | {"head": head, "order": order} | measures for order, measures in areas.items())


def _compare_occlusion(
    tags: list[Tag], batch: Batch, drops: dict[str, NDArray], found: Found, control: str = ""
) -> None:
    """r of the drops with the windows' level (reading `envelope`), and the overlap of two heads' top windows."""
    for index, tag in enumerate(tags):
        signal, support = batch.waves[index], batch.supports[index]
        begins = [begin for begin in starts(len(signal)) if begin < support]
        level = np.array([np.sqrt(np.mean(signal[begin : begin + WINDOW] ** 2)) for begin in begins])
        own = {head: value[index, : len(begins)] for head, value in drops.items()}
        row = tag | {"method": "occlusion", "control": control, "label": -1}
        for head, value in own.items():
            found.correlations.append(row | {"pair": f"{head}~input", "envelope": pearson(value, level)})
        for one, other in combinations(own, 2):
            found.correlations.append(row | {"pair": f"{one}~{other}", "envelope": pearson(own[one], own[other])})
            if not control:
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


def show(job: Job, inputs: Inputs, found: Found) -> None:
    """Keep the maps of the exemplary slices, by their fold's own network, for figures and players."""
    network = load_network(job.networks[OWN]).to(inputs.device)
    for batch in batches(job, inputs, job.shown):
        path = integrated_gradients(network, batch.audio, steps=job.steps, most=job.most)
        kinds = {method: function(network, batch.audio) for method, function in METHODS.items()}
        kinds |= {"integrated": path.time(), "stft": path.stft()}
        kinds["occlusion"] = occlusion(network, batch.audio, supports=batch.supports)
        targets = targets_of(predict(network, batch.audio), None)
        for index, row in enumerate(batch.rows):
            kept = {kind: np.stack([v[index].cpu().numpy() for v in heads.values()]) for kind, heads in kinds.items()}
            found.maps[row] = kept | {"target": np.array([int(value[index]) for value in targets.values()])}
