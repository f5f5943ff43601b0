"""From pieces of evidence to a verdict: a few rules, the same for every claim, none of which knows a result.

A claim that needs several pieces of evidence is as strong as the weakest: under its null hypothesis at least one of the
pieces is null, so the largest p is a valid p of the whole (intersection-union test: Berger, "Multiparameter hypothesis
testing and acceptance sampling", Technometrics 24(4), 1982). A claim that falls by any one of k pieces is rejected at k
times their smallest p (Bonferroni). Which of the two p is read depends on where the pieces point; as every p is
two-sided, half of it bounds each kind of error, and the sum keeps the level. Holm then corrects over all claims that
were declared confirmatory, those that turn out undecidable included: the family-wise error over the table stays below
the level whatever depends on what.
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
        p: two-sided; None for a look that can withhold its support but gives none of its own.
        given: p of what the look presupposes, without which it may prove nothing.
        value: the number found.
        control: what the number is compared with, in words.
        control_value: the same as a number.
        unmet: why nothing may be concluded from it, if that is so.
    """

    text: str
    points: int
    p: float | None = None
    value: float | None = None
    control: str = ""
    control_value: float | None = None
    given: float = 0.0
    unmet: str = ""

    @property
    def proof(self) -> float:
        """The p at which it may be read as proof of anything: 1 where there is none."""
        return max(self.given, self.p) if self.p is not None and np.isfinite(self.p) else 1.0


@dataclass(frozen=True)
class Lean:
    """Where the evidence points before the correction.

    Attributes:
        towards: the verdict that is possible.
        p: its p; of a verdict that asserts nothing, the p that stood in the way.
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
        confirmatory: which claims are in the family; the others are never asserted.
        level: of the family-wise error.
        smallest: p that the corpus' speakers allow at all.

    Returns:
        Per claim its final lean, and the p after Holm; None outside the family and where nothing was to be asserted.
        Such a claim counts in the family as one with p = 1.
    """
    family = [index for index, member in enumerate(confirmatory) if member]
    p = [lean.p if (lean := leans[index]).asserts and lean.p is not None else 1.0 for index in family]
    corrected = dict(zip(family, holm(p), strict=True))
    hopeless = smallest * len(family) > level
    return [
        (
            _final(lean, corrected.get(index), len(family), level, hopeless),
            corrected.get(index) if lean.asserts else None,
        )
        for index, lean in enumerate(leans)
    ]


def _final(lean: Lean, p: float | None, claims: int, level: float, hopeless: bool) -> Lean:
    """The lean itself if it asserts nothing or its corrected p allows it; else what is left of it."""
    if not lean.asserts or (p is not None and p <= level):
        return lean
    if lean.otherwise is Verdict.indistinct:
        return Lean(Verdict.indistinct, lean.p)
    if p is None:
        return Lean(Verdict.undecided, lean.p, f"{lean.reason}, but it was not declared for a test")
    chance = f"no further than chance may among {claims} claims (Holm p {p:.3f})"
    few = ", and so few speakers allow no smaller p" if hopeless else ""
    return Lean(Verdict.undecided, lean.p, f"{lean.reason}, but {chance}{few}")


def _with(pieces: Sequence[Evidence]) -> Lean:
    """Possibly `holds`, at the largest p; else what stands in its way."""
    if stale := [piece for piece in pieces if piece.points == 0]:
        return Lean(Verdict.indistinct, max((piece.p for piece in stale if piece.p is not None), default=None))
    if any(piece.points < 0 for piece in pieces):
        return Lean(Verdict.undecided, None, "the pieces of evidence disagree")
    p = max((piece.proof for piece in pieces if piece.p is not None), default=1.0)
    return Lean(Verdict.holds, p, "the evidence points with it")


def _against(pieces: Sequence[Evidence]) -> Lean:
    """Possibly `contradicted`, at the smallest p of those that point against, times the number of all that could."""
    p = min(1.0, len(pieces) * min(piece.proof for piece in pieces if piece.points < 0))
    points = {piece.points for piece in pieces}
    reason = "the evidence points both ways" if 1 in points else "the evidence points against it"
    return Lean(Verdict.contradicted, p, reason, Verdict.indistinct if 0 in points else Verdict.undecided)
