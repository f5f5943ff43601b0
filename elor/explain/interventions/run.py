"""The causal test: real slices are altered, dose by dose, and the networks answer the altered slices.

A correlation says where a network looks; an intervention says what a property does to its answer. The answer of a head
is one number per slice:

- classes and distributions over ordered labels: the expected label, sum_k k p_k, p the softmax of the logits;
- regression: the value itself;
- nominal classes (emotion): the probability of each class, as answers of their own named `emotion.<class>`. (That of
  the predicted class alone could only fall, whatever is altered: predictions are chosen for being high.)

Of ordered classes there is a second one, the extremity (`extremities`), as an answer named `<head>.extremity`.

Untrained networks answer the same slices. Their normalisations are fitted to the job's first `BATCH` slices, unaltered,
as training would have done: else their activations, and what any alteration does to them, would be next to nothing, and
the control too easily beaten.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from elor.audio import FULL_SCALE
from elor.device import exact, local
from elor.engine import Engine
from elor.evidence.names import EXTREMITY
from elor.explain.controls import calibrated, untrained
from elor.explain.experiment import Experiment
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.interventions.versions import versions
from elor.explain.level import rms
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.targets import Head
from elor.training.weights_file import load_network

BATCH = 16

Inputs = dict[str, Tensor]
"""What networks eat, by the input's name."""


@dataclass(frozen=True)
class InterventionJob:
    """What is altered and asked in one fold.

    Attributes:
        fold: its name.
        networks: file of the fold's own network, by the network's name.
        audio: slices.npy.
        rows: (n,) row numbers of the slices, of the fold's test part.
        supports: (n,) samples of each before its padding.
        seeds: of the untrained networks.
        seed: of noise.
        device: where to compute.
    """

    fold: str
    networks: dict[str, Path]
    audio: Path
    rows: NDArray
    supports: NDArray
    seeds: tuple[int, ...]
    seed: int
    device: str


def plan(what: Experiment, networks: Sequence[str], count: int, untrained_networks: int) -> list[InterventionJob]:
    """One job per fold: its own networks, on a sample of its test slices.

    Args:
        what: is explained.
        networks: which answer.
        count: about how many slices in all, the same number of every speaker (two at least, for their spread).
        untrained_networks: beside every trained one; every fold has its own, so that their luck is not everybody's.
    """
    slices, tested = what.slices, what.tested
    sample = what.sample(count, least=2)
    return [
        InterventionJob(
            fold=fold,
            networks={network: what.model(fold, network) for network in networks},
            audio=what.audio,
            rows=rows,
            supports=slices["samples"].to_numpy()[rows],
            seeds=what.seeds(index, untrained_networks),
            seed=what.seed,
            device=what.device(index),
        )
        for index, fold in enumerate(pd.unique(tested[pd.notna(tested)]))
        if len(rows := sample[tested[sample] == fold])  # of a fold that tests few, none may be drawn
    ]


def run(jobs: Sequence[InterventionJob], engine: Engine) -> pd.DataFrame:
    """Run all jobs, with progress in slices; see `intervene` for the columns, to which `fold` is added."""
    sizes = [len(job.rows) for job in jobs]
    tables = engine.track(intervene, [(job,) for job in jobs], "interventions", sizes, "slice")
    return pd.concat([table.assign(fold=job.fold) for table, job in zip(tables, jobs, strict=True)], ignore_index=True)


@exact()
def intervene(job: InterventionJob) -> pd.DataFrame:
    """Alter the slices of a job and ask every network, trained and untrained.

    Returns:
        One row per slice, version, network and answer: row, intervention, dose, length (whether a length control), over
        (share of samples beyond full scale, which a 16-bit file would have clipped), network, model (-1 trained, else
        the number of the untrained one), answer, value.
    """
    sounds, device = _sounds(job), local(job.device)
    models = _models(job, np.stack([fitted(sound, SLICE_SAMPLES) for sound in sounds.values()]), device)
    parts = []
    for row, sound in sounds.items():
        some = list(versions(sound, [job.seed, row]))
        table = pd.DataFrame({name: [getattr(v, name) for v in some] for name in ("intervention", "dose", "length")})
        table.insert(0, "row", row)
        table["over"] = [float(np.mean(np.abs(v.sound) > 1)) for v in some]
        for (network, model), values in _ask(models, np.stack([v.sound for v in some]), device):
            parts += [
                table.assign(network=network, model=model, answer=answer, value=value)
                for answer, value in values.items()
            ]
    return pd.concat(parts, ignore_index=True)


def moved_mfcc(jobs: Sequence[InterventionJob], name: str = "gain") -> dict[str, dict]:
    """How far an alteration moves the MFCCs themselves: what they do not show, a network on them cannot hear.

    Args:
        jobs: with the slices.
        name: of an alteration that keeps the length.

    Returns:
        By network that reads MFCCs, and none else, `mfcc`, by the alteration's name `moved_sd`: (26,) mean |change|
        from the lowest to the highest dose, in standard deviations of the coefficient in unaltered slices. Both are
        over slices and those frames that lie in a slice's own samples: padding would add to the deviation only.
    """
    readers = [net for net, path in jobs[0].networks.items() if "mfcc" in load_network(path).architecture.inputs]
    if not readers:
        return {}
    from elor.features.mfcc import SHIFT, WINDOW

    alteration, plain, moved = ALTERATIONS[name], [], []
    for job in jobs:
        for row, sound in _sounds(job).items():
            rng = np.random.default_rng([job.seed, row])
            ends = [alteration.apply(sound, dose, rng) for dose in (alteration.doses[0], alteration.doses[-1])]
            stack = np.stack([fitted(one, SLICE_SAMPLES) for one in (sound, *ends)])
            frames = 1 + max(0, len(sound) - WINDOW) // SHIFT
            own, low, high = inputs_of(stack, {"mfcc"})["mfcc"][..., :frames].double().numpy()
            plain.append(own)
            moved.append(np.abs(high - low))
    in_sd = np.concatenate(moved, axis=1).mean(1) / np.concatenate(plain, axis=1).std(1)
    return {network: {"mfcc": {name: {"moved_sd": in_sd.tolist()}}} for network in readers}


def level_sd(jobs: Sequence[InterventionJob]) -> float:
    """Standard deviation of the slices' level over all jobs, in dB: RMS of their own samples, silent ones left out."""
    found = np.array([rms(sound) for job in jobs for sound in _sounds(job).values()])
    heard = found[found > 0]
    return float(np.std(20 * np.log10(heard), ddof=1)) if len(heard) > 1 else np.nan


def answers(heads: Sequence[Head], logits: Mapping[str, Tensor]) -> dict[str, NDArray]:
    """One number per slice and answer, (batch,) each; the module's docstring says which.

    Args:
        heads: of the network.
        logits: (batch, outputs) by the head's name.
    """
    found = {}
    for head in heads:
        output = logits[head.name].double()
        if head.valued:
            found[head.name] = output[:, 0]
        elif not head.ordered:
            found |= {f"{head.name}.{name}": p for name, p in zip(head.labels, output.softmax(1).T, strict=True)}
        else:
            found[head.name] = output.softmax(1) @ torch.arange(head.answers).to(output)
    return {name: value.cpu().numpy() for name, value in found.items()}


def extremities(heads: Sequence[Head], logits: Mapping[str, Tensor]) -> dict[str, NDArray]:
    """The label's expected distance from the middle, sum_k p_k |k - (K - 1) / 2|: `<head>.extremity`, (batch,) each.

    The paper says of valence that either extreme label goes with the same sounds. If it does, such sounds raise the
    probability of both at once, and the expected label stays where it is: its own distance from the middle would take
    undecided between 0 and 4 for a 2. It would also grow with whatever moves a middling answer, no matter where to,
    while this one is linear in the probabilities. It has limits of its own. Of five labels, all equally likely, it is
    1.2, as if somewhat extreme, so that it rises where a network that was sure of the middle becomes unsure; what
    unsettles at both ends of the doses alike does not show in a slope. And where answers lie on one side of the middle,
    a mere push to that side raises it too: read it beside the expected label.

    Args:
        heads: of the network; of values, of emotions, and of two classes there is no extremity.
        logits: (batch, outputs) by the head's name.
    """
    found = {}
    for head in heads:
        if head.answers < 3 or not head.ordered:
            continue
        probability = logits[head.name].double().softmax(1)
        distance = (torch.arange(head.answers).to(probability) - (head.answers - 1) / 2).abs()
        found[f"{head.name}.{EXTREMITY}"] = (probability @ distance).cpu().numpy()
    return found


def inputs_of(sounds: NDArray, wanted: set[str], vectors: str = "IS10") -> Inputs:
    """Compute what networks eat of slices.

    Args:
        sounds: (batch, 96000), in [-1, 1] or beyond.
        wanted: of `audio`, `mfcc`, `is10`.
        vectors: openSMILE's name of the set that `is10` holds.
    """
    found = {"audio": torch.from_numpy(sounds).float()[:, None]}
    if "mfcc" in wanted:
        from elor.features.mfcc import mfcc

        found["mfcc"] = mfcc(torch.from_numpy(sounds) * FULL_SCALE)
    if "is10" in wanted:
        from elor.features.is10 import functionals

        of_set = torch.from_numpy(np.stack([functionals(sound * FULL_SCALE, vectors) for sound in sounds]))
        found["is10"] = of_set.nan_to_num(0, 0, 0)  # as elor.features.is10.write_is10 does
    return {name: found[name] for name in wanted}


def _sounds(job: InterventionJob) -> dict[int, NDArray]:
    """The job's slices by row, each (samples,) in [-1, 1] without its padding."""
    array = np.load(job.audio, mmap_mode="r")
    rows = zip(job.rows.tolist(), job.supports.tolist(), strict=True)
    return {row: array[row, :support] / FULL_SCALE for row, support in rows}


Models = dict[tuple[str, int], MultiHeadNetwork]
"""Networks by name and number, -1 for the trained one."""


def _models(job: InterventionJob, sounds: NDArray, device: torch.device) -> Models:
    """The job's networks, each beside untrained ones of its shape, on their device."""
    models: Models = {}
    for name, path in job.networks.items():
        network = load_network(path).to(device)
        shape = network.architecture
        some = inputs_of(sounds[:BATCH], set(shape.inputs), shape.vectors.name)
        eaten = {kind: value.to(device) for kind, value in some.items()}
        models[name, -1] = network
        for number, seed in enumerate(job.seeds):
            fresh = untrained(partial(MultiHeadNetwork, shape), seed).to(device)
            models[name, number] = normalised(fresh, network, eaten)
    return models


def normalised(fresh: MultiHeadNetwork, trained: MultiHeadNetwork, inputs: Inputs) -> MultiHeadNetwork:
    """Fit an untrained network's normalisations to the data: they are no knowledge of the labels.

    The standardisation of MFCCs and IS10 is the trained one's; batch normalisations get the statistics of `inputs`.
    """
    fresh.standardize.load_state_dict(trained.standardize.state_dict())
    return calibrated(fresh, [inputs[name] for name in fresh.architecture.inputs])


def _ask(models: Models, sounds: NDArray, device: torch.device) -> Iterator[tuple[tuple[str, int], dict[str, NDArray]]]:
    """The answers of every model to a stack of sounds (n, 96000)."""
    shapes = [model.architecture for model in models.values()]
    wanted = {name for shape in shapes for name in shape.inputs}
    vectors = next((shape.vectors.name for shape in shapes if "is10" in shape.inputs), "IS10")
    eaten = {name: value.to(device) for name, value in inputs_of(sounds, wanted, vectors).items()}
    for key, model in models.items():
        batches = zip(*(eaten[name].split(BATCH) for name in model.architecture.inputs), strict=True)
        with torch.inference_mode():
            logits = [model(*batch) for batch in batches]
            heads = model.architecture.heads
            parts = [answers(heads, some) | extremities(heads, some) for some in logits]
        yield key, {answer: np.concatenate([part[answer] for part in parts]) for answer in parts[0]}
