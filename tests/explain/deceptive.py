"""Networks whose explanation would be false: each deceives in one thing, and is plain in all others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from tests.explain.strange import Plain


class Between(Plain):
    """Something between the two convolutions, and a ReLU before and behind it."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.two(self.function(F.relu(self.one(audio)) - 0.1))).mean(-1))


def by_numpy(h: Tensor) -> Tensor:
    return h * torch.from_numpy((h.detach().numpy() > 0).astype("f4"))


def by_array(h: Tensor) -> Tensor:
    return h * torch.as_tensor(np.asarray(h.detach()) > 0)


def by_list(h: Tensor) -> Tensor:
    return h * torch.tensor(h.detach().gt(0).tolist()).float()


def by_a_number(h: Tensor) -> Tensor:
    return h * max(max(max(h.detach().tolist())))


def by_dlpack(h: Tensor) -> Tensor:
    return h * torch.from_dlpack(np.from_dlpack(h.detach()) * 1)


def by_size(h: Tensor) -> Tensor:
    return h * (len((h > 0).nonzero()) / h.numel())


def by_chosen(h: Tensor) -> Tensor:
    return h - h.masked_select(h > 0).mean()


def by_unique(h: Tensor) -> Tensor:
    return h / len(h.round(decimals=2).unique())


def by_norm(h: Tensor) -> Tensor:
    return F.batch_norm(h, torch.zeros(6), torch.ones(6), weight=h.mean((0, 2)))


def by_thread(h: Tensor) -> Tensor:
    found = []

    def work() -> None:
        found.append(F.gelu(h))

    other = threading.Thread(target=work)
    other.start()
    other.join()
    return found[0]


def by_memory(h: Tensor) -> Tensor:
    mask = torch.empty(h.shape)
    mask.numpy()[:] = h.detach().numpy() > 0
    return h * mask


def by_fill(h: Tensor) -> Tensor:
    return h * torch.zeros(()).fill_(h.detach().mean())


def by_equality(h: Tensor) -> Tensor:
    return h if torch.equal(h, h.abs()) else 2 * h


LEAVING = (
    *(by_numpy, by_array, by_list, by_a_number, by_dlpack, by_size, by_chosen, by_unique, by_norm, by_thread),
    *(by_memory, by_fill, by_equality),
)
"""Gates whose values leave torch's operators, or whose size does."""


def weights_by_numpy(h: Tensor) -> Tensor:
    """A window that is made outside torch, the same for every signal."""
    return h * torch.from_numpy(np.hanning(h.shape[-1]).astype("f4"))


def lengths_by_list(h: Tensor) -> Tensor:
    """A mask from lengths, made by way of a list."""
    lengths = [h.shape[-1] - 3] * len(h)
    return h * torch.tensor([[[float(n < length) for n in range(h.shape[-1])]] for length in lengths])


def into_memory(h: Tensor) -> Tensor:
    """Written piece by piece into memory that holds anything."""
    found = torch.empty(len(h), 6, h.shape[-1] + 2)
    found[..., :2] = 0
    found[..., 2:] = h
    return found


INNOCENT = (weights_by_numpy, lengths_by_list, into_memory)
"""What does the like, and not to the signal."""


def half_detached(h: Tensor) -> Tensor:
    return torch.cat([h[:, :3], h[:, 3:].detach()], 1)


def levelled(h: Tensor) -> Tensor:
    return h / (h.pow(2).mean(-1, keepdim=True).sqrt().detach() + 1e-4)


def attended(h: Tensor) -> Tensor:
    return h * (20 * h).softmax(-1).detach() * h.shape[-1]


def quantised(h: Tensor) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(h, 0.05, 0, -128, 127)


def straight(h: Tensor) -> Tensor:
    return h + (h.sign() - h).detach()


def scaled_back(h: Tensor) -> Tensor:
    """The right gradient, but for a twentieth: an expression that is equal on the way there only."""
    return 1.05 * h - 0.05 * h.detach()


def stepped(h: Tensor) -> Tensor:
    """Zero gradients, and an answer that changes."""
    return (8 * h).round() / 8


def clipped(h: Tensor) -> Tensor:
    """Gradients are clipped by a hook."""
    h = 1 * h
    if h.requires_grad:
        h.register_hook(lambda gradient: gradient.clamp(-1e-6, 1e-6))
    return h


def coded(h: Tensor) -> Tensor:
    """The nearest of eight codes, straight through (van den Oord et al. 2017)."""
    codes = torch.linspace(-0.3, 0.3, 8, dtype=h.dtype)
    nearest = codes[(h.detach()[..., None] - codes).abs().argmin(-1)]
    return h + (nearest - h).detach()


def chosen(h: Tensor) -> Tensor:
    """One channel alone, by a softmax that is hard on the way there."""
    soft = (50 * h).softmax(1)
    hard = torch.zeros_like(soft).scatter(1, soft.argmax(1, keepdim=True), 1.0)
    return hard - soft.detach() + soft


FALSE = (half_detached, levelled, attended, quantised, straight, scaled_back, stepped, clipped, coded, chosen)
"""Their gradient is not how the answer changes."""


def rooted(h: Tensor) -> Tensor:
    return h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-4)


def softened(h: Tensor) -> Tensor:
    return h * (20 * h).softmax(-1) * h.shape[-1]


def single(h: Tensor) -> Tensor:
    """Computes in float32, whatever it is given."""
    return F.layer_norm(h.float(), h.shape[-1:]).to(h)


def compressed(h: Tensor) -> Tensor:
    return (h.square() + 1e-10).log()


def thresholded(h: Tensor) -> Tensor:
    """Jumps, but hardly ever within a step."""
    return torch.where(h > 0.05, h, torch.zeros_like(h))


TRUE = (rooted, softened, single, compressed, thresholded, F.gelu, torch.tanh)


class First(Plain):
    """Normalises by the level of the first sound that it ever heard."""

    level: Tensor | None = None

    def forward(self, audio: Tensor) -> Tensor:
        if self.level is None:
            self.level = audio.detach().square().mean().sqrt()
        return super().forward(audio / self.level)


class Counts(Plain):
    """Answers otherwise from the so-manieth question on."""

    def __init__(self, after: int = 30) -> None:
        super().__init__()
        self.left = after

    def forward(self, audio: Tensor) -> Tensor:
        self.left -= 1
        return super().forward(audio if self.left > 0 else audio.flip(-1))


class Crowded(Plain):
    """Minds the others from so many signals on."""

    def __init__(self, count: int = 8) -> None:
        super().__init__()
        self.count = count

    def forward(self, audio: Tensor) -> Tensor:
        if len(audio) >= self.count:
            audio = audio - audio.mean(0, keepdim=True)
        return super().forward(audio)


class Masked(Plain):
    """A class that it must not answer."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio).masked_fill(torch.tensor([False, True, False]), -torch.inf)


class Exits(Plain):
    def forward(self, audio: Tensor) -> Tensor:
        sys.exit(3)


class Namesakes(Plain):
    def forward(self, audio: Tensor) -> dict:
        found = super().forward(audio)
        return {3: found, "3": -found}


class Faint(Plain):
    """Answers in ten-millionths of a millionth."""

    def forward(self, audio: Tensor) -> Tensor:
        return 1e-13 * super().forward(audio).square()


class Kept(nn.Module):
    """Holds what training may change in places where one may forget it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 6, 32, stride=8), nn.BatchNorm1d(6, affine=False), nn.ReLU())
        self.out = nn.Linear(6, 3)
        self.register_buffer("window", torch.hann_window(6))

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(self.body(audio).mean(-1) * self.window)


def _loaded(change: Callable[[nn.Module], None], always: bool, kind: Callable[[], nn.Module] = Kept) -> nn.Module:
    """A network as its factory loads it: all of it, or only what `change` sets."""
    if not always:
        net = kind()
        change(net)
        return net
    with torch.random.fork_rng():
        torch.manual_seed(23)
        net = kind()
        change(net)
        return net


class Gain(Kept):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, audio: Tensor) -> Tensor:
        return self.gain * super().forward(audio)


class Shift(Kept):
    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.zeros(3, requires_grad=True)

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) + self.shift


class Average(Kept):
    """Keeps a moving average of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, audio: Tensor) -> Tensor:
        values = self.body(audio).mean(-1)
        if self.training:
            self.mean.mul_(0.9).add_(0.1 * values.mean(0).detach())
        return self.out((values - self.mean) * self.window)


def random_body() -> nn.Module:
    """Nothing is loaded: its window is a constant of its own."""
    return Kept()


def loads_gain() -> nn.Module:
    return _loaded(lambda net: net.gain.data.fill_(3.7), False, Gain)


def loads_shift() -> nn.Module:
    return _loaded(lambda net: net.shift.data.copy_(torch.tensor([0.3, -0.2, 0.5])), False, Shift)


def loads_average() -> nn.Module:
    return _loaded(lambda net: net.mean.copy_(torch.linspace(0.1, 0.6, 6)), False, Average)


def loads_buffer() -> nn.Module:
    """All weights, and a buffer of its own that no layer draws anew."""
    return _loaded(lambda net: net.window.mul_(1.3), True)


def loads_statistics() -> nn.Module:
    """The statistics of a layer of torch without parameters, which does reset them."""

    def change(net: nn.Module) -> None:
        net.window.fill_(1)
        net.body[1].running_mean.copy_(torch.linspace(-1, 1, 6))

    return _loaded(change, True)


def hides_a_layer() -> nn.Module:
    """In a list of its own, where torch does not see it."""

    def change(net: nn.Module) -> None:
        net.window.fill_(1)
        net.hidden = [nn.Linear(6, 6)]

    return _loaded(change, True)


def spectral() -> nn.Module:
    def change(net: nn.Module) -> None:
        net.window.fill_(1)
        parametrizations.spectral_norm(net.out)

    return _loaded(change, True)
