"""Networks that round inside and pass the gradient straight through: however fine the steps, and in which precision."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.finite_differences import Unchecked
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import occlusion
from tests.explain.strange import Plain
from tests.explain.test_questions import voice
from tests.explain.test_strange import made


class Single(Plain):
    """Single precision on the way, whatever comes in; rounds there if it has a step, or refuses other precisions."""

    def __init__(self, step: float = 0.0, how: str = "round", insists: bool = False) -> None:
        super().__init__()
        self.step, self.how, self.insists = step, how, insists

    def forward(self, audio: Tensor) -> Tensor:
        if self.insists and audio.dtype != torch.float32:
            raise ValueError("float32 only")
        h = self.two(F.relu(self.one(audio))).float()
        if self.step and self.how == "round":
            h = h + ((h / self.step).round() * self.step - h).detach()
        elif self.step:
            h = torch.fake_quantize_per_tensor_affine(h, self.step, 0, -128, 127)
        return self.out(F.relu(h).to(self.out.weight.dtype).mean(-1))


def _ask(net: Plain, seed: int = 0) -> tuple[str, list[str]]:
    """Why it is refused, and what is doubted."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", Unchecked)
        try:
            gradient(net, voice(seed))
        except UserError as error:
            return str(error), []
    return "", [str(one.message) for one in said if issubclass(one.category, Unchecked)]


@pytest.mark.parametrize("how", ["round", "fake"])
@pytest.mark.parametrize("step", [0.001, 0.003, 0.01, 0.05])
def test_a_quantiser_in_single_precision_is_refused(how: str, step: float) -> None:
    assert (
        "is not how its answer changes" in _ask(made(Single, step, how))[0]
        or "is 0 at every" in _ask(made(Single, step, how))[0]
    )
    with pytest.raises(UserError, match="gradient of head output is"):
        integrated_gradients(made(Single, step, how), voice(), steps=2, most=2)


def _seeded(seed: int, step: float = 0.0, how: str = "round") -> Plain:
    torch.manual_seed(seed)
    return Single(step, how, True).eval()


STEPS = [
    *(1e-5, pytest.param(0.01, marks=pytest.mark.long)),
    *(pytest.param(step, marks=pytest.mark.slow) for step in (0.001, 0.003, 0.05)),
]


@pytest.mark.parametrize("how", ["round", "fake"])
@pytest.mark.parametrize("step", STEPS)
def test_where_float64_is_refused_a_rounding_is_seen(how: str, step: float) -> None:
    for seed in range(20):
        why, _ = _ask(_seeded(seed, step, how), seed)
        assert "passes a rounding (" in why
        assert ("fake_quantize" in why) is (how == "fake")


@pytest.mark.parametrize(
    "rounds",
    [
        lambda h: (20 * h).to(torch.int32).to(h.dtype) / 20,
        lambda h: torch.quantize_per_tensor(h, 0.01, 0, torch.qint8).dequantize(),
        lambda h: h.div(0.01, rounding_mode="floor") * 0.01,
        lambda h: h // 0.01 * 0.01,
    ],
)
def test_other_roundings_are_seen(rounds: Callable[[Tensor], Tensor]) -> None:
    class Other(Single):
        def forward(self, audio: Tensor) -> Tensor:
            if audio.dtype != torch.float32:
                raise ValueError("float32 only")
            h = self.two(F.relu(self.one(audio)))
            return self.out(F.relu(h + (rounds(h) - h).detach()).mean(-1))

    assert "passes a rounding (" in _ask(made(Other))[0]


SMOOTH = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "norm": lambda h: F.layer_norm(h, h.shape[1:]),
    "softmax": lambda h: h.softmax(1),
    "tanh": torch.tanh,
    "sign": lambda h: h.sign() * ((h.abs() + 0.1).sqrt() - 0.1**0.5),
}


@pytest.mark.long
@pytest.mark.parametrize("over", ["relu", *(pytest.param(name, marks=pytest.mark.slow) for name in list(SMOOTH)[1:])])
def test_what_rounds_not_is_not_refused(over: str) -> None:
    class Smooth(Single):
        def forward(self, audio: Tensor) -> Tensor:
            if audio.dtype != torch.float32:
                raise ValueError("float32 only")
            return self.out(F.relu(self.two(SMOOTH[over](self.one(audio)))).mean(-1))

    for seed in range(20):
        torch.manual_seed(seed)
        assert not _ask(Smooth().eval(), seed)[0], seed


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("insists", [False, True])
def test_single_precision_alone_is_not_doubted(seed: int, insists: bool) -> None:
    assert _ask(made(Single, 0.0, "round", insists), seed) == ("", [])


@pytest.mark.parametrize("rounds", [False, True])
def test_compiled_networks_are_asked_as_they_were_written(rounds: bool) -> None:
    class Compiled(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            h = self.two(F.relu(self.one(audio)))
            if rounds:
                h = h + ((h / 0.001).round() * 0.001 - h).detach()
            return self.out(F.relu(h).mean(-1))

    why, doubts = _ask(torch.compile(made(Compiled), backend="aot_eager"))
    assert ("is not how its answer changes" in why) is rounds
    assert not doubts


def test_a_quantised_weight_is_a_weight() -> None:
    class Weight(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            weight = torch.fake_quantize_per_tensor_affine(self.two.weight, 0.01, 0, -128, 127)
            h = F.conv1d(F.relu(self.one(audio)), weight, self.two.bias, stride=4)
            return self.out(F.relu(h).mean(-1))

    assert _ask(made(Weight)) == ("", [])


class Scaled(Plain):
    """Divides by a root that is 0 in silence, behind a gate."""

    def forward(self, audio: Tensor) -> Tensor:
        level = (self.one(audio) - self.one.bias[:, None]).square().sum(1, keepdim=True).sqrt()
        return self.out((level * level.sigmoid()).mean(-1).repeat(1, 6))


def dynamic() -> torch.nn.Module:
    return torch.ao.quantization.quantize_dynamic(made(Plain), {torch.nn.Linear}, dtype=torch.qint8)


@pytest.mark.skipif(torch.backends.quantized.engine == "none", reason="torch has no quantised operators here")
@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
@pytest.mark.parametrize(("make", "silent"), [(dynamic, False), (lambda: made(Scaled), True)])
def test_where_there_is_no_gradient_guided_backpropagation_advises_none(make: Callable, silent: bool) -> None:
    net, audio = make(), voice()
    audio[..., :200] *= not silent
    with pytest.raises(UserError, match=r"this model also uses .*; the gradient is refused too: try occlusion\.$"):
        guided_backprop(net, audio)
    for method in (gradient, integrated_gradients):
        with pytest.raises(UserError, match="try occlusion"):
            method(net, audio)
    assert occlusion(net, audio)["output"].any()
