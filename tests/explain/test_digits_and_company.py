"""Noise by the sound is told at its size, levels relative to the loudest are noticed, and remedies are no promises."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

import elor
from elor.errors import UserError
from tests.explain.strange import Plain, falls_alone
from tests.explain.test_strange import SAMPLES, made


def noise() -> Tensor:
    return (0.2 * torch.randn(1, 1, SAMPLES, generator=torch.Generator().manual_seed(5))).clamp(-1, 1)


class DithersBySound(Plain):
    """Adds noise to its answer, from a seed that is made of the sound."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level
        self.out.weight.data *= 300

    def forward(self, audio: Tensor) -> Tensor:
        rows = []
        for one, found in zip(audio, super().forward(audio), strict=True):
            seed = hash(one.detach().numpy().tobytes()) % 2**31
            rows.append(found + self.level * torch.rand(3, generator=torch.Generator().manual_seed(seed)))
        return torch.stack(rows)


@pytest.mark.parametrize("share", [5e-4, 3e-3])
def test_faint_noise_by_the_sound_is_told_at_its_size(share: float) -> None:
    net, audio = made(DithersBySound, 0.0), noise()
    with torch.no_grad():
        reach = float((net(audio) - net(audio.flip(-1) / 100)).abs().max())
    net.level = share * reach
    with pytest.warns(UserWarning, match="depends on the last digits of the sound") as said:
        elor.occlusion(net, audio)
    text = next(str(one.message) for one in said if "last digits" in str(one.message))
    size = float(re.search(r"differ by up to ([^ ,]+),", text)[1])
    assert 0.5 * net.level < size < 1.5 * net.level  # of eight draws, between 0 and the level


def test_a_steep_answer_has_no_noise() -> None:
    net = made(DithersBySound, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        elor.occlusion(net, noise())


class Decibels(Plain):
    """Hears levels in dB, down to 80 below the loudest of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(16_000, n_fft=256, hop_length=128, n_mels=24)
        self.level = torchaudio.transforms.AmplitudeToDB(top_db=80)
        self.conv = torch.nn.Conv1d(24, 6, 5)

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.conv(self.level(self.mel(audio[:, 0])) / 40)).mean(-1))


class Mean(Decibels):
    """The same from half a sound at a time: silence within a half is cut by the other sounds of the batch alone."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio[..., : SAMPLES // 2]) + super().forward(audio[..., SAMPLES // 2 :])


@pytest.mark.parametrize("kind", [Decibels, Mean])
@pytest.mark.parametrize("level", [1.0, 0.1, 0.001])
def test_levels_below_the_loudest_are_noticed_whatever_the_sound(kind, level: float) -> None:
    net, audio = made(kind), level * noise()
    with pytest.warns(UserWarning, match="one signal at a time"):
        drops = elor.occlusion(net, audio)["output"][0]
    assert drops.tolist() == pytest.approx(falls_alone(net, audio), abs=1e-5)


class Standardised(Plain):
    """Standardises what it hears in place, which cannot be differentiated."""

    def forward(self, audio: Tensor) -> Tensor:
        audio -= audio.mean(-1, keepdim=True)
        audio /= audio.std(-1, keepdim=True)
        return super().forward(audio)


def test_what_may_be_refused_too_is_not_promised() -> None:
    with pytest.raises(UserError) as guided:
        elor.guided_backprop(made(Standardised), noise())
    assert "the gradient is refused too: try occlusion" in str(guided.value)
    with pytest.raises(UserError):
        elor.gradient(made(Standardised), noise())
    assert elor.occlusion(made(Standardised), noise())["output"].shape[0] == 1
