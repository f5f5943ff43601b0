"""Writes a run's scores and claims into the pages that show them: `python -m benchmarks.results --workspace DIR`.

Of the demonstration run it also records the processors that made it, in made.json: no stage may do that, for then
dvc.lock would differ from machine to machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure import ROOT, commit
from benchmarks.publish import command, write_between
from elor.errors import UserError
from elor.evidence.claims import Claims
from elor.evidence.model import read
from elor.evidence.names import Verdict
from elor.files import write_json
from elor.report import claims, results, score_tables, sentences, table_notes
from elor.report.text import Block, Format, Table, render
from elor.runs.run import MADE, Folder

FIVE = ("amplitude-arousal", "arousal-loudness", "arousal-frequencies", "arousal-rate", "elor-best-arousal")
"""The claims that the README shows: chosen for what they are about, whatever became of them."""


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with the metrics of a finished run.")] = Path(),
    corpus: Annotated[str, typer.Option(help="Ends the names of the markers; empty: the demo's.")] = "",
    beside: Annotated[str, typer.Option(help="What to call the committed run, if it is to stand beside.")] = "",
) -> None:
    """Print the headline, the comparisons, what the search has seen, and the claims of a run into their pages."""
    found = results.Results.read(workspace / "metrics")
    judged = read(Claims, workspace / "metrics" / "claims.json")
    notes = [note for note in (table_notes.contradictions(found), table_notes.setting(found)) if note is not None]
    on = ", ".join(Folder(workspace).made_on())
    made = f"*{f'On {on}; commit' if on else 'Commit'} {commit(workspace)}.*" if corpus else ""
    write("results", corpus, [score_tables.headline(found), score_tables.comparisons(found), *notes], made)
    write("claims", corpus, [claims.overview(judged), claims.evidence(judged)], made)
    if beside:
        base = ROOT / "metrics"
        others = read(Claims, base / "claims.json")
        write("beside", corpus, [compared(found, results.Results.read(base), beside)])
        write("verdicts", corpus, [tally(judged, others, beside), claims.comparison(judged, others, beside)])
    if not corpus:
        write("headline", corpus, [score_tables.headline(found)])
        write("five", corpus, [five(judged)])
        write("sentences", corpus, [sentences_of(judged)])
        record(workspace)


def record(workspace: Path) -> None:
    """Write made.json: on which processors the outputs were made that dvc.lock names now.

    Raises:
        UserError: if no stage has said so, because none has run here.
    """
    run = Folder(workspace)
    found = run.processors()
    if not found:
        raise UserError(f"{workspace / 'metrics/cost'} names no processor: run dvc repro where the results were made.")
    write_json(workspace / MADE, {"processors": found, "outputs": run.outputs_digest()})


def write(name: str, corpus: str, blocks: Sequence[Block], made: str = "") -> None:
    """Some blocks between the markers of a name, and of a corpus that is not the demo's; below them how it was made."""
    body = render(blocks, Format.markdown)
    write_between(f"{name}-{corpus}" if corpus else name, f"{body}\n\n{made}" if made else body)


def compared(found: results.Results, base: results.Results, name: str) -> Table:
    """The headline score with its interval of every network of this run, in this run and in another one."""
    score = score_tables.bounded(found.headline, "ci_")
    rows = tuple(
        (results.title(network), *(score(run.scores[head][network]) for head in found.scores for run in (found, base)))
        for network in next(iter(found.scores.values()))
    )
    columns = [f"{head}, {where}" for head in found.scores for where in ("here", name)]
    return Table(f"{found.score} [{found.level}], here and {name}", ("network", *columns), (rows,))


def tally(judged: Claims, others: Claims, name: str) -> Table:
    """How many claims have each verdict, in this run and in another one."""
    rows = tuple((str(verdict), *(str(one.counts.get(verdict, 0)) for one in (judged, others))) for verdict in Verdict)
    return Table(f"Claims by verdict, here and {name}", ("verdict", "here", name), (rows,))


def sentences_of(judged: Claims) -> Table:
    """What every claim says, and in which section of the paper."""
    rows = tuple((row.id, row.claim, row.where) for row in judged.claims)
    return Table(f"The {len(rows)} claims in words", ("claim", "the paper says that", "section"), (rows,), labels=3)


def five(judged: Claims) -> Table:
    """The claims of `FIVE` in words, each beside its control."""
    rows = {row.id: row for row in judged.claims}
    cells = tuple(
        (
            row.claim,
            sentences.paper_of(row),
            sentences.quantity(row.ours),
            f"{sentences.control_of(row)} ({sentences.control(row.control)})",
            row.verdict,
        )
        for row in map(rows.__getitem__, FIVE)
    )
    caption = f"Five of the paper's {len(rows)} claims"
    return Table(caption, ("claim", "paper", "ours", "control", "verdict"), (cells,))


if __name__ == "__main__":
    command(main)
