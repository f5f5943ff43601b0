"""Networks at toy scale with random weights, and their files as training writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from elor.networks import Architecture, MultiHeadNetwork
from elor.targets import Target
from elor.training import weights_file

FOLDS = ("Ses01F", "Ses01M", "Ses02F")
LAYERS = {
    "elor": {"filters": (4, 4, 4), "lengths": (96, 12, 8), "pools": (12, 8, 26), "stride": 8},
    "lom": {"filters": (4, 4, 4), "lengths": (4, 4, 4), "pools": (6, 6, 6), "stride": 1},
    "ftr": {"filters": (), "lengths": (), "pools": (), "stride": 1},
}
LAYERS |= dict.fromkeys(("elor_ftr", "elor_txt"), LAYERS["elor"])


def new_network(
    name: str = "elor", target: str | Target = "classes", seed: int = 0, fast: bool = True, **layers: object
) -> MultiHeadNetwork:
    """A network as it is before training; `layers` are fields of its architecture that are not those of `LAYERS`."""
    shape = {"hidden": (8,)} | LAYERS[name] | layers
    asked = target if isinstance(target, Target) else Target(target)
    torch.manual_seed(seed)
    made = MultiHeadNetwork(Architecture(name, asked.heads, dropout=0.5, standardize=True, **shape), fast=fast)
    return made.eval()


def trained_network(
    name: str = "elor", target: str | Target = "classes", seed: int = 0, **layers: object
) -> MultiHeadNetwork:
    """The same with statistics, as if of data: no unit is dead, none is saturated."""
    made = new_network(name, target, seed, **layers)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    for signal, scale in made.standardize.items():
        like = next(scale.buffers())
        mean, deviation = 0.1 if signal == "text" else 0.0, 30.0 if signal == "mfcc" else 1e4
        scale.fit(torch.full_like(like, mean), torch.full_like(like, deviation))
    return made


def save(path: Path, made: MultiHeadNetwork, fold: str = "", heard: Sequence[str] = ()) -> Path:
    """Write a network as training does."""
    notes = {
        "fold": fold,
        "architecture": asdict(made.architecture),
        "epoch": 1,
        "heard": [f"demo-{name}" for name in heard],
    }
    weights_file.save(path, made.state_dict(), notes)
    return path


def write_models(
    folder: Path,
    names: Sequence[str] = ("elor",),
    target: str | Target = "classes",
    folds: Sequence[str] = FOLDS,
    **layers: object,
) -> Path:
    """Write `<network>/<fold>.safetensors` into `folder`, as the stages `train@<network>` do."""
    for name in names:
        for seed, fold in enumerate(folds):
            others = [other for other in folds if other != fold]
            save(folder / name / f"{fold}.safetensors", trained_network(name, target, seed, **layers), fold, others)
    return folder
