"""Trained networks as a safetensors file that stands alone, never pickle; `elor.onnx_model` has the other format.

`elor.inference.load` reads both. The file of one fold is as training writes it; that of several
holds them side by side, `<index>.<tensor>`, and its header lists them: `{"folds": [{"fold", "architecture", "heard"},
...], "about"}`, where `heard` names the speakers that the network was trained or validated on, and `about` is what
`elor.provenance` knows of them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from elor.networks import MultiHeadNetwork
from elor.provenance import Provenance
from elor.training import weights_file


def write_weights(
    networks: Mapping[str, MultiHeadNetwork],
    path: Path,
    about: Provenance = Provenance(),  # noqa: B008  # frozen
) -> None:
    """Write networks, by fold, to one safetensors file, atomically; its notes say where they come from (`about`).

    Raises:
        UserError: if the disk is full.
    """
    notes = [
        {"fold": fold, "architecture": asdict(network.architecture), "heard": network.heard}
        for fold, network in networks.items()
    ]
    if len(notes) == 1:
        (network,) = networks.values()
        weights_file.save(path, network.state_dict(), notes[0] | {"about": about.tree()})
        return
    tensors: dict[str, Tensor] = {}
    for index, network in enumerate(networks.values()):
        tensors |= weights_file.prefixed(str(index), network.state_dict())
    weights_file.save(path, tensors, {"folds": notes, "about": about.tree()})
