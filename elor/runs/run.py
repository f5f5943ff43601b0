"""Where the results of a run lie: in a folder, or in a commit, branch, tag or DVC experiment of this repository."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from elor.errors import UserError
from elor.files import digest

RESULTS = ("metrics", "plots/data")
"""The folders of results that git holds."""

COST = "metrics/cost/"
"""Time and memory: no results, and not in git."""

MADE = "made.json"
"""The processors on which the committed results were made; `python -m benchmarks.results` writes it, no stage does."""


class Run(ABC):
    """A run's files.

    Attributes:
        name: what the user calls it.
    """

    name: str

    @abstractmethod
    def read(self, path: str) -> str | None:
        """A file's text by its path below the project's folder; None if there is none."""

    @abstractmethod
    def files(self) -> list[str]:
        """The paths of all files below `RESULTS`, without `COST`, sorted."""

    def json(self, path: str) -> Any:
        """A file of metrics.

        Raises:
            UserError: if it is absent or no JSON.
        """
        text = self.read(path)
        if text is None:
            raise UserError(
                f"{path} of {self.name} cannot be read: there is none; run that one with `dvc repro`, or, if it has "
                "been run, ask from the folder of the project."
            )
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise UserError(f"{path} of {self.name} is no JSON; run that one again.") from None

    @cached_property
    def stages(self) -> dict[str, Any]:
        """What dvc.lock says of every stage: deps, params, outs; empty without the file.

        Raises:
            UserError: if it is no YAML.
        """
        text = self.read("dvc.lock")
        try:
            found = {} if text is None else YAML(typ="safe", pure=True).load(text)["stages"]
            return {name: dict(stage) for name, stage in found.items()}
        except (YAMLError, TypeError, KeyError, AttributeError, ValueError):
            raise UserError(f"dvc.lock of {self.name} is none that DVC wrote; run that one again.") from None

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters that made the results, as dvc.lock has them, by their dotted name."""
        declared = (stage.get("params", {}).get("params.yaml", {}) for stage in self.stages.values())
        return {name: value for some in declared for key, one in some.items() for name, value in _flat(key, one)}

    def made_on(self) -> list[str]:
        """The processors on which these results were made, as far as that was recorded of just these results."""
        record = {} if self.read(MADE) is None else self.json(MADE)
        own = isinstance(record, dict) and record.get("outputs") == self.outputs_digest()
        return record.get("processors", []) if own else []

    def outputs(self) -> dict[str, str]:
        """The hash of every output that dvc.lock names, by its path."""
        return {out["path"]: out["md5"] for stage in self.stages.values() for out in stage.get("outs", [])}

    def outputs_digest(self) -> str:
        """One short name for all outputs."""
        return digest(self.outputs())

    def inputs(self) -> dict[str, str]:
        """The hash of all code and data that dvc.lock names and no stage makes, by its path."""
        made = [f"{path}/" for path in self.outputs()]
        return {
            dep["path"]: dep["md5"]
            for stage in self.stages.values()
            for dep in stage.get("deps", [])
            if not any(f"{dep['path']}/".startswith(path) or path.startswith(f"{dep['path']}/") for path in made)
        }


class Folder(Run):
    """The results of a working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, os.fspath(folder)

    def read(self, path: str) -> str | None:
        try:
            return (self.folder / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise UserError(f"{self.folder / path} is no text; run that one again, or take it away.") from None

    def files(self) -> list[str]:
        found = (path for part in RESULTS for path in (self.folder / part).rglob("*") if path.is_file())
        names = (path.relative_to(self.folder).as_posix() for path in found)
        return sorted(name for name in names if not name.startswith(COST))

    def made_on(self) -> list[str]:
        return super().made_on() or self.processors()

    def processors(self) -> list[str]:
        """The processors on which stages ran last, as they say beside time and memory; empty in a fresh clone."""
        costs = (self.json(path.relative_to(self.folder).as_posix()) for path in (self.folder / COST).glob("*.json"))
        return sorted({one["processor"] for one in costs if "processor" in one})


class Revision(Run):
    """The results of a commit of the repository that the working folder belongs to."""

    def __init__(self, name: str) -> None:
        self.name, self._commit = name, _commit(name)
        shown = _git("rev-parse", "--verify", "--quiet", f"{self._commit}^{{commit}}")
        if shown.returncode:
            raise UserError(
                f"{name} cannot be read: neither a folder with dvc.lock or metrics/, nor a revision; `dvc exp list` "
                "shows the experiments there are."
            )

    def read(self, path: str) -> str | None:
        try:
            shown = _git("show", f"{self._commit}:./{path}")
        except UnicodeDecodeError:
            raise UserError(f"{path} of {self.name} is no text; run that one again, or take it away.") from None
        return None if shown.returncode else shown.stdout

    def files(self) -> list[str]:
        listed = _git("ls-tree", "-r", "-z", "--name-only", self._commit, *RESULTS).stdout
        return sorted(name for name in listed.split("\0") if name and not name.startswith(COST))


def open_run(where: str | Path) -> Run:
    """Find a run.

    Args:
        where: a folder with dvc.lock or metrics/, or what git or DVC calls a revision.

    Raises:
        UserError: if it is neither.
    """
    folder = Path(where)
    if (folder / "dvc.lock").is_file() or (folder / "metrics").is_dir():
        return Folder(folder)
    return Revision(os.fspath(where))


def _commit(revision: str) -> str:
    """What git calls a revision: itself, or of an experiment's name the ref refs/exps/<two digits>/<the rest>/<name>.

    Raises:
        UserError: if experiments on several commits have that name, none of them on HEAD.
    """
    if _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").returncode == 0:
        return revision
    refs = _git("for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{revision}").stdout.split()
    on = {ref: "".join(ref.split("/")[2:4]) for ref in refs if len(ref.split("/")[3]) == 38}  # the others are DVC's own
    head = _git("rev-parse", "HEAD").stdout.strip()
    found = [ref for ref, base in on.items() if base == head] or list(on)
    if len(found) > 1:
        raise UserError(
            f"{len(found)} experiments are called {revision}; name one by its commit (`dvc exp list -A --sha-only`)."
        )
    return found[0] if found else revision


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, encoding="utf-8")


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A parameter's parts by their dotted names."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(f"{key}.{name}", item)
    else:
        yield key, value
