"""What a run of a profile would take on this machine, and which networks could be told apart, before it is begun.

Hours follow from a measured step of each network at its default shape on noise, times the steps of a search and of the
folds, none of which is stopped early. The search also draws smaller and larger shapes; the analysis is not counted.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from elor.check import Finding, power, size
from elor.engine import LARGE, SMALL, Engine, available_cores
from elor.networks import INPUTS, SHAPES, MultiHeadNetwork
from elor.params import Params, Settings, trained
from elor.progress import clock
from elor.registry import VECTORS
from elor.targets import Head
from elor.training import budget
from elor.training.folds import make_folds
from elor.training.job import TrainingJob
from elor.training.memory import PROCESS, SPARE, free_bytes, needed
from elor.training.task import Task
from elor.vectors import SETS, Vectors

BYTES = {"audio": 2}
"""Of a value of an input on disk; of all others it is four."""

FUNCTIONALS_S = 0.1
"""A core takes so long for the functionals of a slice, whatever the set: benchmarks/README.md."""


@dataclass(frozen=True)
class Corpus:
    """What must be known of a corpus: its slices with their targets; its ratings' utterance, rater, `own` (chosen)."""

    slices: pd.DataFrame
    ratings: pd.DataFrame


def effort(params: Params, corpus: Corpus) -> list[Finding]:
    """What the profile of some values would take, and which comparisons and claims the corpus could decide."""
    asked = params.labels.asked.heads
    how = params.folds
    folds = make_folds(corpus.slices, how.protocol, how.validation, how.most, params.seed, how.hold_out)
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        files = noise(Path(name), max(s.defaults.batch or 1 for s in params.scale.networks.values()), _shapes(params))
        tasks = {
            network: _task(network, params, asked, files, corpus.slices, folds) for network in trained(params.corpus)
        }
        jobs = {name: _first(task, _defaults(name, params)) for name, task in tasks.items()}
        count = len(tasks["elor"].fold_names())
        return [
            *hours(params, jobs, count),
            *space(params, jobs, count * params.train.seeds, len(corpus.slices)),
            *decidable(params, corpus),
            *power.claims(power.Design.of(params, corpus.slices, folds, corpus.ratings)),
        ]


def noise(folder: Path, count: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Path]:
    """A few slices of every input, of noise, on which a step can be measured."""
    random, files = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        values = random.normal(size=(count, *shape))
        files[name] = folder / f"{name}.npy"
        np.save(files[name], (3_000 * values[:, 0]).astype(np.int16) if name == "audio" else values.astype(np.float32))
    return files


def hours(params: Params, jobs: Mapping[str, TrainingJob], folds: int) -> Iterator[Finding]:
    """Hours of the features, of every search and of every network's folds, at most, and of all of them."""
    total, limit = 0.0, params.engine.max_hours
    searches = folds if params.search.scope == "nested" else 1
    for network, job in jobs.items():
        engine, scale = _engine(network, params), params.scale.networks[network]
        once = budget.hours(job, [1], engine)
        rounds = budget.rounds(scale.evaluations, params.search.round or params.scale.round)
        works = (
            (f"search of {network}", "is", searches * rounds),
            (f"folds of {network}", "are", [folds * params.train.seeds]),
        )
        for what, verb, groups in works:
            taken = once * budget.turns(groups, engine)
            total += taken
            if groups:
                asked = math.ceil(taken * 1.1)
                note = f"The {what} {verb} refused without -S engine.max_hours={asked}." if taken > limit else ""
                yield Finding(what, f"up to {clock(3600 * taken)}", note)
    slices = sum(len(part) for part in (job.train, job.validation, job.test))
    features = 0.0 if params.features.table else FUNCTIONALS_S * slices / Engine("cpu", params.engine.workers).count()
    yield Finding("features", clock(features))
    note = "Hours are of default shapes that nothing stops early; the analysis after training is not counted."
    load, cores = os.getloadavg()[0], available_cores()
    if load > cores:
        note += f" They were measured beside other work (load {load:.1f} on {cores} cores): idle, they are fewer."
    yield Finding("all of it", f"up to {clock(3600 * total + features)}", note)


def space(params: Params, jobs: Mapping[str, TrainingJob], networks: int, slices: int) -> Iterator[Finding]:
    """Memory of the largest training at its default shape, and the disk that arrays and networks take.

    Args:
        networks: how many of each kind are trained, those of all folds.
    """
    each = {name: needed(job.architecture, job.options.batch) for name, job in jobs.items()}
    largest = max(each, key=each.__getitem__)
    devices, at_once = _engine(largest, params).devices(), min(networks, _engine(largest, params).count())
    sizes = {name: slices * int(np.prod(shape)) * BYTES.get(name, 4) for name, shape in _shapes(params).items()}
    one = each[largest] + PROCESS[devices[0].split(":")[0]]
    if devices[0] != "cpu":  # its inputs lie there, too
        one += sum(sizes[name] for name in INPUTS[largest])
    room = int(SPARE * free_bytes(devices[0]) / one) * len(devices)
    fewer = f"{room} of them fit into the memory that is free: so many run at a time." if room < at_once else ""
    yield Finding("memory", f"{size(one)} for each of {at_once} jobs of {largest}", fewer)
    weights = sum(4 * sum(p.numel() for p in MultiHeadNetwork(job.architecture).parameters()) for job in jobs.values())
    wanted, there = 2 * (sum(sizes.values()) + networks * weights), shutil.disk_usage(".").free
    short = f"Only {size(there)} are free here: the run would not end." if there < wanted else ""
    yield Finding("disk", f"{size(wanted)}, a copy in DVC's cache included", short)


def decidable(params: Params, corpus: Corpus) -> Iterator[Finding]:
    """Which comparisons the number of speakers and raters allows, whatever is found."""
    speakers, how = corpus.slices["speaker"].nunique(), params.evaluate
    names = {head.name for head in params.labels.asked.heads}
    asked = [one for one in how.comparisons if one[0] in names]
    smallest, level = 2.0 ** (1 - speakers), 1 - how.confidence
    possible = int(level / smallest) if smallest <= level else 0
    found = f"{min(possible, len(asked))} of {len(asked)} can come out significant"
    few = (
        f"With {speakers} speakers no p value lies below {smallest:.2g}; {len(asked)} comparisons that are corrected "
        f"together need {level / max(1, len(asked)):.2g}."
    )
    yield Finding("networks compared", found, few if possible < len(asked) else "")
    several = int((corpus.ratings.groupby("utterance")["rater"].nunique() >= 2).sum())
    alone = "Without utterances that several evaluators rated there is no human ceiling, and no claim about it."
    yield Finding("human ceiling", f"{several:,} utterances by several evaluators", "" if several else alone)


def _first(task: Task, settings: Settings) -> TrainingJob:
    """The first fold's training; as many slices as it has, but counted from the first of the noise."""
    job = task.job(task.fold_names()[0], settings)
    return replace(job, train=np.arange(len(job.train)))


def _engine(network: str, params: Params) -> Engine:
    kind = LARGE if "audio" in INPUTS[network] else SMALL
    return Engine(params.engine.device, params.engine.workers, None, kind)


def _vectors(params: Params) -> Vectors:
    """Those of the set; a table is not opened for this, and counted as if it were as wide."""
    return Vectors(params.features.set, SETS[params.features.set])


def _shapes(params: Params) -> dict[str, tuple[int, ...]]:
    """Of the inputs of all networks that take part."""
    every = SHAPES | dict.fromkeys(VECTORS, (_vectors(params).width,))
    return {name: every[name] for network in trained(params.corpus) for name in INPUTS[network]}


def _defaults(network: str, params: Params) -> Settings:
    own = params.scale.networks[network].defaults
    return own.model_copy(update=params.networks[network].given())


def _task(
    network: str,
    params: Params,
    asked: Sequence[Head],
    files: Mapping[str, Path],
    slices: pd.DataFrame,
    folds: pd.DataFrame,
) -> Task:
    scale = params.scale.networks[network]
    return Task(
        network=network,
        heads=tuple(asked),
        files={name: files[name] for name in INPUTS[network]},
        slices=slices,
        folds=folds,
        how=params.train.over(params.scale.train),
        epochs=scale.epochs,
        patience=scale.patience,
        score=params.search.score,
        seed=params.seed,
        vectors=_vectors(params),
    )
