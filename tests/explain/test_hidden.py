"""What comes from outside torch's operators, where guided backpropagation cannot follow it, is noticed or named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.guided import guided_backprop
from tests.explain.strange import Plain
from tests.explain.test_questions import voice
from tests.explain.test_strange import made


class Mask(Plain):
    """A mask that numpy makes, written into a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.zeros(64, 6, 300))

    def forward(self, audio: Tensor) -> Tensor:
        values = self.two(F.relu(self.one(audio)))
        mask = self.mask[: len(values), :, : values.shape[-1]]
        mask.copy_(torch.from_numpy(values.detach().numpy() > 0))
        return self.out((values * mask).mean(-1))


class Routed(Plain):
    """Another last layer for what is loud."""

    def __init__(self) -> None:
        super().__init__()
        self.loud = nn.Linear(6, 3)

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        peaks = np.abs(audio.detach().numpy()).max((1, 2))
        return torch.stack(
            [(self.loud if peak > 0.05 else self.out)(value) for peak, value in zip(peaks, values, strict=True)]
        )


class Coloured(Plain):
    """Weighs its channels by the colour of the sound, whatever its level and direction."""

    def forward(self, audio: Tensor) -> Tensor:
        power = np.abs(np.fft.rfft(audio.detach().numpy()[:, 0]))[:, :3_000]
        bands = power.reshape(len(power), 6, -1).sum(2)
        weight = torch.from_numpy((bands > np.median(bands, 1, keepdims=True)).astype("f4"))
        return self.out((F.relu(self.two(F.relu(self.one(audio)))) * weight[..., None]).mean(-1))


class Overwritten(Plain):
    """Its last weights are those that numpy chose."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kinds", torch.randn(2, 3, 6))

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        crossings = np.signbit(audio.detach().numpy()).astype(int)
        self.out.weight.data.copy_(self.kinds[int(np.abs(np.diff(crossings)).mean() > 0.3)])
        return self.out(values)


@pytest.mark.parametrize("kind", [Mask, Routed, Coloured, Overwritten])
def test_what_numpy_decides_is_noticed_wherever_it_is_written_to(kind: type[Plain]) -> None:
    with pytest.raises(UserError, match="comes to it from outside torch's operators"):
        guided_backprop(made(kind), voice())


class Odd(Plain):
    def __getattr__(self, name: str):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return None


def test_a_module_that_has_every_attribute_is_not_called_compiled() -> None:
    torch.testing.assert_close(guided_backprop(made(Odd), voice()), guided_backprop(made(Plain), voice()))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no MKL-DNN")
def test_a_layout_that_cannot_be_followed_has_its_name() -> None:
    class Packed(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            values = F.relu(self.two(F.relu(self.one(audio)))).unsqueeze(2).to_mkldnn().to_dense().squeeze(2)
            return self.out(values.mean(-1))

    with pytest.raises(UserError, match="also uses an MKL-DNN tensor; try"):
        guided_backprop(made(Packed), voice())
