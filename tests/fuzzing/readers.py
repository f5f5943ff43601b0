"""One target per reader: `target(folder)` prepares good files there once, and returns what tries one spoiled copy."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from ruamel.yaml import YAML

from elor.commands.claims import claims
from elor.commands.results import results
from elor.corpora.demo import load_recipe
from elor.errors import UserError
from elor.features.store import VectorStore, content_key
from elor.files import read_sealed, write_sealed
from elor.params import load
from elor.report.text import Format
from elor.training.tuning_file import Tuning
from tests.fuzzing import corpora, models
from tests.fuzzing.judge import Attempt, Wrong
from tests.fuzzing.mutate import NAMES, spoil_bytes, spoil_value
from tests.report.world import World
from tests.worlds.networks import save, trained_network

ROOT = Path(__file__).parents[2]


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
    "model files": models.networks,
    "others' weights": models.weights,
    "ONNX metadata": models.onnx_notes,
    "tuning": tuning,
    "params.yaml": params,
    "recipe": recipe,
    "metrics": metrics,
    "manifests": corpora.manifest,
    "elor score": corpora.predictions,
    "IEMOCAP": corpora.annotations,
    "label imports": corpora.labels,
    "checkpoints": models.state,
    "trials, digests": sealed,
    "kept vectors": vectors,
    "names": names,
}
"""Every reader by its title."""
