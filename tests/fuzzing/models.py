"""Readers of trained networks: model files, others' weights, ONNX metadata, checkpoints."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from numpy.random import Generator
from safetensors.torch import save as serialize
from torch import nn

from elor import onnx_model
from elor.explain.any_network import factory
from elor.inference import load_networks
from elor.networks import INPUTS, SHAPES
from elor.training import weights_file
from elor.vectors import IS10
from tests.fuzzing.judge import Attempt, Wrong
from tests.fuzzing.mutate import odd, spoil_bytes, spoil_value
from tests.worlds.networks import trained_network

TENSORS = {"network.weight": torch.arange(12.0).reshape(3, 4), "best.count": torch.tensor(3)}
NOTES = {"epoch": 3, "best": 1, "stopped": False, "history": [{"score": 0.25}], "audit": [{"epoch": 0, "head": "a"}]}


def networks(folder: Path) -> Attempt:
    """Model files: bytes, and notes that announce another network."""
    made = {name: trained_network(name) for name in ("ftr", "elor")}
    path = folder / "model.safetensors"
    notes = {name: {"fold": "a", "architecture": asdict(net.architecture)} for name, net in made.items()}
    two = {"folds": [notes["ftr"], notes["ftr"] | {"fold": "b"}]}
    states = {name: net.state_dict() for name, net in made.items()}
    other = trained_network("ftr", seed=1).state_dict()
    pair = weights_file.prefixed("0", states["ftr"]) | weights_file.prefixed("1", other)
    good = [(states["ftr"], notes["ftr"]), (states["elor"], notes["elor"]), (pair, two)]
    written = []
    for tensors, about in good:
        weights_file.save(path, tensors, about)
        written.append(path.read_bytes())

    def attempt(draw: Generator) -> None:
        index = int(draw.integers(0, 3))
        tensors, about = good[index]
        if draw.random() < 0.4:
            path.write_bytes(spoil_bytes(written[index], draw))
        else:
            text = json.dumps(spoil_value(json.loads(json.dumps(about)), draw))
            some = dict(tensors)
            if draw.random() < 0.2:
                name = list(some)[int(draw.integers(0, len(some)))]
                some[name] = some[name] * torch.nan if draw.random() < 0.5 else some[name][..., None].clone()
            path.write_bytes(serialize(some, {"notes": text}))
        found = load_networks(path)
        for network in found.values():
            if not all(value.isfinite().all() for value in network.state_dict().values()):
                raise Wrong("weights that are not numbers were taken")

    return attempt


def weights(folder: Path) -> Attempt:
    """Somebody's `.pt`: bytes, both of torch's formats, keys, values, archives that announce more than they hold."""
    path = folder / "weights.pt"
    good = tiny().state_dict()

    def spoiled(draw: Generator) -> Any:
        state: dict[Any, Any] = dict(good)
        key = list(state)[int(draw.integers(0, len(state)))]
        match int(draw.integers(0, 8)):
            case 0:
                state[int(draw.integers(0, 9))] = state.pop(key)
            case 1:
                state[key] = torch.full_like(state[key].float(), [torch.nan, torch.inf][int(draw.integers(0, 2))])
            case 2:
                state[key] = torch.zeros(1).expand(2**31)
            case 3:
                state[key] = odd(draw)
            case 4:
                state = {"state_dict": odd(draw)}
            case 5:
                return odd(draw)
            case 6:
                state[key] = state[key].to_sparse() if state[key].dim() else state[key].bool()
            case _:
                state[key] = torch.randn(3, 1, 2).to(
                    [torch.complex64, torch.float16, torch.int8][int(draw.integers(0, 3))]
                )
        return state

    def attempt(draw: Generator) -> None:
        whole, kind = io.BytesIO(), float(draw.random())
        value = good if kind < 0.5 else spoiled(draw)
        torch.save(value, whole, _use_new_zipfile_serialization=bool(draw.random() < 0.6))
        data = spoil_bytes(whole.getvalue(), draw) if kind < 0.5 else whole.getvalue()
        if kind > 0.9 and zipfile.is_zipfile(io.BytesIO(data)):
            data = _swollen(data)
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            subject = factory.load("tests.fuzzing.models:tiny", weights=path)
        if not all(each.isfinite().all() for each in subject.model.state_dict().values()):
            raise Wrong("weights that are not numbers were taken")

    return attempt


def tiny() -> nn.Module:
    """Somebody's network."""
    return nn.Sequential(nn.Conv1d(1, 2, 9, stride=99), nn.BatchNorm1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten())


def _swollen(data: bytes) -> bytes:
    """The archive with every part compressed, and two hundred megabytes of zeros in a few hundred kilobytes."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("archive/data/99", bytes(5_000_000))
    return found.getvalue()


def onnx_notes(folder: Path) -> Attempt:
    """The metadata of an ONNX file, beside a graph of the right or of another shape."""
    made = trained_network("elor")
    notes = {"network": "elor", "folds": ["a", "b"], "heads": [asdict(head) for head in made.architecture.heads]}

    def graph(draw: Generator) -> Any:
        shapes = {name: ["batch", *SHAPES[name]] for name in INPUTS["elor"]}
        outs = {head.name: ["batch", 2, head.outputs] for head in made.architecture.heads}
        if draw.random() < 0.3:
            outs = spoil_value(outs, draw)
        values = [
            [SimpleNamespace(name=name, shape=shape) for name, shape in part.items()]
            for part in (shapes, outs)
            if isinstance(part, dict)
        ]
        return SimpleNamespace(get_inputs=lambda: values[0], get_outputs=lambda: values[-1])

    def attempt(draw: Generator) -> None:
        text = json.dumps(notes)
        spoiled = spoil_bytes(text.encode(), draw).decode(errors="replace")
        text = spoiled if draw.random() < 0.3 else json.dumps(spoil_value(notes, draw))
        network, folds, heads, vectors = onnx_model._described(text, graph(draw), folder / "model.onnx")
        if (len(folds), {head.outputs for head in heads}, network, vectors) != (2, {5}, "elor", IS10):
            raise Wrong(f"{network}, {folds}, {heads} of a graph of two folds")

    return attempt


def state(folder: Path) -> Attempt:
    """A checkpoint: whatever a disk does to it, it is the same, or is noticed."""
    path = folder / "state.safetensors"
    weights_file.save(path, TENSORS, NOTES)
    whole = path.read_bytes()

    def attempt(draw: Generator) -> None:
        path.write_bytes(spoil_bytes(whole, draw))
        tensors, notes = weights_file.load(path, sealed=True)
        if notes != NOTES or not all(torch.equal(tensors[name], value) for name, value in TENSORS.items()):
            raise Wrong("a damaged state was taken for a good one")

    return attempt
