"""Anybody's network: made by a factory that is named on the command line, with an untrained twin as its control.

A factory is a function (or a class) without arguments that returns a torch module from (batch, 1, samples) to logits.
Called again under another seed it gives the twin. A factory that loads weights itself gives the same network twice;
then the twin is a copy in which every module draws its parameters anew (`reset_parameters`), and where a module cannot
do that there is no such control, which is said and not glossed over.
"""

from __future__ import annotations

import copy
import importlib
import math
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elor.audio import SAMPLE_RATE
from elor.device import seeded
from elor.errors import UserError
from elor.explain.controls import untrained
from elor.explain.model import Heads, logits_of
from elor.networks import TwoHeadNetwork

Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Subject:
    """A network to be explained.

    Attributes:
        name: what it is called.
        model: in evaluation mode, from (batch, 1, samples) at 16 kHz to logits.
        twin: makes an untrained network of the same kind from a seed; None where that is impossible.
        reason: why there is no twin.
    """

    name: str
    model: nn.Module
    twin: Callable[[int], nn.Module] | None
    reason: str = ""


class Resampled(nn.Module):
    """A network of another sampling rate, seen at 16 kHz: what it is given is resampled first.

    So all windows, bands and alterations keep their meaning in seconds and Hz. Of a rate above 16 kHz nothing beyond
    8 kHz is heard.

    Shape:
        (batch, 1, samples at 16 kHz) -> logits
    """

    def __init__(self, model: nn.Module, rate: int) -> None:
        super().__init__()
        from torchaudio.transforms import Resample

        self.resample, self.model = Resample(SAMPLE_RATE, rate), model

    def forward(self, audio: Tensor) -> Any:
        return self.model(self.resample(audio))


class Committee(nn.Module):
    """Several networks of one kind as one, by head: the logarithm of their mean probability, as `elor predict` averages
    them (a softmax gives the mean back); of a single output the mean.

    Shape:
        as each of them
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(member, audio) for member in self.members]
        return {head: _mean(torch.stack([each[head] for each in found])) for head in found[0]}


def _mean(logits: Tensor) -> Tensor:
    """(members, batch, outputs) -> (batch, outputs)."""
    if logits.shape[-1] == 1:
        return logits.mean(0)
    return logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))


def committee(name: str, networks: Sequence[TwoHeadNetwork]) -> Subject:
    """The trained networks of a run as one subject; its twins are as many untrained ones.

    Raises:
        UserError: if they do not listen to raw audio.
    """
    shape = networks[0].architecture
    if shape.inputs != ("audio",):
        raise UserError(f"{shape.network} takes {', '.join(shape.inputs)}; elor explain needs a network on raw audio.")

    def twin(seed: int) -> nn.Module:
        count = len(networks)
        return Committee(untrained(lambda: TwoHeadNetwork(shape), seed * count + n) for n in range(count)).eval()

    return Subject(name, Committee(networks).eval(), twin)


def load(spec: str, weights: Path | None = None, rate: int = SAMPLE_RATE) -> Subject:
    """Make a network by its factory.

    Args:
        spec: `package.module:factory`; the current folder is searched too.
        weights: `.safetensors`, or `.pt` and `.pth` (a state dict, alone or under `state_dict`; read without running
            any code in it).
        rate: samples per second of the network's input.

    Raises:
        UserError: if there is no such module or factory, it fails or gives no torch module, or the weights do not fit.
    """
    factory = _factory(spec)
    model = _made(factory, spec, 0)
    twin, reason = _twin(factory, spec, model)
    if weights is not None:
        _fill(model, weights)
    if rate == SAMPLE_RATE:
        return Subject(spec, model.eval(), twin, reason)
    fresh = None if twin is None else (lambda seed: Resampled(twin(seed), rate).eval())
    return Subject(spec, Resampled(model, rate).eval(), fresh, reason)


def _factory(spec: str) -> Factory:
    """What `package.module:name` stands for."""
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise UserError(f"--model {spec} names no factory; write it as package.module:factory.")
    with _searching_here():
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
                raise UserError(
                    f"There is no module {module_name} here or among the installed packages; run in the folder that "
                    "holds it, or install it."
                ) from None
            raise UserError(f"{module_name} needs {error.name}, which is not installed.") from None
        except Exception as error:  # it is the user's code: anything may come out of it
            raise UserError(f"{module_name} cannot be imported: {_said(error)}.") from None
    for part in name.split("."):
        if not hasattr(found, part):
            there = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise UserError(f"{module_name} has no {name}; it has {', '.join(sorted(there)[:8]) or 'no functions'}.")
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return lambda: copy.deepcopy(found)
    if not callable(found):
        raise UserError(f"{spec} is {_kind(found)} and cannot be called; name a function that returns the network.")
    return found


@contextmanager
def _searching_here():
    """The current folder among the folders of modules, as in `python -m`."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")


def _made(factory: Factory, spec: str, seed: int) -> nn.Module:
    """Call the factory under a seed of its own."""
    try:
        with seeded(seed):
            model: Any = factory()
    except UserError:
        raise
    except Exception as error:  # the user's code again
        raise UserError(f"{spec} fails when it is called without arguments: {_said(error)}.") from None
    if not isinstance(model, nn.Module):
        raise UserError(f"{spec} returns {_kind(model)}; it must return a torch module (torch.nn.Module).")
    return model


def _twin(factory: Factory, spec: str, model: nn.Module) -> tuple[Callable[[int], nn.Module] | None, str]:
    """How to make an untrained network, or why that is impossible."""
    if not any(True for _ in model.parameters()):
        return None, "the network has no parameters in torch that could be drawn anew"
    fixed = _equal_weights(model, _made(factory, spec, 1))
    if not fixed:
        return lambda seed: _made(factory, spec, seed).eval(), ""
    if stuck := sorted({type(module).__name__ for module in model.modules() if _own(module) and not _reset_of(module)}):
        return None, (
            f"the factory loads weights itself, and {', '.join(stuck)} has parameters but no reset_parameters to draw "
            "them anew"
        )
    blank = copy.deepcopy(model)
    return (lambda seed: untrained(lambda: _redrawn(blank), seed)), ""


def _equal_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether any weight that is not constant is the same in both: then it was not drawn at random."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return any(a.numel() > 1 and a.min() != a.max() and torch.equal(a, b) for a, b in pairs)


def _own(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None


def _reset_of(module: nn.Module) -> Callable[[], None] | None:
    return getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)


def _redrawn(model: nn.Module) -> nn.Module:
    """A copy whose modules have drawn their parameters, and reset their statistics, anew."""
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        if _own(module) and (reset := _reset_of(module)):
            reset()
    return fresh


def _fill(model: nn.Module, path: Path) -> None:
    """Load weights into a model.

    Raises:
        UserError: if they cannot be read, or are not the model's.
    """
    state = _state(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise UserError(f"The weights in {path} do not fit the network: {(lines or [str(error)])[0][:300]}") from None


def _state(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file by name."""
    if not path.is_file():
        raise UserError(f"The weights {path} do not exist; check the path.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} holds more than tensors and is not read, since that could run code; save the state_dict alone."
        ) from None
    except Exception as error:  # damaged in whichever way
        raise UserError(f"The weights {path} cannot be read: {_said(error)}.") from None
    found = found.get("state_dict", found) if isinstance(found, Mapping) else found
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path} holds no state dict (tensors by name); save model.state_dict().")
    return found


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _said(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
