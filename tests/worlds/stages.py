"""Stages without DVC and without a new process: each runs as `python -m stages.<name>` does, in its own folder.

`python -m tests.worlds.stages STAGE...` runs some in the current folder, one after the other.
"""

from __future__ import annotations

import io
import json
import runpy
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stderr
from functools import partial
from pathlib import Path

import pytest

from benchmarks.measure import costs_of
from elor.engine import Engine
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.versions import versions
from elor.files import file_digest
from tests.worlds.project import NETWORKS, ROOT, shrink
from tests.worlds.shared import share_vectors

CORPUS = (("sources",), ("corpus",))
"""What no choice of labels changes."""

LABELLING = (("labels",), ("slices",), ("folds",))

READING = (*CORPUS, *LABELLING)
"""What comes before any computing."""

LEARNING = (
    *(("tune", net) for net in NETWORKS),
    *(("train", net) for net in NETWORKS),
    ("baseline",),
    ("evaluate",),
)

EXPLAINING = (
    ("saliency",),
    ("prototypes",),
    ("interventions", "elor"),
    ("interventions", "lom"),
    ("gather",),
    ("claims",),
    ("across",),
    ("figures",),
    ("report",),
)
"""What comes after the scores."""

LESS = {"explain__interventions__networks": ["elor"], "explain__prototypes__modes": ["level"]}
"""What need not be asked of every network and in every way, where something else is looked at."""

EXPLAINING_LESS = tuple(stage for stage in EXPLAINING if stage != ("interventions", "lom"))

UNSEEN = (("saliency",), ("prototypes",), ("figures",))
"""What takes most time, and without which there is a page all the same."""


CHEAP = {name: ALTERATIONS[name] for name in ("gain", "high_shelf")}
"""Alterations that take no time, where it is not looked at what others do."""


def alter_less(patch: pytest.MonkeyPatch) -> None:
    """Let stages alter sounds by the cheap alterations alone."""
    for module in ("interventions.run", "words"):
        patch.setattr(f"elor.explain.{module}.versions", partial(versions, alterations=CHEAP))


def run_here(self: Engine, function: Callable, jobs: Sequence[tuple], watch: Callable = int, finished=None) -> list:
    """`Engine.run` without a process of its own."""
    results = []
    for index, job in enumerate(jobs):
        results.append(function(*job))
        if finished is not None:
            finished(index, results[-1])
    return results


def run_stage(stage: str, *arguments: str) -> tuple[int, str]:
    """Run one stage in this process; returns its exit status and what it said on stderr. A traceback is the test's."""
    before, sys.argv = sys.argv, [stage, *arguments]
    try:
        with redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit) as end:
            runpy.run_module(f"stages.{stage}", run_name="__main__")
    finally:
        sys.argv = before
    return int(end.value.code or 0), said.getvalue()


def run_stages(*stages: Sequence[str]) -> None:
    """Run stages that must end well."""
    for stage in stages:
        code, said = run_stage(*stage)
        assert code == 0, (stage, said)


def stage_here(folder: Path, stage: str, environment: dict[str, str] | None = None) -> dict[str, float]:
    """`benchmarks.measure.run_stage` without a process of its own."""
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "run", run_here)
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        run_stages(stage.split("@"))
    return costs_of(folder)[stage]


class Workspace:
    """A working folder with a shrunk params.yaml, as `dvc repro` finds it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in ("params.yaml", "requirements-numbers.lock", "data/demo.yaml", "data/other.yaml"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        self.set_params()
        patch.chdir(folder)
        patch.setenv("ELOR_SCRATCH", str(folder.parent / "scratch"))
        share_vectors(folder.parent / "scratch")
        patch.setattr(Engine, "run", run_here)

    def set_params(self, **changes: object) -> None:
        """Apply changes given as `a__b=value`."""
        shrink(self.folder / "params.yaml", **changes)

    run = staticmethod(run_stage)
    run_all = staticmethod(run_stages)

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())

    def files(self) -> dict[str, str]:
        """Digest of every file below data, metrics and plots."""
        return {
            str(path.relative_to(self.folder)): file_digest(path)
            for part in ("data", "metrics", "plots")
            for path in (self.folder / part).rglob("*")
            if path.is_file()
        }


if __name__ == "__main__":  # in a project's folder: `elor` and `stages` are that project's own
    Engine.run = run_here
    alter_less(pytest.MonkeyPatch())
    run_stages(*(command.split() for command in sys.argv[1:]))
