"""Choices that the paper leaves open or the field expects, one at a time beside the paper's training.

Ten folds on the data that `dvc repro` left in a workspace, with the profile's default values, without a search; several
training seeds each. A difference is paired by speaker over the sum of the seeds: its interval says how far other
speakers might move it. Choices that differ only in the epoch that is kept are made of one training. Runs that the
results hold are not made again, and one that was ended goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.publish import command, known, publish, resumed, runs_of
from elor.device import local
from elor.errors import UserError
from elor.evaluation.comparisons import difference_interval, exchange
from elor.evaluation.recall import confusion, uar
from elor.files import digest, discard, file_digest
from elor.params import NETWORKS, Params, load
from elor.progress import Progress
from elor.report import text
from elor.report.results import title
from elor.report.text import Block, Table
from elor.targets import Head
from elor.training.job import Outcome, TrainingJob
from elor.training.loop import Trainer
from elor.training.resume import epochs_done
from elor.training.task import input_files
from elor.training.train import place, spread
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
TITLES = {("lom", "gain, noise, masks"): "masks"}
"""What a network's table calls a choice of which it takes a part: MFCCs are masked alone (`elor.training.augment`)."""

WEIGHTS = ("schedule", "balance", "augment")
"""What decides the weights of every epoch; all else decides which epoch is kept."""

SELECTS = ("accuracy", "uar", "loss")
"""By what epochs are chosen."""

BASE = next(iter(CHOICES))
AVERAGED = "several seeds averaged"
"""The mean of the probabilities that the paper's training gives with each seed (in a run `train.seeds`), beside those
networks alone."""

ASKED = {
    "ftr": tuple(choice for choice, how in CHOICES.items() if "augment" not in how),  # which leaves vectors as they are
    "lom": tuple(CHOICES),
    "elor": (BASE, "classes balanced", "best epoch by UAR", "best epoch by loss", "those of the profile demo"),
    "elor_ftr": (BASE, "those of the profile demo"),
}
"""What a network is trained with; one that hears the waveform takes nine minutes of CPU a time."""

SEEDS = (1, 2, 3)
CONFIDENCE = 0.95


def measure(
    workspace: Path = Path(), networks: tuple[str, ...] = tuple(ASKED), corpus: str | None = None
) -> dict[str, Any]:
    """Train what the results do not hold yet; a run that was ended goes on where it was.

    Args:
        workspace: a folder with params.yaml and the data of a finished run.
        networks: which.
        corpus: its name in the table; none: as params.yaml calls it.

    Returns:
        `runs`: corpus, `data` (the digest of its slices, folds, inputs and default values), network, choice, seeds, and
        `counts`: by head the confusion counts by fold, (folds, classes, classes), summed over the seeds.

    Raises:
        UserError: if a network is unknown, or the results hold runs of other data under this name.
    """
    known(networks, ASKED)
    runs = runs_of("choices")
    params = load(workspace / "params.yaml")
    corpus = corpus or " + ".join(source.name for source in params.corpus.sources)
    data = {network: _digest(workspace, params, network) for network in networks}
    done = {(one["data"], one["network"], one["choice"]) for one in runs}
    if any(one["corpus"] == corpus and one["data"] != data.get(one["network"], one["data"]) for one in runs):
        raise UserError(
            f"The results hold runs of another corpus or other values called {corpus}; give another --corpus."
        )
    what = {"corpus": corpus, "seeds": SEEDS, "choices": CHOICES, "params": params.model_dump(mode="json")}
    left = [
        f"{network}: {first}"
        for network in networks
        for first, made_of_it in trainings(network).items()
        if any((data[network], network, choice) not in done for choice in made_of_it)
    ]
    for made in resumed("choices", what, left, partial(_trained, workspace=workspace)):
        network = made["name"].partition(": ")[0]
        for choice, counts in made["counts"].items():
            if (data[network], network, choice) not in done:
                named = {"corpus": corpus, "data": data[network], "network": network, "choice": choice}
                runs.append({**named, "seeds": list(SEEDS), "counts": counts})
    return {"runs": runs}


def _digest(workspace: Path, params: Params, network: str) -> str:
    """What decides a network's runs beside the choice and the seed, but the code."""
    scale = params.scale.networks[network]
    settings = merge(scale.defaults, params.networks[network]).model_dump(mode="json")
    data = workspace / "data"
    inputs = input_files(data, network).values()
    files = [file_digest(path) for path in (data / "slices.csv", data / "folds.csv", *inputs)]
    read = [params.features.model_dump(mode="json"), params.search.score]  # by which an epoch is chosen
    return digest([files, settings, scale.epochs, params.train.model_dump(mode="json"), *read])


def trainings(network: str) -> dict[str, list[str]]:
    """The choices of a network by the first of those that are made of the same training."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for choice in ASKED[network]:
        how = PAPER | CHOICES[choice]
        found.setdefault(tuple(how[name] for name in WEIGHTS), []).append(choice)
    return {choices[0]: choices for choices in found.values()}


def _trained(name: str, workspace: Path) -> dict[str, Any]:
    """The counts of all choices that are made of one training, over all seeds; of the paper's also `AVERAGED`."""
    network, _, first = name.partition(": ")
    with contextlib.chdir(workspace):
        params = load()
        runs = [_one_seed(params, network, first, seed) for seed in SEEDS]
    for seed_jobs, _ in runs:
        discard([job.scratch for job in seed_jobs])
    jobs, outcomes = runs[0][0], [outcomes for _, outcomes in runs]
    counts = {choice: _counts(jobs, outcomes, PAPER | CHOICES[choice]) for choice in trainings(network)[first]}
    if first == BASE:
        counts[AVERAGED] = _counts_averaged(jobs, outcomes)
    return {"counts": counts}


def _one_seed(params: Params, network: str, choice: str, seed: int) -> tuple[list[TrainingJob], list[Outcome]]:
    """All folds of one training seed; no training ends before its last epoch."""
    task = task_of(network, params.model_copy(update={"seed": seed}))
    task = replace(task, how=task.how.model_copy(update=PAPER | CHOICES[choice]), patience=task.epochs)
    settings = merge(params.scale.networks[network].defaults, params.networks[network])
    engine = engine_of(network, params)
    jobs = place([task.job(fold, settings) for fold in task.fold_names()], engine)
    with Progress(f"{network}, {choice}, seed {seed}", len(jobs) * task.epochs, unit="epoch") as progress:
        progress.resume(sum(epochs_done(job.scratch) for job in jobs))

        def watch() -> None:
            progress.advance(sum(epochs_done(job.scratch) for job in jobs) - progress.done)

        outcomes = spread(train_all, jobs, engine, watch)
    return jobs, outcomes


class Scored(Trainer):
    """A training that notes of every epoch what each of `SELECTS` says of it."""

    def validate(self) -> dict[str, float]:
        row, options = super().validate(), self.options
        for select in SELECTS:
            self.options = replace(options, select=select)
            row[select] = super().validate()["score"]
        self.options = options
        return row


def train_all(jobs: Sequence[TrainingJob]) -> list[Outcome]:
    """Train folds one after the other, on the device that the machine has."""
    return [Scored(replace(job, device=str(local(job.device)))).run() for job in jobs]


def kept(outcome: Outcome, how: dict[str, Any]) -> int:
    """The epoch that is kept: the last, or of the best the first."""
    if how["keep"] == "last":
        return len(outcome.history) - 1
    return int(np.argmax([row[how["select"]] for row in outcome.history]))


def _counts(jobs: list[TrainingJob], seeds: list[list[Outcome]], how: dict[str, Any]) -> dict[str, Any]:
    """By head the confusion counts of each fold's kept epochs, (folds, classes, classes), summed over seeds."""
    found = {head.name: np.zeros((len(jobs), head.classes, head.classes), int) for head in _heads(jobs)}
    for outcomes in seeds:
        for fold, outcome in enumerate(outcomes):
            for row in outcome.audit:
                if row["epoch"] == kept(outcome, how):
                    found[row["head"]][fold, row["actual"], row["predicted"]] += row["count"]
    return {head: counts.tolist() for head, counts in found.items()}


def _counts_averaged(jobs: list[TrainingJob], seeds: list[list[Outcome]]) -> dict[str, Any]:
    """The same of the seeds' mean probabilities in the epochs that the training kept, as often as there are seeds."""
    return {
        head.name: [
            (
                len(seeds)
                * confusion(
                    job.truth[head.name][job.test],
                    np.mean([outcomes[fold].predictions[head.name] for outcomes in seeds], axis=0).argmax(1),
                    head.classes,
                )
            ).tolist()
            for fold, job in enumerate(jobs)
        ]
        for head in _heads(jobs)
    }


def _heads(jobs: list[TrainingJob]) -> list[Head]:
    return [head for head in jobs[0].architecture.heads if head.classes]


def tables(measured: dict[str, Any]) -> list[Block]:
    """A table per corpus: the paper's training, and what each choice adds to it."""
    runs = measured["runs"]
    corpora = dict.fromkeys(one["corpus"] for one in runs)
    return [_table(corpus, [one for one in runs if one["corpus"] == corpus]) for corpus in corpora]


def _table(corpus: str, runs: list[dict[str, Any]]) -> Table:
    found = {(one["network"], one["choice"]): one["counts"] for one in runs}
    groups = tuple(
        tuple(_row(found, network, choice) for choice in (*CHOICES, AVERAGED) if (network, choice) in found)
        for network in NETWORKS
        if (network, BASE) in found
    )
    header = ("network", "training", "arousal UAR", "more [95 %]", "p", "valence UAR", "more [95 %]", "p")
    folds = len(runs[0]["counts"]["arousal"])
    caption = f"{corpus}: UAR, mean of {len(SEEDS)} training seeds, {folds} folds"
    return Table(caption, header, groups, labels=2)


def _row(found: dict[tuple[str, str], Any], network: str, choice: str) -> tuple[str, ...]:
    base = None if choice == BASE else found[network, BASE]
    return (title(network), TITLES.get((network, choice), choice), *_cells(found[network, choice], base))


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
    network: Annotated[list[str] | None, typer.Option(help="Which; all four if none.")] = None,
    corpus: Annotated[str | None, typer.Option(help="What the table calls it; as params.yaml does if none.")] = None,
) -> None:
    """Train with one choice at a time; FTR takes minutes, LoM half an hour, the others an hour. It can be ended."""
    asked = (workspace.resolve(), tuple(network or ASKED), corpus)
    publish("choices", "choices", lambda: measure(*asked), tables, adding=True)


if __name__ == "__main__":
    command(main)
