"""Anybody's network: made by a factory that is named on the command line, with an untrained twin as its control.

A factory is a function (or a class) without arguments that returns a torch module from (batch, 1, samples) to logits.
Called again under another seed it gives the twin. A factory that loads weights itself gives the same network twice;
then the twin is a copy in which every module draws its parameters anew (`reset_parameters`), and where a module cannot
do that there is no such control, which is said and not glossed over. A twin that shares a weight with the network
would be partly the trained one, so it is no control either.
"""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from elor.audio import SAMPLE_RATE
from elor.corpora.faults import some
from elor.device import seeded
from elor.errors import UserError
from elor.explain.controls import partly_untrained, untrained
from elor.explain.model import Heads, Unsteady, logits_of, predict, prepared, steady
from elor.networks import TwoHeadNetwork

ANOTHER = 1_000_003
"""Added to the seed of twins: drawn anew under the seed of its own, a network would become itself."""

Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Score:
    """How well a head answers on its corpus: what an explanation of it is worth.

    Attributes:
        uar: its unweighted average recall on speakers that it has not heard; None for a value, whose `ccc` counts.
        ccc: the concordance with the labels; None where it is not defined.
        p: of the score against permuted labels.
        learned: whether it is better than those.
    """

    uar: float | None
    ccc: float | None
    p: float
    learned: bool


@dataclass(frozen=True)
class Subject:
    """A network to be explained.

    Attributes:
        name: what it is called.
        model: in evaluation mode, from (batch, 1, samples) at 16 kHz to logits.
        twin: makes an untrained network of the same kind from a seed; None where that is impossible.
        reason: why there is no twin.
        headless: makes the same network with untrained heads from a seed; None where no heads are known.
        scores: by head, where they are known.
    """

    name: str
    model: nn.Module
    twin: Callable[[int], nn.Module] | None
    reason: str = ""
    headless: Callable[[int], nn.Module] | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)


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


class Cast(nn.Module):
    """A network whose weights are in another precision than float32 (`model.half()`, `.double()`), fed in its own.

    Some convert what they hear themselves, at a place of their own: those are fed as ever.

    Shape:
        (batch, 1, samples), float32 -> logits
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype, self.converts = model, dtype, True

    def forward(self, audio: Tensor) -> Any:
        if self.converts:
            try:
                return self.model(audio.clone())
            except RuntimeError:  # float32 against weights of another kind
                found = self.model(audio.to(self.dtype))
            self.converts = False
            return found
        return self.model(audio.to(self.dtype))


class Alone(nn.Module):
    """A network that is asked about one signal at a time, since those beside it would change what it says of it.

    Shape:
        as the network
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(self.model, one) for one in audio.split(1)]
        return {head: torch.cat([each[head] for each in found]) for head in found[0]}


class Committee(nn.Module):
    """Several networks of one kind as one, by head: the mean of their logits, so that a fall of it is their mean fall.

    What they answer together is another thing: the mean of their probabilities, as `elor predict` has it, see
    `probabilities`. (Its logarithm is no logit: softmax squeezes it where the answer is sure, and ties its classes.)

    Shape:
        as each of them
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(member, audio) for member in self.members]
        return {head: torch.stack([each[head] for each in found]).mean(0) for head in found[0]}

    def probabilities(self, audio: Tensor) -> Heads:
        """The mean of the members' probabilities, of a single output the mean of the values."""
        found = [probabilities(member, audio) for member in self.members]
        return {head: torch.stack([each[head] for each in found]).mean(0) for head in found[0]}


def probabilities(model: nn.Module, audio: Tensor) -> Heads:
    """What a network answers, (batch, classes) per head: probabilities that sum to 1, or the value of a single output.

    The class that is predicted is the likeliest one. In evaluation mode, without a graph.
    """
    if isinstance(model, Committee):
        return model.probabilities(audio)
    logits = predict(model, audio)
    return {head: value if value.shape[1] == 1 else value.softmax(1) for head, value in logits.items()}


def deciding(model: nn.Module, logits: Heads, answers: Heads) -> Heads:
    """By what the predicted class is the first: a committee's probabilities, which its mean logits need not rank alike;
    else the logits, since probabilities may be too close for a float."""
    return answers if isinstance(model, Committee) else logits


def committee(name: str, networks: Sequence[TwoHeadNetwork], scores: Mapping[str, Score] | None = None) -> Subject:
    """The trained networks of a run as one subject; its twins are as many untrained ones, or have untrained heads.

    Args:
        name: what it is called.
        networks: of one shape.
        scores: of their heads, where they are known.

    Raises:
        UserError: if they do not listen to raw audio.
    """
    shape = networks[0].architecture
    if shape.inputs != ("audio",):
        raise UserError(f"{shape.network} takes {', '.join(shape.inputs)}; elor explain needs a network on raw audio.")

    def fresh(seed: int) -> Iterator[TwoHeadNetwork]:
        count = len(networks)
        return (untrained(lambda: TwoHeadNetwork(shape), seed * count + number) for number in range(count))

    def twin(seed: int) -> nn.Module:
        return Committee(fresh(seed)).eval()

    def headless(seed: int) -> nn.Module:
        both = zip(networks, fresh(seed), strict=True)
        return Committee(partly_untrained(one, other, ["heads"]) for one, other in both).eval()

    return Subject(name, Committee(networks).eval(), twin, headless=headless, scores=scores or {})


def steadied(subject: Subject, audio: Tensor) -> tuple[Subject, str]:
    """A subject whose answer does not depend on the signals beside the one in question, and what had to be done for it.

    Args:
        audio: (1, 1, samples), a sound to ask about.

    Raises:
        UserError: if the answer depends on chance, or on what was asked before.
    """
    with prepared(subject.model), warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        try:
            steady(subject.model, audio, together=False)
        except UserError:
            raise
        except Exception as error:  # the user's code
            raise UserError(f"The network cannot be run on a quieter sound: {_said(error)}.") from None
        own = [str(each.message) for each in noticed if issubclass(each.category, Unsteady)]
        said = " ".join([*_coarse(subject.model, audio), *dict.fromkeys(own)])
        try:
            steady(subject.model, audio, together=True)
        except Exception as error:  # signals beside it change the answer, or it takes one at a time only
            twin = subject.twin
            apart = None if twin is None else lambda seed: Alone(twin(seed)).eval()
            alone = replace(subject, model=Alone(subject.model).eval(), twin=apart)
            why = str(error).split(";")[0] if isinstance(error, UserError) else f"of several it fails, {_said(error)}"
            return alone, f"{said} It is asked about one signal at a time: {why}.".strip()
    return subject, said


def _coarse(model: nn.Module, audio: Tensor) -> Iterator[str]:
    """Answers in half precision move in steps, and what is smaller than one is lost."""
    with torch.no_grad():
        output = model(audio.clone())
    for value in output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple) else [output]:
        if isinstance(value, Tensor) and value.is_floating_point() and value.dtype.itemsize < 4:
            step = float(value.abs().max()) * torch.finfo(value.dtype).eps
            yield f"The network answers in {value.dtype}: its logits move in steps of up to {step:.2g}."
            return


def load(spec: str, weights: Path | None = None, rate: int = SAMPLE_RATE, samples: int | None = None) -> Subject:
    """Make a network by its factory.

    Args:
        spec: `package.module:factory`, or a module that is there; the current folder is searched too.
        weights: `.safetensors`, or `.pt` and `.pth` (a state dict, alone or under `state_dict`; read without running
            any code in it).
        rate: samples per second of the network's input.
        samples: length of its input, at that rate; decides the shape of what is made lazily. None: six seconds.

    Raises:
        UserError: if there is no such module or factory, it fails or gives no torch module, or the weights do not fit.
    """
    factory, length = _factory(spec), samples or 6 * rate

    def made(seed: int) -> nn.Module:
        return _made(factory, spec, seed, length)

    model = made(0)
    twin, reason = _twin(made, model)
    if weights is not None:
        _fill(model, weights)
    if twin is not None:
        twin, reason = _different(model, twin)

    def adapted(network: nn.Module) -> nn.Module:
        kinds = {value.dtype for value in network.parameters() if value.is_floating_point()}
        if len(kinds) == 1 and kinds != {torch.float32}:
            network = Cast(network, kinds.pop())
        return (network if rate == SAMPLE_RATE else Resampled(network, rate)).eval()

    fresh = None if twin is None else (lambda seed: adapted(twin(seed)))
    return Subject(spec, adapted(model), fresh, reason)


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
        return lambda: found
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


def _made(factory: Factory, spec: str, seed: int, samples: int) -> nn.Module:
    """Call the factory under a seed of its own; what is made lazily is made now, for signals of that length."""
    with seeded(seed):
        try:
            model: Any = factory()
        except UserError:
            raise
        except Exception as error:  # the user's code again
            raise UserError(f"{spec} fails when it is called without arguments: {_said(error)}.") from None
        if not isinstance(model, nn.Module):
            raise UserError(f"{spec} returns {_kind(model)}; it must return a torch module (torch.nn.Module).")
        if any(nn.parameter.is_lazy(value) for value in (*model.parameters(), *model.buffers())):
            try:
                with torch.no_grad():
                    model.eval()(torch.zeros(1, 1, samples))
            except Exception as error:
                raise UserError(
                    f"{spec} has lazy parameters, and cannot be run on {samples} samples to make them: "
                    f"{_said(error)}; give the length that it takes by --samples."
                ) from None
    return model


def _twin(made: Callable[[int], nn.Module], model: nn.Module) -> tuple[Callable[[int], nn.Module] | None, str]:
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
        return None, f"the factory loads weights itself, and the network cannot be copied: {_said(error)}"
    return (lambda seed: untrained(lambda: _redrawn(blank), ANOTHER + seed)), ""


def _different(model: nn.Module, twin: Callable[[int], nn.Module]) -> tuple[Callable[[int], nn.Module] | None, str]:
    """The twin, if it shares no weight with the network; else why there is none."""
    try:
        same = _shared(model, twin(0))
    except Exception as error:
        return None, f"drawing the network anew fails: {_said(error)}"
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


def _fill(model: nn.Module, path: Path) -> None:
    """Load weights into a model.

    Raises:
        UserError: if they cannot be read, or are not the model's.
    """
    state = _state(path)
    try:
        model.load_state_dict(state)
    except Exception as error:  # RuntimeError for other names and shapes; tensors without storage, sparse ones: others
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise UserError(f"The weights in {path} do not fit the network: {(lines or [str(error)])[0][:300]}") from None
    if odd := [name for name, value in model.state_dict().items() if not value.isfinite().all()]:
        raise UserError(f"The weights in {path} are no numbers (NaN or infinite) in {some(odd, 3)}; save others.")


def _state(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file by name."""
    if not path.is_file():
        raise UserError(f"The weights {path} do not exist; check the path.")
    _check_announced(path)
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
    tensors = isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())
    if not tensors or not all(isinstance(name, str) for name in found):
        raise UserError(f"{path} holds no state dict (tensors by name); save model.state_dict().")
    return found


def _check_announced(path: Path) -> None:
    """What torch saves is not compressed: an archive that announces more than its file holds is not opened.

    Raises:
        UserError: then.
    """
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            announced = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UserError(f"The weights {path} cannot be read: {_said(error)}.") from None
    if announced > (held := path.stat().st_size):
        raise UserError(
            f"The weights {path} announce {announced:,} bytes in a file of {held:,}; save them by torch.save."
        )


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _said(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
