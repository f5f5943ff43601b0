"""`elor runs`: the headline scores of several runs side by side, summarised over their seeds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from elor.commands.printing import echo
from elor.errors import UserError
from elor.report.text import Block, Format, Notes, Table, number


def runs(
    revisions: Annotated[list[str], typer.Argument(help="Commits, branches, or names of DVC experiments.")],
    how: Annotated[Format, typer.Option("--format", "-f", help="LaTeX needs the package booktabs.")] = Format.terminal,
    metrics: Annotated[Path, typer.Option(help="The file in each revision.")] = Path("metrics/uar.json"),
) -> None:
    """Summarise the scores of several runs, for instance of several seeds: mean, deviation and range.

    Examples:

    \b
        dvc exp run --queue -S seed=2 --name seed-2
        dvc exp run --queue -S seed=3 --name seed-3
        dvc queue start
        elor runs HEAD seed-2 seed-3
    """
    from elor.evaluation.intervals import over_seeds

    found = [read(revision, metrics) for revision in revisions]
    echo(summary(revisions, found, over_seeds(found)), how)


def read(revision: str, metrics: Path) -> dict[str, float]:
    """The metrics file of a revision, as git holds it.

    Raises:
        UserError: if there is no such revision or file, or it is no JSON.
    """
    shown = _git("show", f"{_commit(revision)}:./{metrics.as_posix()}")
    if shown.returncode:
        reason = shown.stderr.strip().removeprefix("fatal: ")
        raise UserError(f"{metrics} of {revision} cannot be read ({reason}); `dvc exp list` shows the runs there are.")
    try:
        return json.loads(shown.stdout)
    except json.JSONDecodeError:
        raise UserError(f"{metrics} of {revision} is no JSON; run that revision again.") from None


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
    return subprocess.run(["git", *arguments], capture_output=True, text=True)


def summary(revisions: list[str], found: list[dict[str, float]], scores: dict[str, dict[str, float]]) -> list[Block]:
    """One row per score: each run, then mean, standard deviation, lowest and highest."""
    rows = tuple(
        (name, *(number(run[name]) for run in found), *(number(each[key]) for key in ("mean", "sd", "low", "high")))
        for name, each in scores.items()
    )
    header = ("score", *revisions, "mean", "sd", "lowest", "highest")
    note = "The spread over seeds is no confidence interval: all runs test the same speakers."
    return [Table(f"{len(found)} runs", header, (rows,)), Notes("How to read it", (note,))]
