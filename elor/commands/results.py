"""`elor results`: the table of the current workspace."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from elor.commands.printing import AsJson, How, Output, answer
from elor.evidence.across import Across
from elor.evidence.model import read_if_there
from elor.report import across, cost
from elor.report.blocks import results as blocks
from elor.report.results import Results, made_of
from elor.report.text import Format, Notes

Detail = Annotated[bool, typer.Option("--detail", help="Also other intervals, WAR, calibration, each rater.")]


def results(
    how: How = Format.terminal,
    metrics: Annotated[Path, typer.Option(help="The folder that dvc repro wrote.")] = Path("metrics"),
    detail: Detail = False,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Print the results of this workspace: the paper's Table 5 for the corpus, beside guesses and people.

    Below it: further scores and chance, the declared comparisons, what picking the epoch on the test part would have
    gained, the values that the searches selected (the paper's Tables 1 to 4), what they have seen of test
    speakers, and the time and memory that the stages took on this machine. --detail adds intervals by bootstrap, WAR's
    intervals, means over folds, calibration, each rater, and the time and memory of each stage. docs/scores.md defines
    every number.

    Examples:

    \b
        elor results
        elor results --detail
        elor results --format markdown -o notes.md
        elor results --json
        elor results --format latex --metrics ../other/metrics
    """
    with made_of(metrics):
        found = Results.read(metrics)
        printed = blocks(found, detail)
        absent: list[Path] = []
        printed += across.blocks(read_if_there(Across, metrics / "across.json", absent), detail)
        if costs := cost.read(metrics):
            printed += [cost.table(costs)] if detail else []
            printed.append(cost.note(costs))
        if absent:
            printed.append(Notes("Not in this folder", tuple(map(_not_here, absent))))
        answer(asdict(found), printed, how, as_json, output, metrics)


def _not_here(path: Path) -> str:
    """What a fresh clone lacks, in a sentence."""
    return f"{path} is absent, so nothing in it is shown: dvc pull brings it, if it was pushed; dvc repro makes it."
