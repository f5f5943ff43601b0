"""Copies of a model that may be asked without a trace in it, and its own state put back."""

import copy
import random
import types
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elor.errors import UserError

GENERATORS = {
    torch.Generator: ("get_state", "set_state"),
    np.random.RandomState: ("get_state", "set_state"),
    random.Random: ("getstate", "setstate"),
}
"""Generators of random numbers, and how their state is read and set."""


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


def recordable(model: nn.Module) -> nn.Module:
    """A model that a gradient can pass: a copy of it, if it was made under `torch.inference_mode`.

    Raises:
        UserError: if it was, and cannot be copied.
    """
    if not any(isinstance(value, Tensor) and value.is_inference() for value in _held(model)):
        return model
    try:
        return copied(model)
    except Exception as error:
        raise UserError(
            f"The network was made under torch.inference_mode and cannot be copied ({error}); make it outside of that."
        ) from None


@contextmanager
def left_as_found(*models: nn.Module) -> Iterator[None]:
    """Put back what models count, keep or remember, and how far random numbers were drawn.

    That is their tensors (numbers, precision, the memory that they lie in), the attributes of their modules, and what
    is in lists, dicts, sets, arrays and generators among these, however deep, and in modules that torch does not see.
    Objects of other kinds, and what functions remember, are not followed.
    """
    chance = [torch.default_generator, np.random.get_state.__self__, random.getstate.__self__]
    chance += torch.cuda.default_generators if torch.cuda.is_initialized() else ()
    held = [value for model in models for value in _held(model, functions=False)]
    found = [(value, _content(value)) for value in (*held, *chance)]
    try:
        yield
    finally:
        with torch.no_grad():
            for value, content in found:
                if content is not None:
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
    places = {_place(value) for value in held} - {None}
    if common := [value for value in _held(fresh, functions=False) if _place(value) in places]:
        raise TypeError(f"its copies share a {type(common[0]).__name__} with it, by a __deepcopy__ of its own")
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


def _held(model: nn.Module, functions: bool = True) -> Iterator[Any]:
    """A model's modules and what they hold in attributes, hooks and containers, and what that holds in turn, each once.

    Args:
        functions: enter these too.
    """
    seen = {}  # by address, and kept, so that none is given out again
    left = [*model.buffers(), *model.parameters(), *reversed(list(model.modules()))]
    while left:
        value = left.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield value
            left += _parts(value, functions)


def _parts(value: Any, functions: bool) -> Iterable[Any]:
    """What something holds by itself."""
    if isinstance(value, nn.Module):
        own = {} if "_orig_mod" in value._modules else vars(value)  # compiled code copies itself
        return [part for key, part in own.items() if key != "_compiled_call_impl"]
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple, set, deque)):
        return value
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, types.MethodType):
        return (value.__self__,)
    if isinstance(value, types.FunctionType) and functions:
        return [cell.cell_contents for cell in value.__closure__ or () if is_filled(cell)]
    return (value.bit_generator,) if isinstance(value, np.random.Generator) else ()


def is_compiled(module: nn.Module) -> bool:
    """As a module that wraps another one, or in place."""
    return "_orig_mod" in module._modules or vars(module).get("_compiled_call_impl") is not None


def _place(value: Any) -> int | None:
    """Where a module, or the numbers of a tensor, are; None of anything else."""
    if isinstance(value, nn.Module):
        return id(value)
    try:
        storage = value.untyped_storage() if isinstance(value, Tensor) else None
        return storage._cdata if storage else None
    except (NotImplementedError, RuntimeError):  # sparse, say
        return None


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
    """What a module, a tensor, a container or a generator holds now; None of anything else."""
    if isinstance(value, nn.Module):
        return dict(vars(value))
    if isinstance(value, Tensor):
        return value.detach(), value.detach().clone()
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, (list, set, deque)):
        return list(value)
    if isinstance(value, np.ndarray):
        return value.copy() if value.flags.writeable else None
    if isinstance(value, np.random.BitGenerator):
        return value.state
    how = GENERATORS.get(type(value))
    return how and getattr(value, how[0])()


def _refill(value: Any, content: Any) -> None:
    """Give it back what it held."""
    if isinstance(value, nn.Module):
        _refill(vars(value), content)
    elif isinstance(value, Tensor):
        with torch.inference_mode(value.is_inference()):
            _rewrite(value, *content)
    elif isinstance(value, np.ndarray):
        value[...] = content
    elif isinstance(value, np.random.BitGenerator):
        value.state = content
    elif type(value) in GENERATORS:
        getattr(value, GENERATORS[type(value)][1])(content)
    elif isinstance(value, dict):
        if _other([*value, *value.values()], [*content, *content.values()]):
            value.clear()
            value.update(content)
    elif _other(list(value), content):
        value.clear()
        value.update(content) if isinstance(value, set) else value.extend(content)


def _other(now: list, then: list) -> bool:
    """Whether these are other objects, or in another order."""
    return len(now) != len(then) or any(one is not other for one, other in zip(now, then, strict=True))


def _rewrite(value: Tensor, place: Tensor, content: Tensor) -> None:
    """Give a tensor back its place in memory, and this what it held."""
    value.data = place
    now, then = (one if one.layout == torch.strided else one.to_dense() for one in (place, content))
    if not torch.equal(now, then):
        place.copy_(content)
