"""The slow methods, on a sample of the slices: integrated gradients, occlusion, deletion and insertion."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from torch import Tensor

from elor.explain.attribution import gradient, segment_sums
from elor.explain.controls import untrained
from elor.explain.correlation import pearson
from elor.explain.erasure import baselines, erasure, from_windows
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import Heads, predict, targets_of
from elor.explain.occlusion import WINDOW, occlusion, starts
from elor.explain.saliency.job import OWN, Batch, Found, Job, arrays, batches, compare
from elor.networks import TwoHeadNetwork
from elor.training.checkpoint import load_network
from elor.training.data import Inputs

METHODS: dict[str, Callable[..., Heads]] = {"guided": guided_backprop, "gradient": gradient}

TOP = 0.1
"""Share of occlusion windows that counts as the parts on which a head rests."""


def sample(job: Job, inputs: Inputs, found: Found) -> None:
    """Run the slow methods on the job's sample: the fold's own network and one that is untrained."""
    network = load_network(job.networks[OWN])
    fresh = untrained(lambda: TwoHeadNetwork(network.architecture), job.seeds[0])
    for name, model in (("trained", network), ("untrained 0", fresh)):
        for batch in batches(job, inputs, job.sample):
            _explain_slowly(job, batch, name, model.to(inputs.device), found)


def _explain_slowly(job: Job, batch: Batch, name: str, model: TwoHeadNetwork, found: Found) -> None:
    """Integrated gradients, occlusion, and erasure; of an untrained network only of what is loudest, and at random."""
    logits = predict(model, batch.audio)
    path = integrated_gradients(model, batch.audio, steps=job.steps, most=job.most)
    drops = occlusion(model, batch.audio, supports=batch.supports)
    tags = batch.tags(role=OWN, model=name)
    compare([tag | {"method": "integrated"} for tag in tags], batch, arrays(path.time()), logits, found)
    for head, error in arrays(path.error()).items():
        for tag, steps, value in zip(tags, path.steps.tolist(), error.tolist(), strict=True):
            found.integrals.append(tag | {"head": head, "steps": steps, "error": value})
    for index, tag in enumerate(tags):
        own = {head: value[index].cpu().numpy() for head, value in drops.items()}
        _compare_occlusion(tag, own, batch.waves[index], batch.supports[index], found)
    orders = _orders(model, batch, path.time(), drops) if name == "trained" else {head: {} for head in logits}
    _erase(job, tags, batch, model, logits, orders, found)


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
