"""`elor check`: is this machine, this corpus, this cache in order?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from elor.commands.printing import echo, refuse_idle
from elor.report.text import Format, Notes, Table

if TYPE_CHECKING:
    from elor.check import Finding

Stereo = Literal["error", "mean", "left", "right"]

WIDEST = 60
"""Characters of a finding that a row of the table shows; more is told below it."""


def check(
    path: Annotated[
        Path | None, typer.Argument(help="A corpus: an IEMOCAP root or a manifest CSV; else that of params.yaml.")
    ] = None,
    low: Annotated[float | None, typer.Option(help="Lowest rating of PATH's scale.", show_default=False)] = None,
    high: Annotated[float | None, typer.Option(help="Highest rating.", show_default=False)] = None,
    rater: Annotated[
        str | None, typer.Option(help="Whose ratings are the labels; or mean.", show_default=False)
    ] = None,
    emotion: Annotated[bool, typer.Option("--emotion", help="The target is emotion.")] = False,
    stereo: Annotated[Stereo | None, typer.Option(help="What several channels become.", show_default=False)] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Go on without sound files that are missing.")] = False,
    profile: Annotated[
        str | None, typer.Option(help="Say what a run of it would take: demo, lab or paper.", show_default=False)
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove what elor made in the scratch folder; lists it and asks first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Look at this machine, this workspace, a corpus and the scratch folder, and say what must be done.

    Versions against requirements.lock, GPU, memory, disk; git identity; what
    DVC's cache holds of dvc.lock (not with PATH); the corpus' counts against
    the release's, missing files, sounds that cannot be read to their end, one
    recording under two speakers, the rater and the slices, and of params.yaml
    what it holds out and the words it asks for; unfinished work and its size.

    With --profile also what a run of it would take on this machine, measured
    by a step of each network: hours by stage, memory, disk; and which
    comparisons and which of the paper's claims this corpus could decide, claim
    by claim: by its speakers, rated turns, raters, and what is learned.

    Exit status: 0 in order, 1 something must be done.

    Examples:

    \b
        elor check
        elor check /where/IEMOCAP_full_release
        elor check my/table.csv --low 1 --high 7
        elor check my/table.csv --stereo left --rater mean
        elor check my/table.csv --emotion
        elor check /where/IEMOCAP_full_release --profile lab
        elor check --clean
    """
    from elor.check import must_be_done
    from elor.check.everything import inspect
    from elor.files import scratch_root

    chosen = {"rater": rater, "target": "emotion" if emotion else None, "stereo": stereo, "partial": partial or None}
    refuse_idle({"--yes": yes and not clean}, "--clean")
    areas = inspect(path, profile, low=low, high=high, **chosen)
    echo(_blocks(areas), Format.terminal)
    if clean:
        _clean(scratch_root(), yes)
    if any(must_be_done(findings) for findings in areas.values()):
        raise typer.Exit(1)


def _blocks(areas: dict[str, list[Finding]]) -> list[Table | Notes]:
    """A table of everything, the notes, and the verdict."""
    from elor.check import must_be_done

    groups = tuple(
        tuple((area, finding.what, _short(finding.found), finding.state) for finding in findings)
        for area, findings in areas.items()
    )
    everything = [finding for findings in areas.values() for finding in findings]
    blocks: list[Table | Notes] = [Table("What was looked at", ("", "", "found", ""), groups, labels=4)]
    if notes := [finding.note for finding in everything if finding.note]:
        blocks.append(Notes("Worth knowing", tuple(notes)))
    if remedies := must_be_done(everything):
        count = "One thing" if len(remedies) == 1 else f"{len(remedies)} things"
        blocks.append(Notes(f"{count} must be done", tuple(f"- {remedy}" for remedy in remedies)))
    else:
        blocks.append(Notes("In order", ("Nothing must be done.",)))
    return blocks


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"...{text[3 - WIDEST :]}"


def _clean(root: Path, yes: bool) -> None:
    """Say what elor keeps in the scratch folder, folder by folder, ask, and remove it."""
    from elor.check import scratch, size

    parts = scratch.parts(root)
    freed = sum(parts.values())
    if not parts:
        typer.echo(f"Nothing of elor's lies in {root}.")
        return
    rows = tuple((str(folder.relative_to(root)), size(count)) for folder, count in sorted(parts.items()))
    echo([Table(f"What elor made in {root}", ("folder", "size"), (rows,))], Format.terminal)
    if not yes and not typer.confirm(f"Remove these {size(freed)} of unfinished work and kept vectors?", err=True):
        typer.echo("Nothing was removed.")
        return
    typer.echo(f"{size(scratch.clean(root))} removed from {root}.")
