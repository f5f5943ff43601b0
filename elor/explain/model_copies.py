"""Copies of a model that may be asked without a trace in it, and its own state put back."""

import copy
import types
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CONTAINERS = (list, dict, set, deque)
OWN = ("_parameters", "_buffers", "_modules")
"""Where torch keeps a module's tensors and parts."""


def copied(model: nn.Module) -> nn.Module:
    """A deep copy that shares nothing with the model that a copy can have of its own.

    Hooks that name the model, or a list that they fill, name those of the copy. Of what was computed (a weight that is
    derived from others, an activation that was kept) the copy has the numbers, and not their history. What cannot be
    copied is shared: a lock, a session.
    """
    with torch.no_grad():  # TorchScript copies by an operation that would have a gradient
        try:
            return _copy(model, ())
        except Exception:  # some part of it cannot be copied, which may be anything
            return _copy(model, list(_uncopyable(model)))


def spare(model: nn.Module) -> nn.Module:
    """A copy that may be asked without a trace in the model; the model itself if it cannot be copied."""
    try:
        return copied(model)
    except Exception:  # whatever the user's code says to that
        return model


@contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Put back what a model counts, keeps or remembers: its weights and buffers, and the attributes of its modules."""
    found = [
        (place, {key: (value, None if key in OWN else _content(value)) for key, value in place.items()})
        for module in model.modules()
        for place in (vars(module), module._buffers, module._parameters, module._modules)
        if isinstance(place, dict)  # TorchScript keeps its own
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for place, before in found:
                for key in place.keys() - before.keys():
                    del place[key]
                for key, (value, content) in before.items():
                    place[key] = value
                    _refill(value, content)


def _copy(model: nn.Module, shared: Iterable[Any]) -> nn.Module:
    memo: dict[int, Any] = {id(value): value for value in shared}
    held = list(_held(model))
    functions = [value for value in held if isinstance(value, types.FunctionType) and _remembers(value)]
    for value in held:
        if isinstance(value, Tensor) and not value.is_leaf:
            memo[id(value)] = value.detach().clone()
    for function in functions:
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        memo[id(function)] = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, None, cells or None
        )
    fresh = copy.deepcopy(model, memo)
    for function in functions:
        twin = memo[id(function)]
        for name in ("__defaults__", "__kwdefaults__", "__dict__"):
            setattr(twin, name, _own(getattr(function, name), memo))
        for cell, old in zip(twin.__closure__ or (), function.__closure__ or (), strict=True):
            if is_filled(old):
                cell.cell_contents = _own(old.cell_contents, memo)
    return fresh


def _own(value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:
        return value


def _held(model: nn.Module) -> Iterator[Any]:
    """What a model's modules hold in attributes, hooks and containers, and what the functions among it hold in turn."""
    seen = set()
    own = [module for module in model.modules() if not hasattr(module, "_orig_mod")]  # compiled code copies itself
    left = [value for module in own for key, value in vars(module).items() if key != "_compiled_call_impl"]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, types.FunctionType):
            left += [cell.cell_contents for cell in value.__closure__ or () if is_filled(cell)]
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple, set, deque)):
            left += value
        elif callable(getattr(value, "func", None)):  # functools.partial
            left.append(value.func)


def _remembers(function: types.FunctionType) -> bool:
    return bool(function.__closure__ or function.__defaults__ or function.__kwdefaults__)


def is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _uncopyable(model: nn.Module) -> Iterator[Any]:
    """Attributes of a model's modules that cannot be copied."""
    for module in model.modules():
        for value in vars(module).values():
            for part in value.values() if isinstance(value, dict) else (value,):
                if not isinstance(part, (nn.Module, Tensor)):
                    try:
                        copy.deepcopy(part)
                    except Exception:
                        yield part


def _content(value: Any) -> Any:
    """What a container, a tensor or an array holds now; None of anything else."""
    if isinstance(value, Tensor):
        return value.detach().clone() if value.is_leaf else None
    return copy.copy(value) if isinstance(value, (*CONTAINERS, np.ndarray)) else None


def _refill(value: Any, content: Any) -> None:
    """Give it back what it held."""
    if isinstance(content, Tensor) and value.shape != content.shape:
        value.set_(content)
    elif isinstance(content, Tensor):
        now, then = (one if one.layout == torch.strided else one.to_dense() for one in (value, content))
        if not torch.equal(now, then):
            value.detach().copy_(content)
    elif isinstance(content, np.ndarray):
        value[...] = content
    elif content is not None:
        value.clear()
        value.extend(content) if isinstance(content, (list, deque)) else value.update(content)
