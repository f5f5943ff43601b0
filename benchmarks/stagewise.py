"""The pipeline without DVC: its stages one after the other, in one process, in a folder of its own.

Many small runs spend most of their time in starting Python and its workers; here nothing is started, and jobs run one
after the other where they are called. What each stage computes is the same.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.measure import ROOT, set_params
from elor.engine import Engine
from elor.evidence.claims import Claims
from elor.evidence.model import read
from elor.explain.prototypes.run import seek
from elor.params import load
from elor.registry import WORDLESS
from elor.tables import read_table
from elor.training.tune import merge
from elor.training.tuning_file import Tuning

READ = ("sources", "corpus", "labels", "slices", "mfcc", "is10")
"""Stages that read the corpus."""

LEARN = (
    "folds",
    *(f"train@{network}" for network in WORDLESS),
    "baseline",
    "evaluate",
    "saliency",
    "prototypes",
    "interventions@elor",
    "interventions@lom",
    "gather",
    "claims",
)
"""Stages that learn and explain."""


DONE: dict[bytes, Any] = {}
"""What `once` has found; a folder's sounds must not change between its runs."""


def prepare(folder: Path, changes: dict[str, Any]) -> None:
    """Write params.yaml with some values changed, as `set_params` does, and the demonstration's recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    shutil.copy(ROOT / "data" / "demo.yaml", folder / "data" / "demo.yaml")
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    set_params(folder / "params.yaml", {"engine.workers": 1} | changes)


def run(folder: Path, stages: Iterable[str] = (*READ, *LEARN)) -> None:
    """Run stages in a folder; of every network the default values are taken, without a search."""
    os.environ["ELOR_SCRATCH"] = str(folder.absolute() / "scratch")
    with contextlib.chdir(folder), patch.object(Engine, "run", here):
        for stage in stages:
            name, _, part = stage.partition("@")
            function = getattr(importlib.import_module(f"stages.{name}"), name)
            after = function(part) if part else function()
            if after is not None:
                after()
            if name == "folds":
                defaults()


def claims_of(folder: Path) -> list[dict[str, Any]]:
    """What is kept of a folder's claims."""
    names = ("id", "group", "verdict", "case", "truth", "planted", "p_claim", "q", "evidence")
    rows = [row.tree() for row in read(Claims, folder / "metrics" / "claims.json").claims]
    return [{name: row.get(name) for name in names} for row in rows]


def here(
    engine: Engine,
    function: Callable[..., Any],
    jobs: Sequence[tuple],
    watch: Callable[[], None] = lambda: None,
    finished: Callable[[int, Any], None] = lambda index, result: None,
) -> list[Any]:
    """`Engine.run` without workers."""
    found = []
    for index, job in enumerate(jobs):
        found.append(once(function, job) if function is seek else function(*job))
        finished(index, found[-1])
    return found


def once(function: Callable[..., Any], job: tuple) -> Any:
    """Prototypes of untrained networks, which know of no labels: equal jobs on the same sounds are done once."""
    if job[0].random is None:
        return function(*job)
    key = pickle.dumps(job)
    if key not in DONE:
        DONE[key] = function(*job)
    return DONE[key]


def defaults() -> None:
    """Write data/tuning/<net>.yaml with the default values."""
    params = load()
    folds = read_table(Path("data/folds.csv"))["fold"].unique()
    for network in WORDLESS:
        values = merge(params.scale.networks[network].defaults, params.networks[network])
        path = Path("data/tuning") / f"{network}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        Tuning(network, "none", None, dict.fromkeys(folds, values), {}).write(path)
