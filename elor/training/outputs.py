"""What a trained network leaves on disk: weights, predictions, curves and the audit."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from elor.files import replacing, write_text
from elor.networks import Architecture
from elor.tables import full_names, write_plot, write_table
from elor.training import weights_file
from elor.training.job import Outcome, TrainingJob
from elor.training.task import Task

PROBABILITY_DIGITS = "%.7g"  # all that float32 holds


def write_models(folder: Path, speakers: pd.Series, jobs: list[TrainingJob], outcomes: list[Outcome]) -> None:
    """Write `<fold>.safetensors` for every fold, and network.yaml for people.

    Each file bears its own architecture, so that it can be read alone, and the speakers that its network has heard.

    Args:
        folder: where to.
        speakers: who speaks in each slice, with the corpus' name in front.
        jobs, outcomes: of the folds.
    """
    for job, outcome in zip(jobs, outcomes, strict=True):
        heard = sorted(speakers.iloc[[*job.train, *job.validation]].unique())
        notes = {"fold": job.fold, "architecture": asdict(job.architecture), "epoch": outcome.best, "heard": heard}
        weights_file.save(folder / f"{job.fold}.safetensors", outcome.tensors, notes)
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
    for job, outcome in zip(jobs, outcomes, strict=True):
        table = task.slices.iloc[job.test][["slice", "utterance", "speaker"]].reset_index(drop=True)
        table.insert(2, "fold", job.fold)
        for head in task.heads:
            found = outcome.predictions[head.name]
            table[head.column] = found[:, 0] if head.valued else found.argmax(axis=1)
        for head in task.heads:
            further = [head.column, head.deviation_column] if head.spread else head.share_columns
            for name, column in zip(further, outcome.predictions[head.name].T, strict=not head.valued or head.spread):
                table[name] = column
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def rows_of(jobs: list[TrainingJob], outcomes: list[Outcome], name: str) -> pd.DataFrame:
    """`history` or `audit` of all folds as one table; `selected` marks the epoch that was kept."""
    tables: list[Any] = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        table = pd.DataFrame(getattr(outcome, name))
        if "epoch" not in table:
            table.insert(0, "epoch", range(len(table)))
        table.insert(0, "fold", job.fold)
        table.insert(2, "selected", (table["epoch"] == outcome.best).astype(int))
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
