"""What the analysis finds where there is nothing: trainings on shuffled labels, and tables of claims drawn from them.

The corpus `rhythm` of `benchmarks.tones`, made small, is learned again and again from labels shuffled within speakers,
each time with another seed, and explained as any other. What is kept of each run, every claim with its pieces and every
alteration's effect, is what tables of claims are then drawn from. Many tables that redraw twenty trainings are no more
evidence than these: so beside them stands what becomes of each training's own table.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from elor.errors import UserError
from elor.evidence.claims import Piece
from elor.evidence.interventions import Interventions
from elor.evidence.model import read
from elor.evidence.names import FALSE_DISCOVERY, HOLM, Case, Control, Finding, Reference, Role, Verdict
from elor.explain.claims.decide import LEVEL, Lean, Picture, lean, settle
from elor.explain.claims.table import CLAIMS
from elor.report.text import Block, Notes, Table, number

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

EFFECTLESS = "arousal-loudness"
"""That loudness has no say may well be true of a network that has learned nothing: no error can be told of it."""

ASKED = [claim.confirmatory and claim.nulled and claim.id != EFFECTLESS for claim in CLAIMS]
"""Claims whose assertions are counted; the others are in the family that is corrected all the same."""


@dataclass(frozen=True)
class Drawn(Leaning):
    """A claim of a random table; `unknown`: a contradiction that an alteration does nothing, of unknown truth."""

    unknown: bool = False


@dataclass
class Found(Rates):
    """Errors; how much was asserted, and how much of it rightly only as far as is known (`Drawn.unknown`)."""

    asserted: int = 0
    unknown: int = 0


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


def drawn(runs: Sequence[dict[str, Any]], world: str, rng: np.random.Generator) -> list[Drawn]:
    """One random table."""
    found = []
    pool = [{row["id"]: row for row in one["claims"]} for one in runs]
    signs = flips(TEN)
    for claim in CLAIMS:
        if world == "arousal was learned" and claim.nulled and presupposes(claim)[1] == ("arousal",):
            random = leaning(claim, bool(rng.random() < 0.5), STRONG / 10, rng, "normal", signs)
            found.append(Drawn(random.leans, random.true, random.absent))
        else:
            row = pool[rng.integers(len(pool))][claim.id]
            pieces = [Piece.of(piece) for piece in row["evidence"]]
            if world == "everything passes for learned":
                pieces = [piece.model_copy(update={"learned_p": STRONG / 10}) for piece in pieces]
            leans = lean(Picture(pieces, claim.every, bool(claim.undecidable)))
            absent = shows_nothing(leans, pieces) and not row["truth"]
            found.append(Drawn([leans] * len(TESTS), False, absent, absent and row["truth"] is None))
    return found


def shows_nothing(leans: Lean, pieces: Sequence[Piece]) -> bool:
    """Whether a contradiction says that an alteration does nothing, which may be so where nothing was learned."""
    deciding = None if leans.deciding is None else pieces[leans.deciding]
    return leans.case is Case.against and deciding is not None and deciding.control == Reference.nothing


def rates(runs: Sequence[dict[str, Any]], world: str, count: int = 1_000, seed: int = 0) -> dict[str, Found]:
    """Errors of many tables, each claim of any of the runs, by correction."""
    rng = np.random.default_rng(seed)
    return counted(drawn(runs, world, rng) for _ in range(count))


def own(runs: Sequence[dict[str, Any]], world: str, seed: int = 0) -> dict[str, Found]:
    """Errors of one table per run, all of it that run's."""
    rng = np.random.default_rng(seed)
    return counted(drawn([one], world, rng) for one in runs)


def counted(tables: Iterable[list[Drawn]]) -> dict[str, Found]:
    """Errors of tables, by correction.

    That an alteration does nothing is wrong only where the network's own truth says otherwise; any other assertion is.
    """
    confirmatory = [claim.confirmatory for claim in CLAIMS]
    found = {HOLM: Found(), FALSE_DISCOVERY: Found()}
    for rows in tables:
        for method, one in found.items():
            settled = settle([row.leans[TESTS.index("t")] for row in rows], confirmatory, LEVEL, method).settled
            some = [(final.lean.verdict, row) for final, row, asks in zip(settled, rows, ASKED, strict=True) if asks]
            one.add([said for said, _ in some], [row.true for _, row in some], [row.absent for _, row in some])
            one.asserted += sum(said.asserts for said, _ in some)
            one.unknown += sum(said is Verdict.contradicted and row.unknown for said, row in some)
    return found


def tables(measured: dict[str, Any], count: int = 1_000) -> list[Block]:
    """The null check of interventions, errors of tables drawn from the runs, what these hold, and the scoreboards."""
    runs = measured["runs"]
    errors = (_errors(runs, count), _reading(len(runs)))
    return [_effects(runs), *errors, _pieces(runs), _gaps(runs), _scoreboard(runs)]


def _effects(runs: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for network in dict.fromkeys(one["network"] for one in runs[0]["effects"]):
        some = [one for run in runs for one in run["effects"] if one["network"] == network]
        small = sum(one["p"] is not None and one["p"] < LEVEL for one in some)
        beyond = sum(one["finding"] in (Finding.raises, Finding.lowers) for one in some)
        rows.append((network, str(len(some)), *_share(small, len(some)), *_share(beyond, len(some))))
    caption = (
        f"Alterations of real slices, {len(runs)} trainings on shuffled labels (small p: below {LEVEL:g}; found: said "
        "to raise or lower the answer, whether or not the head has learned)"
    )
    return Table(caption, ("network", "effects", "small p", "interval", "found", "interval"), (tuple(rows),), labels=1)


def _errors(runs: Sequence[dict[str, Any]], count: int) -> Table:
    rows = []
    for world, said in WORLDS.items():
        alone = own(runs, world)
        for method, one in rates(runs, world, count).items():
            (error, low), mine = one.error(method), alone[method]
            redrawn = (f"{one.wrong} of {one.tables}", number(error), number(low), "yes" if low <= LEVEL else "no")
            counts = (f"{one.asserted:,}", f"{one.unknown:,}")
            rows.append((world, said, method, *redrawn, *counts, *_share(mine.wrong, mine.tables)))
    caption = f"{count:,} tables of all claims, drawn from {len(runs)} trainings on shuffled labels"
    header = ("world", "how drawn", "correction", "tables with a wrong one", "error", "from", "valid", "asserted")
    beside = ("absent, truth unknown", "trainings with a wrong one", "interval")
    return Table(caption, header + beside, (tuple(rows),), labels=3)


def _reading(trainings: int) -> Notes:
    """What the columns of `_errors` mean."""
    return Notes(
        "How to read it",
        (
            "Error: with Holm the share of tables with a wrong assertion; with Benjamini-Hochberg the mean share of "
            "wrong assertions among all. From: where its 95 % interval over the draws begins, which knows nothing of "
            "further trainings. Valid: that lies below 5 %.",
            "Asserted: by all tables together. Absent, truth unknown: of these, that an alteration does nothing where "
            "the network's truth is unknown, which counts as right.",
            f"Trainings with a wrong one: of the {trainings} trainings' own tables, which are all the evidence there "
            "is; with the exact 95 % binomial interval.",
        ),
    )


def _judging(runs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Every piece of every run that was declared to decide or to condition: its kind, claim, look, and itself.

    Raises:
        UserError: if a piece is called as no look is: the claims have other words since it was found.
    """
    every = [((claim.id, look.what), look) for claim in CLAIMS for look in claim.looks]
    asked = {name for name, _ in every}
    kinds = {name: look.needs.source for name, look in every if look.role is not Role.illustrates}
    for row in (row for one in runs for row in one["claims"]):
        for piece in row["evidence"]:
            name = row["id"], piece["what"]
            if name not in asked:
                raise UserError(f"The results hold `{name[1]}` of {name[0]}, asked by no claim; measure anew.")
            beside = piece["control"] == Control.heads  # the same map beside random heads', which never judges
            if (kind := kinds.get(name)) and not beside:
                yield kind, *name, piece


def _pieces(runs: Sequence[dict[str, Any]]) -> Table:
    rows = []
    every = list(_judging(runs))
    for kind in dict.fromkeys(kind for kind, *_ in every):
        some = [piece for one, *_, piece in every if one == kind]
        points = [piece["points"] for piece in some if not piece["missing"]]
        cells = (len(some), len(some) - len(points), *(points.count(way) for way in (1, -1, 0)))
        rows.append((kind, *map(str, cells)))
    caption = (
        f"What the tables are drawn from: pieces of evidence of {len(runs)} trainings by their source, and where they "
        "point (with the claim, against it, nowhere)"
    )
    return Table(caption, ("source", "pieces", "missing", "with", "against", "nowhere"), (tuple(rows),))


def _gaps(runs: Sequence[dict[str, Any]]) -> Notes:
    """What no table can show: pieces that are missing in every run, and claims of which nothing is counted."""
    looks: dict[tuple[str, str], list[bool]] = {}
    for _, claim, what, piece in _judging(runs):
        looks.setdefault((claim, what), []).append(bool(piece["missing"]))
    never = [f"{what} (`{claim}`)" for (claim, what), missing in looks.items() if all(missing)]
    left = [claim.id for claim, asks in zip(CLAIMS, ASKED, strict=True) if not asks]
    return Notes(
        "What these tables cannot show",
        (
            f"Missing in all {len(runs)} trainings: {'; '.join(never) or 'nothing'}.",
            "Left out of what is counted, as a shuffle does not void them, they have no test, or they say that "
            f"something has no effect: {', '.join(f'`{name}`' for name in left)}.",
        ),
    )


def _scoreboard(runs: Sequence[dict[str, Any]]) -> Table:
    every = [row for one in runs for row in one["claims"]]
    counts = tally(every)
    decided = {row["id"]: None for row in every if row["truth"] is not None and Verdict(row["verdict"]).asserts}
    caption = (
        f"Verdicts beside known truth, {len(runs)} trainings on shuffled labels together; decided: "
        f"{', '.join(f'`{name}`' for name in decided) or 'none'}"
    )
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
