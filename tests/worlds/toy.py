"""A toy experiment: two tasks that a small network can learn, on noise-like slices of the right shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from elor.networks import INPUTS, SHAPES
from elor.params import Settings, Train
from elor.targets import Head
from elor.training.folds import make_folds
from elor.training.task import Task

HEADS = (Head("arousal", 3), Head("valence", 3))
TRAIN = Train(
    update="alternating",
    penalty="norm",
    reduction="mean",
    augment="none",
    standardize=True,
    fast=False,
    precision="float32",
    tf32=False,
    compile=False,
    deterministic=True,
    schedule="constant",
    select="accuracy",
    keep="best",
    balance=False,
    seeds=1,
)
SETTINGS = {
    "elor": Settings(filters=[2, 3], lengths=[16, 4], pools=[20, 30], stride=8, hidden=[6, 5], dropout=0.2),
    "lom": Settings(filters=[3, 4], lengths=[5, 3], pools=[6, 9], stride=1, hidden=[6, 5], dropout=0.2),
    "ftr": Settings(hidden=[6, 5], dropout=0.2),
    "elor_ftr": Settings(filters=[2, 3], lengths=[16, 4], pools=[20, 30], stride=8, hidden=[6, 5], dropout=0.2),
    "elor_txt": Settings(filters=[2, 3], lengths=[16, 4], pools=[20, 30], stride=8, hidden=[6, 5], dropout=0.2),
}


def settings(network: str, **changes: object) -> Settings:
    """Small settings of a network, with an optimiser that learns the toy tasks in a few epochs."""
    base = {"batch": 8, "learning_rate": 0.05, "momentum": 0.9, "alpha": 0.001}
    return Settings(**(base | SETTINGS[network].given() | changes))


def tables(speakers: int = 3, each: int = 10) -> pd.DataFrame:
    """slices.csv of a toy corpus: `each` slices per speaker, classes 0..2 in turn."""
    rows = [
        {
            "slice": f"{name}_{index}_0",
            "utterance": f"{name}_{index}",
            "part": 0,
            "samples": 96_000,
            "speaker": name,
            "gender": "FM"[number % 2],
            "session": str(number // 2),
            "scenario": "",
            "corpus": "toy",
            "language": "",
            "partition": "",
            "valence": index % 3,
            "arousal": (index // 3) % 3,
        }
        for number, name in enumerate(f"S{n:02d}" for n in range(speakers))
        for index in range(each)
    ]
    return pd.DataFrame(rows)


def write_inputs(folder: Path, slices: pd.DataFrame) -> dict[str, Path]:
    """Arrays whose level tells the arousal and whose tilt or sign tells the valence, with noise."""
    random = np.random.default_rng(0)
    arousal, valence = slices["arousal"].to_numpy(), slices["valence"].to_numpy()
    files = {}
    for name, shape in SHAPES.items():
        noise = random.normal(size=(len(slices), *shape))
        signal = noise * (1 + arousal.reshape(-1, *[1] * len(shape)))
        signal[..., : shape[-1] // 2] += 3 * (valence.reshape(-1, *[1] * len(shape)) - 1)
        array = (800 * signal[:, 0]).round().astype(np.int16) if name == "audio" else signal.astype(np.float32)
        array = (array > 2).astype(np.float32) if name == "text" else array
        files[name] = folder / f"{name}.npy"
        np.save(files[name], array)
    return files


def task(network: str, files: dict[str, Path], slices: pd.DataFrame, **changes: object) -> Task:
    """The toy experiment for one network."""
    values = {
        "network": network,
        "heads": HEADS,
        "files": {name: files[name] for name in INPUTS[network]},
        "slices": slices,
        "folds": make_folds(slices, "paper", 0.2, 10, seed=1),
        "how": TRAIN,
        "epochs": 3,
        "patience": 3,
        "score": "mean",
        "seed": 1,
    }
    return Task(**(values | changes))
