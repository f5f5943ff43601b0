"""An invented corpus at toy scale: speakers, slices, ratings, folds and predictions of any target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass
class World:
    """The tables that `evaluate` reads; `predict` makes another network's."""

    slices: pd.DataFrame
    folds: pd.DataFrame
    utterances: pd.DataFrame
    ratings: pd.DataFrame
    rng: np.random.Generator

    def predict(self, columns: dict[str, int], skill: float = 2.0) -> pd.DataFrame:
        """Probabilities that favour the truth by `skill` nats, for heads and their numbers of classes."""
        table = self.slices[["slice", "utterance", "speaker"]].copy()
        table.insert(2, "fold", self.slices["speaker"])
        for head, classes in columns.items():
            logits = self.rng.normal(size=(len(table), classes))
            logits[np.arange(len(table)), self.slices[head].astype(int)] += skill
            shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            table[head] = shares.argmax(1)
            table[[f"{head}_p{k}" for k in range(classes)]] = shares
        return table.sample(frac=1, random_state=1)  # in any order


def make_world(speakers: int = 4, utterances: int = 12, classes: int = 5, seed: int = 0) -> World:
    """`utterances` per speaker, every third of them with two slices; E-2 rates all, E-1 and E-3 some."""
    rng = np.random.default_rng(seed)
    turns, ratings, slices = [], [], []
    for index in range(speakers):
        speaker, gender = f"Ses{index // 2 + 1:02d}{'FM'[index % 2]}", "FM"[index % 2]
        for turn in range(utterances):
            name = f"{speaker}_{turn:03d}"
            label = rng.integers(0, classes, size=2)
            turns.append({"utterance": name, "speaker": speaker, "valence": label[0], "arousal": label[1]})
            for rater, kind in (
                ("E-2", "evaluator"),
                (f"E-{1 + 2 * (turn % 2)}", "evaluator"),
                (f"{gender}-1", "self"),
            ):
                noise = 0 if rater == "E-2" else rng.integers(-1, 2, size=2)
                valence, arousal = np.clip(label + noise, 0, classes - 1) + 1.0
                row = {"utterance": name, "rater": rater, "kind": kind, "valence": valence, "arousal": arousal}
                if rater == "E-2" or turn % 4:  # every fourth turn has one evaluator only
                    ratings.append(row)
            about = {"utterance": name, "speaker": speaker, "gender": gender, "session": speaker[:5]}
            about |= {"scenario": ("improvised", "scripted", "")[turn % 3], "valence": label[0], "arousal": label[1]}
            for part in range(1 + (turn % 3 == 0)):
                samples = int(rng.integers(8_000, 96_001))
                slices.append({"slice": f"{name}_{part}", "part": part, "samples": samples, **about})
    table = pd.DataFrame(slices)
    folds = []
    for fold in table["speaker"].unique():
        role = np.where(table["speaker"] == fold, "test", np.where(rng.random(len(table)) < 0.2, "validation", "train"))
        folds.append(pd.DataFrame({"fold": fold, "slice": table["slice"], "role": role}))
    return World(table, pd.concat(folds, ignore_index=True), pd.DataFrame(turns), pd.DataFrame(ratings), rng)
