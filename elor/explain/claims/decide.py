"""From pieces of evidence to a verdict: a few rules, the same for every claim, none of which knows a result.

A claim that needs several pieces of evidence is as strong as the weakest: under its null hypothesis at least one of the
pieces is null, so the largest p is a valid p of the whole (intersection-union test: Berger, "Multiparameter hypothesis
testing and acceptance sampling", Technometrics 24(4), 1982). A claim that falls by any one of k pieces is rejected at k
times their smallest p (Bonferroni). Which of the two p is read depends on where the pieces point; as every p is
two-sided, half of it bounds each kind of error, and the sum keeps the level. Holm then corrects over all claims that
were declared confirmatory, those that turn out to lack a piece included, whatever depends on what.

Not every look has a p that may be used so. A trend of prototypes has Page's, but networks of the folds share most of
their training slices, and where chance alone is at work that p is at most 0.05 a quarter to half of the time; a rank
among 20 untrained networks is valid but cannot be below 2/21, which no correction survives
(`elor.explain.prototypes.trends`). Such a look is a *condition*: it can stop a claim, or a contradiction, by not
pointing the same way, and never adds proof. Hence three kinds of claims, told apart in every row:

- *in the family*: decided by the p of its tests, where all its conditions point the same way. The family-wise error is
  that of the tests' hypotheses: that an alteration of real speech does nothing to the label, say. That prototypes
  show the same trend is a further hurdle, whose own rate of error is not corrected.
- *exploratory*: conditions only. It is asserted by the rule of its look, has no p, and no error rate is promised:
  where labels are random and prototypes look as the paper says all the same, one of three is asserted in a tenth of
  all runs (whenever scores pass for learned, one head in twenty each), and some claim of the family in 0.6 %.
- *measured*: a property of a computation, in which chance has no part, and there is nothing to test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from elor.evaluation.comparisons import holm
from elor.explain.correlation import INDISTINCT

LEVEL = 0.05
"""Family-wise error that the table may have."""


class Verdict(StrEnum):
    """What the evidence allows to say of a claim."""

    holds = "holds"
    indistinct = INDISTINCT
    contradicted = "contradicted"
    undecided = "undecided"


class Missing(Exception):
    """A piece of evidence is not to be had; the message says why."""


@dataclass(frozen=True)
class Evidence:
    """One look at a claim.

    Attributes:
        text: what was found, with its numbers, as a clause of a sentence.
        points: +1 with the claim, -1 against it, 0 no further than its untrained control does.
        p: two-sided; None for a condition, which can withhold its support but gives no proof of its own.
        given: p of what the look presupposes, without which it may prove nothing.
        value: the number found.
        control: what the number is compared with, in words.
        control_value: the same as a number.
        control_range: the same where it is one, (low, high).
        unit: of the number found.
        unmet: why nothing may be concluded from it, if that is so.
        apart: of a look that points nowhere although it differs from its control, how: "not distinguishable from
            untrained" would be wrong then.
    """

    text: str
    points: int
    p: float | None = None
    value: float | None = None
    control: str = ""
    control_value: float | None = None
    control_range: tuple[float, float] | None = None
    unit: str = ""
    given: float = 0.0
    unmet: str = ""
    apart: str = ""

    @property
    def proof(self) -> float:
        """The p up to which it stands in nobody's way: of a condition that of what it presupposes, else its own too."""
        if self.p is None:
            return self.given
        return max(self.given, self.p) if np.isfinite(self.p) else 1.0


@dataclass(frozen=True)
class Lean:
    """Where the evidence points before the correction.

    Attributes:
        towards: the verdict that is possible.
        p: its p, None where there are conditions only; of a verdict that asserts nothing, the p that stood in the way.
        reason: why nothing is asserted; of a lean that asserts, what the evidence does.
        otherwise: the verdict if p does not survive the correction.
    """

    towards: Verdict
    p: float | None = None
    reason: str = ""
    otherwise: Verdict = Verdict.undecided

    @property
    def asserts(self) -> bool:
        """Whether the verdict says that the claim is true, or that it is false."""
        return self.towards in (Verdict.holds, Verdict.contradicted)


Rule = Callable[[Sequence[Evidence]], Lean]


def agree(pieces: Sequence[Evidence]) -> Lean:
    """Every look must point with the claim; it is contradicted if some point against it and none with it."""
    points = [piece.points for piece in pieces]
    return _against(pieces) if min(points) < 0 and max(points) <= 0 else _with(pieces)


def every(pieces: Sequence[Evidence]) -> Lean:
    """Every part of the claim must hold; any part that fails contradicts it."""
    return _against(pieces) if min(piece.points for piece in pieces) < 0 else _with(pieces)


SAYS: Mapping[Rule, str] = {
    agree: "holds if all pieces of evidence point with it, contradicted if some point against it and none with it",
    every: "holds if all its parts do, contradicted if one part is",
}
"""What a rule says, in words that stand in the row."""


def settle(
    leans: Sequence[Lean], confirmatory: Sequence[bool], level: float = LEVEL, smallest: float = 0.0
) -> list[tuple[Lean, float | None]]:
    """The verdicts: what the leans become once p is corrected over the whole family.

    Args:
        leans: one per claim.
        confirmatory: which claims are in the family; the others stay as they lean.
        level: of the family-wise error.
        smallest: p that the corpus' speakers, or folds, allow at all.

    Returns:
        Per claim its final lean, and the p after Holm; None outside the family and where nothing was to be asserted.
        Such a claim counts in the family as one with p = 1.
    """
    family = [index for index, member in enumerate(confirmatory) if member]
    p = [lean.p if (lean := leans[index]).asserts and lean.p is not None else 1.0 for index in family]
    corrected = dict(zip(family, holm(p), strict=True))
    hopeless = smallest * len(family) > level
    return [
        (_final(lean, corrected[index], len(family), level, hopeless), corrected[index] if lean.asserts else None)
        if index in corrected
        else (lean, None)
        for index, lean in enumerate(leans)
    ]


def _final(lean: Lean, p: float, claims: int, level: float, hopeless: bool) -> Lean:
    """The lean itself if it asserts nothing or its corrected p allows it; else what is left of it."""
    if not lean.asserts or p <= level:
        return lean
    if lean.otherwise is Verdict.indistinct:
        return Lean(Verdict.indistinct, lean.p)
    chance = f"no further than chance may among {claims} claims (Holm p {p:.3f})"
    few = ", and so few speakers or folds allow no smaller p" if hopeless else ""
    return Lean(Verdict.undecided, lean.p, f"{lean.reason}, but {chance}{few}")


def _with(pieces: Sequence[Evidence]) -> Lean:
    """Possibly `holds`, at the largest p; else what stands in its way."""
    if stale := [piece for piece in pieces if piece.points == 0]:
        p = max((piece.p for piece in stale if piece.p is not None), default=None)
        if all(piece.apart for piece in stale):
            return Lean(Verdict.undecided, p, "; ".join(piece.apart for piece in stale))
        return Lean(Verdict.indistinct, p)
    if any(piece.points < 0 for piece in pieces):
        return Lean(Verdict.undecided, None, "the pieces of evidence disagree")
    tested = any(piece.p is not None for piece in pieces)
    return Lean(Verdict.holds, max(piece.proof for piece in pieces) if tested else None, "the evidence points with it")


def _against(pieces: Sequence[Evidence]) -> Lean:
    """Possibly `contradicted`, at the smallest p of the tests that point against, times the number of all tests.

    Conditions must point against the claim too; where one does not, nothing is asserted.
    """
    conditions, tests = [piece for piece in pieces if piece.p is None], [p for p in pieces if p.p is not None]
    against = [piece.proof for piece in tests if piece.points < 0]
    if any(piece.points >= 0 for piece in conditions) or (tests and not against):
        if any(piece.points > 0 for piece in pieces):
            return Lean(Verdict.undecided, None, "the pieces of evidence disagree")
        return Lean(Verdict.indistinct)
    presupposed = max((piece.proof for piece in conditions), default=0.0)
    p = max(presupposed, min(1.0, len(tests) * min(against))) if tests else None
    points = {piece.points for piece in tests}
    reason = "the evidence points both ways" if 1 in points else "the evidence points against it"
    return Lean(Verdict.contradicted, p, reason, Verdict.indistinct if 0 in points else Verdict.undecided)
