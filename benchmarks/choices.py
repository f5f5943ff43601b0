"""Choices that the paper leaves open or the field expects, one at a time beside the paper's training.

Ten folds on the data that `dvc repro` left in a workspace, with the profile's default values, without a search; several
training seeds each. A difference is paired by speaker over the sum of the seeds: its interval says how far other
speakers might move it. Runs that the results hold are not made again, and one that was ended goes on.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.publish import RESULTS, command, publish, resumed
from elor.evaluation.comparisons import difference_interval, exchange
from elor.evaluation.recall import confusion, uar
from elor.files import discard
from elor.params import NETWORKS, Params, load
from elor.report import text
from elor.report.results import title
from elor.report.text import Block, Table
from elor.training.job import TrainingJob
from elor.training.train import place, run
from elor.training.tune import merge
from stages.task import engine_of, task_of

PAPER = {"schedule": "constant", "select": "accuracy", "keep": "best", "balance": False, "augment": "none"}
"""The paper's training; the number of epochs is the profile's, and nothing stops early."""

ALL = {"schedule": "cosine", "select": "uar", "keep": "last", "balance": True}
"""What the profile `demo` does."""

CHOICES: dict[str, dict[str, Any]] = {
    "the paper's": {},
    "classes balanced": {"balance": True},
    "best epoch by UAR": {"select": "uar"},
    "best epoch by loss": {"select": "loss"},
    "falling rate": {"schedule": "cosine"},
    "falling rate, last epoch": {"schedule": "cosine", "keep": "last"},
    "gain, noise, masks": {"augment": "all"},
    "those of the profile demo": ALL,
}
BASE = next(iter(CHOICES))
AVERAGED = "several seeds averaged"
"""The mean of the probabilities that the paper's training gives with each seed (in a run `train.seeds`), beside those
networks alone."""

ASKED = {
    "ftr": tuple(choice for choice, how in CHOICES.items() if "augment" not in how),  # which leaves vectors as they are
    "lom": tuple(CHOICES),
    "elor": (BASE, "classes balanced", "best epoch by UAR", "best epoch by loss", "those of the profile demo"),
}
"""What a network is trained with; ELoR takes nine minutes of CPU a time."""

SEEDS = (1, 2, 3)
CONFIDENCE = 0.95

Answers = dict[str, np.ndarray]
"""By head the probabilities of the test slices, (slices, classes)."""


def measure(workspace: Path = Path(), networks: tuple[str, ...] = tuple(ASKED)) -> dict[str, Any]:
    """Train what the results do not hold yet; a run that was ended goes on where it was.

    Args:
        workspace: a folder with params.yaml and the data of a finished run.
        networks: which.

    Returns:
        `runs`: corpus, network, choice, seeds, and `counts`: by head the confusion counts by fold, (folds, classes,
        classes), summed over the seeds.
    """
    path = RESULTS / "choices.json"
    runs = json.loads(path.read_text())["measured"]["runs"] if path.exists() else []
    params = load(workspace / "params.yaml")
    corpus = " + ".join(source.name for source in params.corpus.sources)
    done = {(one["corpus"], one["network"], one["choice"]) for one in runs}
    asked = [(network, choice) for network in networks for choice in ASKED[network]]
    left = [f"{network}: {choice}" for network, choice in asked if (corpus, network, choice) not in done]
    what = {"corpus": corpus, "seeds": SEEDS, "choices": CHOICES, "params": params.model_dump(mode="json")}
    for made in resumed("choices", what, left, partial(_trained, workspace=workspace)):
        network, _, choice = made["name"].partition(": ")
        own = {"corpus": corpus, "network": network, "seeds": list(SEEDS)}
        runs.append(own | {"choice": choice, "counts": made["counts"]})
        if "averaged" in made:
            runs.append(own | {"choice": AVERAGED, "counts": made["averaged"]})
    return {"runs": runs}


def _trained(name: str, workspace: Path) -> dict[str, Any]:
    """The counts of a network's choice over all seeds, and with the paper's training those of the seeds `averaged`."""
    network, _, choice = name.partition(": ")
    with contextlib.chdir(workspace):
        params = load()
        runs = [_one_seed(params, network, choice, seed) for seed in SEEDS]
    jobs, answers = runs[0][0], [said for _, said in runs]
    found = {"counts": _counts(jobs, answers)}
    if choice == BASE:
        mean = [
            {head: np.mean([one[head] for one in fold], axis=0) for head in fold[0]}
            for fold in zip(*answers, strict=True)
        ]
        found["averaged"] = _counts(jobs, [mean] * len(SEEDS))  # as often as the others, so that all totals agree
    return found


def _one_seed(params: Params, network: str, choice: str, seed: int) -> tuple[list[TrainingJob], list[Answers]]:
    """All folds of one training seed: the jobs, and what each network says of its test slices."""
    task = task_of(network, params.model_copy(update={"seed": seed}))
    task = replace(task, how=task.how.model_copy(update=PAPER | CHOICES[choice]), patience=task.epochs)
    settings = merge(params.scale.networks[network].defaults, params.networks[network])
    engine = engine_of(network, params)
    jobs = place([task.job(fold, settings) for fold in task.fold_names()], engine)
    outcomes = run(jobs, engine, f"{network}, {choice}, seed {seed}")
    discard([job.scratch for job in jobs])
    return jobs, [outcome.predictions for outcome in outcomes]


def _counts(jobs: list[TrainingJob], answers: list[list[Answers]]) -> dict[str, Any]:
    """By head the confusion counts of each fold, summed over seeds."""
    return {
        head.name: [
            sum(
                confusion(job.truth[head.name][job.test], said[fold][head.name].argmax(1), head.classes)
                for said in answers
            ).tolist()
            for fold, job in enumerate(jobs)
        ]
        for head in jobs[0].architecture.heads
        if head.classes
    }


def tables(measured: dict[str, Any]) -> list[Block]:
    """A table per corpus: the paper's training, and what each choice adds to it."""
    runs = measured["runs"]
    corpora = dict.fromkeys(one["corpus"] for one in runs)
    return [_table(corpus, [one for one in runs if one["corpus"] == corpus]) for corpus in corpora]


def _table(corpus: str, runs: list[dict[str, Any]]) -> Table:
    found = {(one["network"], one["choice"]): one["counts"] for one in runs}
    groups = tuple(
        tuple(
            (title(network), choice, *_cells(found[network, choice], None if choice == BASE else found[network, BASE]))
            for choice in (*CHOICES, AVERAGED)
            if (network, choice) in found
        )
        for network in NETWORKS
        if (network, BASE) in found
    )
    header = ("network", "training", "arousal UAR", "more [95 %]", "p", "valence UAR", "more [95 %]", "p")
    return Table(f"{corpus}: UAR, mean of {len(SEEDS)} training seeds, ten folds", header, groups, labels=2)


def _cells(counts: dict[str, Any], base: dict[str, Any] | None) -> Iterator[str]:
    """UAR of both heads, and what is won over the base with its interval and p over speakers."""
    for head in ("arousal", "valence"):
        ours = np.array(counts[head])
        score = float(uar(ours.sum(0)))
        yield text.number(score)
        if base is None:
            yield from ("", "")
            continue
        theirs = np.array(base[head])
        low, high = difference_interval(ours, theirs, uar, CONFIDENCE)
        yield text.interval(score - float(uar(theirs.sum(0))), low, high)
        yield text.p_value(exchange(ours, theirs, uar).p)


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with params.yaml and the data of a finished run.")] = Path(),
    network: Annotated[list[str] | None, typer.Option(help="Which: ftr, lom, elor; all if none.")] = None,
) -> None:
    """Train with one choice at a time; FTR takes ten minutes of CPU, LoM one hour, ELoR two. It can be ended."""
    publish("choices", "choices", lambda: measure(workspace.resolve(), tuple(network or ASKED)), tables)


if __name__ == "__main__":
    command(main)
