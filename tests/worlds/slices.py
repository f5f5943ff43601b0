"""The data folder of a few slices: their sound, speakers, labels and folds, and a network of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from elor.engine import Engine
from elor.explain.experiment import Experiment
from elor.tables import write_table
from elor.targets import Target
from tests.worlds import networks

SPEAKERS = ("F", "G", "M")
SAMPLES = 96_000


@dataclass(frozen=True)
class Slices:
    """`folder` holds slices.npy, slices.csv, folds.csv and models/, as data/ of a run does."""

    folder: Path
    slices: pd.DataFrame
    folds: pd.DataFrame

    @property
    def sound(self) -> Path:
        return self.folder / "slices.npy"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def experiment(self) -> Experiment:
        return Experiment(self.slices, self.folds, self.models, self.sound, 1, Engine("cpu"))


def write_slices(
    folder: Path,
    sounds: Sequence[np.ndarray],
    speakers: Sequence[str] = SPEAKERS,
    names: Sequence[str] = ("elor",),
    target: str = "classes",
    **layers: object,
) -> Slices:
    """Write slices, as many of each speaker, folds that leave one speaker out, and networks before training.

    Args:
        folder: the data folder.
        sounds: up to `SAMPLES` int16 each, speaker by speaker.
        speakers: of the slices; each is a fold.
        names: of networks.
        target: of the labels and of the networks.
        layers: sizes of the networks, if others than `networks.LAYERS`.
    """
    rng, each = np.random.default_rng(0), len(sounds) // len(speakers)
    supports = [len(sound) for sound in sounds]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "slices.npy", np.stack([np.pad(sound, (0, SAMPLES - len(sound))) for sound in sounds]))
    who = np.repeat(speakers, each)
    keys = [f"{speaker}_{number}" for number, speaker in enumerate(who)]
    parts = [number % each for number in range(len(who))]
    utterances = [f"{speaker}_{part // 2}" for speaker, part in zip(who, parts, strict=True)]  # two slices of each
    table = pd.DataFrame({"slice": keys, "utterance": utterances, "speaker": who, "language": "", "samples": supports})
    for head in Target(target).heads:
        table[head.name] = rng.integers(0, head.outputs, len(who)) if head.classes else rng.uniform(0, 4, len(who))
    roles = [{"fold": fold, "slice": key, "role": "test" if fold == speaker else "train"}
             for fold in speakers for key, speaker in zip(keys, who, strict=True)]  # fmt: skip
    write_table(table, folder / "slices.csv")
    write_table(pd.DataFrame(roles), folder / "folds.csv")
    for name in names:
        for seed, fold in enumerate(speakers):
            made = networks.new_network(name, target, seed, **layers)
            networks.save(folder / "models" / name / f"{fold}.safetensors", made, fold)
    return Slices(folder, table, pd.DataFrame(roles))
