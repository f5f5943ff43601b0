"""What a number must be compared with before it means anything.

Models that have learned nothing, or only in part; maps of another class; other signals; signals without any model.
A saliency statistic that stays the same under them is one of the architecture, the method or the signal
(Adebayo et al., "Sanity checks for saliency maps", 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.model import Heads

Module = TypeVar("Module", bound=nn.Module)

SHIFTS = 200


def untrained(factory: Callable[[], Module], seed: int) -> Module:
    """A model as its factory makes it, under a seed of its own; the global random state is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return factory().eval()


def partly_untrained(model: Module, fresh: Module, parts: Iterable[str]) -> Module:
    """A trained model with some submodules put back to their untrained state.

    Args:
        model: trained; not changed.
        fresh: an untrained model of the same kind, which is changed and returned.
        parts: names of submodules (`heads`, `cnn.2`); what lies below them counts.

    Raises:
        UserError: if a name fits nothing.
    """
    parts = tuple(parts)
    state = fresh.state_dict()
    for part in parts:
        if not any(f"{name}.".startswith(f"{part}.") for name in state):
            raise UserError(f"The model has no part {part} with weights; its parts are {_some_parts(state)}.")
    kept = {k: v for k, v in model.state_dict().items() if not any(f"{k}.".startswith(f"{p}.") for p in parts)}
    fresh.load_state_dict(state | kept)
    return fresh.eval()


def cascade(order: Sequence[str]) -> list[tuple[str, ...]]:
    """Cumulative sets of parts, from the top: (heads,), (heads, cnn.2), ...: model parameter randomisation (MPRT)."""
    return [tuple(order[: count + 1]) for count in range(len(order))]


def runner_up(logits: Heads) -> Heads:
    """Per head the second most probable class, (batch,); heads of a single output have none and are left out."""
    return {name: value.topk(2).indices[:, 1] for name, value in logits.items() if value.shape[1] > 1}


def model_free(signal: NDArray) -> dict[str, NDArray]:
    """ "Maps" that no model made: the signal, its magnitude, and the magnitude of its slope, (samples,) each."""
    return {"x": signal, "|x|": np.abs(signal), "|dx|": np.abs(np.diff(signal, prepend=signal[:1]))}


def mean_shift(signal: NDArray, seed: int, shifts: int = SHIFTS, nearest: int = 800) -> NDArray:
    """The mean of circularly shifted copies of a signal, (samples,).

    The mean r of a map with the shifted signals is what the two share in spectrum and level alone. Since r is linear in
    the signal, that mean is m a / (|b| |a|), with this m, the centred map a and the centred signal b: one dot product
    per map in place of one per shift.

    Args:
        signal: (samples,).
        seed: of the shifts, drawn with replacement.
        shifts: how many.
        nearest: a shift is at least so many samples (50 ms), or a quarter of a signal that is shorter than four times
            that.
    """
    count = len(signal)
    near = min(nearest, count // 4)
    lags = np.random.default_rng(seed).integers(near, count - near + 1, size=shifts)
    drawn = np.bincount(lags % count, minlength=count) / shifts
    size = next_fast_len(2 * count, real=True)
    linear = irfft(np.conj(rfft(drawn, size)) * rfft(signal - signal.mean(dtype=np.float64), size), size)
    circular = linear[:count].copy()  # zero-padded and folded back: fast for any length
    circular[1:] += linear[size - count + 1 :]
    return circular


def _some_parts(state: dict[str, Tensor]) -> str:
    return ", ".join(sorted({name.rsplit(".", 1)[0] for name in state})[:8])
