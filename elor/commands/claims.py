"""`elor claims`: the paper's claims, each with its verdict."""

from pathlib import Path
from typing import Annotated

import typer

from elor.commands.printing import AsJson, How, Output, answer
from elor.errors import UserError
from elor.evidence.claims import Claims
from elor.evidence.model import check, read
from elor.report.claims import claims as blocks
from elor.report.text import Format
from elor.runs.run import open_run


def claims(
    how: How = Format.terminal,
    against: Annotated[
        str | None, typer.Option(metavar="REVISION", help="A commit, branch, or DVC experiment to set beside.")
    ] = None,
    metrics: Annotated[Path, typer.Option(help="The folder that dvc repro wrote.")] = Path("metrics"),
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Print what became of the paper's claims: verdict, its number, ours and its control; then every piece of evidence.

    A run that learns labels shuffled within speakers is the control of what has to be learned. Beside it stand the
    claims that the shuffle voids: not those on ratings, on labels as such, and on features.

    Examples:

    \b
        elor claims
        dvc exp run --temp -S labels.shuffle=true --name shuffled
        elor claims --against shuffled
        elor claims --json -o claims.json
    """
    file = metrics / "claims.json"
    theirs = "metrics/claims.json"
    other = None if against is None else check(Claims, open_run(against).json(theirs), f"{theirs} of {against}")
    found = read(Claims, file)
    if found == other:
        raise UserError(
            f"{file} is that of {against}, and would stand beside itself: `dvc exp run` without --temp leaves results "
            "in the workspace; name the other run (--against HEAD), or go back (`git restore params.yaml dvc.lock "
            "metrics plots/data`, `dvc checkout`)."
        )
    answer(found.tree(), blocks(found, other, against or ""), how, as_json, output, metrics)
