"""Weights that torch does not know of, in objects, functions and hooks: a twin that keeps them is none."""

from __future__ import annotations

import functools
import threading
import types
from collections import deque
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.explain.any_network import factory
from tests.explain.strange import Plain
from tests.explain.test_strange import SAMPLES


class Bank:
    """Filters of somebody's own kind, and what cannot be copied beside them."""

    def __init__(self, locks: bool = False) -> None:
        self.taps, self.lock = torch.randn(6, 1, 32) / 6, threading.Lock() if locks else None

    def __call__(self, audio: Tensor) -> Tensor:
        return F.conv1d(audio, self.taps, stride=8)


def closure() -> Callable[[Tensor], Tensor]:
    taps = torch.randn(6, 1, 32) / 6
    return lambda audio: F.conv1d(audio, taps, stride=8)


def default() -> Callable[[Tensor], Tensor]:
    drawn = torch.randn(6, 1, 32) / 6
    return lambda audio, taps=drawn: F.conv1d(audio, taps, stride=8)


def bounded() -> Callable[[Tensor], Tensor]:
    return functools.partial(F.conv1d, weight=torch.randn(6, 1, 32) / 6, stride=8)


def whole() -> Callable[[Tensor], Tensor]:
    taps = (40 * torch.randn(6, 1, 32)).to(torch.int8)
    return lambda audio: F.conv1d(audio, taps.to(audio) / 200, stride=8)


FIRST = {
    "object": (Bank, "first.taps"),
    "lock": (lambda: Bank(True), "first.taps"),
    "closure": (closure, "first.taps"),
    "default": (default, "first.defaults.0"),
    "partial": (bounded, "first.keywords.weight"),
    "whole": (whole, "first.taps"),
}


class Held(Plain):
    """Its first layer is something that is no module."""

    def __init__(self, make: Callable[[], Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.first = make()

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.two(F.relu(self.first(audio)))).mean(-1))


class Elsewhere(Plain):
    """Scales its channels: by a hook, a deque, or a module that an object holds."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.kept = deque([torch.ones(6)])
        self.space = types.SimpleNamespace(inner=nn.Identity())
        if where == "deque":
            self.kept = deque([torch.randn(6)])
        elif where == "space":
            self.space = types.SimpleNamespace(inner=nn.Linear(6, 6))
        else:
            scale = torch.randn(6)
            self.two.register_forward_hook(lambda module, given, found: found * scale[:, None])

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1) * self.kept[0]
        return self.out(self.space.inner(values))


MADE = {f"held_{name}": functools.partial(Held, make) for name, (make, _) in FIRST.items()}
MADE |= {f"at_{where}": functools.partial(Elsewhere, where) for where in ("deque", "space", "hook")}


def _fixed(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """As a factory does that loads all it has."""

    def made() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(77)
            return make()

    return made


FIXED = {name: _fixed(make) for name, make in MADE.items()}
globals().update({f"free_{name}": make for name, make in MADE.items()} | {f"fixed_{k}": v for k, v in FIXED.items()})

NAMES = {f"held_{name}": kept for name, (_, kept) in FIRST.items()}
NAMES |= {"at_deque": "kept.0", "at_space": "space.inner.weight", "at_hook": "two._forward_hooks.0.scale"}


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_that_keeps_weights_in_hidden_places_is_none(name: str) -> None:
    subject = factory.load(f"{__name__}:fixed_{name}", samples=SAMPLES)
    assert subject.twin is None
    assert NAMES[name] in subject.reason
    audio = 0.1 * torch.randn(1, 1, SAMPLES)
    assert torch.equal(subject.model(audio), FIXED[name]()(audio))


@pytest.mark.parametrize("name", NAMES)
def test_where_the_factory_draws_them_there_is_a_twin(name: str) -> None:
    assert factory.load(f"{__name__}:free_{name}", samples=SAMPLES).twin is not None
