"""What a trained network leaves on disk: weights, predictions, curves and the audit.

Where several networks were trained per fold, from as many seeds, they predict together (deep ensembles,
Lakshminarayanan et al. 2017). All are kept; curves and audit are those of the first, which is the network that one seed
would have left, and the one that is explained.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from elor.files import replacing, write_text
from elor.networks import Architecture
from elor.tables import full_names, write_plot, write_table
from elor.targets import Head
from elor.training import weights_file
from elor.training.job import Outcome, TrainingJob
from elor.training.task import Task

PROBABILITY_DIGITS = "%.7g"  # float32 holds no more than seven for sure

Members = list[tuple[TrainingJob, Outcome]]
"""The trainings of one fold: one, or as many as there are seeds."""


def by_fold(jobs: Sequence[TrainingJob], outcomes: Sequence[Outcome]) -> dict[str, Members]:
    """The trainings of each fold, in their order."""
    found: dict[str, Members] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        found.setdefault(job.fold, []).append((job, outcome))
    return found


def ensembled(head: Head, answers: Sequence[np.ndarray]) -> np.ndarray:
    """What networks answer together: the mean of their probabilities or values (Lakshminarayanan et al. 2017).

    A predicted spread is that of the mixture of their normal distributions: its variance is the mean of the variances
    and the variance of the means.

    Args:
        answers: of each network, (slices, classes), (slices, 1), or means and deviations (slices, 2).
    """
    if len(answers) == 1:
        return answers[0]
    every = np.stack(answers).astype(np.float64)
    found = every.mean(0)
    if head.spread:
        found[:, 1] = np.sqrt((every[..., 1] ** 2).mean(0) + every[..., 0].var(0))
    return found


def write_models(folder: Path, speakers: pd.Series, jobs: list[TrainingJob], outcomes: list[Outcome]) -> None:
    """Write `<fold>.safetensors` for every fold, `<fold>/2.safetensors` and on for further seeds, and network.yaml.

    Each file bears its own architecture, so that it can be read alone, and the speakers that its network has heard.

    Args:
        folder: where to.
        speakers: who speaks in each slice, with the corpus' name in front.
        jobs, outcomes: of the folds.
    """
    for others in filter(Path.is_dir, folder.glob("*")):  # of more seeds than there are now
        shutil.rmtree(others)
    for fold, members in by_fold(jobs, outcomes).items():
        for number, (job, outcome) in enumerate(members, start=1):
            name = fold if number == 1 else f"{fold}/{number}"  # `elor.ensemble.folds_of` takes it apart
            heard = sorted(speakers.iloc[[*job.train, *job.validation]].unique())
            notes = {"fold": name, "architecture": asdict(job.architecture), "epoch": outcome.kept, "heard": heard}
            weights_file.save(folder / f"{name}.safetensors", outcome.tensors, notes)
    shapes = {job.fold: _described(job.architecture) for job in jobs}
    first = shapes[jobs[0].fold]
    same = all(shape == first for shape in shapes.values())
    with replacing(folder / "network.yaml") as part:
        YAML().dump(first if same else {"folds": shapes}, part)


def predictions_of(task: Task, jobs: list[TrainingJob], outcomes: list[Outcome]) -> pd.DataFrame:
    """One row per tested slice: slice, utterance, fold, speaker, then for each head its label and probabilities.

    A regression head has `<head>_value` in their place, and with a spread `<head>_deviation` beside it.
    """
    tables = []
    for fold, members in by_fold(jobs, outcomes).items():
        table = task.slices.iloc[members[0][0].test][["slice", "utterance", "speaker"]].reset_index(drop=True)
        table.insert(2, "fold", fold)
        said = {h.name: ensembled(h, [outcome.predictions[h.name] for _, outcome in members]) for h in task.heads}
        for head in task.heads:
            found = said[head.name]
            table[head.column] = found[:, 0] if head.valued else found.argmax(axis=1)
        for head in task.heads:
            further = [head.column, head.deviation_column] if head.spread else head.share_columns
            for name, column in zip(further, said[head.name].T, strict=not head.valued or head.spread):
                table[name] = column
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def rows_of(jobs: list[TrainingJob], outcomes: list[Outcome], name: str) -> pd.DataFrame:
    """`history` or `audit` of every fold's first network as one table; `selected` marks the epoch that was kept."""
    tables: list[Any] = []
    for (job, outcome), *_ in by_fold(jobs, outcomes).values():
        table = pd.DataFrame(getattr(outcome, name))
        if "epoch" not in table:
            table.insert(0, "epoch", range(len(table)))
        table.insert(0, "fold", job.fold)
        table.insert(2, "selected", (table["epoch"] == outcome.kept).astype(int))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def write_results(data: Path, curves: Path, task: Task, jobs: list[TrainingJob], outcomes: list[Outcome]) -> None:
    """Write everything that a trained network leaves.

    Args:
        data: folder of `models/`, `predictions/` and `audit/`.
        curves: folder of the training curves.
    """
    name = f"{task.network}.csv"
    write_models(data / "models" / task.network, full_names(task.slices), jobs, outcomes)
    write_table(predictions_of(task, jobs, outcomes), data / "predictions" / name, PROBABILITY_DIGITS)
    write_table(rows_of(jobs, outcomes, "audit"), data / "audit" / name)
    write_plot(rows_of(jobs, outcomes, "history"), curves / name, "%.6g")


def write_nothing(data: Path, curves: Path, network: str) -> None:
    """The same files of a network that is not asked for, empty: DVC wants them all the same."""
    (data / "models" / network).mkdir(parents=True, exist_ok=True)
    for folder in (data / "predictions", data / "audit", curves):
        write_text(folder / f"{network}.csv", "")


def _described(architecture: Architecture) -> dict[str, Any]:
    """The architecture as plain values, with what the network eats."""
    value = {key: list(item) if isinstance(item, tuple) else item for key, item in asdict(architecture).items()}
    return {"network": value.pop("network"), "inputs": list(architecture.inputs)} | value
