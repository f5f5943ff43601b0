"""Networks, and whoever brings them, find all as it was before they were explained, whatever comes of it."""

from __future__ import annotations

import random
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from elor.api.explain import QUICK, explain_files, foreign_network
from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import occlusion
from tests.explain.strange import Plain
from tests.explain.test_questions import voice
from tests.explain.test_strange import made

pytestmark = pytest.mark.long

METHODS = [gradient, guided_backprop, occlusion, integrated_gradients, predict]


def digest(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """All that is in a network, to be compared."""
    if isinstance(value, Tensor):
        plain = value.detach().clone().flatten().view(torch.uint8).numpy().tobytes()
        return id(value), value.data_ptr(), value.dtype, value.shape, value.requires_grad, plain
    if isinstance(value, np.ndarray):
        return id(value), value.tobytes()
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, random.Random):
        return value.getstate()
    if id(value) in seen:
        return "again"
    if isinstance(value, nn.Module):
        return type(value), id(value), digest(vars(value), (*seen, id(value)))
    if isinstance(value, dict):
        return [(key, digest(part, (*seen, id(value)))) for key, part in value.items()]
    if isinstance(value, (list, tuple, deque)):
        return type(value), [digest(part, (*seen, id(value))) for part in value]
    return value if isinstance(value, (int, float, str)) else type(value)


def drawn() -> tuple:
    """How far the caller's random numbers were drawn."""
    kind, words, *rest = np.random.get_state()  # noqa: NPY002  # what a network may draw from
    return torch.get_rng_state().numpy().tobytes(), kind, words.tobytes(), *rest, random.getstate()


def ask(method: Callable, net: nn.Module) -> Any:
    """What a method says of a network, None if it refuses it; all must be as before."""
    before, world = digest(net), drawn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = method(net, voice())
        except UserError:
            found = None
    assert digest(net) == before
    assert drawn() == world
    return found


def same(found: Any, expected: Any) -> None:
    time, other = (each.time() if hasattr(each, "time") else each for each in (found, expected))
    torch.testing.assert_close(time, other, rtol=1e-3, atol=1e-6)


class Merges(Plain):
    """A low-rank adapter that `eval` adds to the weight, and `train` takes off again."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up, self.merged = nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.randn(3, 2)), False

    def train(self, mode: bool = True) -> Merges:
        super().train(mode)
        if mode == self.merged:
            self.out.weight.data += (1 if not mode else -1) * self.up.data @ self.down.data
            self.merged = not mode
        return self

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        return self.out(h) if self.merged else self.out(h) + h @ self.down.T @ self.up.T


class Swaps(Plain):
    """Answers by the mean of its weights in evaluation mode, and swaps them in."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = {name: 0.9 * value.detach() for name, value in self.named_parameters()}
        self.swapped = False

    def train(self, mode: bool = True) -> Swaps:
        super().train(mode)
        if mode == self.swapped:
            for name, value in self.named_parameters():
                value.data, self.mean[name] = self.mean[name], value.data
            self.swapped = not mode
        return self


class Folds(Plain):
    """In evaluation mode it forgets how its weights were normalised, and freezes one."""

    def __init__(self) -> None:
        super().__init__()
        nn.utils.weight_norm(self.two)
        nn.utils.spectral_norm(self.out)

    def train(self, mode: bool = True) -> Folds:
        super().train(mode)
        if not mode and hasattr(self.two, "weight_g"):
            nn.utils.remove_weight_norm(self.two)
            nn.utils.remove_spectral_norm(self.out)
            self.one.weight.requires_grad_(False)
        return self


class Breaks(Plain):
    """Fails half way into its evaluation mode."""

    def train(self, mode: bool = True) -> Breaks:
        self.training = mode
        if not mode:
            self.out.weight.data.neg_()
            raise KeyError("no such mode")
        return self


def test_what_fails_half_way_is_undone_too() -> None:
    net = Breaks()
    before = digest(net)
    for method in METHODS:
        with pytest.raises(UserError, match=r"its eval\(\) fails \('no such mode'\)"):
            method(net, voice())
        assert digest(net) == before


class Toggles(Plain):
    """Turns its weights round whenever it is put into evaluation mode."""

    def train(self, mode: bool = True) -> Toggles:
        super().train(mode)
        if not mode:
            self.out.weight.data.neg_()
        return self


@pytest.mark.parametrize("kind", [Merges, Swaps, Folds, Toggles])
def test_what_a_change_of_mode_does_is_undone(kind: type[Plain]) -> None:
    net, evaluated = made(kind).train(), made(kind)
    if kind in (Folds, Toggles):  # there is no way back from its evaluation mode
        torch.manual_seed(3)
        net = kind()
    net.one.bias.requires_grad_(False)
    for method in METHODS:
        found, expected = ask(method, net), ask(method, evaluated)
        same(found, expected)
    assert not torch.equal(net.out.weight, evaluated.out.weight)


class Whole(Plain):
    """Its copies share the layer that is large."""

    class Large(nn.Conv1d):
        def __deepcopy__(self, memo: dict) -> nn.Module:
            return self

    def __init__(self) -> None:
        super().__init__()
        self.one.__class__ = Whole.Large


def test_a_layer_that_copies_share_is_never_altered() -> None:
    net = made(Whole)
    for method in METHODS:
        same(ask(method, net), ask(method, made(Plain)))
    with pytest.warns(UserWarning, match="cannot be copied"):
        gradient(net, voice())


class Conditional(Plain):
    """Louder by a condition: one operator to torch, with code in it."""

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio))))
        return self.out(torch.cond(h.mean() > -1, lambda h: h * 2.0, lambda h: h * 0.5, (h,)).mean(-1))


class Twice(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        return 2 * super().forward(audio) - self.out.bias


class Repeats(Plain):
    """Doubles in a loop that is one operator to torch."""

    def forward(self, audio: Tensor) -> Tensor:
        def body(count: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            return count + 1, h * 2.0

        h = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        return self.out(torch.while_loop(lambda count, h: count < 1, body, (torch.tensor(0), h))[1])


class Flexible(Plain):
    """Attention with a score of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.asks = nn.Linear(6, 48)

    def attend(self, *parts: Tensor) -> Tensor:
        return flex_attention(*parts)

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio)))).transpose(1, 2)
        parts = (each.unsqueeze(1) for each in self.asks(h).chunk(3, -1))
        return self.out(self.attend(*parts)[:, 0, :, :6].mean(1))


class Attends(Flexible):
    def attend(self, *parts: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(*parts)


@pytest.mark.filterwarnings("ignore:.*flex_attention called without")
@pytest.mark.parametrize(
    ("kind", "plain", "name"),
    [  # torch compiles them
        (Flexible, Attends, "flex_attention"),
        pytest.param(Conditional, Twice, "cond", marks=pytest.mark.slow),
        pytest.param(Repeats, Twice, "while_loop", marks=pytest.mark.slow),
    ],
)
def test_operators_with_code_in_them_are_explained_and_work_as_before(kind: type, plain: type, name: str) -> None:
    torch._dynamo.reset()
    net, twin = made(kind), made(plain)
    same(occlusion(net, voice(), trusted=True), occlusion(twin, voice(), trusted=True))
    for method in METHODS:
        found = ask(method, net)
        if method in (occlusion, predict) or (found is not None and method is not guided_backprop):
            same(found, ask(method, twin))
        with torch.no_grad():
            torch.testing.assert_close(net(voice()), twin(voice()), rtol=1e-3, atol=1e-5)
    with pytest.raises(
        UserError, match=f"FlexAttention does not|also uses.*{name}.*code that torch runs as one operator"
    ):
        guided_backprop(net, voice())


class Monitors(Plain):
    """Keeps statistics of all it hears: in containers within one another, in a layer that torch does not see, and by
    generators of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = {"mean": torch.zeros(6), "log": {"levels": [1.0], "last": deque([0], maxlen=3)}, "count": 0}
        self.pair = (np.zeros(2), [nn.BatchNorm1d(6)], {4_000})
        self.chance = {"torch": torch.Generator().manual_seed(1), "numpy": np.random.default_rng(1)}
        self.dice = [random.Random(1)]

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(audio))))
        self.seen["mean"].mul_(0.9).add_(0.1 * h.detach().mean((0, 2)))
        self.seen["log"]["levels"].append(audio.shape[-1])
        self.seen["log"]["last"].append(len(audio))
        self.seen["count"] += 1
        self.seen[f"new {self.seen['count']}"] = None
        self.pair[0][1] += 1
        self.pair[1][0](h.detach())
        self.pair[2].add(self.seen["count"])
        torch.rand(1, generator=self.chance["torch"])
        self.chance["numpy"].random()
        self.dice[0].random()
        return self.out(h.mean(-1))


class Draws(Plain):
    """Draws from all that are the caller's, and uses nothing of it."""

    def forward(self, audio: Tensor) -> Tensor:
        torch.rand(3), np.random.rand(2), random.random()  # noqa: NPY002
        return super().forward(audio)


@pytest.mark.parametrize("kind", [Monitors, Draws])
def test_what_is_kept_and_drawn_is_put_back(kind: type[Plain]) -> None:
    net = made(kind)
    before = digest(net), drawn()
    net(voice())
    assert (digest(net), drawn()) != before
    for method in METHODS[:-1]:
        found = ask(method, net)
        if kind is Draws or method is not guided_backprop:  # which minds all that is kept
            same(found, ask(method, made(Plain)))


def under_inference() -> nn.Module:
    with torch.inference_mode():
        return made(Plain)


def conditional() -> nn.Module:
    return made(Conditional)


def shared() -> nn.Module:
    return made(Whole)


def half_loaded() -> nn.Module:
    net = Whole()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net.one.reset_parameters()
    return net.eval()


def test_a_shared_layer_that_was_loaded_makes_no_twin_and_stays() -> None:
    subject = foreign_network(f"{__name__}:half_loaded", samples=8_000).subject
    assert subject.twin is None
    assert "cannot be copied: TypeError: its copies share a Large with it" in subject.reason
    assert torch.equal(subject.model.one.weight, half_loaded().one.weight)


def test_a_network_of_inference_mode_is_explained_and_not_frozen() -> None:
    net = under_inference()
    for method in METHODS:
        same(ask(method, net), ask(method, made(Plain)))
    assert all(value.is_inference() and value.requires_grad for value in net.parameters())


@pytest.mark.parametrize(
    ("factory", "kind", "refused"),
    [
        ("under_inference", Plain, set()),
        ("shared", Plain, set()),
        pytest.param("conditional", Twice, {"guided"}, marks=pytest.mark.slow),
    ],
)
def test_the_command_takes_them(tmp_path, factory: str, kind: type[Plain], refused: set[str]) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, voice()[0, 0].numpy(), 16_000)
    network = foreign_network(f"{__name__}:{factory}", files=[path])
    result = explain_files([path], network, output=tmp_path / "out", effort=QUICK)
    assert not result["failed"]
    (window,) = result["recordings"]["a"]["windows"]
    assert {name for name, entry in window["methods"].items() if entry["refused"]} == refused
    maps = np.load(tmp_path / "out/a/window-00.npz")
    expected = gradient(made(kind), torch.from_numpy(maps["sound"])[None, None])
    np.testing.assert_allclose(maps["gradient"][0], expected["output"][0].numpy(), rtol=1e-3, atol=1e-6)
