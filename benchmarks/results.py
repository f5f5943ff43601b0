"""Writes a run's table of results into the README: `python -m benchmarks.results --workspace DIR --name NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.publish import README, command, update_readme
from elor.report import results
from elor.report.text import Format, render


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with the metrics of a finished run.")] = Path(),
    name: Annotated[str, typer.Option(help="Of the README's markers.")] = "results",
) -> None:
    """Print the headline and the comparisons of a run, and what its search has seen, into the README."""
    found = results.Results.read(workspace / "metrics")
    blocks = [results.headline(found), results.comparisons(found), results.setting(found)]
    update_readme(README, name, render(blocks, Format.markdown))


if __name__ == "__main__":
    command(main)
