"""What the four methods are asked: heads and classes that there are, and sounds that a network takes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import occlusion
from tests.explain.strange import Plain
from tests.explain.test_heads import Adversarial
from tests.explain.test_questions import voice
from tests.explain.test_strange import made


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
    with torch.no_grad(), pytest.raises(UserError, match=r"also uses .*(_foreach|absolute)"):
        guided_backprop(made(Listed, does), voice())
