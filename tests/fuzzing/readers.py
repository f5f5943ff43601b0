"""One target per reader: `target(folder)` prepares good files there once, and returns what tries one spoiled copy."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.random import Generator
from ruamel.yaml import YAML
from safetensors.torch import save as serialize
from torch import nn

from elor import onnx_model
from elor.api.score import read_predictions, read_truth
from elor.check.corpus import Wanted, corpus
from elor.commands.claims import claims
from elor.commands.results import results
from elor.corpora.demo import load_recipe
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.evaluation.evaluate import Settings, evaluate
from elor.explain.any_network import factory
from elor.features.store import VectorStore, content_key
from elor.files import read_sealed, write_sealed
from elor.inference import load_networks
from elor.labelfiles.convert import import_labels
from elor.networks import INPUTS, SHAPES
from elor.params import load
from elor.report.text import Format
from elor.training import weights_file
from elor.training.tuning_file import Tuning
from elor.vectors import IS10
from tests.check.test_corpus import table
from tests.fuzzing.judge import Attempt, Wrong
from tests.fuzzing.mutate import NAMES, odd, spoil_bytes, spoil_value
from tests.report.world import World
from tests.worlds import labelfiles, release
from tests.worlds.networks import save, trained_network

ROOT = Path(__file__).parents[2]
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


def tiny() -> nn.Module:
    """Somebody's network."""
    return nn.Sequential(nn.Conv1d(1, 2, 9, stride=99), nn.BatchNorm1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten())


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
            subject = factory.load("tests.fuzzing.readers:tiny", weights=path)
        if not all(each.isfinite().all() for each in subject.model.state_dict().values()):
            raise Wrong("weights that are not numbers were taken")

    return attempt


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


def tuning(folder: Path) -> Attempt:
    """data/tuning/<net>.yaml."""
    path = folder / "elor.yaml"
    value = {
        "network": "elor", "scope": "shared", "fold": "a", "seen": "x", "provenance": {"batch": "search"},
        "values": {"filters": [4, 4], "lengths": [9, 4], "pools": [5, 4], "hidden": [8], "batch": 32, "dropout": 0.5},
        "folds": ["a", "b", "c"],
    }  # fmt: skip
    return _yaml(path, value, Tuning.read)


def params(folder: Path) -> Attempt:
    """params.yaml."""
    return _yaml(folder / "params.yaml", YAML(typ="safe", pure=True).load(ROOT / "params.yaml"), load)


def recipe(folder: Path) -> Attempt:
    """The recipe of the demonstration corpus."""
    return _yaml(folder / "demo.yaml", YAML(typ="safe", pure=True).load(ROOT / "data/demo.yaml"), load_recipe)


def _yaml(path: Path, value: Any, read: Callable[[Path], object]) -> Attempt:
    def dumped(value: Any) -> bytes:
        return json.dumps(value).encode()  # JSON is YAML; numbers beyond it are written as words that are none

    good = dumped(value)

    def attempt(draw: Generator) -> None:
        kind = float(draw.random())
        if kind < 0.002:
            data = b"[" * 5_000
        elif kind < 0.01:
            data = b"a: &a [x, x]\n" + b"".join(
                b"%c: &%c [*%c, *%c]\n" % (98 + n, 98 + n, 97 + n, 97 + n) for n in range(24)
            )
        else:
            data = spoil_bytes(good, draw) if kind < 0.35 else dumped(spoil_value(value, draw))
        path.write_bytes(data)
        read(path)

    return attempt


def metrics(folder: Path) -> Attempt:
    """What `elor results` and `elor claims` print."""
    home = World(folder / "run").metrics
    for unread in ("prototypes", "saliency", "interventions"):
        (home / f"{unread}.json").unlink()
    paths = sorted(home.rglob("*.json"))
    whole = {path: path.read_bytes() for path in paths}

    def attempt(draw: Generator) -> None:
        path = paths[int(draw.integers(0, len(paths)))]
        if draw.random() < 0.3:
            path.write_bytes(spoil_bytes(whole[path], draw))
        else:
            path.write_text(json.dumps(spoil_value(json.loads(whole[path]), draw)))
        try:
            with redirect_stdout(io.StringIO()):
                if path.name == "claims.json":
                    claims(Format.terminal, None, home)
                else:
                    results(Format.terminal, home, True)
        finally:
            path.write_bytes(whole[path])

    return attempt


def manifest(folder: Path) -> Attempt:
    """A corpus in one CSV file, with its names."""
    path = table(folder, "xyzx")
    good = path.read_bytes()

    def attempt(draw: Generator) -> None:
        path.write_bytes(spoil_bytes(good, draw) if draw.random() < 0.5 else _spoiled_cells(good, draw))
        open_corpus(path).read()
        corpus(path, Wanted())

    return attempt


def _spoiled_cells(data: bytes, draw: Generator) -> bytes:
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(int(draw.integers(1, 4))):
        row = rows[int(draw.integers(0, len(rows)))]
        place = int(draw.integers(0, max(1, len(row))))
        match int(draw.integers(0, 5)):
            case 0:
                del row[place:]
            case 1:
                row.insert(place, str(odd(draw)))
            case 2:
                row[place : place + 1] = [str(odd(draw))]
            case _:
                row[place : place + 1] = [NAMES[int(draw.integers(0, len(NAMES)))]]
    return "\n".join(",".join(row) for row in rows).encode(errors="surrogatepass")


def predictions(folder: Path) -> Attempt:
    """What `elor score` is given."""
    settings = Settings(draws=100, permutations=100)
    truth = read_truth(table(folder, "xyz"), settings)
    path = folder / "predictions.csv"
    rows = truth.slices[["slice"]].assign(arousal=1, valence=2)
    for head in ("arousal", "valence"):
        rows = rows.assign(**{f"{head}_p{k}": 0.2 for k in range(5)})
    good = rows.to_csv(index=False).encode()

    def attempt(draw: Generator) -> None:
        path.write_bytes(spoil_bytes(good, draw) if draw.random() < 0.5 else _spoiled_cells(good, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = read_predictions(path, truth.slices, settings.heads)
            evaluate(truth.slices, None, truth.utterances, truth.ratings, {"a": table}, {}, settings)

    return attempt


def annotations(folder: Path) -> Attempt:
    """A text of an IEMOCAP release."""
    root = release.build(folder / "release")
    paths = sorted(root.rglob("EmoEvaluation/*.txt"))

    def attempt(draw: Generator) -> None:
        path = paths[int(draw.integers(0, len(paths)))]
        whole = path.read_bytes()
        path.write_bytes(spoil_bytes(whole, draw))
        try:
            open_corpus(root, partial=bool(draw.random() < 0.5)).read()
        finally:
            path.write_bytes(whole)

    return attempt


def labels(folder: Path) -> Attempt:
    """Foreign label files; a refused import leaves no manifest."""
    improv = labelfiles.improv(folder / "improv")
    podcast = labelfiles.podcast(folder / "podcast")
    given: list[tuple[Path, Any, Mapping[str, Any]]] = [(improv, "msp-improv", {})]
    given += [(podcast / name, "msp-podcast", {}) for name in ("labels_consensus.csv", "labels.txt", "packed.csv")]
    output = folder / "manifest.csv"

    def attempt(draw: Generator) -> None:
        path, kind, more = given[int(draw.integers(0, len(given)))]
        whole = path.read_bytes()
        path.write_bytes(spoil_bytes(whole, draw))
        output.unlink(missing_ok=True)
        try:
            import_labels(path, kind, output, **more)
        except UserError:
            if output.exists():
                raise Wrong("a refused import left a manifest") from None
            raise
        finally:
            path.write_bytes(whole)
        if not len(pd.read_csv(output)):
            raise Wrong("an import without a row")

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


def sealed(folder: Path) -> Attempt:
    """An ended trial, or remembered digests."""
    path = folder / "trial.json"
    value = {"status": "ok", "score": 0.4375, "epoch": 3, "scores": [0.25, 0.4375], "reason": ""}
    write_sealed(path, value)
    whole = path.read_bytes()

    def attempt(draw: Generator) -> None:
        path.write_bytes(spoil_bytes(whole, draw))
        if (found := read_sealed(path)) not in (value, None):
            raise Wrong(f"a damaged trial was taken for a good one: {found}")

    return attempt


def vectors(folder: Path) -> Attempt:
    """Kept IS10 vectors."""
    home = folder / "store"
    home.mkdir()
    given = {content_key(np.arange(n)): np.arange(n, n + 7, dtype=np.float32) for n in range(1, 6)}
    with VectorStore(home, 7) as store:
        store.add(given)
    (path,) = home.glob("*.vectors")
    whole = path.read_bytes()

    def attempt(draw: Generator) -> None:
        path.write_bytes(spoil_bytes(whole, draw))
        found = VectorStore(home, 7).load()
        if not all(key in given and np.array_equal(vector, given[key]) for key, vector in found.items()):
            raise Wrong("a damaged vector was taken for a good one")

    return attempt


def names(folder: Path) -> Attempt:
    """Names of files, and of speakers, on the command line."""
    from typer.testing import CliRunner

    from elor.commands import app

    save(folder / "model/a.safetensors", trained_network("ftr"), "a")

    def attempt(draw: Generator) -> None:
        name = NAMES[int(draw.integers(0, len(NAMES)))]
        name = (
            spoil_bytes(name.encode(errors="replace"), draw).decode(errors="replace") if draw.random() < 0.5 else name
        )
        name = name.replace("\0", "") or "x"
        verbs = (
            ["check", "--", name],
            ["score", "--corpus", f"./{name}", "--", f"{name}.csv"],
            ["predict", "--model", str(folder / "model"), "--", name],
            ["predict", "--model", f"./{name}.safetensors", "--", "x.wav"],
            ["predict", "--model", str(folder / "model"), "--fold", f"={name}", "--", "x.wav"],
            ["explain", "--factory", f"{name}:{name}", "--", name],
            ["results", "--metrics", f"./{name}"],
            ["corpus", "import", "--kind", "csv", "--", name],
        )
        with redirect_stderr(io.StringIO()):
            result = CliRunner().invoke(app, verbs[int(draw.integers(0, len(verbs)))])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if result.exit_code == 0:
            raise Wrong(f"status 0 for {name[:60]!r}")
        raise UserError(result.output or "status")

    return attempt


TARGETS: dict[str, Callable[[Path], Attempt]] = {
    "model files": networks,
    "others' weights": weights,
    "ONNX metadata": onnx_notes,
    "tuning": tuning,
    "params.yaml": params,
    "recipe": recipe,
    "metrics": metrics,
    "manifests": manifest,
    "elor score": predictions,
    "IEMOCAP": annotations,
    "label imports": labels,
    "checkpoints": state,
    "trials, digests": sealed,
    "kept vectors": vectors,
    "names": names,
}
"""Every reader by its title."""
