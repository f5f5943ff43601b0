"""What a number must be compared with before it means anything.

Models that have learned nothing, or only in part; maps of another class; other signals; signals without any model.
A saliency statistic that stays the same under them is one of the architecture, the method or the signal
(Adebayo et al., "Sanity checks for saliency maps", 2018).
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import irfft, prev_fast_len, rfft
from torch import Tensor, nn

from elor.device import seeded
from elor.errors import UserError
from elor.explain.doubts import Doubt
from elor.explain.model import Heads, evaluating
from elor.networks import MultiHeadNetwork

Module = TypeVar("Module", bound=nn.Module)

SHIFTS = 200


def untrained(factory: Callable[[], Module], seed: int) -> Module:
    """A model as its factory makes it, under a seed of its own; the global random state is left as it was.

    Raises:
        UserError: if the factory makes one and the same whatever the seed: it loads weights, or keeps its model.
    """
    with seeded(seed):
        model = factory()
    with seeded(seed + 1):
        other = factory()
    same = alike(model, other)
    if model is other or (same and len(same) == len(_drawn(model))):
        kind = "the same object again" if model is other else "the same weights under every seed"
        raise UserError(
            f"The factory returns {kind}, so that it makes no untrained model; let it make a new one at each call "
            "(without a cache), and load no weights."
        )
    if same:
        text = (
            f"The factory gives {', '.join(same[:4])} alike whatever the seed: if training changed that, this is no "
            "untrained model."
        )
        warnings.warn(Doubt(text, "factory"), stacklevel=2)
    return evaluating(model)


def calibrated(network: MultiHeadNetwork, inputs: Sequence[Tensor]) -> MultiHeadNetwork:
    """Give batch normalisations the statistics of some slices, as one step of training without learning would.

    Args:
        network: untrained; it is changed and returned.
        inputs: of the slices, as the network takes them.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0  # the running statistics become this batch's
    network.train()
    with torch.no_grad():
        network.features(*inputs)
    return network.eval()


def alike(one: nn.Module, other: nn.Module) -> list[str]:
    """Names of the weights that are the same in both and not constant: those of one have not been drawn at random."""
    drawn, pairs = _drawn(one), zip(one.named_parameters(), other.parameters(), strict=True)
    return [name for (name, a), b in pairs if name in drawn and torch.equal(a, b)]


def _drawn(model: nn.Module) -> set[str]:
    made = ((name, value) for name, value in model.named_parameters() if not nn.parameter.is_lazy(value))
    return {name for name, value in made if (value != value.flatten()[:1]).any()}


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
            some = ", ".join(sorted({name.rsplit(".", 1)[0] for name in state})[:8])
            raise UserError(f"The model has no part {part} with weights; its parts are {some}.")
    kept = {k: v for k, v in model.state_dict().items() if not any(f"{k}.".startswith(f"{p}.") for p in parts)}
    fresh.load_state_dict(state | kept)
    return evaluating(fresh)


def cascade(order: Sequence[str]) -> list[tuple[str, ...]]:
    """Cumulative sets of parts, from the top: (heads,), (heads, cnn.2), ...: model parameter randomisation (MPRT)."""
    return [tuple(order[: count + 1]) for count in range(len(order))]


def runner_up(logits: Heads) -> Heads:
    """Per head the second most probable class, (batch,); heads of a single output have none and are left out."""
    return {name: value.topk(2).indices[:, 1] for name, value in logits.items() if value.shape[1] > 1}


def model_free(signal: NDArray) -> dict[str, NDArray]:
    """ "Maps" that no model made: the signal, its magnitude, and the magnitude of its slope, (samples,) each."""
    return {"x": signal, "|x|": np.abs(signal), "|dx|": np.abs(np.diff(signal, prepend=signal[:1]))}


def shifted_range(cells: NDArray, level: NDArray, nearest: int) -> tuple[float, float] | None:
    """The middle 95 % of r between a signal and circular shifts of a map: what both share in spectrum alone.

    Their mean is nearly 0 whatever the map, so it is their spread that r must leave.

    Args:
        cells: the map, (cells,); up to a hundredth of it is cut off, to a length that is transformed fast.
        level: what it is correlated with, (cells,).
        nearest: a shift is at least so many cells, or a quarter of a map that is shorter than four times that.

    Returns:
        The 2.5th and the 97.5th percentile of `SHIFTS` shifts drawn at random, or of all if there are fewer; None where
        one of the two is constant, or too short to be shifted.
    """
    count = prev_fast_len(len(cells), real=True)
    a, b = (value[:count] - value[:count].mean() for value in (cells, level))
    scale, near = np.linalg.norm(a) * np.linalg.norm(b), min(nearest, count // 4)
    if not scale > 0 or near < 1:
        return None
    circular = irfft(np.conj(rfft(a)) * rfft(b), count)[near : count - near + 1] / scale
    if len(circular) > SHIFTS:
        circular = np.random.default_rng(count).choice(circular, SHIFTS, replace=False)
    low, high = np.percentile(circular, [2.5, 97.5])
    return float(low), float(high)
