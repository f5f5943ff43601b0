"""The profile `lab`: a sample of its trainings against their projection, and what all of it would take on 16 cores.

`elor check --profile lab` and the guard of `engine.max_hours` project hours from a step of each network, alone.
Here two trainings of each network run beside each other through the whole loop, validation and test included, as a
search and the folds do: what their epochs but the first take over what was projected is the error of the projection.
Shapes that the search draws are measured too, beside the default's. What follows for IEMOCAP is a projection still: its
epochs are not run, nor 16 trainings at a time.
"""

import math
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from hyperopt.pyll.stochastic import sample

from benchmarks.measure import ROOT
from benchmarks.projection import FOLDS, RELEASE_SLICES
from benchmarks.publish import command, publish
from benchmarks.toy import Case, toy_job, training_seconds
from elor.engine import LARGE, SMALL, Engine
from elor.networks import INPUTS, ImpossibleShape
from elor.params import Params, Settings, load
from elor.registry import WORDLESS
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.training import budget, tpe
from elor.training.job import TrainingJob
from elor.training.tune import merge

PROFILE, CORES, AIM_H = "lab", 16, 24
BESIDE = 2
"""Trainings of a network that run at the same time."""

EPOCHS = 3
"""Of a training; the first, in which libraries load, does not count."""


def measure(seconds: float = 4.0, shapes: int = 6) -> dict[str, Any]:
    """Train a sample of every network, and project the profile.

    Args:
        seconds: that an epoch of the sample should take.
        shapes: how many shapes that a search draws are measured.

    Returns:
        `networks`: by name seconds of a slice that were projected, and measured (both passes of an update, with its
        share of validation and test); seconds that a training takes before and after its epochs (`besides`); the drawn
        shapes' over the default's (`drawn`, None without a search); hours of `search` and `folds` on `CORES` cores, at
        all epochs, by the measured seconds.
    """
    own = load(ROOT / "params.yaml")
    params = own.model_copy(update={"profile": PROFILE})
    return {"cores": CORES, "networks": {name: _network(name, params, seconds, shapes) for name in WORDLESS}}


def _network(name: str, params: Params, seconds: float, shapes: int) -> dict[str, Any]:
    print(f"lab: {name}", flush=True)
    scale = params.scale.networks[name]
    settings = merge(scale.defaults, params.networks[name])
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        batch = settings.batch or 1
        projected = budget.seconds_per_slice(_job(name, settings, params, Path(folder), 1), "cpu")
        most = math.ceil(_training_slices(params) / batch)
        steps = min(most, math.ceil(seconds / (projected * batch)))
        job = _job(name, settings, params, Path(folder), steps)
        trained = _beside(job)
        measured = statistics.mean(statistics.mean(epochs[1:]) for epochs, _ in trained) / len(job.train)
        drawn = list(islice(_drawn(job, params, Path(folder)), shapes if scale.evaluations else 0))
    ratio = statistics.mean(drawn) / projected if drawn else None
    engine = Engine("cpu", CORES, None, LARGE if "audio" in INPUTS[name] else SMALL)
    beside = budget.rounds(scale.evaluations, params.search.round or params.scale.round)
    hours = scale.epochs * _training_slices(params) * measured / 3600
    return {
        "projected": projected,
        "measured": measured,
        "besides": statistics.mean(besides for _, besides in trained),
        "drawn": ratio,
        "evaluations": scale.evaluations,
        "search": budget.turns(beside, engine) * hours * (ratio or 1.0),
        "folds": budget.turns([FOLDS], engine) * hours,
    }


def _beside(job: TrainingJob) -> list[tuple[list[float], float]]:
    """Seconds of trainings beside each other: of each epoch, and before and after them."""
    options = replace(job.options, epochs=EPOCHS, patience=EPOCHS)
    jobs = [replace(job, options=options, fold=str(index), scratch=job.scratch / str(index)) for index in range(BESIDE)]
    return Engine("cpu", BESIDE).run(training_seconds, [(one,) for one in jobs])


def _job(name: str, settings: Settings, params: Params, folder: Path, steps: int) -> TrainingJob:
    """A training on noise whose validation and test slices are as many, for its training slices, as in the release."""
    count = steps * (settings.batch or 1)
    validation = max(1, round(count * params.folds.validation / (1 - params.folds.validation)))
    test = max(1, round((count + validation) / (FOLDS - 1)))
    job = toy_job(Case(name, PROFILE, settings), params, folder, slices=count + validation + test)
    rows = np.arange(count + validation + test)
    return replace(
        job,
        train=rows[:count],
        validation=rows[count : count + validation],
        test=rows[count + validation :],
    )


def _drawn(job: TrainingJob, params: Params, folder: Path) -> Iterator[float]:
    """Seconds of a slice, of shapes that the profile's search draws; impossible ones cost nothing, and are left out."""
    name, random = job.architecture.network, np.random.default_rng(0)
    scale, pinned = params.scale.networks[name], params.networks[name]
    space = tpe.dimensions(scale.defaults, pinned, params.scale.space | scale.space)
    base = merge(scale.defaults, pinned)
    while True:
        point = {one.label: float(sample(one.expression, rng=random)) for one in space}
        with suppress(ImpossibleShape):
            one = toy_job(Case(name, PROFILE, tpe.settings_at(point, base, space)), params, folder)
            yield budget.seconds_per_slice(one, "cpu")


def _training_slices(params: Params) -> float:
    return RELEASE_SLICES * (1 - 1 / FOLDS) * (1 - params.folds.validation)


def tables(measured: dict[str, Any]) -> list[Block]:
    """The sample beside its projection, and the hours of the whole."""
    networks = measured["networks"]
    rows = tuple(
        (
            title(name),
            number(1e3 * one["projected"], 2),
            number(1e3 * one["measured"], 2),
            number(one["measured"] / one["projected"], 2),
            number(one["besides"], 1),
            number(one["drawn"], 2),
        )
        for name, one in networks.items()
    )
    header = ("network", "projected, ms", "measured, ms", "measured / projected", "begin and end, s", "drawn / default")
    caption = f"A training slice of the profile `{PROFILE}`: a step alone, and {BESIDE} trainings beside each other"
    hours = tuple(
        (title(name), str(one["evaluations"]), number(one["search"], 1), number(one["folds"], 1))
        for name, one in networks.items()
    )
    whole = sum(one["search"] + one["folds"] for one in networks.values())
    said = (
        f"Hours of `{PROFILE}` on {measured['cores']} such cores, IEMOCAP's {RELEASE_SLICES:,} slices, if nothing "
        f"stops early: {number(whole, 1)} in all, the aim is {AIM_H}; projected from the measured slice"
    )
    return [Table(caption, header, (rows,)), Table(said, ("network", "evaluations", "search", "ten folds"), (hours,))]


def main(
    seconds: Annotated[float, typer.Option(min=0.1, help="That an epoch of the sample should take.")] = 4.0,
    shapes: Annotated[int, typer.Option(min=1, help="Drawn shapes that are measured.")] = 6,
) -> None:
    """Train a sample of the profile `lab`, and say how far its projection was right."""
    publish("lab", "lab", lambda: measure(seconds, shapes), tables)


if __name__ == "__main__":
    command(main)
