"""A fresh clone of this repository with its own DVC cache and scratch folder, for benchmarks that run DVC."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import ROOT
from elor.arithmetic import CHOICE, SETTINGS
from elor.errors import UserError
from elor.training.resume import PROGRESS

LOG_LINES = 15
"""Lines of a failed run's log that are shown."""


@dataclass(frozen=True)
class Clone:
    """A folder that holds `project/` (the clone), `scratch/` and `log.txt`."""

    home: Path

    @classmethod
    def fresh(cls, home: Path, source: Path = ROOT) -> Clone:
        """Clone what is committed.

        Raises:
            UserError: if this is no git repository.
        """
        command = ["git", "clone", "--quiet", str(source), str(home / "project")]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            raise UserError(f"The repository could not be cloned: {' '.join(ended.stderr.split())}")
        return cls(home)

    def unlock(self) -> None:
        """Let everything run: results that git holds would count as done."""
        (self.folder / "dvc.lock").unlink()

    def twin(self, home: Path) -> Clone:
        """Copy the clone with all its data and its cache, but with an empty scratch folder."""
        shutil.copytree(self.folder, home / "project", symlinks=True)
        return Clone(home)

    @property
    def folder(self) -> Path:
        """The clone itself."""
        return self.home / "project"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `dvc ...` as a process group of its own; its output goes to the log."""
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ELOR_SCRATCH": str(self.home / "scratch"),
        }
        for name in ("PYTHONPATH", CHOICE, *SETTINGS):  # the clone's own code and arithmetic, nobody else's
            environment.pop(name, None)
        with (self.home / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dvc", *arguments],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def dvc(self, *arguments: str) -> float:
        """Run `dvc ...` to its end; returns the seconds it took.

        Raises:
            UserError: if it fails.
        """
        started = time.monotonic()
        self.check(self.start(*arguments).wait(), "dvc " + " ".join(arguments))
        return time.monotonic() - started

    def check(self, status: int, what: str) -> None:
        """Complain about a status other than 0, with the end of the log.

        Raises:
            UserError: then.
        """
        if status:
            log = (self.home / "log.txt").read_text(errors="replace").splitlines()[-LOG_LINES:]
            raise UserError(f"{what} ended with status {status} in a fresh clone:\n" + "\n".join(log))

    def forget(self) -> None:
        """Empty the scratch folder: what a search has left there belongs to no training."""
        shutil.rmtree(self.home / "scratch", ignore_errors=True)

    def stages(self) -> list[str]:
        """The names of all stages, in the order of dvc.yaml."""
        return self.names("stage", "list")

    def names(self, *arguments: str) -> list[str]:
        """What `dvc ... --name-only` lists.

        Raises:
            UserError: if it fails.
        """
        command = [sys.executable, "-m", "dvc", *arguments, "--name-only"]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if ended.returncode:
            raise UserError(f"dvc {' '.join(arguments)} failed in {self.folder}: {' '.join(ended.stderr.split())}")
        return ended.stdout.split()

    def epochs(self) -> int:
        """How many epochs of unfinished trainings lie in the scratch folder."""
        total = 0
        for path in (self.home / "scratch" / "train").rglob(PROGRESS):
            try:
                total += int(path.read_text())
            except (FileNotFoundError, ValueError):
                continue  # finished and removed meanwhile
        return total
