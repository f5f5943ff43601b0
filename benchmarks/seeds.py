"""What a seed changes: the demonstration with several training seeds on one corpus, and on fresh corpora.

A clone runs a DVC experiment for every other seed, one after the other; what HEAD holds is the first run of both
columns. A clone that is kept runs only what it has not run yet. `elor runs` does the same with runs that somebody
already has.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.clone import Clone
from benchmarks.measure import ROOT
from benchmarks.publish import command, publish
from elor.commands.runs import summary
from elor.report.results import title
from elor.report.text import Block, Table, number
from elor.runs.seeds import TRAINING, Summary, summarise
from elor.sections import read_yaml


def measure(
    seeds: int = 5,
    corpora: int = 5,
    source: Path = ROOT,
    prepare: Callable[[Path], None] | None = None,
    kept: Path | None = None,
) -> dict[str, Any]:
    """Run the pipeline with several seeds.

    Args:
        seeds: runs on the corpus that HEAD has, that of HEAD included.
        corpora: corpora, that of HEAD included.
        source: the repository.
        prepare: changes the clone's files; the clone then makes its first run anew.
        kept: a folder for the clone, which goes on where it was ended; none: it is made anew, and goes afterwards.

    Raises:
        UserError: if a run fails.
    """
    with contextlib.nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="elor-") as home:
        clone = prepared(Path(home), source, prepare)
        names = run(clone, seeds, corpora)
        with contextlib.chdir(clone.folder):
            return asdict(summarise(["HEAD", *names]))


def prepared(home: Path, source: Path, prepare: Callable[[Path], None] | None) -> Clone:
    """The clone in a folder, made if it is not there yet."""
    if (home / "project").exists():
        return Clone(home)
    home.mkdir(parents=True, exist_ok=True)
    clone = Clone.fresh(home, source)
    git(clone, "config", "user.name", "elor")
    git(clone, "config", "user.email", "elor@localhost")
    if prepare is not None:
        prepare(clone.folder)
        clone.dvc("repro")
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", "the first run")
    return clone


def run(clone: Clone, seeds: int, corpora: int) -> list[str]:
    """Run an experiment for every seed but HEAD's that has not been run; returns the names of all.

    Each runs in a folder of its own and not in DVC's queue, which waits for ever for a worker that was killed.
    """
    params = read_yaml(clone.folder / "params.yaml")
    done, names = clone.names("exp", "list"), []
    for key, first, count in (("seed", params["seed"], seeds), ("corpus.seed", params["corpus"]["seed"], corpora)):
        for seed in range(first + 1, first + count):
            names.append(f"{key.split('.')[0]}-{seed}")
            if names[-1] not in done:
                clone.dvc("exp", "run", "--temp", "--set-param", f"{key}={seed}", "--name", names[-1])
    return names


def git(clone: Clone, *arguments: str) -> None:
    """Run git in the clone; it must succeed."""
    subprocess.run(["git", *arguments], cwd=clone.folder, check=True, capture_output=True)


def tables(measured: dict[str, Any]) -> list[Block]:
    """As `elor runs` prints them."""
    return summary(Summary(**measured))


def headline(measured: dict[str, Any]) -> list[Block]:
    """For the README, in the columns of its table of scores: a line per network."""
    found = Summary(**measured)
    runs = found.groups.get(TRAINING, [])
    kinds = [kind for kind in ("WAR", "UAR") if kind in found.spreads]
    names = [name.split(".", 1) for name in found.spreads["UAR"]]
    heads, networks = (list(dict.fromkeys(parts)) for parts in zip(*names, strict=True))
    columns = [(head, kind) for head in heads for kind in kinds]
    rows = tuple(
        (title(net), *(f"±{number(found.spreads[kind][f'{head}.{net}'][TRAINING]['sd'])}" for head, kind in columns))
        for net in (networks if runs else ())
    )
    caption = f"Seed to seed: standard deviation over {len(runs)} training seeds on this corpus"
    return [Table(caption, ("network", *(f"{head} {kind}" for head, kind in columns)), (rows,))]


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Training seeds on one corpus.")] = 5,
    corpora: Annotated[int, typer.Option(min=1, help="Corpora.")] = 5,
    kept: Annotated[Path | None, typer.Option(help="Keep the clone here, and go on with it.")] = None,
) -> None:
    """Run the demonstration with several seeds; a run takes as long as `make repro`."""
    publish("seeds", "seeds", lambda: measure(seeds, corpora, kept=kept), tables, headline)


if __name__ == "__main__":
    command(main)
