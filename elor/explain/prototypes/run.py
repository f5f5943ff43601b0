"""The prototypes of a whole experiment: of every fold's network, and of networks that learned nothing.

One speaker's network is shown (the paper shows that of Ses03F): it gets all restarts, its signals are kept, and it also
answers all slices, so that a prototype's logit can be compared with what recordings reach. The networks of the other
folds and the untrained ones are there for the statistics of `elor.explain.prototypes.trends`, with fewer restarts and
steps.

Untrained networks have random weights and batch normalisations fitted to some slices: those hold no knowledge of the
labels, and without them the activations, and all that a signal can change, would be next to nothing.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from elor import params
from elor.audio import FULL_SCALE, SAMPLE_RATE
from elor.device import exact, local
from elor.engine import Engine
from elor.errors import UserError
from elor.explain.controls import calibrated, untrained
from elor.explain.exemplary_speaker import fold_of
from elor.explain.experiment import Experiment
from elor.explain.model import predict
from elor.explain.prototypes.ascent import Ascent, Goal, prototypes, targets_of_heads
from elor.explain.prototypes.descriptors import describe
from elor.explain.prototypes.spectra import spectra
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.targets import Head
from elor.training.data import Inputs
from elor.training.weights_file import load_network

SAMPLE, FITTED = 64, 16
"""Slices that untrained networks answer, and those that their normalisations are fitted to."""

KEPT = 5
"""Restarts whose signals are kept, best first; the spectra of all are."""

BATCH = 16


@dataclass(frozen=True)
class PrototypeJob:
    """One search in one network.

    Attributes:
        network: the fold's name, or `calibrated <number>`.
        path: file of the fold's network; of an untrained one the network whose shape it has.
        random: seed of an untrained network's weights; None for a trained one.
        how: the search.
        audio: slices.npy.
        fitted: rows that an untrained network's normalisations are fitted to.
        natural: rows that the network answers.
        shown: whether signals are kept.
        device: where to compute.
    """

    network: str
    path: Path
    random: int | None
    how: Ascent
    audio: Path
    fitted: NDArray
    natural: NDArray
    shown: bool
    device: str


@dataclass(frozen=True)
class Found:
    """What a search returns.

    Attributes:
        table: one row per target and restart: network, calibrated, mode, parametrisation, head, label, restart,
            place (by J, from 1 for the highest), converged, logit, percentile (of the natural logits of that label;
            NaN without any), and the descriptors.
        signals: of a shown network by `<mode>.<parametrisation>.<head>.<label>` (restarts, samples) float32, the best
            `KEPT`, highest J first.
        spectra: by the same names of all restarts, highest J first, (restarts, bins), see `spectra`.
        natural: logits of the natural rows by (head, label), (rows,).
    """

    table: pd.DataFrame
    signals: dict[str, NDArray]
    spectra: dict[str, NDArray]
    natural: dict[tuple[str, str], NDArray]


def label_names(head: Head) -> list[str]:
    """What a head's labels are called; a head of one value has two ends."""
    return ["low", "high"] if head.valued else list(head.labels)


def plan(
    what: Experiment, speaker: str, search: params.Prototypes, amount: params.PrototypesScale
) -> list[PrototypeJob]:
    """One job per network and search, those of the shown network first: they are the longest.

    Args:
        what: is explained.
        speaker: whose fold's network is shown, see `elor.explain.exemplary_speaker`.
        search: what is sought in every network, all pairs of modes and parametrisations.
        amount: restarts and steps of the network that is shown, of all others, and how many are untrained.
    """
    slices, folds, seed = what.slices, what.folds, what.seed
    names = list(dict.fromkeys(folds["fold"]))
    shown = fold_of(speaker, slices, folds)
    sample = np.unique(np.linspace(0, len(slices) - 1, SAMPLE).round().astype(int))
    level = level_of_training(slices, folds, shown, what.audio)
    penalty = search.penalty / (SLICE_SAMPLES * level**2)  # what it takes from a signal of the natural level
    start = Ascent(climb=search.climb, penalty=penalty, level=level, seed=seed, rate=SAMPLE_RATE)
    every = product(search.modes, search.parametrisations)
    asked = [replace(start, mode=mode, parametrisation=how) for mode, how in every]

    def job(network: str, how: Ascent, number: int = -1) -> PrototypeJob:
        trained, exhibit = number < 0, network == shown
        restarts = amount.restarts if exhibit else amount.other_restarts
        steps = amount.steps if exhibit else amount.other_steps
        return PrototypeJob(
            network=network,
            path=what.model(network if trained else shown),
            random=None if trained else 1_000 * seed + number,
            # noise of its own for every network: with the same one its luck would be every fold's and every null's
            how=replace(how, restarts=restarts, steps=steps, seed=zlib.crc32(f"{seed}/{network}".encode())),
            audio=what.audio,
            fitted=sample[:: max(1, len(sample) // FITTED)][:FITTED],
            natural=np.arange(len(slices)) if exhibit else sample[: 0 if trained else None],
            shown=exhibit,
            device="",
        )

    jobs = [job(name, how) for name in sorted(names, key=lambda name: name != shown) for how in asked]
    jobs += [job(f"calibrated {number}", how, number) for number in range(amount.untrained) for how in asked]
    return [replace(one, device=what.device(index)) for index, one in enumerate(jobs)]


def level_of_training(slices: pd.DataFrame, folds: pd.DataFrame, fold: str, audio: Path) -> float:
    """Median over a fold's training slices of the RMS of their own samples, without the padding; full scale is 1.

    Raises:
        UserError: if most of them are silent.
    """
    training = set(folds["slice"][(folds["fold"] == fold) & (folds["role"] == "train")])
    array, squares = np.load(audio, mmap_mode="r"), []
    for row, (name, count) in enumerate(zip(slices["slice"], slices["samples"], strict=True)):
        if name in training:
            squares.append(np.square(array[row, :count].astype(np.float64)).mean())
    level = float(np.sqrt(np.median(squares)) / FULL_SCALE)
    if not level > 0:
        raise UserError(f"Most training slices of fold {fold} are silent: prototypes have no level; mend the corpus.")
    return level


def run(jobs: Sequence[PrototypeJob], engine: Engine) -> list[Found]:
    """Run all jobs; progress is counted in steps of a restart, since some searches are much longer than others."""
    sizes = [job.how.restarts * job.how.steps for job in jobs]
    return engine.track(seek, [(job,) for job in jobs], "prototypes", sizes, "step")


@exact()
def seek(job: PrototypeJob) -> Found:
    """Search one network for the prototypes of all its labels, and describe them."""
    inputs = Inputs({"audio": job.audio}, local(job.device))
    network = load_network(job.path).to(inputs.device)
    if job.random is not None:
        fresh = untrained(lambda: MultiHeadNetwork(network.architecture), job.random)
        network = calibrated(fresh.to(inputs.device), inputs.batch(job.fitted))
    heads = network.architecture.heads
    targets = targets_of_heads({head.name: head.answers for head in heads})
    names = [(head.name, label) for head in heads for label in label_names(head)]
    natural = dict(zip(names, _natural(network, inputs, job.natural, targets), strict=True))
    found = prototypes(network, targets, job.how, SLICE_SAMPLES)
    rows, signals, levels = [], {}, {}
    tag = {"network": job.network, "calibrated": int(job.random is not None)}
    tag |= {"mode": job.how.mode, "parametrisation": job.how.parametrisation}
    for index, (head, label) in enumerate(names):
        order = np.argsort(-found.history[index, :, -1], kind="stable")
        places = 1 + np.argsort(order)
        for restart, signal in enumerate(found.signals[index]):
            logit = float(found.logits[index, restart])
            row = tag | {"head": head, "label": label, "restart": restart, "place": places[restart]}
            row |= {"converged": int(found.converged[index, restart]), "logit": logit}
            row |= {"percentile": percentile(logit, natural[head, label])} | describe(signal, SAMPLE_RATE)
            rows.append(row)
        if job.shown:
            name = f"{job.how.mode}.{job.how.parametrisation}.{head}.{label}"
            signals[name] = found.signals[index, order[:KEPT]]
            levels[name] = spectra(found.signals[index, order])
    return Found(pd.DataFrame(rows), signals, levels, natural)


def percentile(logit: float, natural: NDArray) -> float:
    """Share of natural logits that lie below one, in percent; NaN without any."""
    return 100 * float(np.mean(natural < logit)) if len(natural) else float("nan")


def _natural(network: nn.Module, inputs: Inputs, rows: NDArray, targets: Sequence[Goal]) -> list[NDArray]:
    """What each target reads on real slices, (rows,) each."""
    parts: list[list[NDArray]] = [[] for _ in targets]
    for first in range(0, len(rows), BATCH):
        logits = predict(network, inputs.batch(rows[first : first + BATCH])[0])
        for part, (head, label) in zip(parts, targets, strict=True):
            outputs = logits[head]
            chosen = outputs[:, label] if outputs.shape[1] > 1 else outputs[:, 0] * (1 if label else -1)
            part.append(chosen.cpu().numpy())
    return [np.concatenate(part) if part else np.zeros(0) for part in parts]
