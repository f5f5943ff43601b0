"""Networks that do what a tool that explains does not expect of them, and twins of them that are plain."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def falls_alone(net: nn.Module, audio: Tensor) -> list[float]:
    """How far the logit of a sound's class falls without each 100 ms, every 50 ms, one at a time; (1, 1, samples)."""
    label, falls = int(net(audio).argmax()), []
    for start in range(0, audio.shape[-1] - 800, 800):
        masked = audio.clone()
        masked[..., start : start + 1_600] = 0
        falls.append(float((net(audio) - net(masked))[0, label]))
    return falls


class Plain(nn.Module):
    """Two convolutions with ReLU; the others differ from it in one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv1d(1, 6, 32, stride=8), nn.Conv1d(6, 6, 9, stride=4), nn.Linear(6, 3)

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.two(F.relu(self.one(audio)))).mean(-1))


class Halves(Plain):
    """Halves what it hears, in place where that is asked for."""

    def __init__(self, in_place: bool = True) -> None:
        super().__init__()
        self.in_place = in_place

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio.div_(2) if self.in_place else audio / 2)


class Noisy(Plain):
    """Adds noise to its answer, so much of it."""

    def __init__(self, level: float = 0.5) -> None:
        super().__init__()
        self.level = level

    def forward(self, audio: Tensor) -> Tensor:
        found = super().forward(audio)
        return found + self.level * torch.randn_like(found)


class DrawsForNothing(Plain):
    """Draws a number and does not use it, as layer drop does in evaluation."""

    def forward(self, audio: Tensor) -> Tensor:
        torch.rand([])
        return super().forward(audio)


class Remembers(Plain):
    """Answers the mean of what it says now and of what it said before."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None

    def forward(self, audio: Tensor) -> Tensor:
        found = super().forward(audio)
        last = found if self.last is None or self.last.shape != found.shape else self.last
        self.last = found.detach()
        return (found + last) / 2


class Keeps(Plain):
    """Answers to signals of one shape what it said to the first of them."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[torch.Size, Tensor] = {}

    def forward(self, audio: Tensor) -> Tensor:
        if audio.shape not in self.known:
            self.known[audio.shape] = super().forward(audio)
        return self.known[audio.shape]


class Answers(Plain):
    """Ends with something else than logits, under a name that no file can have."""

    def __init__(self, ends: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.ends = ends

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        return {"emo/tion": self.ends(super().forward(audio))}


class Same(Plain):
    """Answers the same to everything."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) * 0 + self.out.bias


class Crowd(Plain):
    """Normalises over the batch, in evaluation too."""

    def forward(self, audio: Tensor) -> Tensor:
        values = F.batch_norm(self.one(audio), None, None, training=True)
        return self.out(F.relu(self.two(F.relu(values))).mean(-1))


class One(Plain):
    """Takes a single signal."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio.view(1, 1, -1))


class Root(Plain):
    """The root of a power has no gradient in silence."""

    def forward(self, audio: Tensor) -> Tensor:
        level = self.one(audio).square().sum(1, keepdim=True).sqrt()
        return self.out(F.relu(level.repeat(1, 6, 1) - 0.5).mean(-1))


class Spectral(nn.Module):
    """Complex weights on a spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 65, dtype=torch.cfloat))

    def forward(self, audio: Tensor) -> Tensor:
        frames = torch.fft.rfft(audio[:, 0].unfold(-1, 128, 64))
        return torch.einsum("of,btf->bot", self.weight, frames).real.square().mean(-1)


def half() -> nn.Module:
    return Plain().to(torch.bfloat16)


def double() -> nn.Module:
    return Plain().double()


def lazy() -> nn.Module:
    return nn.Sequential(
        nn.LazyConv1d(6, 32, stride=8), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.LazyLinear(3)
    )


def _normed(norm) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        net = Plain()
        net.one, net.two = norm(net.one), norm(net.two)
        return net


def old_weight_norm() -> nn.Module:
    return _normed(nn.utils.weight_norm)


def old_spectral_norm() -> nn.Module:
    return _normed(nn.utils.spectral_norm)


def new_weight_norm() -> nn.Module:
    return _normed(nn.utils.parametrizations.weight_norm)


def new_spectral_norm() -> nn.Module:
    return _normed(nn.utils.parametrizations.spectral_norm)


def one_and_the_same() -> nn.Module:
    """The same object at every call."""
    return an_object


class Kept(Plain):
    """Its second layer is a copy of weights that `reset_parameters` does not reach."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.one = nn.Conv1d(1, 6, 32, stride=8)
        self.one.reset_parameters = lambda: None


an_object = old_weight_norm()


def softmaxed() -> nn.Module:
    torch.manual_seed(3)
    return Answers(lambda logits: logits.softmax(1)).eval()


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
