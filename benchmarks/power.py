"""Which analysis of ten speakers is the strongest that is valid? `python -m benchmarks power` says so by simulation.

Every table holds the claims that are declared (`elor.explain.claims.table.CLAIMS`) with all their pieces: tests and
conditions, inside networks and of scores. A piece that decides is a sample of speakers' values, with a mean of zero
where there is nothing; verdicts come from the very functions that the stage uses. Everything here is drawn at random:
no verdict of any run is looked at, and nulls of real trainings on shuffled labels are not among these draws.

A claim that is false has one piece that shows nothing, while all its others show an effect; that is the hardest case.
Of a head that has not learned every piece shows an effect, as a network answers to something, whatever it learned. What
is there is exactly as large as what counts as none: the hardest case for a test that says an alteration does nothing.
Of a level that is to weigh more than counts as none, or less, half of what is true, and of what is not, lies just
beyond or just within that margin. To contradict a claim of an alteration that does nothing, of a correlation that is
not there, or of a level that weighs otherwise is right; any other contradiction is wrong. A veto is never made.

Beside one family of all claims stand the groups in which they are declared (`Declared.group`), in their order there:

- **serial gatekeeping**: Holm in a group; the next is asked only if all of this one survive (Maurer, Hothorn and
  Lehmacher 1995; Westfall and Krishen 2001).
- **parallel gatekeeping**: Bonferroni in a group, whose level goes on by the share that survives, Holm in the last
  (Dmitrienko, Offen and Westfall 2003).
- **Benjamini-Bogomolov**: groups are selected by Benjamini and Hochberg's correction of their Simes p; of G groups R
  are, and in these it is applied at R / G of the level (Benjamini and Bogomolov 2014). It promises that the share of
  wrong ones is bounded in the mean over selected groups; here it is counted over all claims, as of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.special import stdtr
from scipy.stats import beta, false_discovery_control

from benchmarks.publish import command, publish
from elor.check.power import EFFECT
from elor.evaluation.comparisons import holm
from elor.evidence.claims import Piece
from elor.evidence.names import FALSE_DISCOVERY, HOLM, Role, Verdict
from elor.explain.claims.claim import Declared
from elor.explain.claims.decide import GATE, LEVEL, METHOD, Lean, Picture, lean, settle
from elor.explain.claims.looks import weighing
from elor.explain.claims.table import CLAIMS, DIMENSIONS, NETWORKS
from elor.report.text import Block, Notes, Table, number

SPEAKERS = 10
SHAPES = ("normal", "skewed", "heavy")
"""How speakers' values are distributed: normal, a gamma of skewness 1, Student's t with five degrees of freedom.

Each is a mean over slices already, so that it is less skewed than these are.
"""

STRONG = 1e-3
"""Up to this p heads have learned: eight times the 1e-4 that none of 10,000 permutations leaves, and less."""

TESTS = ("sign flip", "t")
ALTERED = {claim.id for claim in CLAIMS if claim.group == "prototypes"} - {"arousal-loudness"}
ALTERED |= {"extreme-valence-aroused"}
"""Claims of an effect, or a correlation, that may be shown to be absent."""

ABSENCE = "arousal-loudness"
"""The claim that a level weighs less than counts as none."""

WEIGHS = {weighing(head).what for head in DIMENSIONS}
"""Looks that ask on which side of what counts as none an effect lies."""

GATES = {"learned heads": True, "all claims": False}
"""By family whether heads that have not learned leave it."""

GROUPS = "declared groups"
SERIAL, PARALLEL, SELECTED = "serial gatekeeping", "parallel gatekeeping", "Benjamini-Bogomolov"
FAMILY_WISE = (HOLM, SERIAL, PARALLEL)
"""Corrections of the chance that any assertion is wrong; the others bound the share of wrong ones."""


@dataclass(frozen=True)
class World:
    """What is true in a table.

    Attributes:
        name: in words.
        true: share of the claims about learned heads that are true.
        learned: by dimension, whether networks have learned it.
    """

    name: str
    true: float
    learned: tuple[bool, bool]


WORLDS = (
    World("nothing is true", 0.0, (True, True)),
    World("half is true", 0.5, (True, True)),
    World("half is true, one head has not learned", 0.5, (True, False)),
    World("nothing was learned", 0.0, (False, False)),
)

Method = tuple[str, str, str]
"""The test of a piece, the correction, and the family that it goes over."""

METHODS: tuple[Method, ...] = (
    *product(TESTS, (HOLM, FALSE_DISCOVERY), GATES),
    *product(TESTS, (SERIAL, PARALLEL, SELECTED), (GROUPS,)),
)


def draw(rng: np.random.Generator, shape: str, size: tuple[int, ...]) -> NDArray:
    """Values of a mean of zero and a deviation of one."""
    if shape == "skewed":
        return (rng.gamma(4, size=size) - 4) / 2
    return rng.standard_t(5, size) / np.sqrt(5 / 3) if shape == "heavy" else rng.normal(size=size)


def flips(count: int) -> NDArray:
    """All sign patterns with the first sign fixed, (2^(count - 1), count)."""
    rest = np.array(list(product((1.0, -1.0), repeat=count - 1)))
    return np.column_stack([np.ones(len(rest)), rest])


def p_values(values: NDArray, signs: NDArray) -> dict[str, NDArray]:
    """p of each test over speakers, (pieces, speakers) -> (pieces,)."""
    sums = np.abs(values @ signs.T)
    flip = (sums >= sums[:, :1] * (1 - 1e-12)).mean(1)
    count = values.shape[1]
    t = values.mean(1) / (values.std(1, ddof=1) / np.sqrt(count))
    return {"sign flip": flip, "t": 2 * stdtr(count - 1, -np.abs(t))}


def presupposes(claim: Declared) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """What must have been learned: networks, dimensions, and whether any of them is enough (else every one)."""
    needs = [look.needs for look in claim.looks if look.role is not Role.illustrates]
    networks, heads = ({name for one in needs for name in getattr(one, kind)} for kind in ("networks", "heads"))
    return tuple(sorted(networks)), tuple(sorted(heads)), any(one.any for one in needs)


@dataclass(frozen=True)
class Leaning:
    """A random claim.

    Attributes:
        leans: where its evidence leans, by each of `TESTS`.
        true: whether it is true.
        absent: whether it is false since an alteration does nothing, or a level weighs otherwise.
    """

    leans: list[Lean]
    true: bool
    absent: bool


def leaning(claim: Declared, true: bool, given: float, rng: np.random.Generator, shape: str, signs: NDArray) -> Leaning:
    """Draw one claim's evidence; `given` is the p that its heads have learned."""
    learned, tests = given <= STRONG, np.array([look.role is Role.decides for look in claim.looks])
    weigh = np.array([look.what in WEIGHS for look in claim.looks])
    nothing = np.zeros(len(tests), dtype=bool)
    if learned and not true:
        nothing[rng.choice(np.flatnonzero(tests)) if any(tests) else rng.integers(len(tests))] = True
    shows = np.where(nothing, 0.0, EFFECT)
    less = nothing != (claim.id == ABSENCE)  # where a level is to weigh less than counts as none
    shows[weigh] = EFFECT * np.where(rng.random(len(tests)) < 0.5, 1, np.where(less, 0, 2))[weigh]
    values = draw(rng, shape, (len(tests), SPEAKERS)) + shows[:, None]
    p, beyond = p_values(values, signs), p_values(values - EFFECT, signs)
    within = values.mean(1) < EFFECT
    altered = tests & (claim.id in ALTERED)
    lower = altered & within & (beyond["t"] / 2 <= LEVEL)  # shown to be less than counts as none
    points = [_points(claim, tests[k], values[k].mean(), p["t"][k], shows[k], rng) for k in range(len(tests))]
    points = np.where(weigh, np.where(within == (claim.id == ABSENCE), 1, -1), np.where(lower, -1, points))
    found = []
    for test in TESTS:
        own = np.where(lower | (weigh & within), beyond[test] / 2, np.where(weigh, beyond[test], p[test]))
        pieces = [
            Piece.model_construct(
                what="",
                role=Role.illustrates if look.veto else look.role,
                points=int(points[place]),
                p=float(own[place]) if tests[place] else None,
                learned_p=given,
                control="initial",
                missing="",
            )
            for place, look in enumerate(claim.looks)
        ]
        found.append(lean(Picture(pieces, claim.every, bool(claim.undecidable))))
    return Leaning(found, true, bool(((altered | weigh) & nothing).any()))


def _points(claim: Declared, tested: bool, mean: float, p: float, shows: float, rng: np.random.Generator) -> int:
    """Maps and prototypes must leave their control to point anywhere; scores and alterations point by their sign."""
    if not tested:
        return 1 if shows else int(rng.choice((-1, 0, 1)))
    if claim.group == "saliency":
        return int(mean > 0 and p <= LEVEL)  # where the 95 % interval lies above zero
    return 1 if mean > 0 else -1


def invented(world: World, shape: str, count: int, seed: int) -> Iterator[list[Leaning]]:
    """Random tables."""
    rng, signs = np.random.default_rng(seed), flips(SPEAKERS)
    for _ in range(count):
        chance = {
            (network, name): 1e-4 if has_learned else rng.random()
            for network in NETWORKS
            for name, has_learned in zip(DIMENSIONS, world.learned, strict=True)
        }
        given = [_given(claim, chance) for claim in CLAIMS]
        true = (rng.random(len(CLAIMS)) < world.true) & (np.array(given) <= STRONG)
        yield [
            leaning(claim, bool(is_true), p, rng, shape, signs)
            for claim, is_true, p in zip(CLAIMS, true, given, strict=True)
        ]


def _given(claim: Declared, chance: dict[tuple[str, str], float]) -> float:
    """The p that what a claim presupposes has been learned, as `elor.explain.claims.evidence` has it."""
    if not claim.nulled:
        return 0.0
    networks, names, enough = presupposes(claim)
    some = [chance[network, name] for network in networks for name in names]
    return min(1.0, len(some) * min(some)) if enough else max(some)


@dataclass
class Rates:
    """What a method did in some tables."""

    tables: int = 0
    wrong: int = 0
    false_share: float = 0.0
    found: int = 0
    there: int = 0

    def add(self, verdicts: Sequence[Verdict], true: Sequence[bool], absent: Sequence[bool]) -> None:
        """Count one table: its verdicts, which claims are true, and which can be contradicted rightly."""
        pairs = list(zip(verdicts, true, absent, strict=True))
        asserted = sum(verdict.asserts for verdict in verdicts)
        right = sum(verdict is Verdict.holds and is_true for verdict, is_true, _ in pairs)
        right += sum(verdict is Verdict.contradicted and is_absent for verdict, _, is_absent in pairs)
        self.tables += 1
        self.wrong += asserted > right
        self.false_share += (asserted - right) / max(1, asserted)
        self.found += right
        self.there += sum(true) + sum(absent)

    def error(self, correction: str) -> tuple[float, float]:
        """The error that the correction promises to bound, and the lower limit of its 95 % interval."""
        if correction in FAMILY_WISE:
            low = float(beta.ppf(0.025, self.wrong, self.tables - self.wrong + 1)) if self.wrong else 0.0
            return self.wrong / self.tables, low
        mean = self.false_share / self.tables  # a mean of shares varies no more than one of zeros and ones
        return mean, max(0.0, mean - 1.96 * np.sqrt(mean * (1 - mean) / self.tables))


def serial(p: NDArray, groups: Sequence[NDArray]) -> NDArray:
    """Which claims survive serial gatekeeping, of p (claims,) and the places of each group's claims."""
    survives = np.zeros(len(p), dtype=bool)
    for places in groups:
        survives[places] = np.asarray(holm(p[places].tolist())) <= LEVEL
        if not survives[places].all():
            break
    return survives


def parallel(p: NDArray, groups: Sequence[NDArray]) -> NDArray:
    """The same of parallel gatekeeping."""
    survives, level = np.zeros(len(p), dtype=bool), LEVEL
    for places in groups[:-1]:
        survives[places] = p[places] * len(places) <= level
        level *= survives[places].mean()
    survives[groups[-1]] = np.asarray(holm(p[groups[-1]].tolist())) <= level if level else False
    return survives


def selected(p: NDArray, groups: Sequence[NDArray]) -> NDArray:
    """The same of Benjamini and Bogomolov's."""
    inside = [false_discovery_control(p[places]) for places in groups]
    chosen = false_discovery_control([one.min() for one in inside]) <= LEVEL  # their least is the p of Simes
    survives = np.zeros(len(p), dtype=bool)
    for places, adjusted, is_chosen in zip(groups, inside, chosen, strict=True):
        survives[places] = is_chosen & (adjusted <= LEVEL * chosen.mean())
    return survives


GROUPED: Mapping[str, Callable[[NDArray, Sequence[NDArray]], NDArray]] = {
    SERIAL: serial,
    PARALLEL: parallel,
    SELECTED: selected,
}


def verdicts(leans: Sequence[Lean], correction: str, family: str) -> list[Verdict]:
    """What is said of each confirmatory claim."""
    kept = [(one, claim.group) for one, claim in zip(leans, CLAIMS, strict=True) if claim.confirmatory]
    if family != GROUPS:
        settled = settle([one for one, _ in kept], [True] * len(kept), LEVEL, correction, GATES[family]).settled
        return [one.lean.verdict for one in settled]
    names = [group for _, group in kept]
    groups = [np.flatnonzero([name == group for name in names]) for group in dict.fromkeys(names)]
    p = np.array([1.0 if one.p is None else one.p for one, _ in kept])
    survives = GROUPED[correction](p, groups)
    pairs = zip(kept, survives, strict=True)
    return [one.verdict if stays or not one.verdict.asserts else Verdict.undecided for (one, _), stays in pairs]


def simulate(count: int, seed: int = 0) -> dict[Method, dict[tuple[str, str], Rates]]:
    """Every method on the same tables: by method, world and shape."""
    found: dict[Method, dict[tuple[str, str], Rates]] = {method: {} for method in METHODS}
    confirmatory = [claim.confirmatory for claim in CLAIMS]
    for index, (world, shape) in enumerate(product(WORLDS, SHAPES)):
        for method in METHODS:
            found[method][world.name, shape] = Rates()
        for rows in invented(world, shape, count, seed + index):
            asked = [row for row, member in zip(rows, confirmatory, strict=True) if member]
            true, absent = [row.true for row in asked], [row.absent for row in asked]
            for test, correction, family in METHODS:
                said = verdicts([row.leans[TESTS.index(test)] for row in rows], correction, family)
                found[test, correction, family][world.name, shape].add(said, true, absent)
    return found


def measure(count: int = 1_000) -> dict[str, Any]:
    """The rates of every method in every setting."""
    names = ("test", "correction", "family")
    rates = [
        dict(zip(names, method, strict=True)) | {"world": world, "shape": shape} | asdict(one)
        for method, by in simulate(count).items()
        for (world, shape), one in by.items()
    ]
    return {"rates": rates}


def tables(measured: dict[str, Any]) -> list[Block]:
    """A row per method: its error in each world (the worst of the shapes), whether it is valid, and its power."""
    by: dict[Method, dict[tuple[str, str], Rates]] = {}
    for row in measured["rates"]:
        one = Rates(**{name: row[name] for name in asdict(Rates())})
        by.setdefault((row["test"], row["correction"], row["family"]), {})[row["world"], row["shape"]] = one
    header = ("test", "correction", "family", *(f"error: {world.name}" for world in WORLDS), "valid", "found")
    rows = []
    for (test, correction, family), at in by.items():
        errors = [max(at[world.name, shape].error(correction) for shape in SHAPES) for world in WORLDS]
        power = sum(r.found for r in at.values()) / sum(r.there for r in at.values())
        valid = "yes" if max(low for _, low in errors) <= LEVEL else "no"
        cells = (*(number(error) for error, _ in errors), valid, f"{100 * power:.0f} %")
        rows.append((test, correction, family, *cells))
    count = next(iter(next(iter(by.values())).values())).tables
    in_use = next(family for family, gate in GATES.items() if gate == GATE)
    caption = f"{count:,} random tables of {SPEAKERS} speakers in each of {len(WORLDS) * len(SHAPES)} settings"
    notes = (
        "Error: with Holm and gatekeeping the share of tables with any wrong assertion; with Benjamini-Hochberg and "
        "Benjamini-Bogomolov the mean share of wrong assertions among all. It is the largest over normal, skewed and "
        "heavy-tailed speakers.",
        "Valid: no 95 % interval of an error lies above 5 %.",
        "Found: the share of claims decided rightly, of those that are true, and of those that are false because an "
        "effect is absent or a level weighs otherwise. Claims with prototypes are never found false, since prototypes "
        "always point with the claim here.",
        f"In use: t, {METHOD}, {in_use}.",
    )
    return [Table(caption, header, (tuple(rows),), labels=3), Notes("How to read it", notes)]


def main(count: Annotated[int, typer.Option(min=1, help="Tables per setting.")] = 1_000) -> None:
    """Write error rates and power of the analyses that could decide the claims into docs/which-analysis.md."""
    publish("power", "power", lambda: measure(count), tables)


if __name__ == "__main__":
    command(main)
