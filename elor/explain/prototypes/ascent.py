"""Prototypes: signals that a network answers with a class most strongly (activation maximisation).

    paper mode   x* = arg max z_c(x) - lambda ||x||^2       Wieser et al. 2020, "Network-driven visualizations"
    level mode   x* = arg max z_c(x) with a given RMS       so that loudness is no artefact of lambda

z_c is the logit of a class, or plus or minus a head's single value; `climb: probability` puts the softmax's p_c in its
place, which the paper's words ("the output neuron") allow too. Each search starts from noise and goes uphill.
Where the gradient g of z is constant the first maximum is g / (2 lambda) and the second is g scaled to the level: call
it the aim. A step goes part of the way to it,

    x <- x + step T (aim - x),      and in level mode back onto the level.

T is the parametrisation. In `time` (the paper's) it is the identity. In `fourier` the search moves the Fourier
coefficients c of x = F^-1(S c) with amplitudes S ~ 1/f as natural sounds have them, flat below 200 Hz; steepest ascent
in c is T = F^-1 S^2 F in x, and the noise that it starts from has the spectrum S. Neither changes what is a maximum,
only which one is found, and that is the point: what both find is not the parametrisation's doing.

In level mode the first step goes all the way. Nothing but a penalty makes a search forget the noise to which the
network is deaf; without that step half of what was found was noise, the more of it the sooner a logit was saturated,
and every descriptor ranked the labels by that.

Every signal has a step size of its own: a step that does not climb is taken back and cuts it to a third, one that does
lets it grow by a fifth (the "bold driver" of Battiti, "First- and second-order methods for learning", 1992). So J never
falls, nothing must be tuned to a network's scale, and some 50 steps do. Tried once on the demonstration networks, and
not kept: Adam needed twice as many in `time`; in `fourier` its scaling of every coefficient undoes the 1/f, and it
ended where `time` does. Momentum and L-BFGS were no faster: the kinks of ReLUs and maxima spoil what they remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.backward import QuickBackward
from elor.explain.model import Heads, logits_of, prepared

Parametrisation = Literal["time", "fourier"]
Mode = Literal["paper", "level"]
Climb = Literal["logit", "probability"]

CORNER_HZ = 200.0
"""Below this the amplitudes of `fourier` are flat, about the pitch of a voice. Falling from 50 Hz on they led into
rumble of 30-110 Hz, at lower logits."""

FIRST_STEP, LONGER, SHORTER = 0.3, 1.2, 0.3
WINDOW = 10
"""Steps over which J must have come to rest."""

QUIET = 0.1
"""Level of the noise at the start in paper mode, as a share of the natural one: less of it has to be forgotten."""


Rows = TypeVar("Rows", np.ndarray, Tensor)


class Goal(NamedTuple):
    """What is maximised: the logit of a class; of a head with a single value, minus (0) or plus (1) that value."""

    head: str
    label: int


@dataclass(frozen=True)
class Ascent:
    """How prototypes are sought.

    Attributes:
        parametrisation, mode, climb: see above.
        steps: evaluations of the network per signal, at most; what has converged goes no further.
        restarts: starts from different noise; the same for all targets, so that labels differ by nothing else.
        penalty: lambda, in paper mode.
        level: RMS in level mode, and in paper mode ten times that of the noise at the start (full scale is 1).
        seed: of the noise.
        rate: samples per second.
        batch: signals at a time, which bounds the memory.
        tolerance: a search has converged if its last `WINDOW` steps brought less than this share of all that J has
            risen.
    """

    parametrisation: Parametrisation = "time"
    mode: Mode = "paper"
    climb: Climb = "logit"
    steps: int = 100
    restarts: int = 10
    penalty: float = 1e-2
    level: float = 0.05
    seed: int = 0
    rate: int = 16_000
    batch: int = 10
    tolerance: float = 0.05


@dataclass(frozen=True)
class Prototypes:
    """What was found.

    Attributes:
        signals: (targets, restarts, samples) float32.
        logits: (targets, restarts), z at the end, without the penalty, whatever was climbed.
        converged: (targets, restarts) bool; False where no gradient leads anywhere.
        history: (targets, restarts, steps), J after every step; it never falls, and stays once it has converged.
    """

    signals: np.ndarray
    logits: np.ndarray
    converged: np.ndarray
    history: np.ndarray


def prototypes(model: nn.Module, targets: Sequence[tuple[str, int]], how: Ascent, samples: int = 96_000) -> Prototypes:
    """Seek the signals that maximise each target, from several starts.

    Args:
        model: from (batch, 1, samples) to logits, see `elor.explain.model`. Left as it was found.
        targets: heads and labels, see `Goal`.
        how: how to seek.
        samples: length of the signals.

    Raises:
        UserError: if a target is not the model's, if it cannot be differentiated, or if a value of `how` makes no
            sense.
    """
    _check(how)
    every = [(Goal(*target), restart) for target in targets for restart in range(how.restarts)]
    parts = [every[first : first + how.batch] for first in range(0, len(every), how.batch)]
    with prepared(model):
        climbs = [_climb(model, part, how, samples) for part in parts]
    shape = (len(targets), how.restarts)
    signals, logits, gradients, history = (
        torch.cat([getattr(climb, name) for climb in climbs]).cpu().numpy()
        for name in ("signals", "logits", "gradients", "history")
    )
    led = gradients.any(1)
    return Prototypes(
        signals=signals.astype(np.float32).reshape(*shape, samples),
        logits=logits.astype(np.float64).reshape(shape),
        converged=(converged(history, how.tolerance) & led).reshape(shape),
        history=history.astype(np.float64).reshape(*shape, how.steps),
    )


def targets_of_heads(outputs: dict[str, int]) -> list[Goal]:
    """All targets of heads with so many outputs: every class; of a head with one value its low (0) and high (1) end."""
    return [Goal(head, label) for head, count in outputs.items() for label in range(max(count, 2))]


def converged(history: Rows, tolerance: float) -> Rows:
    """Whether J has come to rest, (..., steps) -> (...): the last window brought at most that share of its rise."""
    if history.shape[-1] <= WINDOW:
        return history[..., 0] != history[..., 0]  # too soon to tell: False
    last, before = history[..., -1], history[..., -1 - WINDOW]
    return last - before <= tolerance * (last - history[..., 0])


@dataclass
class _Climb:
    """Signals on their way (batch, samples), what the network makes of them, J, and the way that it took."""

    signals: Tensor
    logits: Tensor
    gradients: Tensor
    objective: Tensor
    history: Tensor

    def some(self, rows: Tensor) -> _Climb:
        """Some of the signals."""
        return _Climb(self.signals[rows], self.logits[rows], self.gradients[rows], self.objective[rows], self.history)

    def take(self, other: _Climb, rows: Tensor, here: Tensor) -> None:
        """Put the rows `here` of another climb in place of some of the signals."""
        for name in ("signals", "logits", "gradients", "objective"):
            getattr(self, name)[rows] = getattr(other, name)[here]


def _climb(model: nn.Module, part: Sequence[tuple[Goal, int]], how: Ascent, samples: int) -> _Climb:
    """Seek some targets, one signal each, until each has converged or the steps are used up."""
    targets = [target for target, _ in part]
    like = next(iter(model.parameters()), torch.empty(0))
    if like.dtype not in (torch.float32, torch.float64):  # signals stay in full precision
        like = like.new_empty(0, dtype=torch.float32)
    slope = _Slope(how, samples, like)
    now = slope.standing(model, torch.stack([slope.noise(restart) for _, restart in part]), targets)
    if how.mode == "level":
        now = slope.standing(model, slope.moved(now, torch.ones_like(now.objective)), targets)
    steps, rows = torch.full_like(now.objective, FIRST_STEP), torch.arange(len(part), device=now.objective.device)
    now.history = now.objective[:, None].repeat(1, how.steps)
    for step in range(1, how.steps):
        tried = slope.standing(model, slope.moved(now.some(rows), steps[rows]), [targets[row] for row in rows.tolist()])
        higher = tried.objective >= now.objective[rows]
        now.take(tried, rows[higher], higher)
        steps[rows] *= torch.where(higher, LONGER, SHORTER)
        now.history[:, step:] = now.objective[:, None]
        rows = rows[~converged(now.history[rows, : step + 1], how.tolerance)]
        if not len(rows):
            break
    return now


class _Slope:
    """The ground that is climbed: J, the noise at its foot, and the way up, for signals of one length."""

    def __init__(self, how: Ascent, samples: int, like: Tensor) -> None:
        self.how, self.samples, self.like = how, samples, like
        hertz = torch.fft.rfftfreq(samples, 1 / how.rate, dtype=like.dtype, device=like.device)
        self.amplitudes = CORNER_HZ / hertz.clamp(min=CORNER_HZ)  # S, at most 1

    def noise(self, restart: int) -> Tensor:
        """Where a restart begins, (samples,)."""
        white = np.random.default_rng([self.how.seed, restart]).standard_normal(self.samples)
        start = torch.from_numpy(white).to(self.like)
        shaped = self._shaped(start, self.amplitudes) if self.how.parametrisation == "fourier" else start
        return self._levelled(shaped) * (QUIET if self.how.mode == "paper" else 1.0)

    def standing(self, model: nn.Module, signals: Tensor, targets: Sequence[Goal]) -> _Climb:
        """What a network makes of signals (batch, samples)."""
        logits, heights, gradients = _evaluate(model, signals, targets, self.how.climb)
        objective = heights
        if self.how.mode == "paper":
            objective = heights - self.how.penalty * signals.square().sum(1)
        return _Climb(signals, logits, gradients, objective, torch.empty(0))

    def moved(self, now: _Climb, steps: Tensor) -> Tensor:
        """The signals after a step, (batch, samples)."""
        fourier, step = self.how.parametrisation == "fourier", steps[:, None]
        if self.how.mode == "paper":
            way = now.gradients / (2 * self.how.penalty) - now.signals
            return now.signals + step * (self._shaped(way, self.amplitudes**2) if fourier else way)
        aim = self._shaped(now.gradients, self.amplitudes**2) if fourier else now.gradients
        return self._levelled(now.signals + step * (self._levelled(aim) - now.signals))

    def _levelled(self, signals: Tensor) -> Tensor:
        """Scaled to the level; zeros stay. By a reciprocal root: torch's root has other bits on Intel than on AMD."""
        power = signals.square().mean(-1, keepdim=True)
        return signals * (self.how.level * power.clamp(min=torch.finfo(power.dtype).tiny).rsqrt())

    def _shaped(self, signals: Tensor, response: Tensor) -> Tensor:
        """Filtered by a response (frequencies,), without a delay."""
        return torch.fft.irfft(torch.fft.rfft(signals) * response, self.samples)


def _evaluate(
    model: nn.Module, signals: Tensor, targets: Sequence[Goal], climb: Climb
) -> tuple[Tensor, Tensor, Tensor]:
    """The logits (batch,), what is climbed (batch,), and its gradient by the signals (batch, samples)."""
    leaf = signals.detach()[:, None].requires_grad_()
    heads = logits_of(model, leaf)
    chosen = torch.stack([_chosen(heads, row, target) for row, target in enumerate(targets)])
    logits = chosen.detach()
    if climb == "probability":
        rows = [heads[target.head][row] for row, target in enumerate(targets)]
        every = zip(rows, targets, chosen, strict=True)  # a single value has no probability and stays
        chosen = torch.stack([row.softmax(0)[t.label] if len(row) > 1 else z for row, t, z in every])
    if not chosen.requires_grad:
        raise UserError("The model cannot be differentiated by the signal, so it has no prototypes to climb to.")
    with QuickBackward():
        (gradient,) = torch.autograd.grad(chosen.sum(), leaf)
    return logits, chosen.detach(), gradient[:, 0]


def _chosen(heads: Heads, row: int, target: Goal) -> Tensor:
    """What one signal maximises, a scalar."""
    if target.head not in heads:
        raise UserError(f"The model has no head {target.head}; its heads are {', '.join(heads)}.")
    outputs = heads[target.head][row]
    if not 0 <= target.label < max(len(outputs), 2):
        raise UserError(f"Head {target.head} has the classes 0..{max(len(outputs), 2) - 1}, not {target.label}.")
    if len(outputs) == 1:
        return outputs[0] if target.label else -outputs[0]
    return outputs[target.label]


def _check(how: Ascent) -> None:
    """Refuse what could only end in silence or an endless climb."""
    if how.parametrisation not in get_args(Parametrisation) or how.mode not in get_args(Mode):
        raise UserError(
            f"There is no search {how.mode}, {how.parametrisation}; modes are {', '.join(get_args(Mode))}, "
            f"parametrisations {', '.join(get_args(Parametrisation))}."
        )
    if how.climb not in get_args(Climb):
        raise UserError(f"A search climbs the {' or the '.join(get_args(Climb))}, not the {how.climb}.")
    for name in ("penalty", "level", "restarts", "batch"):
        if not getattr(how, name) > 0:
            raise UserError(f"The {name} of a search for prototypes is {getattr(how, name)}; it must be positive.")
    if how.steps < 2:
        raise UserError(f"A search for prototypes has steps = {how.steps}, which leads nowhere; give it two at least.")
