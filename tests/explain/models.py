"""Small networks whose attributions can be worked out by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SAMPLES = 64


class Linear(nn.Module):
    """One head, z = W x + b."""

    def __init__(self, weight: Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), bias

    def forward(self, audio: Tensor) -> Tensor:
        return audio[:, 0] @ self.weight.T + self.bias


class Convolutional(nn.Module):
    """conv -> ReLU -> pool -> conv -> ReLU -> linear, the ReLU given; one head, or two that share the convolutions."""

    def __init__(self, activation=None, bias: bool = True, classes: tuple[int, ...] = (3,), as_dict: bool = False):
        super().__init__()
        self.first = nn.Conv1d(1, 4, 5, padding=2, bias=bias)
        self.second = nn.Conv1d(4, 3, 3, padding=1, bias=bias)
        self.relu = nn.ReLU() if activation is None else None
        self.activation = activation
        self.outputs = nn.ModuleList(nn.Linear(3 * (SAMPLES // 4), count, bias=bias) for count in classes)
        self.dropout, self.as_dict = nn.Dropout(0.5), as_dict
        self.double()

    def rectify(self, values: Tensor) -> Tensor:
        return self.relu(values) if self.relu is not None else self.activation(values)

    def forward(self, audio: Tensor):
        values = F.max_pool1d(self.rectify(self.first(audio)), 4)
        values = self.dropout(self.rectify(self.second(values)).flatten(1))
        found = [layer(values) for layer in self.outputs]
        if self.as_dict:
            return {name: value for name, value in zip(("arousal", "valence"), found, strict=True)}
        return found[0] if len(found) == 1 else tuple(found)


def net(seed: int = 0, **kwargs) -> Convolutional:
    torch.manual_seed(seed)
    return Convolutional(**kwargs).eval()


def audio(count: int = 3, samples: int = SAMPLES, seed: int = 1) -> Tensor:
    return torch.randn(count, 1, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
