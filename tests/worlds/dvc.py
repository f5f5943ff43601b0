"""DVC, and the stages that it runs, without a process for each, whose imports alone take seconds.

`python -m tests.worlds.dvc COMMAND...` does it in the current folder, with that project's own `elor` and `stages`;
`--processes COMMAND...` leaves each stage its process, and only lets DVC parse no text twice.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from dvc.cli import main
from dvc.stage.exceptions import StageCmdFailedError
from dvc.utils.serialize import parse_yaml

from elor.engine import Engine
from tests.worlds.stages import run_here, run_stage


def dvc(folder: Path, *arguments: str) -> int:
    """Run a command of DVC in a folder; returns its exit status."""
    with contextlib.chdir(folder):
        return main(list(arguments))


def read_yaml_once(patch: pytest.MonkeyPatch) -> None:
    """Let DVC parse no text twice and write dvc.lock as JSON, which is YAML: else a stage costs a second of that."""
    kept: dict[str, Any] = {}

    def parsed(text: str, path: str, typ: str = "safe") -> Any:
        if text not in kept:
            kept[text] = parse_yaml(text, path)
        return deepcopy(kept[text])

    @contextlib.contextmanager
    def modified(path: str, fs: object = None) -> Iterator[dict[str, Any]]:
        lock = Path(path)
        found = parsed(lock.read_text(), path) if lock.exists() else {}
        yield found
        text = json.dumps(found, indent=1)
        kept[text] = found
        lock.write_text(text)

    for module in ("serialize._yaml", "strictyaml"):
        patch.setattr(f"dvc.utils.{module}.parse_yaml", parsed)
    patch.setattr("dvc.dvcfile.modify_yaml", modified)


class Here:
    """A project whose stages and their jobs run in this process, one after the other; `ran` names them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.ran = folder, []
        patch.setattr(Engine, "run", run_here)
        patch.setattr("dvc.stage.run._run", self._run)
        read_yaml_once(patch)

    def dvc(self, *arguments: str) -> list[str]:
        """Run a command of DVC, which must end well; returns the stages that ran (`sources` looks every time)."""
        self.ran.clear()
        assert dvc(self.folder, *arguments) == 0, arguments
        return [name for name in self.ran if name != "sources"]

    def _run(self, program: str, command: str, cwd: str, env: dict[str, str], **how: Any) -> None:
        """In the place of a process of DVC's."""
        self.ran.append(env["DVC_STAGE"])
        with contextlib.chdir(cwd):
            code, said = run_stage(*command.removeprefix("python -m stages.").split())
        if code:
            print(said, file=sys.stderr)
            raise StageCmdFailedError(command, code)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        if sys.argv[1] == "--processes":
            read_yaml_once(patch)
            sys.exit(dvc(Path(), *sys.argv[2:]))
        Here(Path(), patch).dvc(*sys.argv[1:])
