"""From pieces of evidence to a verdict: one table of cases, the same for every claim, and one correction.

**The table** (`CASES`) is read from the top; the first row that fits gives the verdict. It sees only what each piece of
evidence says of itself: its role, where it points, its p, and whether the heads that it presupposes have learned. A
piece that `decides` is a test. One that `conditions` has no p that may be used so (trends of prototypes: Page's p is
too small, as networks of the folds share most of their training slices, and a rank among 20 untrained networks cannot
be below 2/21): it can stop a claim by not pointing with it, a contradiction by pointing with the claim, and adds no
proof. One that `illustrates` counts for nothing; so does a condition that is a mere veto (`Look.veto`: a map no less
like the input than untrained networks', which random heads draw too) unless it stops the claim.

**Where a piece points** is its own doing. Against a claim of an effect speaks an effect the other way, and as well one
that is shown to be smaller than what counts as none (`elor.explain.claims.answers.effect`). That a control does as much
points nowhere.

**The p of an assertion.** A claim that needs several pieces is as strong as the weakest: under its null hypothesis at
least one of them is null, so the largest p is a valid p of the whole (intersection-union test: Berger, "Multiparameter
hypothesis testing and acceptance sampling", Technometrics 24(4), 1982). A claim that falls by any one of k pieces is
rejected at k times their smallest p (Bonferroni). Which of the two is read depends on where the pieces point; as every
p is two-sided, half of it bounds each kind of error, and the sum keeps the level. The p that an effect is smaller than
what counts as none is one-sided: it errs only where the effect is larger, and there all the level is left to it. Every
piece also carries the p that the heads which it presupposes have learned (`elor.explain.claims.evidence`), which counts
like its own.

**Every p is that of a t test over speakers.** An exact sign-flip test of ten speakers has no p below 1/512, and among
twenty claims none could ever be shown unless every speaker agrees.

**The correction** goes over all claims that were declared for a test, those that lack a piece or a learned head
included (as p = 1). No other that the simulation in `benchmarks/power.py` found valid finds more and promises as much
(docs/which-analysis.md has its table; first made before any verdict was looked at): Benjamini and Hochberg's, so that
of all claims that are asserted 5 % at most are expected to be wrong. To let claims about unlearned heads leave the
family would not be valid: where nothing was learned, one head in twenty passes for learned, and meets a small family.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

from elor.evaluation.comparisons import holm
from elor.evaluation.learned import learned
from elor.evidence.claims import Piece
from elor.evidence.names import FALSE_DISCOVERY, HOLM, UNTRAINED, Case, Role, Verdict

LEVEL = 0.05
"""Error that the table may have."""

METHOD, GATE = FALSE_DISCOVERY, False
"""What verdicts rest on: a correction, beside which the other stands, and whether unlearned heads leave the family."""


@dataclass(frozen=True)
class Picture:
    """What is known of a claim before the correction.

    Attributes:
        pieces: its evidence, in the order of the declaration.
        every: whether it is a list of parts of which any that fails contradicts it, not one thing seen from several
            sides.
        undecidable: whether nothing could decide it.
    """

    pieces: Sequence[Piece]
    every: bool = False
    undecidable: bool = False

    @property
    def judging(self) -> list[Piece]:
        """Those that decide or condition."""
        return [piece for piece in self.pieces if piece.role is not Role.illustrates]

    @property
    def tests(self) -> list[Piece]:
        """Those that decide."""
        return [piece for piece in self.pieces if piece.role is Role.decides]

    @property
    def points(self) -> set[int]:
        """Where the judging pieces point: 1 with the claim, -1 against it, 0 no further than the control."""
        return {piece.points for piece in self.judging}

    @property
    def against(self) -> bool:
        """A test points against it, no condition points with it, and no test would save it, or could have.

        Without tests all conditions must: a trend of prototypes counts only where every parametrisation has it.
        """
        conditions = {piece.points for piece in self.judging if piece.role is Role.conditions}
        tests = {piece.points for piece in self.tests}
        saved = 1 in tests or any(piece.missing for piece in self.tests)
        speaks = -1 in tests if tests else conditions == {-1}
        return speaks and 1 not in conditions and (self.every or not saved)

    @property
    def nowhere(self) -> bool:
        """No test goes further than its control, nor anything beside untrained networks, of which there is some."""
        beside = [piece for piece in self.judging if piece.control in UNTRAINED]
        return bool(beside) and {piece.points for piece in (*beside, *self.tests)} == {0}


def unlearned(piece: Piece) -> bool:
    """Whether a head that a piece presupposes answers no better than permuted labels."""
    return not learned(piece.learned_p)


@dataclass(frozen=True)
class Row:
    """A row of the table of cases.

    Attributes:
        case: its name.
        said: where it fits, in words.
        fits: the same as a function.
        verdict: what follows; where it asserts, if `p` survives the correction, else `Case.chance`.
        p: which p that is, in words.
    """

    case: Case
    said: str
    fits: Callable[[Picture], bool]
    verdict: Verdict
    p: str = ""


CASES = (
    Row(
        Case.unlearned,
        "a head that it is about answers no better than if labels were permuted within speakers (p above 0.05)",
        lambda claim: any(map(unlearned, claim.judging)),
        Verdict.unlearned,
    ),
    Row(
        Case.undecidable,
        "nothing could decide it: the paper says both",
        lambda claim: claim.undecidable,
        Verdict.undecided,
    ),
    Row(
        Case.against,
        "a test points against it, no condition points with it, and no test points with it or is missing (of a list "
        "of parts: whatever others do); without tests, every condition points against it",
        lambda claim: claim.against,
        Verdict.contradicted,
        "k times the smallest p of k tests",
    ),
    Row(
        Case.missing,
        "a piece that decides or conditions could not be had",
        lambda claim: any(piece.missing for piece in claim.judging),
        Verdict.undecided,
    ),
    Row(
        Case.agree,
        "every piece points with it",
        lambda claim: claim.points == {1},
        Verdict.holds,
        "the largest p of all pieces",
    ),
    Row(
        Case.nowhere,
        "no test goes further than its control, and nothing further than untrained networks that stand beside it",
        lambda claim: claim.nowhere,
        Verdict.indistinct,
    ),
    Row(
        Case.disagree,
        "all else: pieces point different ways, or some somewhere and others nowhere",
        lambda claim: True,
        Verdict.disagree,
    ),
)
"""Read from the top: the first row that fits. It sees where pieces point, and no p of theirs; `Case.chance` is what
becomes of an assertion whose p does not survive: undecided."""


@dataclass(frozen=True)
class Lean:
    """Where the evidence points before the correction, or what is left after it.

    Attributes:
        case: the row of the table.
        verdict: what follows.
        p: of the assertion; None where there are conditions only, and where nothing is asserted.
        deciding: place of the piece that it hangs on; None without any.
    """

    case: Case
    verdict: Verdict
    p: float | None = None
    deciding: int | None = None


def lean(claim: Picture) -> Lean:
    """The first row of the table that fits, the piece that it hangs on, and the p of what it would assert."""
    row = next(row for row in CASES if row.fits(claim))
    places = [place for place, piece in enumerate(claim.pieces) if piece.role is not Role.illustrates]
    if not places:
        return Lean(row.case, row.verdict)
    hangs: dict[Case, Callable[[Piece], Any]] = {
        Case.agree: lambda piece: -proof(piece) if piece.role is Role.decides else 0.0,  # the weakest test
        Case.against: lambda piece: (piece.points >= 0, piece.role is not Role.decides, proof(piece)),  # the strongest
        Case.nowhere: lambda piece: (piece.control not in UNTRAINED, piece.role is not Role.decides),
        Case.disagree: lambda piece: abs(piece.points - (-1 if -1 in claim.points else 0)),  # what stands in the way
        Case.unlearned: lambda piece: not unlearned(piece),
        Case.missing: lambda piece: not piece.missing,
    }
    key = hangs.get(row.case, lambda piece: piece.role is not Role.decides)
    deciding = min(places, key=lambda place: key(claim.pieces[place]))
    return Lean(row.case, row.verdict, _asserted(claim, row.case), deciding)


def proof(piece: Piece) -> float:
    """The p up to which a piece stands in nobody's way: that its heads have learned, and of a test its own."""
    own = 0.0 if piece.role is not Role.decides else 1.0 if piece.p is None else piece.p
    return max(piece.learned_p or 0.0, own)


def _asserted(claim: Picture, case: Case) -> float | None:
    if case not in (Case.agree, Case.against) or not claim.tests:
        return None
    if case is Case.agree:
        return max(map(proof, claim.judging))
    presupposed = max((proof(piece) for piece in claim.judging if piece.role is Role.conditions), default=0.0)
    smallest = min(proof(piece) for piece in claim.tests if piece.points < 0)
    return max(presupposed, min(1.0, len(claim.tests) * smallest))


@dataclass(frozen=True)
class Settled:
    """A final verdict.

    Attributes:
        lean: what is left after the correction.
        p: of the assertion, before it.
        p_holm, q: after Holm and after Benjamini and Hochberg; None outside the family, and where nothing was to be
            asserted.
    """

    lean: Lean
    p: float | None = None
    p_holm: float | None = None
    q: float | None = None


@dataclass(frozen=True)
class Table:
    """All final verdicts, how many claims p was corrected over, and the p that a further one would have needed."""

    settled: list[Settled]
    tested: int
    next_p: float


def settle(
    leans: Sequence[Lean], confirmatory: Sequence[bool], level: float = LEVEL, method: str = METHOD, gate: bool = GATE
) -> Table:
    """What the leans become once p is corrected.

    Args:
        leans: one per claim.
        confirmatory: which claims were declared for a test; the others stay as they lean.
        level: of the error.
        method: the correction that decides.
        gate: whether claims about heads that have not learned leave the family.
    """
    family = [
        place
        for place, (one, member) in enumerate(zip(leans, confirmatory, strict=True))
        if member and not (gate and one.case is Case.unlearned)
    ]
    if not family:
        return Table([Settled(one, one.p) for one in leans], 0, level)
    p = np.array([one.p if (one := leans[place]).p is not None else 1.0 for place in family])
    corrected = {HOLM: np.asarray(holm(p.tolist())), FALSE_DISCOVERY: false_discovery_control(p)}
    survives = corrected[method] <= level
    found = [Settled(one, one.p) for one in leans]
    for index, place in enumerate(family):
        one = leans[place]
        if one.verdict.asserts:
            final = one if survives[index] else Lean(Case.chance, Verdict.undecided, one.p, one.deciding)
            found[place] = Settled(final, one.p, *(float(corrected[name][index]) for name in corrected))
    left, m = int(survives.sum()), len(family)
    return Table(found, m, level / max(1, m - left) if method == HOLM else level * min(m, left + 1) / m)
