"""Predictions and audits that nobody made, in the format of real ones, so that the evaluation can be measured alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from elor.params import MODELS, NETWORKS, Settings
from elor.tables import read_table, write_table
from elor.targets import Target
from elor.training.tuning_file import Tuning
from elor.vectors import IS10

CLASSES = 5
EPOCHS = 50
SKILL = 1.0
"""What is added to the logit of the true class."""


def invent(data: Path, seed: int = 0) -> None:
    """Write predictions of all models, audits and tunings of the networks, for a folder's slices and folds."""
    IS10.write(data / "is10.json")
    slices, folds = read_table(data / "slices.csv"), read_table(data / "folds.csv")
    tests = folds[folds["role"] == "test"].merge(slices, on="slice", validate="one_to_one")
    for index, network in enumerate(MODELS):
        random = np.random.default_rng([seed, index])
        write_table(_predictions(tests, random), data / "predictions" / f"{network}.csv", "%.7g")
        if network not in NETWORKS:
            continue
        write_table(_audit(tests, random), data / "audit" / f"{network}.csv")
        values = dict.fromkeys(folds["fold"].unique(), Settings())
        Tuning(network, "none", None, values, {}).write(data / "tuning" / f"{network}.yaml")


def _predictions(tests: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Probabilities that lean towards the truth."""
    table = tests[["slice", "utterance", "fold", "speaker"]].copy()
    for name in Target().dimensions:
        logits = random.normal(size=(len(tests), CLASSES))
        logits[np.arange(len(tests)), tests[name].to_numpy(dtype=int)] += SKILL
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        table[name] = shares.argmax(1)
        table[[f"{name}_p{k}" for k in range(CLASSES)]] = shares
    return table


def _audit(tests: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Confusion counts of every epoch of every fold, one of which is the selected one."""
    parts = []
    for fold, rows in tests.groupby("fold"):
        for epoch in range(EPOCHS):
            for name in Target().dimensions:
                actual = rows[name].to_numpy(dtype=int)
                pairs = actual * CLASSES + random.integers(0, CLASSES, len(rows))
                cells, counts = np.unique(pairs, return_counts=True)
                part = {"actual": cells // CLASSES, "predicted": cells % CLASSES, "count": counts}
                head = {"fold": fold, "epoch": epoch, "selected": int(epoch == EPOCHS // 2), "head": name}
                parts.append(pd.DataFrame(head | part))
    return pd.concat(parts, ignore_index=True)
