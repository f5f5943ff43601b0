"""The file that weights lie in: safetensors, never pickle, with everything else as JSON in its header.

Trained networks are such files, and so is the state of a training that may be killed (`elor.training.resume`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from elor.errors import UserError
from elor.files import replacing
from elor.networks import INPUTS, Architecture, MultiHeadNetwork
from elor.targets import HEADS, Head
from elor.vectors import Vectors

CHECKSUM = "sha256"
"""The key of the checksum in the notes."""


def save(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
    """Write tensors and JSON notes to one safetensors file, atomically; the notes bear a checksum of everything.

    Raises:
        UserError: if the file cannot be written.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {"notes": json.dumps(notes | {CHECKSUM: _checksum(plain, notes)})}
    with replacing(path) as part:
        part.write_bytes(serialize(plain, header))  # and not save_file: it hides that the disk is full


def load(path: Path, sealed: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and notes.

    Args:
        path: the file.
        sealed: whether it must bear its checksum; else a file of other makers needs none.

    Raises:
        UserError: if the file is absent or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: train the network first (dvc repro).") from None
    except (OSError, SafetensorError, ValueError, RecursionError, UnicodeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run dvc repro again.") from None
    if not isinstance(notes, dict):
        raise UserError(f"{path} holds no network of this project: its notes are no mapping.")
    expected = notes.pop(CHECKSUM, None)
    if (sealed or expected is not None) and expected != _checksum(tensors, notes):
        raise UserError(f"{path} is damaged (its checksum is another); delete it and run dvc repro again.")
    return tensors, notes


def _checksum(tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> str:
    """SHA-256 of notes and tensors: names, types, shapes, bytes."""
    found = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode(errors="surrogatepass"))
        found.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def load_network(path: Path) -> MultiHeadNetwork:
    """Read a trained network, ready to predict.

    Raises:
        UserError: if the file is absent, damaged, or holds no network of this project.
    """
    tensors, notes = load(path)
    return network_of(tensors, notes, path)


def network_of(tensors: dict[str, Tensor], notes: Any, path: Path) -> MultiHeadNetwork:
    """Make a network of its weights and of its notes, which bear its architecture.

    Nothing is allocated for what the notes announce before the weights are seen to be of that size.

    Args:
        path: the file that they come from, for messages.

    Raises:
        UserError: if the notes describe no network, the weights are another network's, or some are not numbers.
    """
    if not isinstance(notes, Mapping) or "architecture" not in notes:
        raise UserError(f"{path} holds no network of this project; give a file that dvc repro or elor export wrote.")
    try:
        shape = architecture_of(notes["architecture"])
        _fit(shape, tensors)
    except (KeyError, TypeError, ValueError, UserError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} is damaged: its weights are not those of its network ({reason}); make it again."
        ) from None
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise UserError(f"{path} is damaged: some of its weights are not numbers; make it again.")
    network = MultiHeadNetwork(shape)
    network.load_state_dict(tensors)
    network.heard = heard_of(notes.get("heard"))
    return network.eval()


def heard_of(value: Any) -> tuple[str, ...] | None:
    """The speakers that a file says a network was trained or validated on; None where it says nothing of the kind."""
    known = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return tuple(value) if known else None


def architecture_of(value: Any) -> Architecture:
    """An architecture from what `asdict` made of one.

    Raises:
        KeyError, TypeError, ValueError: if it is none.
    """
    heads = heads_of(value["heads"])
    lists = {name: tuple(value[name]) for name in ("filters", "lengths", "pools", "hidden")}
    vectors = Vectors.of(value.get("vectors", {}))  # of files from before there was a choice: IS10
    found = Architecture(**value | lists | {"heads": heads, "vectors": vectors})
    sizes = [found.stride, *(size for sizes in lists.values() for size in sizes)]
    if not all(type(size) is int and 1 <= size < 2**31 for size in sizes):
        raise ValueError(f"its sizes are {sizes}")
    if found.network not in INPUTS or not isinstance(found.dropout, (int, float)) or not 0 <= found.dropout < 1:
        raise ValueError(f"network {found.network!r}, dropout {found.dropout!r}")
    if type(found.standardize) is not bool or len({len(lists[name]) for name in ("filters", "lengths", "pools")}) > 1:
        raise ValueError(f"standardize {found.standardize!r}, layers {lists}")
    return found


def heads_of(value: Any) -> tuple[Head, ...]:
    """Heads from what `asdict` made of them.

    Raises:
        TypeError, ValueError: if they are none.
    """
    heads = tuple(Head(**head) for head in value)
    names = [head.name for head in heads]
    if not heads or not all(name in HEADS for name in names) or len(set(names)) < len(names):
        raise ValueError(f"its heads are {names}")
    for head in heads:
        if not type(head.soft) is type(head.spread) is bool or not (head.classes is None or type(head.classes) is int):
            raise ValueError(f"its head is {head}")
        if head.classes is not None and not 2 <= head.classes < 2**16:
            raise ValueError(f"its head {head.name} has {head.classes} classes")
    return heads


def _fit(shape: Architecture, tensors: Mapping[str, Tensor]) -> None:
    """Check that tensors have the names and sizes of a network's.

    Raises:
        ValueError, UserError: if not, or if there is no such network.
    """
    if len(shape.filters) + len(shape.hidden) > len(tensors):
        raise ValueError("fewer tensors than layers")
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in MultiHeadNetwork(shape).state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if other := sorted(name for name in expected | found if expected.get(name) != found.get(name)):
        name = other[0]
        raise ValueError(f"{name} is {found.get(name, 'absent')} and should be {expected.get(name, 'absent')}")


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put `prefix.` before every name."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
