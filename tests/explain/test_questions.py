"""Networks that answer by more than the sound, or whose gradient is another's: named truly, or asked another way."""

from __future__ import annotations

import functools
import os
import threading
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor import products
from elor.errors import UserError
from elor.explain.any_network.subjects import Alone, Subject, steadied
from elor.explain.attribution import gradient
from elor.explain.controls import untrained
from elor.explain.copies import copied
from elor.explain.erasure import baselines, erasure
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients, noise_like
from elor.explain.occlusion import occlusion
from tests.explain.strange import Plain
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
    label, expected = int(net(audio).argmax()), []
    for start in range(0, SAMPLES - 800, 800):
        masked = audio.clone()
        masked[..., start : start + 1_600] = 0
        expected.append(float((net(audio) - net(masked))[0, label].detach()))
    assert drops.tolist() == pytest.approx(expected, abs=1e-6)
    assert isinstance(steadied(Subject("net", net, None), audio)[0].model, Alone)
    with pytest.raises(UserError, match="depends on the signals beside it"):
        gradient(net, voice(count=3))


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


class Locked(Plain):
    """Holds what cannot be copied, and counts."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.lock, self.calls, self.heard, self.share = threading.Lock(), 0, [], share
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, audio: Tensor) -> Tensor:
        with self.lock:
            self.calls += 1
            self.heard.append(len(audio))
            self.seen += 1
        found = super().forward(audio)
        return found - self.share * (found - found.detach())


def test_a_lock_is_shared_with_the_copy_and_the_gradient_is_checked_all_the_same() -> None:
    twin = copied(net := made(Locked))
    assert twin.lock is net.lock
    assert twin.one.weight is not net.one.weight
    assert gradient(net, voice())["output"].any()
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Locked, 0.03), voice())


def test_what_a_network_counts_and_keeps_is_left_as_found() -> None:
    for method in (gradient, occlusion, integrated_gradients, guided_backprop):
        net = made(Locked)
        net(voice())
        heard, seen = net.heard, net.seen
        method(net, voice())
        assert (net.calls, net.seen.item(), net.heard) == (1, 1, [1])
        assert net.heard is heard
        assert net.seen is seen


class Ranged(Plain):
    """Insists on its range, and takes float32 only; its gradient lacks a share."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.share = share

    def forward(self, audio: Tensor) -> Tensor:
        if audio.abs().max() > 1 or audio.dtype != torch.float32:
            raise ValueError("not such a sound")
        found = super().forward(audio)
        return found - self.share * (found - found.detach())


def test_probes_stay_in_the_range_of_the_sound() -> None:
    audio = (1.2 * voice()).clamp(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradient(made(Ranged), audio)["output"].any()
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Ranged, 0.1), audio)


class Particular(Plain):
    """Takes this very sound, and no other that is nearly the same."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = voice()

    def forward(self, audio: Tensor) -> Tensor:
        if 0 < (audio - self.sound).abs().amax() < 0.04:
            raise ValueError("not quite this sound")
        return super().forward(audio)


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.warns(UserWarning, match=r"could not be checked \(.*not quite this sound"):
        gradient(made(Particular), voice())


class Recorded(Plain):
    """Answers otherwise while gradients are recorded."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio if torch.is_grad_enabled() else audio.flip(-1))


def test_another_answer_while_gradients_are_recorded_is_refused() -> None:
    with pytest.raises(UserError, match="depends on whether gradients are recorded"):
        gradient(made(Recorded), voice())
    assert occlusion(made(Recorded), voice())["output"].any()


class Gate(torch.autograd.Function):
    """Lets through what is loud; the way back is that of all."""

    @staticmethod
    def forward(ctx, audio: Tensor) -> Tensor:
        return audio * (audio.abs() > 0.005)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class Gated(Plain):
    def __init__(self, straight: bool = True) -> None:
        super().__init__()
        self.straight = straight

    def forward(self, audio: Tensor) -> Tensor:
        if not self.straight:
            return super().forward(torch.where(audio.abs() > 0.005, audio, torch.zeros_like(audio)))
        return super().forward(Gate.apply(audio))


def test_a_gate_that_closes_on_quiet_samples_alone_is_noticed() -> None:
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Gated), voice())
    assert not gradient(made(Gated, False), voice())["output"][0, -2_000:][voice()[0, 0, -2_000:].abs() < 0.005].any()


class Detaches(Plain):
    """Detaches all but the first of a batch."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(torch.cat([audio[:1], 0.5 * audio[1:] + 0.5 * audio[1:].detach()]))


def test_the_gradient_of_every_row_is_checked() -> None:
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Detaches), voice(count=2))


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


class Products(Plain):
    """The package's own product of matrices, by a weight or by itself."""

    def __init__(self, itself: bool = False) -> None:
        super().__init__()
        self.itself = itself

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.one(audio))
        h = products.bmm(h, h.mT) if self.itself else products.bmm(self.two.weight[:, :, 0].expand(len(h), -1, -1), h)
        return self.out(h.mean(-1))


class TorchsProducts(Plain):
    """The truth for `Products`."""

    def forward(self, audio: Tensor) -> Tensor:
        return self.out((self.two.weight[:, :, 0] @ F.relu(self.one(audio))).mean(-1))


def test_products_are_seen_and_differentiated() -> None:
    one, other = (torch.randn(3, 4, 5, dtype=torch.complex128, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: products.bmm(a, b.mT), (one, other))
    torch.testing.assert_close(products.bmm(one, other.mT), torch.bmm(one, other.mT))
    for method in (gradient, guided_backprop):
        torch.testing.assert_close(method(made(Products), voice()), method(made(TorchsProducts), voice()))
    with pytest.raises(UserError, match="a product of the signal with itself"):
        guided_backprop(made(Products, True), voice())


def test_a_network_is_not_trusted_for_the_name_of_its_module() -> None:
    class Hidden(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            return torch.from_numpy(F.relu(self.one(audio)).detach().numpy().mean(-1)[:, :3]) + 0 * super().forward(
                audio
            )

    Hidden.__module__ = "elor.networks"
    with pytest.raises(UserError, match=r"Guided backpropagation is defined|cannot be differentiated"):
        guided_backprop(made(Hidden), voice())


class Binary(torch.autograd.Function):
    """Signs in single precision whatever comes in, their gradient straight through."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return (value > 0).float() * 2 - 1

    @staticmethod
    def backward(ctx, gradient_: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        return gradient_ * (value.abs() < 1)


class Binarised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv1d(1, 8, 40, 10), nn.Conv1d(8, 8, 20, 10), nn.Linear(8, 4)

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(Binary.apply(self.two(Binary.apply(5 * self.one(audio)))).mean(-1))


@pytest.mark.parametrize("seed", range(6))
def test_a_step_that_cannot_tell_speaks_for_no_gradient(seed: int) -> None:
    torch.manual_seed(seed)
    told = ""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            gradient(Binarised().eval(), voice(seed))
        except UserError as error:
            told = str(error)
    assert "gradient" in told or any("how the answer changes" in str(one.message) for one in said)


def test_a_program_without_evaluation_mode_is_refused_in_one_sentence() -> None:
    program = torch.export.export(made(Plain), (voice(),)).module()
    with pytest.raises(UserError, match="has no evaluation mode"):
        occlusion(program, voice())
