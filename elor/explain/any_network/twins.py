"""Untrained twins: the same network with weights drawn anew, or the reason why there is none.

A twin must differ from the network in every tensor that training may have changed: weights, but also a scale of one
element, the statistics that a layer keeps, tensors that are plain attributes. A factory whose weights follow the seed
makes the twin; where it gives the same network whatever the seed, the modules of a copy draw anew, and what they leave
as it was is found by filling the copy with NaN first.
"""

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from elor.device import seeded
from elor.explain.any_network.files_read import noticed, other_numbers
from elor.explain.controls import alike, untrained
from elor.explain.doubts import shortened
from elor.explain.model import evaluating
from elor.explain.model_copies import copied, is_filled

ANOTHER = 1_000_003
"""Added to the seed of twins: drawn anew under the seed of its own, a network would become itself."""

POWERS = 30
"""Iterations until the vectors of a spectral norm are those of the weight that was drawn."""

Twin = Callable[[int], nn.Module]
Held = dict[str, tuple[Tensor, str]]
"""Tensors by name, and where what holds them is defined."""

TORCHS = ("torch.", "torchaudio.")
"""Modules whose constants are known to be some."""

LIBRARIES = {"torch", "torchaudio", "numpy", *sys.stdlib_module_names}
"""Of whose objects only modules are looked into: graphs and loggers are large, and hold no weights."""

WHOLE = (torch.int8, torch.uint8, torch.int16)
"""What quantised weights are kept in."""


def twin_of(
    made: Twin, model: nn.Module, filled: bool, samples: int, files: set[str] | None = None
) -> tuple[Twin | None, str]:
    """How to make an untrained network, or why that is impossible.

    Args:
        made: calls the factory under a seed.
        model: what it made, with its weights.
        filled: whether those came from a file; else from the factory.
        samples: of a signal that it takes.
        files: of numbers that were read when it was made.
    """
    if not any(True for _ in model.parameters()):
        return None, "the network has no parameters in torch that could be drawn anew"
    if any(not isinstance(value, Tensor) or value.is_quantized for value in model.state_dict().values()):
        return None, "the network has quantised weights, which cannot be drawn anew"
    fresh, one = made(0), made(1)
    same, read = alike(fresh, one), _of_files(made, one, files or set())
    if not same or (filled and _begins_alike(fresh, same)):
        kept = _loaded(model, one, filled, samples)
        if not (kept := sorted({*kept, *_kept_of_files(model, one, read)})):
            return lambda seed: evaluating(made(ANOTHER + seed)), ""
        return None, f"the factory gives {some(kept)} alike whatever the seed, which {_may_be_trained(filled)}"
    if stuck := sorted({type(module).__name__ for module in _drawn(model) if not _reset_of(module)}):
        what = "the same weights" if same == alike(fresh, fresh) else f"{some(same)} alike"
        remedy = "" if filled else "; if it loads weights, let it not, and give them by --weights"
        return None, (
            f"the factory gives {what} whatever the seed, and {', '.join(stuck)} has parameters but no "
            f"reset_parameters to draw them anew{remedy}"
        )
    try:
        blank = copied(made(0))
    except Exception as error:
        return None, f"the factory loads weights itself, and the network cannot be copied: {said(error)}"
    try:
        same = list(dict.fromkeys([*_left(model, blank, filled), *_kept_of_files(model, _redrawn(blank), read)]))
    except Exception as error:
        return None, f"drawing the network anew fails: {said(error)}"
    if same:
        return None, (
            f"drawing the network anew leaves {some(same)} as trained, so that a twin would be partly this network; "
            "if the factory loads them, let it not, and give them by --weights"
        )
    return (lambda seed: untrained(lambda: _redrawn(blank), ANOTHER + seed)), ""


def _begins_alike(fresh: nn.Module, same: list[str]) -> bool:
    """Whether weights that are alike whatever the seed are those of modules that begin alike (mel filters, say), as far
    as can be told: some weights follow the seed, and of these no module would draw others, so they were not loaded."""
    if same == alike(fresh, fresh):
        return False
    try:
        return set(same) <= set(alike(fresh, _redrawn(fresh)))
    except Exception:  # it cannot be copied or drawn anew: it may have loaded them
        return False


def _may_be_trained(filled: bool) -> str:
    if filled:
        return "the weights given have too, so that a twin would be partly this network"
    return "training may have changed; let it load nothing, hold that as weights or buffers, and give it by --weights"


def _loaded(model: nn.Module, other: nn.Module, filled: bool, samples: int) -> list[str]:
    """What a factory whose weights follow the seed may have loaded nevertheless: names of tensors that are the same in
    a model and in a twin, though training changes such tensors."""
    same = _same(model, other)
    learned = {name for name in same if isinstance(same[name][0], nn.Parameter) or same[name][0].requires_grad}
    if filled:  # then what the factory makes is what training began with
        learned &= set(alike(model, other))
    elif learned:
        with suppress(Exception):  # it cannot be copied or drawn anew: none is known to be a constant
            reset = _held(_blanked(model))
            learned = {name for name in learned if not torch.equal(same[name][0], reset[name][0])}
    return sorted(learned | (_statistics(model, samples) & same.keys()))


def unloaded(model: nn.Module, other: nn.Module, files: set[str]) -> str:
    """What to say of weights that a factory draws by the seed where none were given; empty if there are none.

    Args:
        model, other: what the factory makes under two seeds.
        files: of numbers that it reads: then some may be loaded.
    """
    same, drawn = set(alike(model, other)), {name for name, value in model.named_parameters() if value.numel() > 1}
    pairs = zip(model.named_parameters(), other.parameters(), strict=True)
    if not (fresh := [name for (name, a), b in pairs if name in drawn and not torch.equal(a, b)]):
        return ""
    if same or files:
        what = f"its factory draws {some(fresh)} by the seed. Unless it trains them, what they do was never learned."
        return f"Nobody loaded all of its weights: there are no --weights, and {what}"
    return (
        "Nobody loaded its weights: there are no --weights, and its factory draws them by the seed. Unless the factory "
        "trains it, it is untrained, and where it differs from untrained twins that is chance."
    )


def _of_files(made: Twin, one: nn.Module, files: set[str]) -> set[str] | None:
    """Names of the tensors of a network, made under seed 1, that come from files; None where that cannot be told."""
    if not files:
        return set()
    try:
        with noticed() as again, other_numbers() as known:
            other = _held(made(1))
    except Exception:  # it does not take other numbers
        return None
    if not files | again <= known:
        return None
    return {
        name for name, (value, _) in _held(one).items() if name not in other or not torch.equal(value, other[name][0])
    }


def _kept_of_files(model: nn.Module, twin: nn.Module, read: set[str] | None) -> list[str]:
    """What a network and a twin share though it comes from files, by `_of_files`; or may, where nothing is known."""
    if read == set():
        return []
    return [
        name
        for name, (value, origin) in _same(model, twin).items()
        if (read is None or name in read) and (isinstance(value, nn.Parameter) or not origin.startswith(TORCHS))
    ]


def _left(model: nn.Module, blank: nn.Module, filled: bool) -> list[str]:
    """Names of the tensors of a model that drawing a copy of it anew leaves as they are, unless they are constants: of
    torch's own modules (windows, filters), not in its state, or 0 or 1 throughout."""
    fresh, after, same, left = _held(blank), _held(_blanked(blank)), _same(model, blank), []
    state = model.state_dict().keys()
    for name, (value, origin) in same.items():
        shared = after[name][0].data_ptr() == fresh[name][0].data_ptr()
        if not shared and value.dtype not in WHOLE and not after[name][0].isnan().any():
            continue
        foreign = not origin.startswith(TORCHS)
        kept = name in state or name not in dict(model.named_buffers())
        if isinstance(value, nn.Parameter) or (foreign and kept and not filled):
            left.append(name)
    return left + [name for name in alike(model, _redrawn(blank)) if name not in left]


def _same(one: nn.Module, other: nn.Module) -> Held:
    """The tensors that two networks have in common, but those of zeros or ones."""
    known = _held(other)
    return {
        name: (value, origin)
        for name, (value, origin) in _held(one).items()
        if name in known and torch.equal(value, known[name][0]) and not ((value == 0).all() or (value == 1).all())
    }


def _held(model: nn.Module) -> Held:
    """All numbers that a network holds: parameters, buffers, tensors and arrays in attributes, lists, objects and
    functions, hooks among them."""
    return {name: (value, origin) for name, value, origin in _walk(model, "", "", set())}


def _walk(value: Any, name: str, origin: str, seen: set[int]) -> Iterator[tuple[str, Tensor, str]]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(value if value.flags.writeable else value.copy())
    if isinstance(value, Tensor):
        number = value.is_floating_point() or value.is_complex() or (value.dtype in WHOLE and value.numel() > 1)
        if number and value.layout == torch.strided and value.numel():
            yield name, value, origin
        return
    inside, defined = _inside(value)
    for key, part in inside.items():
        own = key in ("_parameters", "_buffers", "_modules")
        yield from _walk(part, name if own else f"{name}.{key}".lstrip("."), defined or origin, seen)


def _inside(value: Any) -> tuple[Mapping[Any, Any], str]:
    """What an object holds, by name, and where its kind is defined."""
    if isinstance(value, dict) and not all(isinstance(key, int) for key in value):
        return value, ""
    if isinstance(value, (dict, list, tuple, deque)):  # hooks are numbered, anew in every network
        return dict(enumerate(value.values() if isinstance(value, dict) else value)), ""
    if isinstance(value, functools.partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}, ""
    if isinstance(value, types.FunctionType):
        cells = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=False))
        held = {name: cell.cell_contents for name, cell in cells.items() if is_filled(cell)}
        return {"defaults": value.__defaults__, "keywords": value.__kwdefaults__, **held}, f"{value.__module__}."
    kind = f"{type(value).__module__}."
    library = kind.split(".")[0] in LIBRARIES and not isinstance(value, types.SimpleNamespace)
    if isinstance(value, nn.Module) or (hasattr(value, "__dict__") and not isinstance(value, type) and not library):
        return vars(value), kind
    return {}, ""


def _statistics(model: nn.Module, samples: int) -> set[str]:
    """Names of the tensors that a pass in training mode changes, as moving averages."""
    try:
        trial = copied(model)
        trial.train()
        with seeded(0), torch.no_grad():
            before = {name: value.clone() for name, (value, _) in _held(trial).items()}
            trial(0.1 * torch.randn(2, 1, samples))
        after = _held(trial)
        return {name for name, value in before.items() if name in after and not torch.equal(value, after[name][0])}
    except Exception:  # it cannot be trained on two signals: nothing is known
        return set()


def _drawn(model: nn.Module) -> list[nn.Module]:
    """The modules that draw parameters: those of a parametrisation are drawn by the module that it is of."""
    lists = [module for module in model.modules() if isinstance(module, parametrize.ParametrizationList)]
    within = {id(part) for each in lists for part in each.modules()}
    own = [module for module in model.modules() if id(module) not in within]
    return [m for m in own if parametrize.is_parametrized(m) or next(m.parameters(recurse=False), None) is not None]


def _reset_of(module: nn.Module) -> Callable[[], None] | None:
    return getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)


def _blanked(model: nn.Module) -> nn.Module:
    """A copy of NaN that was drawn anew: what is NaN still was left as it was."""
    blank = copied(model)
    own = {value.data_ptr() for value, _ in _held(model).values()}  # what cannot be copied is shared
    with torch.no_grad():
        for value, _ in _held(blank).values():
            if value.dtype not in WHOLE and value.data_ptr() not in own:
                with suppress(RuntimeError):  # several elements in one place
                    value.fill_(float("nan"))
    with seeded(0):
        return _redrawn(blank)


def _redrawn(model: nn.Module) -> nn.Module:
    """A copy whose modules have drawn their parameters, and reset their statistics, anew."""
    fresh = copied(model)
    drawn = [*_drawn(fresh), *(module for module in fresh.modules() if hasattr(module, "reset_running_stats"))]
    for module in dict.fromkeys(drawn):
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
        for part in module.parametrizations[name]:
            if hasattr(part, "_power_method"):  # of a spectral norm
                matrix = part._reshape_weight_to_matrix(value)
                _draw_unit(part._u, part._v)
                part._power_method(matrix, POWERS)
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm):
            getattr(module, f"{hook.name}_orig").copy_(getattr(module, hook.name))
            _draw_unit(getattr(module, f"{hook.name}_u"), getattr(module, f"{hook.name}_v"))
            for _ in range(POWERS):
                value = hook.compute_weight(module, do_power_iteration=True)
            setattr(module, hook.name, value)
        if isinstance(hook, WeightNorm):
            value = getattr(module, hook.name)
            getattr(module, f"{hook.name}_v").copy_(value)
            getattr(module, f"{hook.name}_g").copy_(torch.norm_except_dim(value, 2, hook.dim))


def _draw_unit(*vectors: Tensor) -> None:
    """Vectors of length 1 and of any direction, in place."""
    for vector in vectors:
        vector.copy_(F.normalize(torch.randn_like(vector), dim=0))


def some(names: list[str]) -> str:
    """The first of some names."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def said(error: BaseException) -> str:
    """An exception in one line."""
    text = shortened(error).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
