"""Untrained twins: the same network with weights drawn anew, or the reason why there is none."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from elor.explain.controls import untrained

ANOTHER = 1_000_003
"""Added to the seed of twins: drawn anew under the seed of its own, a network would become itself."""


def twin_of(made: Callable[[int], nn.Module], model: nn.Module) -> tuple[Callable[[int], nn.Module] | None, str]:
    """How to make an untrained network, or why that is impossible."""
    if not any(True for _ in model.parameters()):
        return None, "the network has no parameters in torch that could be drawn anew"
    if any(not isinstance(value, Tensor) or value.is_quantized for value in model.state_dict().values()):
        return None, "the network has quantised weights, which cannot be drawn anew"
    if not _shared(model, made(1)):
        return lambda seed: made(ANOTHER + seed).eval(), ""
    if stuck := sorted({type(module).__name__ for module in _drawn(model) if not _reset_of(module)}):
        return None, (
            f"the factory gives the same weights whatever the seed, and {', '.join(stuck)} has parameters but no "
            "reset_parameters to draw them anew"
        )
    try:
        blank = _copied(model)
    except Exception as error:
        return None, f"the factory loads weights itself, and the network cannot be copied: {said(error)}"
    return (lambda seed: untrained(lambda: _redrawn(blank), ANOTHER + seed)), ""


def different(model: nn.Module, twin: Callable[[int], nn.Module]) -> tuple[Callable[[int], nn.Module] | None, str]:
    """The twin, if it shares no weight with the network; else why there is none."""
    try:
        same = _shared(model, twin(0))
    except Exception as error:
        return None, f"drawing the network anew fails: {said(error)}"
    if same:
        some = ", ".join(same[:4]) + (", ..." if len(same) > 4 else "")
        return None, f"drawing the network anew leaves {some} as trained, so that a twin would be partly this network"
    return twin, ""


def _shared(one: nn.Module, other: nn.Module) -> list[str]:
    """Names of the weights that are the same in both and not constant: those of one have not been drawn at random."""
    pairs = zip(one.named_parameters(), other.parameters(), strict=True)
    return [name for (name, a), b in pairs if (a != a.flatten()[:1]).any() and torch.equal(a, b)]


def _drawn(model: nn.Module) -> list[nn.Module]:
    """The modules that draw parameters: those of a parametrisation are drawn by the module that it is of."""
    lists = [module for module in model.modules() if isinstance(module, parametrize.ParametrizationList)]
    within = {id(part) for each in lists for part in each.modules()}
    own = [module for module in model.modules() if id(module) not in within]
    return [m for m in own if parametrize.is_parametrized(m) or next(m.parameters(recurse=False), None) is not None]


def _reset_of(module: nn.Module) -> Callable[[], None] | None:
    return getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)


def _redrawn(model: nn.Module) -> nn.Module:
    """A copy whose modules have drawn their parameters, and reset their statistics, anew."""
    fresh = _copied(model)
    for module in _drawn(fresh):
        if reset := _reset_of(module):
            with torch.no_grad():
                _redraw(module, reset)
    return fresh


def _redraw(module: nn.Module, reset: Callable[[], None]) -> None:
    """Draw the parameters of a module anew, and those that a weight is derived from, so that they give this weight."""
    with parametrize.cached():  # `reset` writes into the derived weight, which would else be lost
        reset()
        weights = {name: getattr(module, name).clone() for name in getattr(module, "parametrizations", {})}
    for name, value in weights.items():
        setattr(module, name, value)
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm):
            getattr(module, f"{hook.name}_orig").copy_(getattr(module, hook.name))
        if isinstance(hook, WeightNorm):
            value = getattr(module, hook.name)
            getattr(module, f"{hook.name}_v").copy_(value)
            getattr(module, f"{hook.name}_g").copy_(torch.norm_except_dim(value, 2, hook.dim))


def _copied(model: nn.Module) -> nn.Module:
    """A deep copy; a weight that is derived from others stays behind, since torch does not copy it (weight_norm)."""
    derived = [
        (vars(module), name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    try:
        for attributes, name, value in derived:
            attributes[name] = value.detach()
        return copy.deepcopy(model)
    finally:
        for attributes, name, value in derived:
            attributes[name] = value


def said(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
