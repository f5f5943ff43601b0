"""Anybody's network: made by a factory that is named on the command line, with an untrained twin as its control.

A factory is a function (or a class) without arguments that returns a torch module from (batch, 1, samples) to logits.
Called again under another seed it gives the twin. A factory that loads weights itself gives the same network twice;
then the twin is a copy in which every module draws its parameters anew (`reset_parameters`), and where a module cannot
do that there is no such control, which is said and not glossed over. A twin that shares a weight with the network
would be partly the trained one, so it is no control either.
"""

import importlib
import os
import pickle
import random
import sys
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elor.audio import SAMPLE_RATE
from elor.corpora.faults import some
from elor.device import seeded
from elor.errors import UserError
from elor.explain.any_network.files_read import noticed
from elor.explain.any_network.subjects import Cast, Subject, Values
from elor.explain.any_network.twins import said, twin_of, unloaded
from elor.explain.doubts import shortened
from elor.explain.model import evaluating, refuse_unmade
from elor.explain.model_copies import left_as_found, recordable

Factory = Callable[[], nn.Module]


@left_as_found()
def load(
    spec: str,
    weights: Path | None = None,
    rate: int = SAMPLE_RATE,
    samples: int | None = None,
    values: Sequence[str] = (),
) -> Subject:
    """Make a network by its factory.

    Args:
        spec: `package.module:factory`, or a module that is there; the current folder is searched too.
        weights: `.safetensors`, or `.pt` and `.pth` (a state dict, alone or under `state_dict`; read without running
            any code in it).
        rate: samples per second of the network's input.
        samples: length of its input, at that rate; decides the shape of what is made lazily. None: six seconds.
        values: heads whose outputs are values of their own, not classes.

    Raises:
        UserError: if there is no such module or factory, it fails or gives no torch module, or the weights do not fit.
    """
    length = samples or 6 * rate

    def made(seed: int) -> nn.Module:
        return _made(factory, spec, seed, length)

    with noticed() as files:
        factory = _factory(spec)
        model = made(0)
    fresh_weights = "" if weights else unloaded(model, made(1), files)
    if weights is not None:
        _fill(model, weights)
    twin, reason = twin_of(made, model, weights is not None, length, files)

    def adapted(network: nn.Module) -> nn.Module:
        kinds = {value.dtype for value in network.parameters() if value.is_floating_point()}
        if len(kinds) == 1 and kinds != {torch.float32}:
            network = Cast(network)
        return evaluating(Values(network, values) if values else network)

    def fresh(seed: int) -> nn.Module:
        with _drawing(seed):
            return adapted(twin(seed))

    return Subject(spec, adapted(model), fresh if twin else None, reason, rate=rate, unloaded=fresh_weights)


@left_as_found()
def network_of(spec: str) -> nn.Module:
    """The network of a factory alone, for whom it need not be explained.

    Raises:
        UserError: as `load`.
    """
    return _made(_factory(spec), spec, 0, 6 * SAMPLE_RATE)


def _factory(spec: str) -> Factory:
    """What `package.module:name` stands for."""
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise UserError(f"--factory {spec} names no factory; write it as package.module:factory.")
    if module_name.endswith(".py"):
        raise UserError(f"--factory {spec} names a file; {_as_module(Path(os.path.abspath(module_name)))}:{name}.")
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
        except (Exception, SystemExit) as error:  # it is the user's code: anything may come out of it
            raise UserError(f"{module_name} cannot be imported: {said(error)}.") from None
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


def _as_module(file: Path) -> str:
    """What to do instead, where a file is named: its module can be reached from here, or from the folder above its
    packages."""
    if file.is_relative_to(Path.cwd()):
        return f"write its module: {'.'.join(file.relative_to(Path.cwd()).with_suffix('').parts)}"
    folder = file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    module = ".".join(file.relative_to(folder).with_suffix("").parts)
    return f"run in {folder}, or put that into PYTHONPATH, and write its module: {module}"


@contextmanager
def _searching_here():
    """The current folder among the folders of modules, as in `python -m`."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Draw under a seed, by torch, numpy or Python; all three are left as they were."""
    with left_as_found(), seeded(seed):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  # the user's code may draw from it
        yield


def _made(factory: Factory, spec: str, seed: int, samples: int) -> nn.Module:
    """Call the factory under a seed of its own; what is made lazily is made now, for signals of that length."""
    with _drawing(seed):
        try:
            model: Any = factory()
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # the user's code again
            raise UserError(f"{spec} fails when it is called without arguments: {said(error)}.") from None
        if not isinstance(model, nn.Module):
            raise UserError(f"{spec} returns {_kind(model)}; it must return a torch module (torch.nn.Module).")
        if hasattr(model, "_parameters") and any(
            nn.parameter.is_lazy(value) for value in (*model.parameters(), *model.buffers())
        ):
            try:
                with torch.no_grad():
                    evaluating(model)(torch.zeros(1, 1, samples))
            except Exception as error:
                raise UserError(
                    f"{spec} has lazy parameters, and cannot be run on {samples} samples to make them: "
                    f"{said(error)}; give the length that it takes by --samples."
                ) from None
    refuse_unmade(model)
    return recordable(model)


def _fill(model: nn.Module, path: Path) -> None:
    """Load weights into a model.

    Raises:
        UserError: if they cannot be read, or are not the model's.
    """
    state = _unwrapped(_state(path), model.state_dict().keys())
    try:
        model.load_state_dict(state)
    except Exception as error:  # RuntimeError for other names and shapes; tensors without storage, sparse ones: others
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        why = shortened((lines or [error])[0], 300)
        raise UserError(f"The weights in {path} do not fit the network: {why}") from None
    if odd := [name for name, value in model.state_dict().items() if not value.isfinite().all()]:
        raise UserError(f"The weights in {path} are no numbers (NaN or infinite) in {some(odd, 3)}; save others.")


def _unwrapped(state: Mapping[str, Tensor], names: Collection[str]) -> Mapping[str, Tensor]:
    """What a wrapper saved (DataParallel, torch.compile, a training framework): its prefix is before each name."""
    first = next(iter(names), "")
    for prefix in (name.removesuffix(first) for name in state if name.endswith(f".{first}")):
        bare = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if len(bare) == len(state) and bare.keys() == set(names):
            return bare
    return state


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
    except pickle.UnpicklingError as error:
        if "torch.nn.parameter.Uninitialized" in str(error):
            raise UserError(
                f"{path} holds lazy parameters that have no numbers yet; run the network on a sound first, and save "
                "its state_dict then."
            ) from None
        raise UserError(
            f"{path} holds more than tensors and is not read, since that could run code; save the state_dict alone, "
            "or, if it is that, let the factory load it, without --weights."
        ) from None
    except Exception as error:  # damaged in whichever way
        raise UserError(f"The weights {path} cannot be read: {said(error)}.") from None
    found = found.get("state_dict", found) if isinstance(found, Mapping) else found
    tensors = isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())
    if not tensors or not all(isinstance(name, str) for name in found):
        if isinstance(found, Mapping) and any("_packed_params" in str(name) for name in found):
            raise UserError(
                f"{path} holds packed weights of a quantised network, which are no tensors; let the factory load them, "
                "without --weights."
            )
        raise UserError(
            f"{path} holds no state dict (tensors by name); save model.state_dict(), or, if it is that, let the "
            "factory load it, without --weights."
        )
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
        raise UserError(f"The weights {path} cannot be read: {said(error)}.") from None
    if announced > (held := path.stat().st_size):
        raise UserError(
            f"The weights {path} announce {announced:,} bytes in a file of {held:,}; save them by torch.save."
        )


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
