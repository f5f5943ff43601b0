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
    return network_of(tensors, notes, path)


def network_of(tensors: dict[str, Tensor], notes: dict[str, Any], path: Path) -> TwoHeadNetwork:
    """Make a network of its weights and of its notes, which bear its architecture.

    Args:
        path: the file that they come from, for messages.

    Raises:
        UserError: if the notes describe no network, the weights are another network's, or some are not numbers.
    """
    if "architecture" not in notes:
        raise UserError(f"{path} holds no network of this project; give a file that dvc repro or elor export wrote.")
    try:
        value: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in notes["architecture"].items()
        }
        network = TwoHeadNetwork(Architecture(**value | {"heads": tuple(Head(**head) for head in value["heads"])}))
        network.load_state_dict(tensors)
    except (AttributeError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} is damaged: its weights are not those of its network ({reason}); make it again."
        ) from None
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise UserError(f"{path} is damaged: some of its weights are not numbers; make it again.")
    return network.eval()


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put `prefix.` before every name."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
