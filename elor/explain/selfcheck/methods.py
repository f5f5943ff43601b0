"""Which methods of attribution find the truth? Small networks trained on planted cues, and every method measured.

For each planted set a two-headed network in the shape of `elor.networks` is trained several times, from other weights
on other signals. Where the cue lies is known, and its counterfactuals show that the network rests on it, so a method
can be scored: the AUC with which its segments (or mel bands) rank the cue's above all others, and the share of its mass
on the loud distractor. An untrained network of the same shape is scored beside it on the same signals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.device import seeded
from elor.evidence.names import Control
from elor.explain.attribution import gradient, segment_saliency, segment_sums
from elor.explain.correlation import pearson
from elor.explain.erasure import from_windows
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients, noise_like
from elor.explain.model import Heads, predict
from elor.explain.occlusion import band_edges, band_occlusion, occlusion
from elor.explain.selfcheck.planted import SAMPLES, SETS, Planted
from elor.explain.selfcheck.scoring import scored
from elor.fastconv import ConvBlock

CLASSES = 2


class SmallNetwork(nn.Module):
    """The paper's network made small: three times convolution, normalisation, pooling, ReLU, and an MLP per head.

    Shape:
        (batch, 1, 16000) -> per head (batch, 2)
    """

    def __init__(self, heads: tuple[str, ...]) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            ConvBlock(1, 8, 64, pool=4, stride=16, fast=False),
            ConvBlock(8, 16, 8, pool=4, fast=False),
            ConvBlock(16, 16, 4, pool=6, fast=False),
        )
        width = 16 * (SAMPLES // 16 // 4 // 4 // 6)
        self.heads = nn.ModuleDict(
            {head: nn.Sequential(nn.Linear(width, 32), nn.Sigmoid(), nn.Linear(32, CLASSES)) for head in heads}
        )

    def forward(self, audio: Tensor) -> Heads:
        features = self.cnn(audio).flatten(1)
        return {name: head(features) for name, head in self.heads.items()}


def train(data: Planted, seed: int, epochs: int = 10, batch: int = 32, rate: float = 3e-3) -> SmallNetwork:
    """Train a network on planted signals by Adam; the global random state is left as it was."""
    labels = {head: torch.from_numpy(value) for head, value in data.labels.items()}
    with seeded(seed):
        network = SmallNetwork(tuple(labels)).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=rate)
        for _ in range(epochs):
            for rows in torch.randperm(len(data.audio)).split(batch):
                logits = network(data.audio[rows])
                loss = torch.stack([F.cross_entropy(logits[head], labels[head][rows]) for head in labels]).sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    return network.eval()


def untrained(heads: tuple[str, ...], seed: int) -> SmallNetwork:
    """The same network as it comes out of its constructor."""
    with seeded(seed):
        return SmallNetwork(heads).eval()


Map = Callable[[nn.Module, Tensor], Heads]


def _magnitude(method: Callable[..., Heads]) -> Map:
    return lambda model, audio: {name: segment_sums(value.abs()) for name, value in method(model, audio).items()}


_path = partial(integrated_gradients, steps=32, most=32, trusted=True)


def _integrated(model: nn.Module, audio: Tensor) -> Heads:
    return {name: segment_sums(value) for name, value in _path(model, audio).time().items()}


def _integrated_bands(model: nn.Module, audio: Tensor) -> Heads:
    bands = [slice(*ends) for ends in pairwise(band_edges(audio.shape[-1]))]
    spectra = _path(model, audio).frequency()
    return {name: torch.stack([value[:, band].sum(1) for band in bands], dim=1) for name, value in spectra.items()}


def _occlusion(model: nn.Module, audio: Tensor) -> Heads:
    return {name: from_windows(value) for name, value in occlusion(model, audio, trusted=True).items()}


def _filled(model: nn.Module, audio: Tensor) -> Heads:
    """Windows are filled with noise at the signal's own level: silence cannot be found by silencing it."""
    power = audio.square().mean(-1, keepdim=True)
    level = power.clamp(min=torch.finfo(power.dtype).tiny).rsqrt().reciprocal()  # torch's root differs by processor
    mask = level * noise_like(audio, rms=1.0)
    return {name: from_windows(value) for name, value in occlusion(model, audio, mask=mask, trusted=True).items()}


METHODS: dict[str, dict[str, Map]] = {
    "time": {
        "gradient": _magnitude(gradient),
        "guided backprop": _magnitude(guided_backprop),
        "input x gradient": segment_saliency,
        "integrated gradients": _integrated,
        "occlusion": _occlusion,
        "occlusion, filled": _filled,
    },
    "bands": {"integrated, frequency": _integrated_bands, "occlusion, mel bands": band_occlusion},
}
"""Methods that say when, (batch, segments) per head, and those that say at which frequency, (batch, bands)."""


@dataclass(frozen=True)
class Amount:
    """How much: networks per set, signals to train on and to explain, and epochs."""

    networks: int = 4
    signals: int = 1_024
    explained: int = 16
    epochs: int = 10


@dataclass(frozen=True)
class Found:
    """What one network of one set shows.

    Attributes:
        scores: set, network, model (trained, initial), domain, method, and what `scored` returns.
        learned: set, network, model, head, and what `_learned` returns.
    """

    scores: pd.DataFrame
    learned: pd.DataFrame


def check(name: str, network: int, amount: Amount, seed: int = 0) -> Found:
    """Train one network on one planted set and score every method on new signals; a job of the engine.

    Args:
        name: a key of `SETS`.
        network: number of the network, from 0.
        amount: how much.
        seed: with the other two it decides everything.
    """
    start = 1_000 * seed + 10 * network
    shown = SETS[name](amount.explained, start + 1)
    model = train(SETS[name](amount.signals, start), start, amount.epochs)
    found: dict[str, list[dict]] = {"scores": [], "learned": []}
    for kind, one in (("trained", model), (Control.initial, untrained(tuple(shown.labels), start + 2))):
        tag = {"set": name, "network": network, "model": kind}
        found["learned"] += [tag | row for row in _learned(one, shown)]
        for domain, methods in METHODS.items():
            truth = {"time": shown.time, "bands": shown.bands}[domain]
            for method, function in methods.items() if truth else ():
                maps = {head: value.numpy() for head, value in function(one, shown.audio).items()}
                row = scored(maps, truth, shown.distractor.get(domain))
                found["scores"].append(tag | {"domain": domain, "method": method} | row)
    return Found(**{key: pd.DataFrame(rows) for key, rows in found.items()})


def _learned(model: nn.Module, shown: Planted, decibels: float = 10.0) -> list[dict]:
    """What the network rests on, by intervention: shares of the signals whose predicted class changes.

    Per head `accuracy` against the labels; `own`, when its own cue is swapped for the other class'; `other`, when the
    other head's is; `gain`, when the signal is made louder or softer by `decibels`; and `guided_r`, the paper's r(S, x)
    of guided backpropagation.
    """
    before = {head: value.argmax(1) for head, value in predict(model, shown.audio).items()}

    def changed(audio: Tensor) -> Heads:
        after = predict(model, audio)
        return {head: after[head].argmax(1) != before[head] for head in before}

    swaps = {head: changed(shown.swapped(head)) for head in before}
    factor = 10 ** (decibels / 20)
    louder, softer = changed(shown.audio * factor), changed(shown.audio / factor)
    maps, rows = guided_backprop(model, shown.audio), []
    for head, value in before.items():
        others = [swaps[name][head].float().mean().item() for name in before if name != head]
        r = [pearson(s, x) for s, x in zip(maps[head], shown.audio[:, 0], strict=True)]
        rows.append(
            {
                "head": head,
                "accuracy": (value == torch.from_numpy(shown.labels[head])).float().mean().item(),
                "own": swaps[head][head].float().mean().item(),
                "other": float(np.mean(others)) if others else float("nan"),
                "gain": (louder[head] | softer[head]).float().mean().item(),
                "guided_r": float(np.nanmean(r)),
            }
        )
    return rows
