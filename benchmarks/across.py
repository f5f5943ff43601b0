"""Train on one corpus, test on another: two demonstration corpora and EmoDB, each tested by networks of the others.

What must come out is known of the two that are made: arousal is heard alike in both, so that it should transfer; every
cue of valence is turned round in the second, so that what was learned of it must fail there. EmoDB is real speech.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.publish import command, publish
from benchmarks.stagewise import READ, prepare, run
from elor.evidence.across import Across
from elor.evidence.model import read
from elor.progress import clock
from elor.registry import WORDLESS
from elor.report.across import transfer_table, verdict_sentences
from elor.report.text import Block, Notes, Table
from elor.tables import read_table

EMODB = Path(os.environ.get("EMODB", ROOT.parent / "shared" / "emodb" / "manifest.csv"))
"""Where its table lies; the recordings are no part of this repository."""

STAGES = (*READ, "folds", *(f"train@{network}" for network in WORDLESS), "baseline", "evaluate", "across")

SMALL: dict[str, Any] = {
    "folds.hold_out": "corpus",
    "scale.demo.utterances": 240,
    "scale.demo.networks.elor.epochs": 12,
    "scale.demo.networks.elor_ftr.epochs": 6,
    "scale.demo.networks.lom.epochs": 6,
    "scale.demo.networks.ftr.epochs": 40,
    "evaluate.permutations": 5_000,
    "evaluate.draws": 1_000,
}
"""What differs from params.yaml: small networks' epochs, no search; FTR learns as in the demonstration."""

TURNS, CORPORA = 10_000, 3
"""Of the projection."""

SLICES_OF_A_TURN = 8_681 / 7_906
"""As in IEMOCAP."""


def measure() -> dict[str, Any]:
    """Run the stages on the three corpora; keep the matrix, what each stage took, and the number of slices."""
    sources = [
        {"path": "data/demo.yaml", "language": "invented"},
        {"path": "data/other.yaml", "language": "invented, other", "seed": 2},
        {"path": str(EMODB), "name": "emodb", "language": "German"},
    ]
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        folder, seconds = Path(name), {}
        prepare(folder, SMALL | {"corpus.path": sources})
        shutil.copy(ROOT / "data" / "other.yaml", folder / "data" / "other.yaml")
        for stage in STAGES:
            started = time.monotonic()
            run(folder, [stage])
            seconds[stage] = time.monotonic() - started
        slices = read_table(folder / "data" / "slices.csv")
        found = read(Across, folder / "metrics" / "across.json").tree()
    counts = {str(name): int(count) for name, count in slices["corpus"].value_counts().items()}
    return {"across": found, "seconds": seconds, "slices": counts}


def projected(measured: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds of each group of stages, and GiB of memory and disk, for three corpora of 10,000 turns each.

    Reading, features and trainings grow with the slices; the support vector machine with their square, and its kernels
    are what takes memory: those of the training slices with all slices, float64, linear and rbf.
    """
    now, then = sum(measured["slices"].values()), TURNS * CORPORA * SLICES_OF_A_TURN
    times = measured["seconds"]
    groups = {
        "corpus to slices": [times[name] for name in ("sources", "corpus", "labels", "slices")],
        "mfcc, is10": [times["mfcc"], times["is10"]],
        "folds of all networks, small as here": [times[f"train@{network}"] for network in WORDLESS],
        "baseline": [times["baseline"]],
        "evaluate, across": [times["evaluate"], times["across"]],
    }
    found = {}
    for name, parts in groups.items():
        grown = then / now if name != "baseline" else (then / now) ** 2
        found[name] = {"seconds": sum(parts), "projected": sum(parts) * grown}
    trained = 0.8 * then * (CORPORA - 1) / CORPORA
    memory = 2 * 8 * trained * then / 2**30
    disk = then * (2 * 96_000 + 4 * 26 * 599 + 4 * 1_582) / 2**30
    return found | {"memory": {"gib": memory}, "disk": {"gib": disk}}


def tables(measured: dict[str, Any]) -> list[Block]:
    """The matrix, what it says in sentences, and the projection."""
    across = Across.of(measured["across"])
    counts = ", ".join(f"{name} {count}" for name, count in sorted(measured["slices"].items()))
    matrix = transfer_table(across)
    kept = tuple(tuple(row for row in group if row[1] in SHOWN) for group in matrix.groups)
    shown = Table(f"{matrix.caption}; slices: {counts}", matrix.header, tuple(filter(None, kept)), matrix.labels)
    ahead = projected(measured)
    rows = tuple(
        (name, clock(one["seconds"]), clock(one["projected"])) for name, one in ahead.items() if "seconds" in one
    )
    caption = f"One core; projected to {CORPORA} corpora of {TURNS:,} turns each"
    space = (
        f"Memory there: {ahead['memory']['gib']:.0f} GiB for the machine's kernels, far less for all else, which is "
        f"mapped; disk: {ahead['disk']['gib']:.0f} GiB of arrays, twice that with DVC's cache."
    )
    return [
        shown,
        Notes("What the page says", tuple(verdict_sentences(across))),
        Table(caption, ("stages", "here", "projected"), (rows,)),
        Notes("Space", (space,)),
    ]


SHOWN = ("ELoR", "FTR", "SVM alone")
"""Of the matrix; the page has all."""


def main() -> None:
    """Measure and publish."""
    publish("across", "across", measure, tables)


if __name__ == "__main__":
    command(main)
