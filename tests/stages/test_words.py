"""The stage `words` on a corpus' own partition: what is learned from only counts as heard, and is no slice to score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from elor.params import load
from elor.tables import write_table
from stages.words import scores
from tests.worlds.stages import Workspace

PARTS = {"train": ("a", "b", "c"), "dev": ("d", "e"), "test": ("f", "g", "h")}
"""Who speaks in which part; dev and test are tested by folds that learn from train."""


def test_words_of_the_part_that_is_only_learned_from_were_heard_before(workspace: Workspace) -> None:
    rows = [
        {"slice": f"{who}{number}_0", "utterance": f"{who}{number}", "speaker": who, "partition": part}
        | {"scenario": "", "session": "", "gender": "", "arousal": number % 5, "valence": (number + 1) % 5}
        for part, people in PARTS.items()
        for who in people
        for number in range(10)
    ]
    slices = pd.DataFrame(rows)
    tables = {"slices": slices, "folds": folds_of(slices), "texts": texts_of(slices)}
    rng = np.random.default_rng(0)
    for net in ("elor", "elor_txt"):
        answers = {head: rng.integers(0, 5, len(slices)) for head in ("arousal", "valence")}
        heard = slices.assign(**answers)[["slice", *answers]]
        tables[f"predictions/{net}"] = heard[slices["partition"] != "train"]
    for name, table in tables.items():
        path = Path("data") / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(table, path)
    found = scores(load())
    # of each tested speaker's ten texts the first was said in the part that is only learned from, the last is empty
    assert found["leak"] == {"all": {"slices": 50, "heard_before": 0.1}}
    parts = {(one["head"], one["part"]): one["slices"] for one in found["added"]}
    counts = {"all": 50, "texts that are new": 45}
    assert parts == {(head, part): count for head in ("arousal", "valence") for part, count in counts.items()}


def folds_of(slices: pd.DataFrame) -> pd.DataFrame:
    """A fold for dev and one for test; both learn from train."""
    kept = [
        slices[slices["partition"].isin(["train", part])].assign(
            fold=part, role=lambda table: np.where(table["partition"] == "train", "train", "test")
        )
        for part in ("dev", "test")
    ]
    return pd.concat(kept)[["fold", "slice", "role"]]


def texts_of(slices: pd.DataFrame) -> pd.DataFrame:
    """The first text is everybody's, the last is empty, the others are each one's own."""
    said = [
        "Well, go!" if name.endswith("0") else "" if name.endswith("9") else f"{name[0]} says {name[1:]}"
        for name in slices["utterance"]
    ]
    return slices[["utterance"]].assign(text=said)
