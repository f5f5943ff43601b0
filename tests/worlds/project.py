"""A working copy of this repository at toy scale: what the tests of the pipeline run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from benchmarks.measure import put
from elor.files import file_digest

ROOT = Path(__file__).parents[2]
NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
MODELS = (*NETWORKS, "svm")
TINY = {"elor": ([2, 3, 4], [96, 12, 8], [30, 8, 8], 32), "lom": ([4, 4, 4], [4, 4, 4], [6, 6, 6], 1)}


def shrink(path: Path, **changes: object) -> None:
    """Shrink params.yaml to seconds and apply changes given as `a__b=value`."""
    path.write_text(_shrunk(path.read_text(encoding="utf-8"), json.dumps(changes)), encoding="utf-8")


@cache
def _loaded(text: str) -> CommentedMap:
    """A params.yaml with its comments; to parse its 600 lines takes a tenth of a second, and to write them as long."""
    return YAML().load(text)


@cache
def _shrunk(text: str, changes: str) -> str:
    """The text of a shrunk params.yaml; `changes` as JSON, by which they can be looked up."""
    params = deepcopy(_loaded(text))
    demo = params["scale"]["demo"]
    demo["utterances"] = 40
    demo["explain"] |= {"slices": 3, "steps": 8, "shown": 1, "untrained": 1}
    demo["explain"]["interventions"] |= {"slices": 3, "untrained": 1}
    few = {"restarts": 2, "steps": 3, "other_restarts": 1, "other_steps": 2, "untrained": 2}
    demo["explain"]["prototypes"] |= few
    demo["space"]["hidden"]["step"] = 4  # of [8, 8] the demo's own step leaves nothing to search
    params["evaluate"] |= {"draws": 200, "permutations": 200}
    for network, section in demo["networks"].items():
        section |= {"epochs": 2, "patience": 2}
        if "defaults" not in section:
            continue  # takes its values from its parents
        section["evaluations"] = 3
        section["defaults"]["hidden"] = [8, 8]
        if network != "ftr":
            filters, lengths, pools, stride = TINY["lom" if network == "lom" else "elor"]
            section["defaults"] |= {"filters": filters, "lengths": lengths, "pools": pools, "stride": stride}
    put(params, {name.replace("__", "."): value for name, value in json.loads(changes).items()})
    written = StringIO()
    YAML().dump(params, written)
    return written.getvalue()


class Project:
    """A working copy of this repository, without its data, shrunk to seconds.

    Args:
        folder: where.
        always: what is changed in params.yaml as well, given as `a__b=value`, whatever else is changed later.
    """

    def __init__(self, folder: Path, **always: object) -> None:
        self.folder, self.always = folder, always
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
        )
        for name in tracked.stdout.splitlines():
            if (
                not name.startswith(("metrics/", "plots/", "tests/", "benchmarks/", "dvc.lock"))
                and (ROOT / name).is_file()
            ):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ELOR_SCRATCH": str(folder / ".." / "scratch"),
            "OMP_NUM_THREADS": "1",
            "ELOR_SPY_LOG": str(folder / ".." / "opened.txt"),
            "ELOR_SPY_ROOT": str(folder),
            "PYTHONPATH": str(ROOT / "tests" / "pipeline" / "spy"),
            "PYTHONDONTWRITEBYTECODE": "",  # some forty processes would each compile the copy anew
        }
        self.set_params()
        self.git("init", "-q")
        self.commit("start")

    def set_params(self, **changes: object) -> None:
        """Apply changes, given as `a__b=value`, to the shrunk params.yaml."""
        shrink(self.folder / "params.yaml", **self.always | changes)

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@test"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")

    def start(self, *arguments: str, quick: bool = False) -> subprocess.Popen:
        """Start a command of DVC; `quick` spares it parsing one text again and again."""
        quickly = [sys.executable, "-m", "tests.worlds.dvc", "--processes"]
        path = f"{self.environment['PYTHONPATH']}{os.pathsep}{ROOT}"  # the project's own modules still come first
        return subprocess.Popen(
            [*(quickly if quick else ["dvc"]), *arguments],
            cwd=self.folder,
            env=self.environment | ({"PYTHONPATH": path} if quick else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def dvc(self, *arguments: str, code: int = 0, quick: bool = False) -> str:
        process = self.start(*arguments, quick=quick)
        output = process.communicate(timeout=900)[0]
        assert process.returncode == code, output
        return output

    def repro(self, *arguments: str, quick: bool = False) -> list[str]:
        """Run `dvc repro`; returns the stages that ran (`sources` looks every time), or with `--dry` would run."""
        said = self.dvc("repro", *arguments, quick=quick)
        return [name for name in re.findall(r"Running stage '(\S+)'", said) if name != "sources"]

    def repro_here(self, target: str, leave_out: Sequence[Sequence[str]] = ()) -> list[str]:
        """Run what `dvc repro` would, in its order but in one process and behind its back; returns the stages.

        Args:
            leave_out: stages without which the others end well.
        """
        from dvc.repo import Repo  # takes seconds
        from dvc.repo.reproduce import plan_repro

        index = Repo(str(self.folder)).index
        wanted = [stage for stage in index.stages if stage.name == target]
        plan = [stage.cmd.removeprefix("python -m stages.") for stage in plan_repro(index.graph, wanted)]
        plan = [stage for stage in plan if tuple(stage.split()) not in leave_out]
        self.run_module("tests.worlds.stages", *plan)
        return plan

    def run_module(self, name: str, *arguments: str) -> None:
        """Run one of these tests' modules in one process, with the project's own `elor` and `stages`."""
        environment = self.environment | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", name, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())

    def outputs(self) -> dict[str, str]:
        """Digest of everything that stages have made; not of time, memory, and what a killed stage was writing."""
        return {
            str(path.relative_to(self.folder)): file_digest(path)
            for part in ("data", "metrics", "plots")
            for path in (self.folder / part).rglob("*")
            if path.is_file() and path.name[0] != "." and path.relative_to(self.folder).parts[:2] != ("metrics", "cost")
        }

    def predictions(self) -> dict[str, bytes]:
        return {net: (self.folder / "data" / "predictions" / f"{net}.csv").read_bytes() for net in NETWORKS}
