"""What every attribution asks of a model: logits by head, a chosen class, and to be left as it was found.

A model is any torch module from (batch, 1, samples) to logits: one tensor, or a tuple, a dict or a dataclass of them,
one per head; what is None there (a loss, say) is no head.
It is given a copy of the signal, which it may change; and what it answers is noticed to depend on chance.
"""

import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.doubts import Refusal, Refused, shortened
from elor.explain.model_copies import left_as_found
from elor.explain.repeatability import repeatable_answer


class CannotRun(UserError):
    """A network fails on signals of this shape, or on this signal.

    Attributes:
        why: how it fails.
    """

    def __init__(self, what: object, why: str) -> None:
        super().__init__(f"The network cannot be run on {what}: {why}.")
        self.why = why


@contextmanager
def blaming(what: str, remedy: str) -> Iterator[None]:
    """Where a network fails within the block, say on what, since it is not the sound that was asked about.

    Raises:
        CannotRun: then.
    """
    try:
        yield
    except CannotRun as error:
        raise CannotRun(what, f"{error.why}; {remedy}") from error


class NoSuchClass(UserError):
    """A head or a class was asked about that the network has not."""


Heads = dict[str, Tensor]
"""One tensor per head, by the head's name."""

Targets = Mapping[str, Tensor | int]
"""By the head's name the class of each signal, (batch,), or one class for all."""

_CLASSES: WeakKeyDictionary[nn.Module, dict[str, int]] = WeakKeyDictionary()
"""How many classes each head had that a model answered with first, since it was prepared."""

ONE_HEAD = "output"
"""Name of the head of a model that returns one tensor; those of a tuple are called `0`, `1`, ..."""


@contextmanager
def prepared(model: nn.Module) -> Iterator[None]:
    """Evaluate a model with gradients of its input only; it is left as it was found, whatever happens inside.

    In training mode dropout would make every map a random one and batch normalisation would move its statistics. A
    model of the user's may merge or swap weights when it changes its mode, so only one in training mode is put into
    the other, and what that did to it is undone.
    """
    refuse_unmade(model)
    _CLASSES.pop(model, None)
    training = {module: module.training for module in model.modules() if hasattr(module, "training")}  # frozen has none
    frozen = {value: value.requires_grad for value in model.parameters()}
    with left_as_found(*([model] if any(training.values()) else [])):
        try:
            if any(training.values()):
                evaluating(model)
            for parameter in model.parameters():
                if not parameter.is_inference():
                    frozen.setdefault(parameter, parameter.requires_grad)
                    parameter.requires_grad_(False)  # the weights' gradients would take longer than the input's
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for module, flag in training.items():
                module.training = flag
            for parameter, flag in frozen.items():
                if not parameter.is_inference():
                    parameter.requires_grad_(flag)


def refuse_unmade(model: nn.Module) -> None:
    """Nothing can be asked of a network that has no numbers yet.

    Raises:
        UserError: if its weights are lazy or on the meta device, or it is no module yet.
    """
    if isinstance(model, type):
        raise UserError(f"The network is the class {model.__name__}; give a network that it makes: {model.__name__}().")
    if not isinstance(model, nn.Module):
        kind = "a function" if callable(model) else f"of the kind {type(model).__name__}"
        raise UserError(f"The network is {kind}; give a torch module (torch.nn.Module) whose forward calls it.")
    if not hasattr(model, "_parameters"):
        raise UserError("The network is no torch module yet; let its __init__ call super().__init__() first.")
    tensors = [*model.parameters(), *model.buffers()]
    if any(nn.parameter.is_lazy(value) for value in tensors):
        raise UserError("The network has lazy parameters; run it once on a sound, so that they are made.")
    if any(value.is_meta for value in tensors):
        raise UserError(
            "The network has weights without numbers (on the meta device); make it on the CPU and load its weights."
        )


def evaluating(model: nn.Module) -> nn.Module:
    """The model in evaluation mode; a `train` of the user's own may return nothing.

    Raises:
        UserError: if torch has no such mode for it, or its own code fails.
    """
    try:
        model.eval()
    except NotImplementedError as error:
        raise UserError(
            f"The network has no evaluation mode ({error}); give the module that it was exported from."
        ) from None
    except Exception as error:  # the user's code
        raise UserError(
            f"The network cannot be put into evaluation mode: its eval() fails ({message_of(error)})."
        ) from None
    return model


def logits_of(model: nn.Module, audio: Tensor, answered: Callable[[], None] = lambda: None) -> Heads:
    """Run a model and name its heads; each output is (batch, classes), half precision as float32.

    `answered` is called as soon as the model has answered.

    Raises:
        CannotRun: if the model fails.
        UserError: if the audio or an output has another shape, an output is no tensor of real numbers, or the answer
            depends on chance by more than `elor.explain.repeatability.UNREPEATABLE`; below that there is a warning.
    """
    if audio.dim() != 3 or audio.shape[1] != 1:
        raise UserError(f"Audio has the shape {tuple(audio.shape)}; attribution needs (batch, 1, samples).")
    return repeatable_answer(lambda signals: _answer(model, signals), audio, answered)


def _answer(model: nn.Module, audio: Tensor) -> Heads:
    """What a model returns for a copy of the signals, which it may change in place, by head; copied, since it may write
    the next answer into the same memory."""
    try:
        output = _asked(model, audio)
    except SystemExit as error:
        raise UserError(f"The network ends the program (sys.exit, {error.code}); let it return logits.") from None
    except (UserError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # the user's code: anything may come out of it
        why = message_of(error)
        if _within(error, "torch.autograd"):
            why += " (it differentiates by its own weights, which are held fixed here; use a copy without that)"
        recorded = " while gradients are recorded" if audio.requires_grad else ""
        raise CannotRun(f"{tuple(audio.shape)}{recorded}", why) from error
    kept = Tensor.clone if torch.is_grad_enabled() else _detached
    heads = {head: kept(value) for head, value in named(output, len(audio)).items()}
    now = {head: value.shape[1] for head, value in heads.items()}
    if (first := _CLASSES.setdefault(model, now)) != now:
        once, again = (", ".join(f"{head} ({count})" for head, count in each.items()) for each in (first, now))
        raise UserError(
            f"The network answers with other heads or classes from time to time: {once}, and {again}; let it return "
            "the same for every sound, and however it is asked."
        )
    return heads


def _asked(model: nn.Module, audio: Tensor) -> object:
    """What a model returns; one that differentiates on the way is asked with gradients, wanted or not."""
    with _filters_kept():
        try:
            return model(audio.clone())
        except Exception as error:
            if torch.is_grad_enabled() or not _within(error, "torch.autograd"):
                raise
        with torch.enable_grad():
            return model(audio.clone())


@contextmanager
def _filters_kept() -> Iterator[None]:
    """Undo what a model does to the filters of warnings: else it could silence what speaks against it."""
    before = warnings.filters[:]
    try:
        yield
    finally:
        if warnings.filters != before:
            warnings.filters[:] = before
            with warnings.catch_warnings():  # so that it is noticed
                pass


def _detached(value: Tensor) -> Tensor:
    return value.detach().clone()


def _within(error: Exception, package: str) -> bool:
    """Whether an error comes out of a package."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return f"{frame.f_globals.get('__name__')}.".startswith(f"{package}.")


def message_of(error: Exception) -> str:
    """What an error of the user's code says, in one line."""
    return shortened(error).rstrip(".") or type(error).__name__


def named(output: object, count: int) -> Heads:
    """What a model returned, by head; see `logits_of`."""
    output = _parts(output)
    if not isinstance(output, Mapping) or not output:
        kind = f"an empty {type(output).__name__}" if isinstance(output, Mapping) else type(output).__name__
        raise UserError(f"The model returns {kind}; it must return a tensor, a tuple or a dict of them.")
    for name, value in output.items():
        if not isinstance(value, Tensor) or value.dim() != 2 or len(value) != count or not value.shape[1]:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise Refused(Refusal(f"Head {name} of the model gives {shape}", _reshaped(value, count, len(output) == 1)))
        if not value.is_floating_point():
            raise UserError(f"Head {name} of the model gives {value.dtype}; logits must be real numbers.")
    if len({str(name) for name in output}) < len(output):
        raise UserError(f"Two heads of the model have one name ({', '.join(map(repr, output))}); give them others.")
    return {str(name): value.float() if value.dtype.itemsize < 4 else value for name, value in output.items()}


def _parts(output: object) -> object:
    """What a model returned, by name if it is such that has parts; without those that are None, unless all are."""
    if isinstance(output, Tensor):
        return {ONE_HEAD: output}
    if isinstance(output, tuple) and hasattr(output, "_fields"):  # a named tuple
        output = dict(zip(output._fields, output, strict=True))
    elif isinstance(output, (tuple, list)):
        output = {str(index): value for index, value in enumerate(output)}
    elif is_dataclass(output) and not isinstance(output, (Mapping, type)):
        output = {field.name: getattr(output, field.name) for field in fields(output)}
    if not isinstance(output, Mapping):
        return output
    return {name: value for name, value in output.items() if value is not None} or output


def _reshaped(value: object, count: int, alone: bool) -> str:
    """What to do with an output, be it the one that there is, that is not (count, classes)."""
    must = f"logits must be ({count}, classes)"
    if not isinstance(value, Tensor) or not value.numel():
        return f"{must}: let it return these alone"
    if value.dim() == 0 and not alone:
        return f"{must}: let it return None for a loss, or the logits alone; a value keeps the dimension of the batch"
    if value.shape == (count,):
        return f"{must}: if it is one value per signal, let it return value.unsqueeze(-1)"
    if value.dim() < 2 and count == 1:
        return f"{must}: let it keep the dimension of the batch, without a squeeze()"
    return f"{must}: let it return one row per signal, the mean over time say"


def heads_of(model: nn.Module, audio: Tensor) -> list[str]:
    """What the heads are called, be their answers repeatable or not."""
    with prepared(model), torch.no_grad():
        return list(_answer(model, audio.detach()))


def predict(model: nn.Module, audio: Tensor) -> Heads:
    """Logits of every head in evaluation mode, without a graph, (batch, classes) each."""
    with prepared(model), torch.no_grad():
        return logits_of(model, audio.detach())


def signals(model: nn.Module, audio: Tensor | np.ndarray) -> Tensor:
    """Signals as a model takes them: an array of real numbers becomes a tensor of the weights' precision.

    Raises:
        UserError: if it is neither, holds no signal or what is no number; or the network has no weights yet.
    """
    refuse_unmade(model)
    if isinstance(audio, np.ndarray) and audio.dtype.kind == "f":
        kinds = [value.dtype for value in model.parameters() if value.is_floating_point()]
        audio = torch.from_numpy(audio.astype(np.float64)).to((kinds or [torch.float32])[0])
    if not isinstance(audio, Tensor):
        raise UserError(f"Audio is {type(audio).__name__}; give a tensor of real numbers, (batch, 1, samples).")
    if audio.dim() != 3 or audio.shape[1] != 1:
        raise UserError(f"Audio has the shape {tuple(audio.shape)}; attribution needs (batch, 1, samples).")
    if not len(audio):
        raise UserError("Audio holds no signal; give at least one, (batch, 1, samples).")
    if wrong := int((~audio.isfinite()).sum()):
        raise UserError(f"Audio holds NaN or infinity at {wrong} of {audio.numel()} samples; give real numbers.")
    return audio.detach()


def targets_of(logits: Heads, targets: Targets | None) -> Heads:
    """The class that each map explains, (batch,) per head: the one given, else the predicted one.

    Raises:
        NoSuchClass: if a head or a class does not exist, or there is not one for each signal; a plain number is the
            class of all signals.
    """
    if not isinstance(targets or {}, Mapping):
        raise NoSuchClass(f"Targets are {type(targets).__name__}; give a dict of classes by the names of heads.")
    if unknown := [name for name in targets or {} if name not in logits]:
        raise NoSuchClass(f"The network has no head {', '.join(map(str, unknown))}; it has {', '.join(logits)}.")
    return {name: _classes(name, value, (targets or {}).get(name)) for name, value in logits.items()}


def _classes(head: str, logits: Tensor, given: Tensor | int | None) -> Tensor:
    if given is None:
        return logits.argmax(1)
    try:
        found = torch.as_tensor(given, device=logits.device)
        whole = found.dtype != torch.bool and bool((found == found.long()).all())
    except (TypeError, ValueError, RuntimeError):
        found, whole = logits.new_zeros(0), False
    found = (found.expand(len(logits)) if found.dim() == 0 else found).long()
    if not whole or found.shape != (len(logits),) or not ((found >= 0) & (found < logits.shape[1])).all():
        raise NoSuchClass(
            f"Head {head} has the classes 0..{logits.shape[1] - 1}; give one of them for each signal ({len(logits)})."
        )
    return found


def at(logits: Tensor, target: Tensor) -> Tensor:
    """The logit of each row's class, (batch,)."""
    return logits.gather(1, target[:, None])[:, 0]
