"""A workspace as `dvc repro` leaves it, at toy scale: invented tables, and metrics that the real stage writes."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from elor.corpora.labels import label, targets
from elor.corpora.schema import RATING_COLUMNS, UTTERANCE_COLUMNS, Tables, counts, typed
from elor.evidence.corpus import Corpus
from elor.evidence.model import write
from elor.params import Settings
from elor.tables import write_table
from elor.targets import Head, Target
from elor.training.tuning_file import Tuning
from elor.vectors import IS10
from stages.evaluate import evaluate
from tests.worlds.project import MODELS, NETWORKS
from tests.worlds.shared import shared
from tests.worlds.tables import World, make_world

ROOT = Path(__file__).parents[2]
EMOTIONS = ("ang", "exc", "sad", "neu")
SKILL = dict(zip(MODELS, (2.0, 1.5, 1.0, 3.0, 1.0), strict=True))


def make_workspace(folder: Path, target: str = "classes") -> Path:
    """Write params.yaml, data/ and metrics/ of four invented networks and their baseline into `folder`."""
    made = shared(f"run-{target}", lambda place: _write(place, target))
    return shutil.copytree(made, folder, dirs_exist_ok=True)


def _write(folder: Path, target: str) -> None:
    """The same, with the scores: 10,000 draws of each, which take seconds."""
    write_tables(folder, target)
    with contextlib.chdir(folder):
        evaluate()


def write_tables(folder: Path, target: str = "classes") -> None:
    """Write params.yaml, data/ and what else the stage `evaluate` reads into `folder`."""
    world, data = make_world(), folder / "data"
    turns = world.utterances.assign(samples=60_000, emotion=np.resize(EMOTIONS, len(world.utterances)))
    utterances = typed(turns.to_dict("records"), UTTERANCE_COLUMNS)
    ratings = typed(world.ratings.to_dict("records"), RATING_COLUMNS)
    tables = label(Tables(utterances, ratings, counts(utterances, ratings)), "E-2", Target(target), 1.0, 5.0)
    wanted = targets(tables.utterances, ratings, Target(target), 1.0, 5.0)
    world.slices = world.slices.drop(columns=["valence", "arousal"]).merge(wanted, on="utterance")
    world.folds = world.folds[world.folds["slice"].isin(world.slices["slice"])]
    write_table(tables.utterances, data / "utterances.csv")
    write_table(ratings, data / "ratings.csv")
    write_table(world.slices, data / "slices.csv")
    write_table(world.folds, data / "folds.csv")
    for network in NETWORKS:
        write_table(predict(world, Target(target).heads, SKILL[network]), data / "predictions" / f"{network}.csv")
        write_table(audit(world, Target(target).heads), data / "audit" / f"{network}.csv")
        scope = "none" if network == "elor_ftr" else "shared"
        values = dict.fromkeys(world.slices["speaker"].unique(), Settings(dropout=0.5))
        Tuning(network, scope, "Ses01F", values, {}).write(data / "tuning" / f"{network}.yaml")
    svm = predict(world, Target(target).heads, SKILL["svm"])
    write_table(svm.drop(columns=svm.filter(regex="_p[0-9]$")), data / "predictions" / "svm.csv")  # classes alone
    IS10.write(data / "is10.json")
    write(folder / "metrics/corpus.json", Corpus.of(tables.report))
    write_params(folder / "params.yaml", target)


def write_params(path: Path, target: str) -> None:
    """The project's own parameters for another target."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["labels"]["target"] = target
    if target == "emotion":
        params["evaluate"]["comparisons"] = [["emotion", "elor", "ftr"]]
    yaml.dump(params, path)


def predict(world: World, wanted: tuple[Head, ...], skill: float) -> pd.DataFrame:
    """A network's predictions, in any order of the rows."""
    classes = {head.name: head.classes for head in wanted if head.classes is not None}
    table = world.predict(classes, skill)
    for head in wanted:
        if head.classes is None:
            noise = world.rng.normal(scale=2 / skill, size=len(world.slices))
            table[f"{head.name}_value"] = (world.slices[head.name] + noise)[table.index]
    return table


def audit(world: World, wanted: tuple[Head, ...]) -> pd.DataFrame:
    """Two epochs per fold: the one kept is wrong, the other right, so that the gap is 1 (of concordance: 0.5)."""
    rows = []
    for fold in world.slices["speaker"].unique():
        for head in wanted:
            about = {"fold": fold, "head": head.name}
            if head.classes is None:
                rows += [{**about, "epoch": epoch, "selected": 1 - epoch, "concordance": epoch / 2} for epoch in (0, 1)]
            else:
                for epoch in (0, 1):
                    counted = {"actual": 1, "predicted": epoch, "count": 6}
                    rows.append({**about, "epoch": epoch, "selected": 1 - epoch, **counted})
    return pd.DataFrame(rows)
