"""Does a run that is killed in any of its stages end with the same bytes? The whole pipeline, at toy scale.

One clone runs undisturbed. In the other one each stage in turn is killed by SIGKILL at a random moment between its
start and the start of the next, and `dvc repro` is simply started again: the whole process group is killed, or every
fourth time DVC alone, so that its stage lives on. If a run refuses to start, `elor check` may mend what it can; what
needs more than that needs a hand. In the end everything in data/, metrics/ and plots/ must be the same byte for byte.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.clone import Clone
from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.files import file_digest
from elor.report.text import Block, Table, number
from tests.worlds.project import shrink

LOOK_EVERY_S = 0.02
ALONE_EVERY = 4
"""Every so many kills hit DVC alone."""

LEFT = ("data", "metrics", "plots")
RUNS = re.compile(r"^Running stage '(\S+)'", re.MULTILINE)


def measure(kills: int = 40, seed: int = 1) -> dict[str, Any]:
    """Run the toy pipeline undisturbed and disturbed.

    Args:
        kills: how often the second run is killed, over all stages in their order.
        seed: of the moments.

    Raises:
        UserError: if the undisturbed run fails.
    """
    with tempfile.TemporaryDirectory(prefix="elor-", ignore_cleanup_errors=True) as home:
        calm, disturbed = (toy(Path(home, name)) for name in ("calm", "disturbed"))
        begun = watched(calm)
        names, draw = list(begun), np.random.default_rng(seed)
        spans = dict(zip(names, np.diff([*begun.values()]), strict=False))
        targets = [names[round(place)] for place in np.linspace(0, len(names) - 2, kills)]  # the last one ends the list
        struck, hands = [], []
        for index, target in enumerate(targets):
            alone = index % ALONE_EVERY == ALONE_EVERY - 1
            struck.append(strike(disturbed, target, draw.uniform(0, spans[target]), alone))
            hands += struck[-1].pop("hands")
        final = finish(disturbed)
        hands += final["hands"]
        found, expected = left_by(disturbed), left_by(calm)
    return {
        "stages": len(names) - 1,
        "seconds": sum(spans.values()),
        "kills": struck,
        "mended": sum(kill["mended"] for kill in struck) + final["mended"],
        "hands": hands,
        "files": len(expected),
        "different": sorted(name for name in expected | found if expected.get(name) != found.get(name)),
    }


def toy(home: Path) -> Clone:
    """A clone at toy scale that has run nothing yet."""
    clone = Clone.fresh(home)
    shrink(clone.folder / "params.yaml")
    return clone


def watched(clone: Clone) -> dict[str, float]:
    """Run everything undisturbed; seconds from the start until each stage began, and until the end (``)."""
    begun: dict[str, float] = {}
    started = time.monotonic()
    run = clone.start("repro")
    while run.poll() is None:
        for name in running(clone, 0):
            begun.setdefault(name, time.monotonic() - started)
        time.sleep(LOOK_EVERY_S)
    clone.check(run.returncode, "dvc repro")
    return begun | {"": time.monotonic() - started}


def running(clone: Clone, since: int) -> list[str]:
    """The stages that the log names from its byte `since` on."""
    with (clone.home / "log.txt").open("rb") as log:
        log.seek(since)
        return RUNS.findall(log.read().decode(errors="replace"))


def strike(clone: Clone, target: str, moment: float, alone: bool) -> dict[str, Any]:
    """Start the pipeline, wait until a stage runs and so many seconds more, and kill.

    Args:
        target: the stage; if it has ended in an earlier run, the first one that runs now.
        alone: kill DVC and leave its stage.

    Returns:
        The stage that was hit, the moment, whether `elor check` had to mend something before the run began, and what
        still went wrong (`hands`).
    """
    since, wanted, run = size_of_log(clone), None, clone.start("repro")
    mended, hands = 0, []
    while wanted is None:
        if run.poll() is not None:
            if mended or run.returncode == 0:
                hands += [f"{target}: {tail(clone)}"] if run.returncode else []
                return {"stage": "", "after_seconds": moment, "alone": alone, "mended": mended, "hands": hands}
            mended, since = mend(clone), size_of_log(clone)
            run = clone.start("repro")
        named = [name for name in running(clone, since) if name != "sources" or target == "sources"]
        wanted = named[-1] if target in named or (named and done(clone, target)) else None
        time.sleep(LOOK_EVERY_S)
    hit = ""  # if the run is over before
    try:
        if run.wait(timeout=moment):
            hands.append(f"{target}: {tail(clone)}")
    except subprocess.TimeoutExpired:
        hit = running(clone, since)[-1]
        os.kill(run.pid, signal.SIGKILL) if alone else os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    return {"stage": hit, "after_seconds": moment, "alone": alone, "mended": mended, "hands": hands}


def done(clone: Clone, stage: str) -> bool:
    """Whether dvc.lock of this clone was written for a stage that has run here: its cost stands there."""
    return (clone.folder / "metrics" / "cost" / f"{stage}.json").exists()


def finish(clone: Clone) -> dict[str, Any]:
    """Let the pipeline run to its end, with the help of `elor check` if it refuses."""
    for mended in (0, 1):
        if clone.start("repro").wait() == 0:
            return {"mended": mended, "hands": []}
        if not mended:
            mend(clone)
    return {"mended": 1, "hands": [f"the last run: {tail(clone)}"]}


def mend(clone: Clone) -> int:
    """Let `elor check` look; 1."""
    environment = os.environ | {"ELOR_SCRATCH": str(clone.home / "scratch")}
    check = [sys.executable, "-c", "from elor.commands import app; app()", "check"]
    with (clone.home / "log.txt").open("ab") as log:
        subprocess.run(check, cwd=clone.folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    return 1


def size_of_log(clone: Clone) -> int:
    path = clone.home / "log.txt"
    return path.stat().st_size if path.exists() else 0


def tail(clone: Clone) -> str:
    """The last lines of the log, for a failure that nobody expected."""
    return " | ".join((clone.home / "log.txt").read_text(errors="replace").splitlines()[-6:])


def left_by(clone: Clone) -> dict[str, str]:
    """Digests of everything that the pipeline leaves, by path.

    What it cost differs from run to run; the part of a file that was being written when it was killed belongs to
    nobody (git and DVC ignore it).
    """
    paths = [path for top in LEFT for path in (clone.folder / top).rglob("*") if path.is_file()]
    names = {path.relative_to(clone.folder).as_posix(): path for path in paths if path.suffix != ".part"}
    return {name: file_digest(path) for name, path in names.items() if not name.startswith("metrics/cost/")}


def verdict(measured: dict[str, Any]) -> None:
    """Complain about a difference, or about a run that needed a hand.

    Raises:
        UserError: then.
    """
    if measured["hands"]:
        raise UserError(f"A killed run needed a hand: {measured['hands'][0]}")
    if measured["different"]:
        raise UserError(f"Killed runs end differently in {', '.join(measured['different'])}.")


def tables(measured: dict[str, Any]) -> list[Block]:
    """One row: how often, in how many stages, and whether anything differs."""
    hit = Counter(kill["stage"] for kill in measured["kills"] if kill["stage"])
    same = f"all {measured['files']} files" if not measured["different"] else "no: " + ", ".join(measured["different"])
    row = (
        f"{hit.total()} in {len(hit)} of {measured['stages']} stages",
        str(sum(kill["alone"] for kill in measured["kills"] if kill["stage"])),
        str(measured["mended"]),
        str(len(measured["hands"])),
        number(measured["seconds"], 0),
        same,
    )
    header = ("kills", "of DVC alone", "mended by elor check", "needed a hand", "undisturbed, s", "same bytes")
    return [Table("`dvc repro` at toy scale, killed by SIGKILL in one stage after the other", header, ((row,),))]


def main(
    kills: Annotated[int, typer.Option(min=1, help="How often it is killed.")] = 40,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
) -> None:
    """Kill the toy pipeline in all its stages and compare what it leaves with an undisturbed run."""
    verdict(publish("interruptions", "interruptions", lambda: measure(kills, seed), tables))


if __name__ == "__main__":
    command(main)
