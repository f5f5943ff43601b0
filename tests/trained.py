"""Folders of trained networks at toy scale: random weights, written as training writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from elor.networks import Architecture, MultiHeadNetwork
from elor.targets import Target
from elor.training import checkpoint
from elor.vectors import IS10, Vectors

FOLDS = ("Ses01F", "Ses01M", "Ses02F")


def small(network: str, target: str = "classes", seed: int = 0, vectors: Vectors = IS10) -> MultiHeadNetwork:
    """A small network with random weights and statistics, ready to predict."""
    convolutional = network != "ftr"
    shape = Architecture(
        network=network,
        heads=Target(target).heads,
        filters=(4, 6) if convolutional else (),
        lengths=(9, 4) if convolutional else (),
        pools=(5, 4) if convolutional else (),
        stride=20 if network.startswith("elor") else 1,
        hidden=(8,),
        dropout=0.5,
        standardize=True,
        vectors=vectors,
    )
    torch.manual_seed(seed)
    made = MultiHeadNetwork(shape)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    for name, scale in made.standardize.items():  # so that no hidden unit saturates
        scale.fit(torch.zeros_like(scale.mean), torch.full_like(scale.deviation, 30.0 if name == "mfcc" else 1e4))
    return made.eval()


def write_run(
    folder: Path,
    networks: Sequence[str] = ("elor",),
    target: str = "classes",
    folds: Sequence[str] = FOLDS,
    vectors: Vectors = IS10,
) -> Path:
    """Write `<network>/<fold>.safetensors` into `folder`, as the stages `train@<network>` do."""
    for network in networks:
        for seed, fold in enumerate(folds):
            made = small(network, target, seed, vectors)
            notes = {"fold": fold, "architecture": asdict(made.architecture), "epoch": 1}
            checkpoint.save(folder / network / f"{fold}.safetensors", made.state_dict(), notes)
    return folder
