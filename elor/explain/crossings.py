"""What a signal crosses on its way through a model, operator by operator, as guided backpropagation must know it.

Guided backpropagation changes the way back through ReLU and through nothing else. So every operator that the signal
reaches is either linear in it, or a ReLU, or one of the few others of the paper's networks whose ordinary derivative is
part of the method (sigmoid, tanh, max-pooling); anything else is named, and the method does not apply. Rectifiers spelt
otherwise, gates, attention, selections, norms and roots are among that. Which is what, `elor.explain.guided_operators`
says.

Where the signal is, is known by the storages that it was written to. Weights, lengths and masks do not come from it:
what is done to them alone is free.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator

from elor.explain.guided_operators import (
    ADDING,
    BENT,
    CONSTANT,
    FACTORS,
    FROM_WHOLE,
    FROZEN_NORMS,
    GIVEN,
    LEAVING,
    LINEAR,
    NAMES,
    NORMS,
    ORDINARY,
    RELU,
    ROUNDING,
    STEPS,
    spoken,
)
from elor.explain.input_gradients import Forward
from elor.explain.operator_mode import OperatorMode

UNKNOWN = "(not known to be linear)"

FEW = 4096
"""Tensors of so many elements at most are compared one by one where what is met is told `apart`."""


@dataclass(frozen=True)
class Crossing:
    """Something that the signal crosses and that guided backpropagation is not defined for.

    Attributes:
        name: in words, or as people write it.
        known: not to be linear; else it is not known to be.
        rounds: the signal to a grid.
    """

    name: str
    known: bool = True
    rounds: bool = False

    def __str__(self) -> str:
        return self.name if self.known else f"{self.name} {UNKNOWN}"


PRODUCT = Crossing("a product of the signal with itself (a gate or attention, say)")
OPAQUE = Crossing("compiled or scripted code")
PASSING = {
    *("torch.nn.modules._functions.BackwardHookFunction", "torch.utils.checkpoint._NoopSaveInputs"),
    *("elor.fastconv.layer.SpectralConvolution", "torch._library.autograd.GeneratedBackwardFor_elor_bmm_default"),
}
"""Functions whose inside is seen or known to be linear: of hooks on modules, of checkpoints, of `elor.fastconv`, and of
products (`elor.matrix_products`)."""


class Met(NamedTuple):
    """What the signal met on its way to some storage: all of it in one hash, and the places of the weights among it.

    Told apart, the hash is of the last operator alone, but for the numbers it was given; `before` it were others.
    """

    all: int
    weights: frozenset[int] = frozenset()
    numbers: tuple[float, ...] = ()
    before: tuple[Met, ...] = ()

    def then(self, met: Met) -> Met:
        """This, and then that: what is written into."""
        return Met(hash((self.all, met.all)), self.weights | met.weights, (), (self, met))

    def way(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Told apart: operators, each with the places of those before it, and numbers, all in one order."""
        order, left = dict[int, Met](), [self]
        while left:
            met = left.pop()
            if id(met) not in order:
                order[id(met)] = met
                left += met.before
        place = {key: index for index, key in enumerate(order)}
        wired = tuple(hash((met.all, *(place[id(one)] for one in met.before))) for met in order.values())
        return wired, tuple(number for met in order.values() for number in met.numbers)


class Crossings:
    """Follows a signal from operator to operator.

    Attributes:
        others: what guided backpropagation is not defined for, wherever it led: a number that Python takes, say. What
            was crossed on the way to one value is asked by `crossed`, and all that was met there by `met`.
    """

    def __init__(self, weights: Iterable[Tensor] | None = None, apart: bool = False) -> None:
        """`weights`: of the model, which are told apart by their places; given if `met` is asked for.
        `apart`: the numbers that were met are told one by one.
        """
        self.others: set[Crossing] = set()
        self._numbers: list[float] | None = [] if apart else None  # by the operator that runs now
        self._weights = None if weights is None else [value for value in weights if value.layout == torch.strided]
        self._known = {_storage(value) for value in self._weights or ()}
        self._blank: set[int | None] = set()
        self._reached: dict[int, Any] = {}  # storages by address, kept so that no address is given out again
        self._crossed: dict[int, frozenset[Crossing]] = {}  # on the way there
        self._met: dict[int, Met] = {}
        self._meets: Met | None = None  # by the operator that runs now

    def follow(self, signal: Tensor) -> None:
        """Begin with this signal, and forget others."""
        self.done()
        self.others.clear()
        self._reach(signal, frozenset())

    def crossed(self, value: Tensor) -> set[Crossing]:
        """What was crossed on the way to a value for which guided backpropagation is not defined."""
        if not self.comes(value):
            return self.others or {Crossing("operators that cannot be seen (in another thread, say)")}
        return self.others | self._crossed[_storage(value)]

    def met(self, value: Tensor) -> Hashable:
        """Every operator that the signal was given to on its way to a value, with all else that these were given:
        numbers, weights, and the content of tensors that do not come from the signal; to be compared.

        It must not depend on the signal: where it does, something left torch's operators and came back (by numpy, a
        list, another thread).
        """
        if self._weights is None or not self.comes(value):
            return None
        weights = self._met[_storage(value)].weights
        now = [checksum(weight) for weight in self._weights if _storage(weight) in weights]
        if self._numbers is not None:
            wired, numbers = self._met[_storage(value)].way()
            return (self._content(value), *now, *wired), numbers
        return self._content(value), *now

    def done(self) -> None:
        """Let go of all that is kept."""
        self._reached, self._crossed, self._met, self._meets = {}, {}, {}, None

    def enter(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Take note of an operator that will be run now."""
        self._meets = None
        if self._weights is None:
            return
        places = dict.fromkeys(map(_storage, _tensors((args, kwargs))))  # in their order
        if before := [self._met[place] for place in places if place in self._met]:
            given = [*args, *(value for key, value in kwargs.items() if key != "out")]
            name = _name(func)
            if name == "copy" or (name in ("index_put", "index_copy", "scatter") and _storage(args[0]) in self._blank):
                given = given[1:]  # what is written over; memory that nothing was written to has a content by chance
            if self._numbers is not None:
                self._numbers.clear()
                whole = name in ("add", "sub", "rsub", "mul", "div")  # elsewhere they are places and sizes
                given = [float(value) if whole and type(value) is int else value for value in given]
            met = hash((str(func), *map(self._content, given)))
            weights = frozenset(places.keys() & self._known).union(*(one.weights for one in before))
            self._meets = Met(met, weights)
            if self._numbers is not None:
                self._meets = Met(met, weights, tuple(self._numbers), tuple(before))

    def _content(self, value: object) -> Hashable:
        """What an operator is given, to be compared: of the signal which part, and what it met so far."""
        if isinstance(value, (list, tuple)):
            return tuple(map(self._content, value))
        if self._numbers is not None and isinstance(value, float):
            return self._numbers.append(value)
        if not isinstance(value, Tensor):
            return None if isinstance(value, torch.Generator) else repr(value)
        place, shape = _storage(value), tuple(value.shape)
        if place is None:
            return shape
        if place not in self._met and place not in self._known:
            if self._numbers is not None and value.numel() <= FEW and not value.is_complex():
                return shape, self._numbers.extend(value.double().flatten().tolist())
            return shape, checksum(value)
        origin = place if place not in self._met else self._met[place].all if self._numbers is None else None
        return shape, value.stride(), value.storage_offset(), origin

    def note(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Take note of an operator that was just run."""
        name = _name(func)
        if isinstance(func, HigherOrderOperator):  # whatever it is given, its code may hold the signal
            self.others.add(Crossing(f"{name} (code that torch runs as one operator)"))
            for value in _tensors(result):
                self._reach(value, frozenset())
            return
        if name.startswith(("empty", "new_empty")):
            self._blank |= {_storage(value) for value in _tensors(result)}
        given = [value for value in _tensors((args, kwargs)) if self.comes(value)]
        if not given:
            return
        written = list(_written(func, args, kwargs))
        found = [*_tensors(result), *written]
        if name in CONSTANT:
            return
        number, what = any(map(_real, found)), None
        if _leaves(name, func, args):
            self.others.add(
                Crossing(NAMES.get(name, f"a number or a size that depends on the signal ({spoken(name)})"))
            )
        elif number:
            what = self._refused(name, given, args, kwargs)
        crossed = frozenset({what} if what else ()).union(*(self._crossed[_storage(value)] for value in given))
        for value in found:
            self._reach(value, crossed)
        for place in {_storage(value) for value in written} & self._met.keys() if self._meets else ():
            self._met[place] = self._met[place].then(self._meets)

    def _refused(self, name: str, given: list[Tensor], args: Sequence[Any], kwargs: dict[str, Any]) -> Crossing | None:
        """What an operator does to the signal that cannot be guided; None if nothing."""
        if not all(_real(value) for value in given):
            what = spoken(name, STEPS)
            return Crossing(f"a selection or a step that depends on the signal ({what})", rounds=name in FROM_WHOLE)
        if (name in NORMS or name in FROZEN_NORMS) and any(map(self.comes, args[1:])):
            return Crossing("a normalisation whose weights or statistics come from the signal")
        if name in LINEAR or name in RELU or name in ORDINARY or name in FROZEN_NORMS:
            return None if kwargs.get("reduce") in ADDING else Crossing(f"{name} by multiplication")
        if name in FACTORS:
            from_signal = [index for index in FACTORS[name] if index < len(args) and self.comes(args[index])]
            return None if len(from_signal) < 2 else PRODUCT
        if name == "pow" and not isinstance(args[1], Tensor) and args[1] == 1:
            return None
        if name.startswith("_embedding_bag") and [*args, 0][4] != 2:  # not by maximum
            both = self.comes(args[0]) and any(map(self.comes, args[6:7]))
            return PRODUCT if both else None
        if name in GIVEN and not self.comes(args[GIVEN[name]]) and kwargs.get("rounding_mode") is None:
            return None
        if name in ("scatter_reduce", "index_reduce") and args[4] in ADDING:
            return None
        if name == "floor_divide" or kwargs.get("rounding_mode"):
            return Crossing("floor or trunc of a quotient", rounds=True)
        if name in NORMS:
            return (
                Crossing("instance normalisation, or batch normalisation by the batch's own statistics")
                if args[NORMS[name]]
                else None
            )
        known = name in NAMES or name in BENT or name in GIVEN
        return Crossing(spoken(name), known, name in ROUNDING)

    def comes(self, value: object) -> bool:
        """Does it come from the signal?"""
        return isinstance(value, Tensor) and _storage(value) in self._reached

    def _reach(self, value: Tensor, crossed: frozenset[Crossing]) -> None:
        if (key := _storage(value)) is not None:
            self._reached[key] = value.untyped_storage()
            self._crossed[key] = self._crossed.get(key, frozenset()) | crossed
            self._met.setdefault(key, self._meets or Met(0))
        else:
            kind = "an MKL-DNN" if value.is_mkldnn else "a sparse"
            self.others.add(Crossing(f"{kind} tensor"))  # what becomes of it cannot be followed


class Following(OperatorMode):
    """Notes what the signal crosses on its way through a model.

    Attributes:
        others: by head what guided backpropagation is not defined for, once `forward` was called.
        met: by head all that was met, if that was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[str, set[Crossing]] = {}
        self.met: dict[str, Hashable] = {}
        self.crossings: Crossings | None = None

    def forward(self, model: nn.Module, audio: Tensor, found: Crossings | None = None) -> Forward:
        """One forward pass, watched; use it while the mode is entered."""
        found = found or Crossings()

        def watch(signal: Tensor) -> None:
            found.follow(signal)
            self.crossings = found

        def answered() -> None:
            self.crossings = None  # what is asked further, about chance, is none of it

        try:
            forward = Forward(model, audio, watch, answered)
            self.others = {head: found.crossed(value) for head, value in forward.logits.items()}
            self.met = {head: found.met(value) for head, value in forward.logits.items()}
            return forward
        finally:
            found.done()
            self.crossings = None

    def run(self, func, args, kwargs):
        if self.crossings is not None:
            self.crossings.enter(func, args, kwargs)
        result = super().run(func, args, kwargs)
        if self.crossings is not None:
            self.crossings.note(func, args, kwargs, result)
        return result


def checksum(value: Tensor) -> int:
    """Of what a tensor holds."""
    plain = value.detach().int_repr() if value.is_quantized else value.detach()
    plain = torch.view_as_real(plain.resolve_conj()) if plain.is_complex() else plain
    return zlib.crc32(plain.resolve_neg().cpu().contiguous().flatten().view(torch.uint8).numpy())


def _name(func: Any) -> str:
    """An operator's name, the same in place."""
    if isinstance(func, HigherOrderOperator):
        return func.name()
    name = func._schema.name.removeprefix("aten::")
    return name if name.startswith("__") else name.removesuffix("_")


def _written(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """What an operator writes into, be it in a list."""
    for place, one in enumerate(func._schema.arguments):
        if one.alias_info is not None and one.alias_info.is_write:
            yield from _tensors(args[place] if place < len(args) else kwargs.get(one.name, ()))


def _leaves(name: str, func: Any, args: Sequence[Any]) -> bool:
    """Does it make a number or a size of what it is given? An index by whole numbers does not."""
    if name in ("index", "index_put", "masked_select"):
        return False  # by a mask it is refused as a selection
    return not LEAVING.isdisjoint(func.tags)


def _storage(value: Tensor) -> int | None:
    try:
        return value.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse, say
        return None


def _real(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _tensors(values: object) -> Iterator[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))
    elif isinstance(values, Iterable) and not isinstance(values, str):
        for value in values:
            yield from _tensors(value)


def opaque(logits: Tensor) -> Crossing | None:
    """Code on the way to these logits whose way back is its own, so that no ReLU can be seen there; None if there is
    none: an `autograd.Function`, and what TorchScript or a compiler made into one."""
    for node in _nodes(logits):
        name = node.name()
        if "jit" in name or "Compiled" in name:
            return OPAQUE
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            own = type(node)._forward_cls
            if f"{own.__module__}.{own.__name__}" not in PASSING:
                return Crossing(f"a function with a backward pass of its own ({name.removesuffix('Backward')})")
    return None


def ordinary(logits: Tensor) -> set[str]:
    """What is crossed on the way to these logits by its ordinary derivative (`ORDINARY`), in words."""
    names = {"Sigmoid": "sigmoid", "Tanh": "tanh", "MaxPool": "max-pooling", "AdaptiveMaxPool": "max-pooling"}
    found = [node.name() for node in _nodes(logits)]
    return {said for begins, said in names.items() if any(name.startswith(begins) for name in found)}


def _nodes(logits: Tensor) -> Iterator[Any]:
    """All steps of the way back from these logits."""
    seen, left = set(), [logits.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            left += [following for following, _ in node.next_functions]
