"""`elor runs`: several runs side by side, summarised over their seeds, or two compared number by number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elor.commands.printing import How, echo, refuse_idle
from elor.errors import UserError
from elor.report.results import made_of
from elor.report.text import Block, Format, Notes, Table, number

if TYPE_CHECKING:
    from elor.runs.compare import Comparison
    from elor.runs.seeds import Spread, Summary

LISTED = 20
"""Files that a comparison lists."""


def runs(
    revisions: Annotated[list[str], typer.Argument(help="Folders, commits, branches, or names of DVC experiments.")],
    how: How = Format.terminal,
    metrics: Annotated[Path | None, typer.Option(help="Summarise this file alone.", show_default=False)] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Say whether two runs have the same numbers.")] = False,
) -> None:
    """Summarise several runs, for instance of several seeds: every headline, declared difference and verdict.

    Runs on one corpus (-S seed=2) and fresh corpora (-S corpus.seed=2) are two columns. --compare looks at two runs
    number by number: metrics, the tables behind the plots, and the hashes in dvc.lock.

    Examples:

    \b
        dvc exp run --queue -S seed=2 --name seed-2
        dvc exp run --queue -S seed=3 --name seed-3
        dvc queue start
        elor runs HEAD seed-2 seed-3
        elor runs HEAD . --compare
    """
    from elor.runs import compare as comparing
    from elor.runs.seeds import summarise

    if not compare:
        with made_of("A run's metrics"):
            echo(summary(summarise(revisions, metrics.as_posix() if metrics else None)), how)
        return
    refuse_idle({"--metrics": metrics is not None}, "a summary, which --compare is not")
    if len(revisions) != 2:
        raise UserError(f"--compare takes two runs, and here are {len(revisions)}: name two.")
    found = comparing.compare(*revisions)
    typer.echo(comparing.sentence(found))
    if found.differences:
        echo([different(found)], how)


def summary(found: Summary) -> list[Block]:
    """A table per kind of score, one of the claims, and how to read them."""
    both = len(found.groups) > 1
    blocks: list[Block] = [
        _scores(found, kind) if not both else _two_columns(found, kind) for kind, rows in found.spreads.items() if rows
    ]
    if found.verdicts:
        rows = tuple((claim, *(_counted(by[group]) for group in found.groups)) for claim, by in found.verdicts.items())
        runs, columns = ("runs", _named(found)) if both else (f"runs, {_named(found)[0]}", ["verdicts"])
        blocks.append(Table(f"Verdicts: in how many {runs}", ("claim", *columns), (rows,), labels=len(columns) + 1))
    notes = (
        "The spread over training seeds on one corpus is no confidence interval: all runs test the same speakers.",
        "The interval of one run is over its speakers and holds for the networks as trained: what another seed would "
        "give is not in it, but here.",
    )
    fresh = "A fresh corpus has other speakers and recordings, and its run may have another training seed too."
    return [*blocks, Notes("How to read it", (*notes, *((fresh,) if both else ()), *found.warnings))]


def _named(found: Summary) -> list[str]:
    """The groups with their size."""
    return [f"{group} (n = {len(names)})" for group, names in found.groups.items()]


def _scores(found: Summary, kind: str) -> Table:
    """One row per score: each run, then mean, standard deviation, lowest and highest."""
    (group,) = found.groups
    rows = tuple(
        (
            name,
            *map(number, found.values[kind][name]),
            *(number(by[group][key]) for key in ("mean", "sd", "low", "high")),
        )
        for name, by in found.spreads[kind].items()
    )
    return Table(f"{kind}, {_named(found)[0]}", (kind, *found.runs, "mean", "sd", "lowest", "highest"), (rows,))


def _two_columns(found: Summary, kind: str) -> Table:
    """One row per score: training seeds, and fresh corpora."""
    rows = tuple((name, *(spread(by[group]) for group in found.groups)) for name, by in found.spreads[kind].items())
    return Table(f"{kind}: mean +- standard deviation [lowest, highest]", (kind, *_named(found)), (rows,))


def spread(one: Spread) -> str:
    """Mean +- standard deviation [lowest, highest]."""
    return f"{number(one['mean'])} +- {number(one['sd'])} [{number(one['low'])}, {number(one['high'])}]"


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{verdict} {count}" for verdict, count in verdicts.items()) or "-"


def different(found: Comparison) -> Table:
    """The files that differ."""
    rows = tuple(
        (one.file, str(one.numbers), f"{one.largest:.4g}" if one.numbers else "-", one.where or "-", str(one.others))
        for one in found.differences[:LISTED]
    )
    left = len(found.differences) - len(rows)
    caption = "Files that differ" + (f"; {left} more are not shown" if left else "")
    return Table(caption, ("file", "numbers", "by up to", "where", "texts"), (rows,))
