"""`python -m benchmarks`: runs all benchmarks, or those that are named, one after the other."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeVar

import typer

from benchmarks.publish import RESULTS, command, publish, republish
from elor.errors import UserError

PARTS = (
    "steps",
    "arithmetic",
    "aims",
    "lab",
    "folds",
    "maps",
    "prototypes",
    "selfcheck",
    "twins",
    "untrained",
    "scale",
    "svm",
    "spread",
    "words",
    "fuzz",
    "learning",
    "fresh",
    "search",
    "choices",
    "power",
    "hierarchy",
    "pythons",
)
WHOLE = ("pipeline", "arithmetic_demo", "across", "kills", "interruptions", "seeds", "truth", "nulls")
"""Those that run the demonstration, or smaller ones, once or again and again."""

BENCHMARKS = (*PARTS, *WHOLE)

ADDING = ("learning", "fresh", "choices")
"""Those that add to the runs that the results hold, whose dates and commits stay."""

Item = TypeVar("Item")


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which benchmarks; all if none is named.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Say which there are, and stop.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="Write the pages' tables again, measure nothing.")] = False,
) -> None:
    """Measure speed and memory; write benchmarks/results/ and the tables of the pages."""
    if unknown := [name for name in names or () if name not in BENCHMARKS]:
        raise UserError(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.")
    if list_:
        for name in BENCHMARKS:
            print(f"{name:17}{(_module(name).__doc__ or '').splitlines()[0]}")
    elif tables:
        for_each(sorted(RESULTS.glob("*.json")), rewrite)
    else:
        for_each(names or BENCHMARKS, measure)


def measure(name: str) -> None:
    """Run one benchmark as it is; some say afterwards that what they found is a failure."""
    module = _module(name)
    headline = getattr(module, "headline", None)
    measured = publish(name, name, module.measure, module.tables, headline, adding=name in ADDING)
    if verdict := getattr(module, "verdict", None):
        verdict(measured)


def rewrite(path: Path) -> None:
    """Write a page's tables from one file of results."""
    module = _module(json.loads(path.read_text())["benchmark"])
    republish(path, module.tables, getattr(module, "headline", None))


def for_each(items: Iterable[Item], do: Callable[[Item], None]) -> None:
    """Do one after the other; a complaint of one does not stop the next, but the status is 1 then."""
    failed = False
    for item in items:
        try:
            do(item)
        except UserError as error:
            print(error, file=sys.stderr, flush=True)
            failed = True
    if failed:
        raise typer.Exit(1)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name}")


if __name__ == "__main__":
    command(main)
