"""What the profile's defaults reach on fresh corpora: ten folds, whose speaker is held out, without a search.

The settings were chosen on corpora of other seeds (`python -m benchmarks.learning`) and declared in docs/learning.md
before these were drawn. A corpus and its training have the same seed. Corpora that the results hold are left alone.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.learning import FEATURES, make_corpus
from benchmarks.measure import run_stage
from benchmarks.publish import command, known, publish, runs_of
from elor.engine import Engine
from elor.evaluation.permutation import p_value, uar_null
from elor.evaluation.recall import confusion, uar
from elor.files import discard
from elor.params import NETWORKS, Params
from elor.report import text
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.training.train import place, run
from elor.training.tune import merge
from stages.task import task_of

SEEDS = (101, 102, 103, 104, 105)
DRAWS = 10_000
"""Permutations of labels within speakers, as in section `evaluate` of params.yaml."""


def measure(seeds: tuple[int, ...] = SEEDS, networks: tuple[str, ...] = ("elor",)) -> dict[str, Any]:
    """Train networks on corpora that the results do not hold yet.

    Args:
        seeds: of corpora and trainings.
        networks: which of the four.

    Returns:
        `runs`: seed, network, slices tested, and `counts`: by head the confusion counts of each fold.

    Raises:
        UserError: if there is no such network.
    """
    known(networks, FEATURES)
    runs = runs_of("fresh")
    done = {(one["seed"], one["network"]) for one in runs}
    for seed in seeds:
        if left := [network for network in networks if (seed, network) not in done]:
            with tempfile.TemporaryDirectory(prefix="elor-") as folder:
                params = make_corpus(Path(folder), seed)
                runs += [{"seed": seed, "network": network} | _train(Path(folder), params, network) for network in left]
    return {"runs": runs}


def _train(folder: Path, params: Params, network: str) -> dict[str, Any]:
    """All folds of one network with the profile's defaults."""
    for feature in FEATURES[network]:
        if not (folder / "data" / f"{feature}.npy").exists():
            run_stage(folder, feature)
    settings = merge(params.scale.networks[network].defaults, params.networks[network])
    with contextlib.chdir(folder):
        task = task_of(network, params)
        engine = Engine("cpu", params.engine.workers)
        jobs = place([task.job(fold, settings) for fold in task.fold_names()], engine)
        outcomes = run(jobs, engine, f"{network}, seed {params.seed}")
        discard([job.scratch for job in jobs])
    counts = {
        head.name: [
            confusion(job.truth[head.name][job.test], outcome.predictions[head.name].argmax(1), head.classes).tolist()
            for job, outcome in zip(jobs, outcomes, strict=True)
        ]
        for head in task.heads
        if head.classes
    }
    return {"slices": sum(len(job.test) for job in jobs), "counts": counts}


def tables(measured: dict[str, Any]) -> list[Block]:
    """One table per network: a row per corpus, the mean below."""
    runs = sorted(measured["runs"], key=lambda one: (NETWORKS.index(one["network"]), one["seed"]))
    return [
        _table(network, [one for one in runs if one["network"] == network])
        for network in dict.fromkeys(one["network"] for one in runs)
    ]


def _table(network: str, runs: list[dict[str, Any]]) -> Table:
    """UAR and permutation p of one network by corpus."""
    rows, scores = [], []
    for one in runs:
        cells = [str(one["seed"]), str(one["slices"])]
        for head in ("valence", "arousal"):
            counts = np.array(one["counts"][head])
            score = float(uar(counts.sum(0)))
            p = p_value(uar_null(counts, DRAWS, np.random.default_rng(one["seed"])), score)
            cells += [number(score), text.p_value(p)]
            scores.append(score)
        rows.append(tuple(cells))
    valence, arousal = np.reshape(scores, (-1, 2)).T
    mean = ("mean", "", number(valence.mean()), "", number(arousal.mean()), "")
    header = ("seed of corpus and training", "slices", "valence UAR", "p", "arousal UAR", "p")
    caption = f"{title(network)}, the profile's defaults, ten folds, every speaker held out once"
    return Table(caption, header, (tuple(rows), (mean,)))


def main(
    seeds: Annotated[list[int] | None, typer.Argument(help="Of corpora and trainings; 101 to 105 if none.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="Which; elor if none. May be given again.")] = None,
) -> None:
    """Train on fresh corpora; one corpus takes ELoR about six minutes on two cores."""
    asked = tuple(seeds or SEEDS), tuple(network or ("elor",))
    publish("fresh", "fresh", lambda: measure(*asked), tables, adding=True)


if __name__ == "__main__":
    command(main)
