"""Readers of corpora: manifests, predictions for them, IEMOCAP's annotations, foreign label files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.random import Generator

from elor.api.score import read_predictions, read_truth
from elor.check.corpus import Wanted, corpus
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.evaluation.evaluate import evaluate
from elor.evaluation.settings import Settings
from elor.labelfiles.convert import import_labels
from tests.check.test_corpus import table
from tests.fuzzing.judge import Attempt, Wrong
from tests.fuzzing.mutate import NAMES, odd, spoil_bytes
from tests.worlds import labelfiles, release


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
