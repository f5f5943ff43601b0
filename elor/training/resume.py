"""The state of a training between two epochs, on disk and back.

One file, replaced whole after every epoch, so that a kill at any moment leaves a complete state: the network, the
momentum of its optimiser and the kept epoch's network; epoch, history and audit are its notes. Its name says nothing:
the folder is keyed by everything that decides the result (`elor.training.train`), so a state of other code or
parameters is never found. Epochs draw their random numbers from (seed, network, fold, epoch), so no generator's state
needs keeping.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.files import write_text
from elor.training import weights_file

STATE = "state.safetensors"
PROGRESS = "progress"


@dataclass
class State:
    """What changes from epoch to epoch, besides the network and its optimiser.

    Attributes:
        epoch: how many epochs are done.
        kept: the epoch that is kept so far, -1 before the first.
        stopped: whether the search's floor ended the training.
        history, audit: as in `elor.training.job.Outcome`.
        kept_tensors: weights and buffers of that epoch.
    """

    epoch: int = 0
    kept: int = -1
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    kept_tensors: dict[str, Tensor] = field(default_factory=dict)


def keep(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, state: State, steps: int) -> None:
    """Put the state on disk in place of the one before.

    Args:
        steps: epochs to show as done; all of them once the training is finished, however early.
    """
    momentum = {
        name: optimiser.state[parameter]["momentum_buffer"]
        for name, parameter in network.named_parameters()
        if optimiser.state[parameter].get("momentum_buffer") is not None
    }
    tensors = (
        weights_file.prefixed("network", network.state_dict())
        | weights_file.prefixed("momentum", momentum)
        | weights_file.prefixed("kept", state.kept_tensors)
    )
    notes = {name: getattr(state, name) for name in ("epoch", "kept", "stopped", "history", "audit")}
    weights_file.save(folder / STATE, tensors, notes)
    write_text(folder / PROGRESS, str(steps))


def resume(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> State:
    """Bring network and optimiser to where the last complete epoch left them; a fresh state if there is none."""
    path = folder / STATE
    if not path.exists():
        return State()
    try:
        tensors, notes = weights_file.load(path, sealed=True)
        weights = weights_file.unprefixed("network", tensors)
        _check_shapes(path, weights, network)  # beforehand: PyTorch refuses only when it has loaded what fits
        network.load_state_dict(weights)
    except (UserError, RuntimeError) as error:
        print(f"The unfinished training in {folder} cannot be used and starts anew: {error}", file=sys.stderr)
        return State()
    parameters = dict(network.named_parameters())
    for name, buffer in weights_file.unprefixed("momentum", tensors).items():
        optimiser.state[parameters[name]]["momentum_buffer"] = buffer.to(parameters[name].device)
    device = next(network.parameters()).device
    kept = {name: value.to(device) for name, value in weights_file.unprefixed("kept", tensors).items()}
    return State(**notes, kept_tensors=kept)


def _check_shapes(path: Path, weights: Mapping[str, Tensor], network: nn.Module) -> None:
    """Refuse a network of other layers.

    Raises:
        UserError: if names or shapes of tensors differ.
    """
    found, wanted = ({name: one.shape for name, one in some.items()} for some in (weights, network.state_dict()))
    if found != wanted:
        odd = min(name for name in found | wanted if found.get(name) != wanted.get(name))
        raise UserError(f"{path} is of other layers than this network: {odd} differs.")


def epochs_done(folder: Path) -> int:
    """How many epochs a training has behind it, for the progress bar."""
    try:
        return int((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return 0
