"""What the analysis finds where there is nothing: trainings on shuffled labels, and tables of claims drawn from them.

The corpus `rhythm` of `benchmarks.tones`, made small, is learned again and again from labels shuffled within speakers,
each time with another seed, and explained as any other. What is kept of each run, every claim with its pieces and every
alteration's effect, is what tables of claims are then drawn from.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.stats import beta

from benchmarks.power import SPEAKERS as TEN
from benchmarks.power import STRONG, TESTS, Leaning, Rates, flips, leaning, presupposes
from benchmarks.publish import command, publish, resumed
from benchmarks.stagewise import LEARN, READ, claims_of, prepare, run
from benchmarks.tones import CORPORA, make
from benchmarks.truth import SMALL, tally
from elor.evidence.claims import Piece
from elor.evidence.interventions import Interventions
from elor.evidence.model import read
from elor.evidence.names import FALSE_DISCOVERY, HOLM, Case, Finding, Reference
from elor.explain.claims.decide import LEVEL, Lean, Picture, lean, settle
from elor.explain.claims.table import CLAIMS
from elor.report.text import Block, Table, number

FIRST = 201
"""Seed of the first run; from 101 on stand those of before the rules were revised (docs/known-truth.md)."""

UTTERANCES, SPEAKERS = 48, 6
"""Of the corpus; six is the fewest of folds that a trend needs."""

TINY: dict[str, Any] = SMALL | {
    "labels.shuffle": True,
    "labels.rater": "gold",
    "explain.speaker": "S0",
    "scale.demo.explain.slices": 12,
    "scale.demo.explain.steps": 8,
    "scale.demo.explain.untrained": 2,
    "scale.demo.explain.interventions.slices": 18,
    "scale.demo.explain.interventions.untrained": 3,
    "scale.demo.networks.elor.epochs": 8,
    "scale.demo.networks.elor.defaults.filters": [8, 12, 16],
    "scale.demo.networks.elor.defaults.hidden": [32, 16],
    "scale.demo.networks.elor_ftr.epochs": 4,
    "scale.demo.networks.lom.epochs": 4,
    "scale.demo.networks.lom.defaults.filters": [8, 8, 8],
    "scale.demo.networks.ftr.epochs": 12,
    "evaluate.permutations": 1000,
    "evaluate.draws": 1000,
}
"""What differs from params.yaml: networks and corpus are smaller still, so that twenty of them can be learned."""

SHARED = ("folds", "prototypes")
"""Stages with the same seed in all runs, so that untrained networks' prototypes, most of the work, are sought once."""

WORLDS = {
    "nothing was learned": "every claim as one of the runs has it",
    "arousal was learned": "claims that need valence as one of the runs has them; of the others half are true",
    "everything passes for learned": "every piece as one of the runs has it, but of heads that seem to have learned",
}
"""How a table is drawn."""


def measure(runs: int = 20, first: int = FIRST, name: str = "nulls", workers: int = 1) -> dict[str, Any]:
    """Train and explain on shuffled labels.

    Args:
        runs: trainings of all networks.
        first: seed of the first, and of the corpus.
        name: of the results.
        workers: trainings at once.
    """
    with tempfile.TemporaryDirectory(prefix="elor-") as home:
        folder = Path(home)
        table = make(CORPORA[0], folder / "corpus", UTTERANCES, SPEAKERS, each=1, seed=first)
        seeds = map(str, range(first, first + runs))
        make_one = partial(explained, home=folder, table=table, first=first)
        found = resumed(name, TINY | {"first": first}, seeds, make_one, workers)
    return {"runs": found}


def explained(seed: str, home: Path, table: Path, first: int) -> dict[str, Any]:
    """Claims and effects of one training of all networks, on labels shuffled anew; in a folder of the process' own."""
    folder = home / str(os.getpid())
    reads = ("slices",) if (folder / "data" / "is10.npy").is_file() else READ
    for stage in (*reads, *LEARN):
        prepare(folder, TINY | {"corpus.path": str(table), "seed": first if stage in SHARED else int(seed)})
        run(folder, (stage,))
    effects = read(Interventions, folder / "metrics" / "interventions.json")
    return {"claims": claims_of(folder), "effects": flat(effects)}


def flat(found: Interventions) -> list[dict[str, Any]]:
    """Every effect on the expected label: network, alteration, head, p, finding and reason."""
    return [
        {"network": network, "alteration": name, "head": head, "p": one.slope.p}
        | {"finding": one.finding, "reason": one.reason}
        for network, by in found.networks.items()
        for name, entry in by.items()
        for head, one in entry.heads.items()
    ]


def drawn(runs: Sequence[dict[str, Any]], world: str, rng: np.random.Generator) -> list[Leaning]:
    """One random table."""
    found = []
    pool = [{row["id"]: row for row in one["claims"]} for one in runs]
    signs = flips(TEN)
    for claim in CLAIMS:
        if world == "arousal was learned" and claim.nulled and presupposes(claim)[1] == ("arousal",):
            found.append(leaning(claim, bool(rng.random() < 0.5), STRONG / 10, rng, "normal", signs))
        else:
            row = pool[rng.integers(len(pool))][claim.id]
            pieces = [Piece.of(piece) for piece in row["evidence"]]
            if world == "everything passes for learned":
                pieces = [piece.model_copy(update={"learned_p": STRONG / 10}) for piece in pieces]
            leans = lean(Picture(pieces, claim.every, bool(claim.undecidable)))
            found.append(Leaning([leans] * len(TESTS), False, shows_nothing(leans, pieces) and not row["truth"]))
    return found


def shows_nothing(leans: Lean, pieces: Sequence[Piece]) -> bool:
    """Whether a contradiction says that an alteration does nothing, which may be so where nothing was learned."""
    deciding = None if leans.deciding is None else pieces[leans.deciding]
    return leans.case is Case.against and deciding is not None and deciding.control == Reference.nothing


def rates(runs: Sequence[dict[str, Any]], world: str, count: int = 1_000, seed: int = 0) -> dict[str, Rates]:
    """Errors of many tables, by correction; left out are claims that a shuffle does not void, and one of no effect.

    That loudness has no say may well be true of a network that has learned nothing. That an alteration does nothing is
    wrong only where the network's own truth says otherwise; any other assertion is.
    """
    rng, confirmatory = np.random.default_rng(seed), [claim.confirmatory for claim in CLAIMS]
    asked = [claim.confirmatory and claim.nulled and claim.id != "arousal-loudness" for claim in CLAIMS]
    found = {HOLM: Rates(), FALSE_DISCOVERY: Rates()}
    for _ in range(count):
        rows = drawn(runs, world, rng)
        for method, one in found.items():
            settled = settle([row.leans[TESTS.index("t")] for row in rows], confirmatory, LEVEL, method).settled
            some = [(final, row) for final, row, member in zip(settled, rows, asked, strict=True) if member]
            verdicts = [final.lean.verdict for final, _ in some]
            one.add(verdicts, [row.true for _, row in some], [row.absent for _, row in some])
    return found


def tables(measured: dict[str, Any], count: int = 1_000) -> list[Block]:
    """The null check of interventions, errors of tables drawn from the runs, and the runs' own scoreboards."""
    runs = measured["runs"]
    return [_effects(runs), _errors(runs, count), _scoreboard(runs)]


def _effects(runs: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for network in dict.fromkeys(one["network"] for one in runs[0]["effects"]):
        some = [one for run in runs for one in run["effects"] if one["network"] == network]
        small = sum(one["p"] is not None and one["p"] < LEVEL for one in some)
        beyond = sum(one["finding"] in (Finding.raises, Finding.lowers) for one in some)
        rows.append((network, str(len(some)), *_share(small, len(some)), *_share(beyond, len(some))))
    caption = (
        f"Alterations of real slices, {len(runs)} trainings on shuffled labels: effects with p below {LEVEL:g}, and "
        "those that are said to raise or lower the answer (beyond calibrated networks too), with 95 % intervals; that "
        "the head has learned is not asked"
    )
    return Table(caption, ("network", "effects", "small p", "interval", "found", "interval"), (tuple(rows),), labels=1)


def _errors(runs: Sequence[dict[str, Any]], count: int) -> Table:
    rows = []
    for world, said in WORLDS.items():
        for method, one in rates(runs, world, count).items():
            error, low = one.error(method)
            valid = "yes" if low <= LEVEL else "no"
            rows.append((world, said, method, f"{one.wrong} of {one.tables}", number(error), number(low), valid))
    caption = (
        f"{count:,} tables of all claims, their pieces drawn from {len(runs)} trainings on shuffled labels; error: of "
        "Holm the share of tables with a wrong assertion, of Benjamini-Hochberg the mean share of wrong ones among "
        "all; valid: its 95 % interval begins below 5 %"
    )
    header = ("world", "how drawn", "correction", "tables with a wrong one", "error", "from", "valid")
    return Table(caption, header, (tuple(rows),), labels=3)


def _scoreboard(runs: Sequence[dict[str, Any]]) -> Table:
    counts = tally(row for one in runs for row in one["claims"])
    caption = f"Verdicts beside known truth, {len(runs)} trainings on shuffled labels together"
    return Table(caption, tuple(counts), ((tuple(map(str, counts.values())),),), labels=0)


def _share(count: int, total: int) -> tuple[str, str]:
    low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
    return f"{count} ({100 * count / total:.1f} %)", f"{100 * low:.1f} to {100 * high:.1f} %"


def main(
    runs: Annotated[int, typer.Option(min=1, help="Trainings of all networks.")] = 20,
    first: Annotated[int, typer.Option(min=0, help="Seed of the first.")] = FIRST,
    name: Annotated[str, typer.Option(help="Of the results.")] = "nulls",
    workers: Annotated[int, typer.Option(min=1, help="Trainings at once.")] = 1,
) -> None:
    """Train on shuffled labels, and write what is found there into docs/known-truth.md."""
    publish(name, "nulls", lambda: measure(runs, first, name, workers), tables)


if __name__ == "__main__":
    command(main)
