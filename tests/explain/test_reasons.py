"""An answer that is not repeatable is not blamed on what it does not depend on; and each head has its own reason."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import elor
from elor.errors import UserError
from tests.explain.strange import Plain
from tests.explain.test_strange import SAMPLES, made

pytestmark = pytest.mark.long

FALSE = ("what it was asked before", "the signals beside it", "the last digits")


def noise() -> Tensor:
    return 0.1 * torch.randn(1, 1, SAMPLES, generator=torch.Generator().manual_seed(5))


class Faint(Plain):
    """Adds chance to its answer, and something else; then of a generator that no one else knows."""

    def __init__(self, share: float, beside: Callable[[Faint, Tensor], Tensor | float] | None = None) -> None:
        super().__init__()
        self.level, self.beside, self.calls = 0.0, beside, 0
        with torch.no_grad():
            self.reach = float((self(noise()) - self(noise() / 100)).abs().max())
        self.level, self.calls = share * self.reach, 0

    def forward(self, audio: Tensor) -> Tensor:
        self.calls += 1
        other = self.beside(self, audio) if self.level and self.beside else 0.0
        own = torch.Generator()
        own.seed() if self.beside else own.manual_seed(int(torch.randint(2**31, ())))
        return super().forward(audio) + self.level * torch.randn(len(audio), 3, generator=own) + other


def _said(method: Callable, net: nn.Module) -> str:
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        try:
            method(net, noise())
        except UserError as error:
            return str(error)
    return "\n".join(str(one.message) for one in noticed)


@pytest.mark.parametrize("method", [elor.gradient, elor.occlusion])
@pytest.mark.parametrize("share", [5e-4, 2e-3])
def test_chance_is_not_said_to_be_what_was_asked_before_or_stands_beside(method, share: float) -> None:
    for seed in range(6):
        net = made(Faint, share)
        torch.manual_seed(seed)
        said = _said(method, net)
        assert "depends on chance" in said
        assert not any(reason in said for reason in FALSE)


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (lambda net, audio: 0.1 * net.reach * net.calls, "depends on what it was asked before"),
        (lambda net, audio: net.reach * audio.abs().mean(), "depends on the signals beside it"),
    ],
)
def test_what_is_more_than_chance_has_its_own_reason(beside: Callable, why: str) -> None:
    torch.manual_seed(0)
    assert why in _said(elor.occlusion, made(Faint, 3e-4, beside))


class Autocast(nn.Module):
    """Computes in half precision, if that is asked for."""

    def __init__(self, half: bool, by_sound: float = 0.0) -> None:
        super().__init__()
        self.half_, self.by_sound = half, by_sound
        self.a = nn.Conv1d(1, 32, 64, 8)
        self.out = nn.Linear(32, 4)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.float16, enabled=self.half_):
            half = self.a(audio)
        whole = self.a(audio)
        found = self.out(F.relu(whole).mean(2)) + 1e5 * (half.to(whole) - whole).mean(2)[:, :4]  # rounding matters
        seed = hash(audio.detach().numpy().tobytes()) % 2**31
        return found + self.by_sound * torch.rand(4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("method", [elor.gradient, elor.occlusion])
def test_what_half_precision_rounds_is_said_to_be_rounding_and_float32_helps(method) -> None:
    with pytest.raises(
        UserError, match=r"depends on rounding in float16: .*; let it compute in float32 \(without auto"
    ):
        method(made(Autocast, True), noise())
    assert method(made(Autocast, False), noise())["output"].any()


def test_half_precision_is_no_excuse_for_noise_by_the_sound() -> None:
    with pytest.raises(UserError, match=r"last digits of the sound, or on rounding in float16: .*let it draw nothing"):
        elor.gradient(made(Autocast, True, 1.0), noise())


class Bent(Plain):
    """A head with a step in it, and one by chance."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        return {"bent": F.gelu(found), "drawn": found + torch.randn_like(found)}


def test_heads_that_are_all_refused_are_refused_each_for_its_reason() -> None:
    torch.manual_seed(0)
    with pytest.raises(
        UserError, match=r"Head bent: .*uses GELU;.* Head drawn: The network's answer depends on chance"
    ):
        elor.guided_backprop(made(Bent), noise())


class Both(Plain):
    """Two heads by chance."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        return {"a": found + torch.randn_like(found), "b": found + torch.randn_like(found)}


def test_one_reason_of_all_heads_is_said_once() -> None:
    torch.manual_seed(0)
    with pytest.raises(UserError) as refused:
        elor.gradient(made(Both), noise())
    assert str(refused.value).count("depends on chance") == 1
