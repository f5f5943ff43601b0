"""Weights on disk as safetensors, never as pickle: final models, and the state of a training that may be killed.

A checkpoint is one file, replaced whole after every epoch. Its tensors are the network, the momentum of its
optimiser and the best epoch's network; everything else (epoch, history, audit) is JSON in the file's header.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from elor.errors import UserError
from elor.files import replacing
from elor.networks import Architecture, TwoHeadNetwork
from elor.targets import Head


def save(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any] | None = None) -> None:
    """Write tensors (and JSON notes) to one safetensors file, atomically."""
    header = {"notes": json.dumps(notes)} if notes is not None else None
    with replacing(path) as part:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, part, header)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and notes.

    Raises:
        UserError: if the file is absent or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: train the network first (dvc repro).") from None
    except (SafetensorError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run dvc repro again.") from None


def load_network(path: Path) -> TwoHeadNetwork:
    """Read a trained network, ready to predict.

    Raises:
        UserError: if the file is absent, damaged, or holds no network of this project.
    """
    tensors, notes = load(path)
    if "architecture" not in notes:
        raise UserError(f"{path} holds no network of this project; give a file that dvc repro or elor export wrote.")
    value = notes["architecture"]
    heads = tuple(Head(**head) for head in value.pop("heads"))
    shape = Architecture(heads=heads, **{key: tuple(v) if isinstance(v, list) else v for key, v in value.items()})
    network = TwoHeadNetwork(shape)
    network.load_state_dict(tensors)
    return network.eval()


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put `prefix.` before every name."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
