"""Networks of other people, as `elor explain --factory` meets them: factories, and things that are none."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from elor.features.is10 import functionals
from tests.explain.test_foreign import Wav2Vec2

NUMBER = 3


class Functional(nn.Module):
    """A CNN whose rectifiers are functions, with two heads in a tuple; it takes any length."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 16, 33, stride=8)
        self.second = nn.Conv1d(16, 16, 9, stride=4)
        self.outputs = nn.ModuleList([nn.Linear(16, 3), nn.Linear(16, 1)])

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        values = F.relu(self.second(torch.relu(self.first(audio)))).mean(2)
        return tuple(output(values) for output in self.outputs)


class Fixed(Functional):
    """The same, for 8,000 samples and no others."""

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        if audio.shape[-1] != 8_000:
            raise ValueError(f"expected 8000 samples, got {audio.shape[-1]}")
        return super().forward(audio)


class Outside(nn.Module):
    """A scikit-learn classifier on the levels of ten parts: occlusion is all that can be asked."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        levels = rng.random((200, 10))
        self.classifier = LogisticRegression().fit(levels, levels[:, 7] > 0.5)

    def forward(self, audio: Tensor) -> Tensor:
        parts = torch.stack([part.square().mean(-1).sqrt() for part in audio[:, 0].detach().tensor_split(10, -1)], 1)
        score = self.classifier.decision_function(parts.numpy())
        return torch.from_numpy(np.stack([-score, score], axis=1)).float()


class OnIs10(nn.Module):
    """A scikit-learn classifier on openSMILE's IS10, fitted to hear a burst of noise somewhere in a faint second."""

    def __init__(self) -> None:
        super().__init__()
        # without gaps in what it learns from, the silence that occlusion puts in would be what it hears
        gaps = np.random.default_rng(0).permutation(np.linspace(0, 0.9, 80))
        sounds = [faint(seed, None if seed % 2 else seed / 90, gap) for seed, gap in enumerate(gaps)]
        self.classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
        self.classifier.fit([self.features(sound) for sound in sounds], [seed % 2 == 0 for seed in range(len(sounds))])

    @staticmethod
    def features(sound: np.ndarray) -> np.ndarray:
        return functionals(sound * 32_768)

    def forward(self, audio: Tensor) -> Tensor:
        score = self.classifier.decision_function([self.features(one) for one in audio[:, 0].detach().numpy()])
        return torch.from_numpy(np.stack([-score, score], axis=1)).float()


def faint(seed: int, burst: float | None, gap: float | None = None) -> np.ndarray:
    """A second of faint noise, with a silent and a loud tenth of a second that begin at `gap` and `burst` (seconds)."""
    sound = 0.002 * np.random.default_rng(seed).standard_normal(16_000)
    if gap is not None:
        sound[round(16_000 * gap) :][:1_600] = 0
    if burst is not None:
        sound[round(16_000 * burst) :][:1_600] = 0.2 * np.random.default_rng(seed + 1).standard_normal(1_600)
    return sound


class Scaled(nn.Module):
    """A layer with parameters and no way to draw them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 6))
        self.body = nn.Conv1d(1, 6, 33, stride=8)

    def forward(self, audio: Tensor) -> Tensor:
        return (F.relu(self.body(audio)).mean(2) * self.scale)[:, :3]


def pretrained() -> nn.Module:
    """A factory that gives the same weights whatever the seed, as one that loads a file."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        return Functional()


def pretrained_scaled() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        return Scaled()


def transformer() -> nn.Module:
    return Wav2Vec2()


def broken() -> nn.Module:
    raise KeyError("weights.bin")


def a_list() -> list:
    return [1]


def needs_an_argument(size: int) -> nn.Module:
    return nn.Linear(size, 1)
