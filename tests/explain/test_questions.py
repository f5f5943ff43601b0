"""Networks that answer by more than the sound, or whose gradient is another's: named truly, or asked another way."""

from __future__ import annotations

import functools
import os
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.any_network.subjects import Alone, Subject, made_repeatable
from elor.explain.attribution import gradient
from elor.explain.controls import untrained
from elor.explain.erasure import baselines, erasure
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients, noise_like
from elor.explain.model_copies import copied
from elor.explain.occlusion import occlusion
from tests.explain.strange import Locked, Plain, falls_alone
from tests.explain.test_strange import made

SAMPLES = 8_000


def voice(seed: int = 0, count: int = 1) -> Tensor:
    """Noise with a loud and a quiet half, within -1..1."""
    found = torch.randn(count, 1, SAMPLES, generator=torch.Generator().manual_seed(seed)).clamp(-3, 3) / 3
    found[..., SAMPLES // 2 :] *= 0.01
    return found


class Framed(nn.Module):
    """Frames, and something over them."""

    def __init__(self, over: nn.Module) -> None:
        super().__init__()
        self.frames, self.over, self.out = nn.Conv1d(1, 8, 400, stride=200), over, nn.Linear(8, 3)

    def forward(self, audio: Tensor) -> Tensor:
        found = self.over(self.frames(audio).transpose(1, 2))
        return self.out((found[0] if isinstance(found, tuple) else found).mean(1))


def recurrent() -> nn.Module:
    """The batch is its time, since `batch_first` was forgotten."""
    return Framed(nn.GRU(8, 8))


def attending() -> nn.Module:
    return Framed(nn.TransformerEncoderLayer(8, 2, 16))


class Dithers(Plain):
    """Noise from a seed of its own: every row gets another one."""

    def forward(self, audio: Tensor) -> Tensor:
        noise = torch.randn(audio.shape, generator=torch.Generator().manual_seed(1))
        return super().forward(audio + 0.05 * noise)


class Drops(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        kept = torch.rand(len(audio), 3, generator=torch.Generator().manual_seed(3)) > 0.3
        return super().forward(audio) * kept


class AddsUp(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio).cumsum(0)


class Shares(Plain):
    """Softmax over the batch: alone it always says the same."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio).softmax(0)


@pytest.mark.parametrize("kind", [recurrent, attending, Dithers, Drops, AddsUp, Shares])
def test_the_place_in_a_batch_is_noticed_at_every_row(kind) -> None:
    net, audio = made(kind), voice()
    with torch.no_grad(), pytest.warns(UserWarning, match="one signal at a time.*depends on the signals beside it"):
        drops = occlusion(net, audio)["output"][0]
    assert drops.tolist() == pytest.approx(falls_alone(net, audio), abs=1e-6)
    assert isinstance(made_repeatable(Subject("net", net, None), audio)[0].model, Alone)
    with pytest.raises(UserError, match="depends on the signals beside it"):
        gradient(net, voice(count=3))


class Single(Plain):
    """Takes no two signals, and has much to say about it."""

    def forward(self, audio: Tensor) -> Tensor:
        if len(audio) > 1:
            raise ValueError("one at a time; or else (two) fail: always")
        return super().forward(audio)


def test_why_it_is_asked_alone_is_said_in_full() -> None:
    with pytest.warns(UserWarning, match=r"one signal at a time: .*one at a time; or else \(two\) fail: always\."):
        found = occlusion(made(Single), voice())
    torch.testing.assert_close(found["output"], occlusion(made(Plain), voice())["output"])


def test_deletion_asks_alone_what_minds_company() -> None:
    audio, scores = voice()[0, 0], baselines(voice()[0, 0], seed=1)
    with pytest.warns(UserWarning, match="one signal at a time"):
        found = erasure(made(recurrent), audio, "output", 1, scores, SAMPLES)
    assert found == erasure(Alone(made(recurrent)), audio, "output", 1, scores, SAMPLES)


class Keeps(Plain):
    """Keeps its answers by something of the sound."""

    def __init__(self, key) -> None:
        super().__init__()
        self.key, self.known = key, {}

    def forward(self, audio: Tensor) -> Tensor:
        answers = [self.known.setdefault(self.key(one), super(Keeps, self).forward(one[None])) for one in audio]
        return torch.cat(answers)


KEYS = {
    "beginning": lambda one: tuple(one[0, :200].tolist()),
    "end": lambda one: tuple(one[0, -200:].tolist()),
    "middle": lambda one: one[0, SAMPLES // 2 - 300].item(),
    "level": lambda one: round(one.square().mean().log10().item(), 1),
    "peak": lambda one: one.abs().max().item(),
    "length": lambda one: one.shape,
    "signs": lambda one: tuple((one[0, ::50] > 0).tolist()),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", [gradient, occlusion, integrated_gradients])
def test_answers_that_are_kept_by_a_part_of_the_sound_are_noticed(method, key: str) -> None:
    with pytest.raises(UserError, match="depends on what it was asked before"):
        method(made(Keeps, KEYS[key]), voice())


EVERYWHERE: dict = {}


class KeepsElsewhere(Keeps):
    """Keeps them where a copy finds them too."""

    def __init__(self, key) -> None:
        super().__init__(key)
        EVERYWHERE.clear()

    @property
    def known(self) -> dict:
        return EVERYWHERE

    @known.setter
    def known(self, value: dict) -> None:
        pass


@pytest.mark.parametrize("key", ["beginning", "end", "middle", "peak"])
def test_answers_that_are_kept_outside_the_network_are_noticed(key: str) -> None:
    with pytest.raises(UserError, match="depends on what it was asked before"):
        occlusion(made(KeepsElsewhere, KEYS[key]), voice())


class Deaf(nn.Module):
    """Hears neither sign nor level: power spectra of what is divided by its peak, then a logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(129, 3)

    def forward(self, audio: Tensor) -> Tensor:
        scaled = (audio / audio.abs().amax(-1, keepdim=True).clamp(min=1e-9)).squeeze(1)
        power = torch.stft(scaled, 256, 128, window=torch.hann_window(256).to(audio), return_complex=True).abs() ** 2
        return self.out((power + 1e-6).log().mean(-1))


@pytest.mark.parametrize("method", [gradient, occlusion])
def test_equal_answers_to_sounds_that_a_network_cannot_tell_apart_are_no_memory(method) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(made(Deaf), voice())


class Entropic(Plain):
    """Chance that no generator of numbers knows of."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) + int.from_bytes(os.urandom(2), "big") / 2**16


def test_chance_from_the_system_is_called_chance() -> None:
    with pytest.raises(UserError, match="depends on chance"):
        occlusion(made(Entropic), voice())


class Hooked(Plain):
    """A hook keeps what the first layer says in a place that it knows by itself: a copy must have its own."""

    def __init__(self) -> None:
        super().__init__()
        kept = self.kept = {}

        def keep(module: nn.Module, given: tuple, found: Tensor, into=self) -> None:
            kept["one"] = found
            into.latest = found

        self.one.register_forward_hook(keep)

    def forward(self, audio: Tensor) -> Tensor:
        self.one(audio)
        return self.out(F.relu(self.two(F.relu(self.kept["one"] + self.latest))).mean(-1))


class Twice(Plain):
    """The truth for `Hooked`."""

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.two(F.relu(2 * self.one(audio)))).mean(-1))


@pytest.mark.parametrize("method", [gradient, occlusion, guided_backprop])
def test_hooks_that_write_into_the_network_are_its_own(method) -> None:
    net = made(Hooked)
    net(voice(1))
    torch.testing.assert_close(method(net, voice()), method(made(Twice), voice()))


def test_what_a_network_counts_and_keeps_is_left_as_found() -> None:
    for method in (gradient, occlusion, integrated_gradients, guided_backprop):
        net = made(Locked)
        net(voice())
        heard, seen = net.heard, net.seen
        method(net, voice())
        assert (net.calls, net.seen.item(), net.heard) == (1, 1, [1])
        assert net.heard is heard
        assert net.seen is seen


class Logarithm(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) * audio.square().mean((1, 2)).log()[:, None]


def test_a_path_from_where_there_is_no_answer_is_refused() -> None:
    with pytest.raises(UserError, match=r"to the baseline.*noise_like"):
        integrated_gradients(made(Logarithm), voice())
    path = integrated_gradients(made(Logarithm), voice(), baseline=noise_like(voice()))
    assert path.error()["output"].item() < 0.01


def test_a_factory_that_keeps_its_network_makes_no_twin() -> None:
    with pytest.raises(UserError, match="the same object again"):
        untrained(functools.lru_cache(Plain), seed=1)
    net = made(Plain)
    with pytest.raises(UserError, match="the same weights under every seed"):
        untrained(lambda: copied(net), seed=1)

    def half() -> nn.Module:
        fresh = Plain()
        fresh.one.load_state_dict(net.one.state_dict())
        return fresh

    with pytest.warns(UserWarning, match=r"one\.weight, one\.bias alike"):
        assert not torch.equal(untrained(half, seed=1).two.weight, net.two.weight)


def test_a_program_without_evaluation_mode_is_refused_in_one_sentence() -> None:
    program = torch.export.export(made(Plain), (voice(),)).module()
    with pytest.raises(UserError, match="has no evaluation mode"):
        occlusion(program, voice())
