"""Writes a run's tables of results and of claims into the README: `python -m benchmarks.results --workspace DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.publish import README, command, update_readme
from elor.report import claims, reading, results
from elor.report.text import Format, render


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with the metrics of a finished run.")] = Path(),
    corpus: Annotated[str, typer.Option(help="Ends the names of the README's markers; empty: the demo's.")] = "",
) -> None:
    """Print the headline, the comparisons, what the search has seen, and the claims of a run into the README."""
    found = results.Results.read(workspace / "metrics")
    notes = [note for note in (reading.contradictions(found), reading.setting(found)) if note is not None]
    scores = [results.headline(found), results.comparisons(found), *notes]
    verdicts = [claims.overview(results.read_json(workspace / "metrics" / "claims.json"))]
    for name, blocks in (("results", scores), ("claims", verdicts)):
        update_readme(README, f"{name}-{corpus}" if corpus else name, render(blocks, Format.markdown))


if __name__ == "__main__":
    command(main)
