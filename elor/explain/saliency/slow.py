"""The slow methods, on a sample of the slices: integrated gradients, occlusion, deletion and insertion."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from elor.explain.correlation import pearson
from elor.explain.examination import Scope, erase, examine, levels, orders_of, singles
from elor.explain.integrated import integrated_gradients, noise_like
from elor.explain.maps import Maps, Steps, both, maps_of, predicted
from elor.explain.model import predict, targets_of
from elor.explain.occlusion import carried, occlusion
from elor.explain.saliency.control_networks import TRAINED, models
from elor.explain.saliency.job import OWN, PAIR, SaliencyJob, batches
from elor.explain.windows import Found, Windows, arrays
from elor.networks import MultiHeadNetwork
from elor.training.data import Inputs
from elor.training.weights_file import load_network

SLOW = ("integrated", "occlusion")
ON_TRAINED = Scope(("guided", "gradient", *SLOW, "bands"), SLOW, SLOW)
ON_CONTROLS = Scope((*SLOW, "bands"), SLOW)
"""What is made of the sample; guided backpropagation and the gradient only rank what is taken away."""

SHOWN = ("guided", "gradient", "integrated", "stft", "occlusion")
"""Methods whose maps are kept."""

TOP = 0.1
"""Share of occlusion windows that counts as the parts on which a head rests."""


def sample(job: SaliencyJob, inputs: Inputs, found: Found) -> None:
    """Run the slow methods on the job's sample: of the fold's network, with untrained heads, and of untrained ones."""
    network = load_network(job.networks[OWN])
    for name, model in models(network, job.seeds, deepest=1):
        for batch in batches(job, inputs, job.sample):
            _explain_slowly(job, batch, name, model.to(inputs.device), found)


def _explain_slowly(job: SaliencyJob, windows: Windows, name: str, model: MultiHeadNetwork, found: Found) -> None:
    """Integrated gradients, occlusion, and erasure; of a control only what is loudest, and what is drawn at random."""
    trained, steps, tag = name == TRAINED, Steps(job.steps, job.most), {"role": OWN, "model": name}
    scope = replace(ON_TRAINED, steps=steps) if trained else replace(ON_CONTROLS, steps=steps.of_controls)
    logits, (own, *_) = examine(model, windows, scope, tag, found, both if trained else predicted)
    single = singles(logits)
    _compare_overlaps(tag, windows, own, single, found)
    for head, values in arrays(own.values["bands"]).items():
        for each, row in zip(windows.tags(**tag), values.tolist(), strict=True):
            found.bands += [each | {"head": head, "band": band, "drop": drop} for band, drop in enumerate(row)]
    if trained:
        _note_completeness(tag, windows, own, found)
        _mask(job, windows, model, own, found)
    orders = orders_of(own, windows, single) if trained else {}
    erase(model, windows, targets_of(logits, None), orders, job.seed, tag, found, single)


def _note_completeness(tag: dict, windows: Windows, own: Maps, found: Found) -> None:
    """How many steps the maps took, and what is left of the completeness error."""
    path = own.path
    assert path is not None
    for head, error in arrays(path.error()).items():
        for each, steps, value in zip(windows.tags(**tag), path.steps.tolist(), error.tolist(), strict=True):
            found.integrals.append(each | {"head": head, "steps": steps, "error": value})


def _mask(job: SaliencyJob, windows: Windows, model: MultiHeadNetwork, own: Maps, found: Found) -> None:
    """How alike the maps are where noise at -60 dBFS stands in the place of silence."""
    mask = noise_like(windows.audio, seed=job.seed, supports=windows.supports)
    path = integrated_gradients(model, windows.audio, baseline=mask, steps=job.steps, most=job.steps, trusted=True)
    noisy = occlusion(model, windows.audio, mask=mask, supports=windows.supports, trusted=True)
    for method, other in (("integrated", path.time()), ("occlusion", noisy)):
        one = arrays(own.values[method])
        for head, values in arrays(other).items():
            for tag, a, b in zip(windows.tags(role=OWN, method=method, head=head), one[head], values, strict=True):
                found.masks.append(tag | {"r": pearson(a, b)})


def _compare_overlaps(tag: dict, windows: Windows, own: Maps, single: Collection[str], found: Found) -> None:
    """How far the windows overlap that matter most to the heads of `PAIR`, where there are both."""
    drops = arrays({head: carried(one, head in single) for head, one in own.values["occlusion"].items()})
    if not set(PAIR) <= set(drops):
        return
    for index, each in enumerate(windows.tags(**tag)):
        count = len(levels("occlusion", windows.waves[index], windows.supports[index]))
        found.overlaps.append(each | overlap(*(drops[head][index, :count] for head in PAIR)))


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


def show(job: SaliencyJob, inputs: Inputs, found: Found) -> None:
    """Keep the maps of the exemplary slices, by their fold's own network, for figures and players."""
    network = load_network(job.networks[OWN]).to(inputs.device)
    for windows in batches(job, inputs, job.shown):
        _, (own,) = maps_of(network, windows, predicted, SHOWN, Steps(job.steps, job.most))
        targets = targets_of(predict(network, windows.audio), None)
        for index, row in enumerate(windows.rows):
            kept = {
                kind: np.stack([value[index].cpu().numpy() for value in own.values[kind].values()]) for kind in SHOWN
            }
            found.maps[row] = kept | {"target": np.array([int(value[index]) for value in targets.values()])}
