"""What a trained network says of any recording: `load` an ensemble, `predict` a file or an array.

The networks of a run were trained with one speaker left out each. Of a voice that is not in their corpus all of them
may judge, and the mean of their probabilities is the answer (`fold=None`). A recording *of* the corpus must be judged
by the network of its own speaker's fold: all others have trained on that voice. Nothing here can tell the two apart.

    >>> import elor
    >>> ensemble = elor.load("data/models", network="elor")
    >>> prediction = ensemble.predict("interview.wav")
    >>> prediction.whole("arousal")  # probabilities of the classes 0 .. 4
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from elor.audio import Stereo
from elor.device import exact, local
from elor.ensemble import WINDOW_S, Ensemble, Logits, Prediction, check_choice, is_asked
from elor.errors import UserError
from elor.networks import MultiHeadNetwork
from elor.onnx_model import load_onnx
from elor.provenance import Provenance
from elor.training import weights_file

MODELS = Path("data/models")
"""Where a run leaves its networks, below the project's folder."""

NETWORK = "elor"
"""The network that is taken from a folder of several."""


def load(
    path: Path | str = MODELS, network: str | None = None, fold: str | None = None, device: str = "auto"
) -> Ensemble:
    """Load trained networks.

    Args:
        path: a run's `data/models`, one network's folder in it, or a file `.safetensors` or `.onnx` of `elor export`.
        network: `elor` (if a folder holds several, and this is None), `lom`, `ftr` or `elor_ftr`.
        fold: only the network of this fold, or its networks, which have not trained on its speaker; None: all of them.
        device: `auto`, `cpu`, `cuda`; ONNX files run on the CPU.

    Raises:
        UserError: if there is no such network or fold, or a file is damaged.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return load_onnx(path, network, fold)
    networks = load_networks(path, network, fold)
    first = next(iter(networks.values())).architecture
    run, heard = _Torch(networks, local(device, "device")), tuple(one.heard for one in networks.values())
    known = provenance(path, first.network)
    return Ensemble(first.network, tuple(networks), first.heads, run, first.vectors, heard, known)


def predict(
    audio: Path | str | np.ndarray,
    rate: int | None = None,
    model: Path | str = MODELS,
    network: str | None = None,
    fold: str | None = None,
    hop_s: float = WINDOW_S,
    stereo: Stereo = "mean",
) -> Prediction:
    """Load networks and predict one recording; to predict several, `load` once. Arguments as there, and in `Ensemble`.

    Raises:
        UserError: if the model or the audio cannot be read, or the audio is empty, silent, or holds NaN.
    """
    return load(model, network, fold).predict(audio, rate, hop_s, stereo)


def provenance(path: Path, network: str) -> Provenance:
    """What the networks of a run, or of an exported file, learnt from, and how well they answer."""
    if path.is_file():
        return Provenance.of_notes(weights_file.load(path)[1].get("about"))
    return Provenance.of_run(path, network)


def load_networks(path: Path, network: str | None = None, fold: str | None = None) -> dict[str, MultiHeadNetwork]:
    """The networks themselves, by fold, on the CPU; arguments and errors as in `load`."""
    files = _files(path, network)
    networks = {name: found for file in files for name, found in _read(file)}
    first = next(iter(networks))
    if "/" in first and path.with_name(f"{path.name}.safetensors").is_file():  # beside the fold's first network
        raise UserError(
            f"{path} holds only the further networks of a fold; give {path.parent}, and the fold {path.name} to have "
            f"all of its networks, or {first} for one."
        )
    check_choice(path, next(iter(networks.values())).architecture.network, list(networks), network, fold)
    shapes = [found.architecture for found in networks.values()]
    if len({(shape.network, shape.heads, shape.vectors) for shape in shapes}) > 1:
        raise UserError(
            f"The networks in {path} answer different questions or read different vectors; run dvc repro, which trains "
            "them alike."
        )
    return {name: found for name, found in networks.items() if is_asked(name, fold)}


class _Torch:
    """The networks of an ensemble on one device."""

    def __init__(self, networks: dict[str, MultiHeadNetwork], device: torch.device) -> None:
        self.device, self.networks = device, nn.ModuleList(networks.values()).eval().to(device)

    @exact()
    @torch.inference_mode()
    def __call__(self, inputs: Sequence[np.ndarray]) -> Logits:
        values = [torch.from_numpy(value).to(self.device) for value in inputs]
        found = [network(*values) for network in self.networks]
        return {name: torch.stack([each[name] for each in found], dim=1).cpu().numpy() for name in found[0]}


def _files(path: Path, network: str | None) -> list[Path]:
    """The files to read: the path itself, or the networks in a folder, those of one fold after the other."""
    if path.is_file() and path.suffix == ".safetensors":
        return [path]
    if path.is_file():
        raise UserError(f"{path} is no model; give a .safetensors or .onnx file that elor export wrote.")
    if path.suffix == ".safetensors":
        raise UserError(f"{path} does not exist; write it with elor export, or give a folder of trained networks.")
    if files := _held(path):
        return files
    held = sorted(file.parent.name for file in path.glob("*/*.safetensors"))
    if not held:
        raise UserError(f"{path} holds no trained network yet; run dvc repro, or give another folder or model file.")
    files = _held(path / (network or NETWORK))
    if not files:
        raise UserError(f"{path} has no network {network or NETWORK}; there is {', '.join(dict.fromkeys(held))}.")
    return files


def _held(folder: Path) -> list[Path]:
    """The networks in a folder; beside that of each fold the further ones of its ensemble, in a folder of its name."""
    found = []
    for first in sorted(folder.glob("*.safetensors")):
        further = first.with_suffix("").glob("*.safetensors")
        found += [first, *sorted(further, key=lambda file: (len(file.stem), file.stem))]  # 10 comes after 9
    return found


def _read(path: Path) -> Iterator[tuple[str, MultiHeadNetwork]]:
    """The networks of a file by fold: one, as training writes it, or several, as `write_weights` does."""
    tensors, notes = weights_file.load(path)
    if "folds" not in notes:
        yield str(notes.get("fold", path.stem)), weights_file.network_of(tensors, notes, path)
        return
    folds = notes["folds"]
    names = [each.get("fold") if isinstance(each, dict) else None for each in folds] if isinstance(folds, list) else []
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UserError(f"{path} is damaged: its notes name no folds; make it again.")
    for index, each in enumerate(folds):
        yield each["fold"], weights_file.network_of(weights_file.unprefixed(str(index), tensors), each, path)
