"""Networks as an ONNX file: every fold's logits from the same inputs, in any language that has an ONNX runtime.

The graph is that of the plain layers, standardisation included, so that its inputs are the features as the pipeline
writes them. Who wrote the file, for which folds and heads, stands in its metadata, under the key `elor`.
"""

import hashlib
import importlib.util
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elor.ensemble import Ensemble, Logits, check_choice, eaten, is_asked
from elor.errors import UserError
from elor.features.slices import SLICE_SAMPLES
from elor.files import replacing
from elor.networks import INPUTS, SHAPES, Architecture, MultiHeadNetwork
from elor.provenance import Provenance
from elor.registry import TEXT, VECTORS
from elor.targets import Head
from elor.training.weights_file import heads_of, heard_of
from elor.vectors import Vectors

KEY = "elor"
BLANK = "0" * 64
"""Stands where the checksum will be (of SHA-256, in hexadecimal digits) while it is taken of the whole file."""
TOLERANCE = 1e-4
"""Largest difference of a logit between torch and onnxruntime, relative where logits exceed 1."""


@dataclass(frozen=True)
class Written:
    """What `write_onnx` did: the version of ONNX' operators, and the largest difference of a logit from torch's."""

    opset: int
    difference: float


def need(packages: Sequence[str] = ("onnx", "onnxruntime", "onnxscript")) -> None:
    """Check that the optional packages are installed.

    Raises:
        UserError: if one is not.
    """
    if lacking := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise UserError(f"ONNX files need the package {lacking[0]}; install it: python -m pip install 'elor[onnx]'.")


def write_onnx(
    networks: Mapping[str, MultiHeadNetwork],
    path: Path,
    about: Provenance = Provenance(),  # noqa: B008  # frozen
) -> Written:
    """Write networks, by fold, to one ONNX file, and compare it with torch on sound.

    Shape:
        inputs, named as in `elor.networks.INPUTS`: float32 (batch, *shape) of `Architecture.shapes`.
        outputs, one per head: float32 (batch, folds, outputs) logits or values.

    Raises:
        UserError: if the optional packages are absent, or onnxruntime gives other logits (nothing is written).
    """
    need()
    module = _Folds([_plain(network) for network in networks.values()])
    names = module.architecture.inputs
    samples = tuple(torch.from_numpy(_sample(name, module.architecture)) for name in names)
    batch = torch.export.Dim("batch", min=1)
    with _quiet():
        program: Any = torch.onnx.export(
            module,
            samples,
            dynamo=True,
            input_names=list(names),
            output_names=[head.name for head in module.architecture.heads],
            dynamic_shapes={"inputs": tuple({0: batch} for _ in names)},
            verbose=False,
        )
    heads = [asdict(head) for head in module.architecture.heads]
    notes = {"network": module.architecture.network, "folds": list(networks), "heads": heads, "sha256": BLANK}
    notes |= {"vectors": asdict(module.architecture.vectors), "heard": [one.heard for one in networks.values()]}
    notes |= {"about": about.tree()}
    program.model.metadata_props[KEY] = json.dumps(notes)
    with replacing(path) as part:
        program.save(part)
        part.write_bytes(_sealed(part.read_bytes()))
        written = Written(program.model.opset_imports[""], _difference(module, samples, part))
        if not written.difference <= TOLERANCE:
            raise UserError(
                f"{path} was not written: its logits differ from torch's by {written.difference:.1g}; "
                "try other versions of onnx and onnxruntime."
            )
    return written


def load_onnx(path: Path, network: str | None = None, fold: str | None = None) -> Ensemble:
    """Read what `write_onnx` wrote; arguments as in `elor.inference.load`.

    Raises:
        UserError: if onnxruntime is absent, the file is absent, damaged or another program's, or lacks what is asked.
    """
    need(("onnxruntime",))
    content, session = _opened(path)
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    if text is None:
        raise UserError(f"{path} holds no network of this project; give a file that elor export wrote.")
    held, folds, heads, vectors = _described(text, session, path)
    notes = json.loads(text)
    said = notes.get("heard")
    heard = (
        [heard_of(one) for one in said] if isinstance(said, list) and len(said) == len(folds) else [None] * len(folds)
    )
    if b'"sha256"' not in content or content != _sealed(content):
        raise UserError(f"{path} is damaged (its checksum is another); export it again.")
    check_choice(path, held, folds, network, fold)
    chosen = [index for index, name in enumerate(folds) if is_asked(name, fold)]
    run, known = _Onnx(session, chosen), Provenance.of_notes(notes.get("about"))
    return Ensemble(held, tuple(folds[k] for k in chosen), heads, run, vectors, tuple(heard[k] for k in chosen), known)


def _described(text: str, session: Any, path: Path) -> tuple[str, list[str], tuple[Head, ...], Vectors]:
    """Network, folds, heads and vectors of the metadata, if the graph is theirs.

    Raises:
        UserError: if not.
    """
    try:
        notes: dict[str, Any] = json.loads(text)
        network, folds, heads = notes["network"], notes["folds"], heads_of(notes["heads"])
        vectors = Vectors.of(notes.get("vectors", {}))
        shapes = SHAPES | dict.fromkeys(VECTORS, (vectors.width,))
        expected = [(name, list(shapes[name])) for name in INPUTS[network]]
        found = [(value.name, list(value.shape[1:])) for value in session.get_inputs()]
        if found != expected:
            raise ValueError(f"its inputs are {found}")
        expected = [(head.name, [len(folds), head.answers]) for head in heads]
        found = [(value.name, list(value.shape[1:])) for value in session.get_outputs()]
        if found != expected:
            raise ValueError(f"its outputs are {found}")
        if not folds or not all(isinstance(name, str) for name in folds) or len(set(folds)) < len(folds):
            raise ValueError(f"its folds are {folds}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} is damaged: its metadata are not those of its graph ({reason}); export it again."
        ) from None
    return network, folds, heads, vectors


def _sealed(content: bytes) -> bytes:
    """The file with its checksum in place; a flipped bit in a weight would change answers without a word."""
    blank = re.sub(rb'("sha256": ")[0-9a-f]{64}"', rb"\g<1>" + BLANK.encode() + b'"', content)
    return blank.replace(BLANK.encode(), hashlib.sha256(blank).hexdigest().encode())


class _Folds(nn.Module):
    """Networks side by side; logits of every head, (batch, folds, outputs), in the heads' order."""

    def __init__(self, networks: Sequence[MultiHeadNetwork]) -> None:
        super().__init__()
        self.networks, self.architecture = nn.ModuleList(networks), networks[0].architecture
        self.eval()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found = [network(*inputs) for network in self.networks]
        return tuple(torch.stack([each[name] for each in found], dim=1) for name in found[0])


class _Onnx:
    """A session as `Ensemble.run`: the logits of the chosen folds."""

    def __init__(self, session: Any, chosen: Sequence[int]) -> None:
        self.session, self.chosen = session, list(chosen)
        self.inputs = [value.name for value in session.get_inputs()]
        self.outputs = [value.name for value in session.get_outputs()]

    def __call__(self, inputs: Sequence[np.ndarray]) -> Logits:
        found = self.session.run(self.outputs, dict(zip(self.inputs, inputs, strict=True)))
        return {name: values[:, self.chosen] for name, values in zip(self.outputs, found, strict=True)}


def _plain(network: MultiHeadNetwork) -> MultiHeadNetwork:
    """The same network of PyTorch's own layers, which ONNX knows."""
    twin = MultiHeadNetwork(network.architecture, fast=False)
    twin.load_state_dict(network.state_dict())
    return twin


def _sample(name: str, shape: Architecture) -> np.ndarray:
    """Two rows of an input: of noise as it sounds, or noise itself in place of vectors from elsewhere, or of words."""
    if name in VECTORS and shape.vectors.table:
        noise = np.random.default_rng(0).standard_normal((2, shape.vectors.width))
        return (noise > 0 if name == TEXT else noise).astype(np.float32)
    return eaten(name, _sound(), shape.vectors)


def _sound() -> np.ndarray:
    """Two windows of noise, loud and soft, int16 (2, 96000)."""
    noise = np.random.default_rng(0).standard_normal((2, SLICE_SAMPLES)) * [[3_000], [300]]
    return np.clip(noise, -32_768, 32_767).astype(np.int16)


def _difference(module: _Folds, samples: tuple[Tensor, ...], path: Path) -> float:
    """The largest difference of a logit between torch and the file, relative where logits exceed 1."""
    with torch.no_grad():
        expected = [value.numpy() for value in module(*samples)]
    found = _Onnx(_opened(path)[1], range(len(module.networks)))([value.numpy() for value in samples]).values()
    pairs = zip(found, expected, strict=True)
    return max(float((np.abs(a - b) / np.maximum(1, np.abs(b))).max()) for a, b in pairs)


def _opened(path: Path) -> tuple[bytes, Any]:
    """What the file holds, and a session of that very content."""
    import onnxruntime

    if not path.is_file():
        raise UserError(f"{path} does not exist; write it with elor export.")
    onnxruntime.set_default_logger_severity(4)  # what is wrong is said below, once
    try:
        content = path.read_bytes()
        return content, onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is damaged ({reason}); export it again.") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on packages that are not used, and on torch's own deprecations, to itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
