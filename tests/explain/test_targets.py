"""What the four methods are asked: heads and classes that there are, and sounds that a network takes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.api.explain import foreign_network
from elor.errors import UserError
from elor.explain.any_network.subjects import Subject
from elor.explain.any_network.window import Effort, explain
from elor.explain.attribution import gradient
from elor.explain.doubts import Doubt
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import Coarse, occlusion
from tests.explain.strange import Plain
from tests.explain.test_heads import Adversarial
from tests.explain.test_questions import voice
from tests.explain.test_strange import QUICK, made


def _integrated(*args: object) -> dict[str, Tensor]:
    return integrated_gradients(*args, steps=4, most=4, tolerance=1.0).time()  # type: ignore[arg-type]


methods = pytest.mark.parametrize("method", [gradient, guided_backprop, occlusion, _integrated])


@methods
@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"emotion": torch.tensor([1])}, "no head emotion; it has output"),
        ({"output": torch.tensor([1.7])}, r"head output has the classes 0\.\.2"),
        ({"output": 1.7}, r"head output has the classes 0\.\.2"),
        ({"output": 3}, r"head output has the classes 0\.\.2"),
        ({"output": torch.tensor([-1])}, r"head output has the classes 0\.\.2"),
        ({"output": torch.tensor([1, 2])}, r"head output has the classes 0\.\.2"),
        ({"output": "anger"}, r"head output has the classes 0\.\.2"),
        ({"output": True}, r"head output has the classes 0\.\.2"),
        (torch.tensor([1]), "give a dict"),
    ],
)
def test_what_there_is_not_is_not_explained(method: Callable, targets: object, said: str) -> None:
    with pytest.raises(UserError, match=re.compile(said, re.IGNORECASE)):
        method(made(Plain), voice(), targets)


def test_nor_where_heads_are_asked_apart() -> None:
    with pytest.raises(UserError, match="no head mood; it has emotion, speaker"):
        gradient(made(Adversarial), voice(), {"mood": 1})


@methods
def test_one_class_may_stand_for_all_signals(method: Callable) -> None:
    net, audio = made(Plain), voice(count=2)
    wanted = method(net, audio, {"output": torch.tensor([2, 2])})["output"]
    for given in (2, np.array([2, 2]), torch.tensor([2, 2], dtype=torch.int32), [2, 2], torch.tensor(2)):
        assert torch.equal(method(net, audio, {"output": given})["output"], wanted)


@methods
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_array_is_a_sound(method: Callable, kind: type) -> None:
    net, audio = made(Plain), voice()
    assert torch.equal(method(net, audio.numpy().astype(kind))["output"], method(net, audio)["output"])


@methods
@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (voice()[:0], "holds no signal"),
        (voice()[0], "needs \\(batch, 1, samples\\)"),
        ([0.1, 0.2], "is list"),
        ((voice().numpy() * 32_767).astype(np.int16), "real numbers"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_sentence(method: Callable, audio: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        method(made(Plain), audio)


def _in_place(name: str) -> Callable[[Tensor], Tensor]:
    def apply(h: Tensor) -> Tensor:
        h = F.relu(h) - 0.02
        getattr(torch, name)([h])
        return h

    return apply


def _product(h: Tensor) -> Tensor:
    g = F.relu(h) + 0.1
    torch._foreach_mul_([g], [h])
    return g


def _copied(h: Tensor) -> Tensor:
    g = torch.zeros_like(h)
    torch._foreach_copy_([g], [F.relu(h)])
    return g.abs()


def _into(h: Tensor) -> Tensor:
    g = [torch.empty_like(h)]
    torch.ops.aten._foreach_abs.out([F.relu(h) - 0.02], out=g)
    return g[0] + h


class Listed(Plain):
    """Something done in place to a list of tensors, after a ReLU."""

    def __init__(self, does: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.does = does

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(self.does(self.two(F.relu(self.one(audio)))).mean(-1))


@pytest.mark.parametrize("does", [*map(_in_place, ("_foreach_abs_", "_foreach_exp_")), _product, _copied, _into])
def test_what_is_done_to_a_list_in_place_is_seen(does: Callable) -> None:
    with torch.no_grad(), pytest.raises(UserError, match=r"also uses .*(foreach|absolute)"):
        guided_backprop(made(Listed, does), voice())


class Offset(Plain):
    """A large constant is added to its logits."""

    def __init__(self, constant: float) -> None:
        super().__init__()
        self.constant = constant

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) + self.constant


def test_falls_that_are_rounding_errors_are_said_to_be() -> None:
    with pytest.warns(Coarse, match="rounding moves a logit of 1e"):
        occlusion(made(Offset, 1e5), voice())
    with warnings.catch_warnings():
        warnings.simplefilter("error", Coarse)
        assert occlusion(made(Offset, 1.0), voice())["output"].any()
        assert not occlusion(made(Offset, 1.0), 0 * voice())["output"].any()


class Drawn(Plain):
    """Adds a little noise at each call."""

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.one(audio))
        return self.out(F.relu(self.two(h + 1e-6 * torch.randn_like(h[:, :1, :1]).numpy().item())).mean(-1))


def test_noise_is_not_said_to_come_from_elsewhere_and_is_said_once() -> None:
    with pytest.raises(UserError, match="differs from call to call"):
        guided_backprop(made(Drawn), voice())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        occlusion(made(Drawn), voice(), window=400, hop=50)
    kinds = [one.message.kind for one in said if isinstance(one.message, Doubt)]
    assert kinds
    assert len(set(kinds)) == len(kinds)


class Gated(Plain):
    """The derivative of a ReLU on the way there."""

    def forward(self, audio: Tensor) -> Tensor:
        h = self.two(F.relu(self.one(audio)))
        return self.out(torch.ops.aten.threshold_backward(h, h, 0).mean(-1))


def test_a_derivative_on_the_way_there_has_its_name() -> None:
    with pytest.raises(UserError, match="also uses the derivative of a ReLU"):
        guided_backprop(made(Gated), voice())


class Equilibrium(Plain):
    """A fixed point, of which the last step alone is differentiated."""

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.one(audio))
        with torch.no_grad():
            z = torch.zeros_like(h)
            for _ in range(20):
                z = F.silu(0.5 * z + h)
        return self.out(F.relu(self.two(F.silu(0.5 * z + h))).mean(-1))


class Bounded(Plain):
    """The same without a ReLU."""

    def forward(self, audio: Tensor) -> Tensor:
        h = self.one(audio)
        with torch.no_grad():
            z = torch.zeros_like(h)
            for _ in range(20):
                z = torch.tanh(0.5 * z + h)
        return self.out(self.two(torch.tanh(0.5 * z + h)).mean(-1))


def test_nobody_is_sent_to_a_gradient_that_is_refused() -> None:
    with pytest.raises(UserError, match="plain gradient; its gradient is not how its answer changes: try occlusion"):
        guided_backprop(made(Bounded), voice())
    with pytest.raises(UserError, match="SiLU; its gradient is not how its answer changes: try occlusion"):
        guided_backprop(made(Equilibrium), voice())
    for kind in (Bounded, Equilibrium):
        methods = explain(
            Subject("fixed point", made(kind), None), voice()[0, 0].numpy(), 8_000, Effort(0, 2, 2)
        ).summary["methods"]
        assert "the gradient is refused too: try occlusion" in methods["guided"]["refused"]
        assert "is not how its answer changes" in methods["gradient"]["refused"]


def _bag(values: Tensor, mode: str) -> Tensor:
    """Sums of two neighbours each, of (batch, channels, frames)."""
    rows = values.transpose(1, 2).flatten(0, 1)
    pairs = torch.arange(len(rows)).view(-1, 2)
    return F.embedding_bag(pairs, rows, mode=mode).view(len(values), -1, values.shape[1]).transpose(1, 2)


class Bagged(Plain):
    def __init__(self, bags: str | None) -> None:
        super().__init__()
        self.bags = bags

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio))))[..., :100]
        plain = h.unflatten(-1, (50, 2)).sum(-1)
        return self.out((_bag(h, self.bags).pow(1) if self.bags else plain).mean(-1))


def test_sums_of_bags_and_first_powers_are_linear() -> None:
    plain = guided_backprop(made(Bagged, None), voice())["output"]
    torch.testing.assert_close(guided_backprop(made(Bagged, "sum"), voice())["output"], plain)
    with pytest.raises(UserError, match="embedding_bag"):
        guided_backprop(made(Bagged, "max"), voice())


class Squashed(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        return self.out(torch.sigmoid(F.max_pool1d(F.relu(self.two(F.relu(self.one(audio)))), 2)).mean(-1))


def test_it_is_said_what_passes_by_its_ordinary_derivative() -> None:
    def remarks(net: Plain) -> str:
        return " ".join(explain(Subject("it", net, None), voice()[0, 0].numpy(), 4_000, QUICK).summary["remarks"])

    assert "passes max-pooling and sigmoid by the ordinary derivative" in remarks(made(Squashed))
    assert "ordinary derivative" not in remarks(made(Plain))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv1d(6, 32, stride=8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))


def test_what_is_lazy_is_made_for_the_recording(tmp_path: Path) -> None:
    paths = [tmp_path / "none.wav", tmp_path / "a.wav"]
    soundfile.write(paths[1], voice()[0, 0].numpy(), 16_000)
    net = foreign_network("tests.explain.test_targets:lazy", files=paths)
    assert net.samples is None
    assert predict(net.subject.model, voice())["output"].shape == (1, 3)
    fast = foreign_network("tests.explain.test_targets:lazy", rate=8_000, files=paths)
    assert predict(fast.subject.model, voice()[..., ::2])["output"].shape == (1, 3)
