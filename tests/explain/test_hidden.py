"""What comes from outside torch's operators, where guided backpropagation cannot follow it, is noticed or named."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum import attr
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.guided import guided_backprop
from elor.explain.heads import LeftOut, SomeHeads
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


def _crosses_often(audio: Tensor) -> bool:
    """What numpy says of a sound."""
    return bool(np.abs(np.diff(np.signbit(audio.detach().numpy()).astype(int))).mean() > 0.3)


class Bank(Plain):
    """Takes one of two last layers that lie in one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Parameter(torch.randn(2, 3, 6))

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        return F.linear(values, self.bank[int(_crosses_often(audio))])


class Moved(Plain):
    """Hears one of two parts, equally long."""

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.two(F.relu(self.one(audio))))
        return self.out(values[..., 50 * int(_crosses_often(audio)) :][..., :100].mean(-1))


@pytest.mark.parametrize("kind", [Mask, Routed, Coloured, Overwritten, Bank, Moved])
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


RNG = np.random.default_rng(0)  # whose state is nobody's


class Beside(Plain):
    """A head, and one of whose answers something else decides."""

    def __init__(self, decides: Callable[[Beside, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.decides, self.other = decides, nn.Linear(6, 4)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        return {"other": self.decides(self, audio, values), "plain": self.out(values)}


def _redrawn(net: Beside, _audio: Tensor, values: Tensor) -> Tensor:
    net.other.weight.data.normal_()
    return net.other(values)


def _kept(net: Beside, _audio: Tensor, values: Tensor) -> Tensor:
    net.calls += 1
    return net.other(values) * net.calls


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]

CHANCE = {
    "dropout": lambda net, _, values: net.other(F.dropout(values, 0.5)),
    "gate": lambda net, _, values: net.other(values) * torch.bernoulli(torch.tensor(0.5)),
    "path": lambda net, _, values: net.other(values if torch.rand(()) < 0.5 else 2 * values),
    "numpy": lambda net, _, values: net.other(values) * int(np.random.rand() < 0.5),  # noqa: NPY002
    "python": lambda net, _, values: net.other(values) * random.choice((0, 1)),
    "elsewhere": lambda net, _, values: net.other(values) * int(RNG.random() < 0.5),
    "weights": _redrawn,
}
"""What may decide by chance."""


def _reference(net: Plain, audio: Tensor) -> Tensor:
    """Guided backpropagation of its plain head by Captum."""
    layers = (net.one, nn.ReLU(), net.two, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), net.out)
    alone = copy.deepcopy(nn.Sequential(*layers)).eval()
    label = int(alone(audio).argmax())
    return attr.GuidedBackprop(alone).attribute(audio.clone().requires_grad_(), target=label)[:, 0].detach()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", CHANCE)
def test_chance_in_another_head_is_left_out_with_its_reason_whatever_is_drawn(kind: str, seed: int) -> None:
    net, audio = made(Beside, CHANCE[kind]), voice()[..., 3_000:5_000]
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    with pytest.warns(LeftOut, match="Head other is left out: The network's answer depends on (chance|what it was)"):
        found = guided_backprop(net, audio)
    assert list(found) == ["plain"]
    torch.testing.assert_close(found["plain"], _reference(net, audio), rtol=1e-5, atol=1e-8)
    assert found["plain"].any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", sorted(CHANCE.keys() - {"weights"}))
def test_chance_too_small_to_matter_is_not_said_to_come_from_the_signal(kind: str, seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    net, audio = made(Beside, lambda *given: given[0].other(given[2]) + 1e-6 * CHANCE[kind](*given)), voice()
    with pytest.raises(UserError, match="something differs from call to call"):
        guided_backprop(SomeHeads(net, "other"), audio[..., 3_000:5_000])


@pytest.mark.parametrize(
    ("decides", "why"),
    [
        (
            lambda net, audio, values: net.other(values) * (1 + _crosses_often(audio)),
            "comes to it from outside torch's",
        ),
        (_kept, "depends on what it was asked before"),
    ],
)
def test_what_decides_another_head_is_that_heads_matter(decides: Callable, why: str) -> None:
    net, audio = made(Beside, decides), voice()[..., 3_000:5_000]
    with pytest.warns(LeftOut, match=f"Head other is left out: .*{why}"):
        found = guided_backprop(net, audio)
    torch.testing.assert_close(found, {"plain": _reference(net, audio)}, rtol=1e-5, atol=1e-8)


class OneMemory(Beside):
    """Both heads lie in one tensor, and noise is added to one of them there."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        memory = torch.cat([found["plain"], found["other"]], 1)
        memory[:, 3:] += torch.rand(())
        return {"plain": memory[:, :3], "other": memory[:, 3:]}


def test_chance_beside_a_head_in_one_memory_is_not_its_own() -> None:
    net, audio = made(OneMemory, lambda net, _, values: net.other(values)), voice()[..., 3_000:5_000]
    with pytest.warns(LeftOut, match="Head other is left out: The network's answer depends on chance"):
        found = guided_backprop(net, audio)
    torch.testing.assert_close(found, {"plain": _reference(net, audio)}, rtol=1e-5, atol=1e-8)


class Joined(Beside):
    """Both heads, and what is done to them together."""

    def __init__(self, join: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
        super().__init__(lambda net, _, values: net.other(values))
        self.join = join

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        return self.join(super().forward(audio))


def _unwound(*shape: int) -> Tensor:
    """Drawn from a generator of its own, which no one can wind back."""
    generator = torch.Generator()
    generator.seed()
    return torch.randn(shape, generator=generator)


NOT_WOUND_BACK = {
    "number": lambda values: values + float(np.random.default_rng().normal()),
    "whole": lambda values: values * int(np.random.default_rng().integers(1, 1_000_000)),
    "clock": lambda values: values * (1 + time.perf_counter_ns() % 1_000 / 1_000),
    "generator": lambda values: values + _unwound(4),
    "many": lambda values: F.dropout(values, 0.5) + _unwound(5_000).mean(),
}


@pytest.mark.parametrize("kind", NOT_WOUND_BACK)
def test_chance_beside_a_head_that_cannot_be_wound_back_is_not_its_own(kind: str) -> None:
    def joined(found: dict[str, Tensor]) -> dict[str, Tensor]:
        plain, other = torch.cat([found["plain"], NOT_WOUND_BACK[kind](found["other"])], 1).split((3, 4), 1)
        return {"plain": plain, "other": other}

    net, audio = made(Joined, joined), voice()[..., 3_000:5_000]
    with pytest.warns(LeftOut, match="Head other is left out: The network's answer depends on chance"):
        found = guided_backprop(net, audio)
    torch.testing.assert_close(found, {"plain": _reference(net, audio)}, rtol=1e-5, atol=1e-8)


def test_what_numpy_decides_is_found_beside_chance_that_cannot_be_wound_back() -> None:
    def joined(found: dict[str, Tensor]) -> dict[str, Tensor]:
        mask = torch.from_numpy((found["plain"].detach().numpy() > 0).astype(np.float32))
        noise = _unwound(1, 4)
        plain, other = (torch.cat([found["plain"], found["other"]], 1) * torch.cat([mask, noise], 1)).split((3, 4), 1)
        return {"plain": plain, "other": other}

    with pytest.raises(UserError, match="Guided backpropagation is defined for linear layers and ReLU only"):
        guided_backprop(SomeHeads(made(Joined, joined), "plain"), voice()[..., 3_000:5_000])
