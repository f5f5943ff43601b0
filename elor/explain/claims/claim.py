"""What a claim is, and what it is decided by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elor.explain.claims.decide import Evidence, Rule, agree
from elor.explain.claims.evidence import Measured
from elor.explain.claims.scores import Scored


@dataclass(frozen=True)
class Facts:
    """All that claims are decided by."""

    measured: Measured
    scored: Scored


Look = Callable[[Facts], Evidence | Sequence[Evidence]]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes:
        id: its short name.
        group: saliency, prototypes, scores or corpus.
        claim: completes "that ...".
        where: in the paper.
        paper: the paper's number, or its words exactly (`...` where some are left out).
        test: what decides it, in words.
        looks: the same as functions; the first gives the row its number.
        rule: how the looks combine.
        undecidable: why no look can decide it; then it is in no family.
        untested: why what decides it has no p; then it is decided by its rule alone, in no family.
        beside: looks that decide nothing, told after the verdict.
        nulled: whether labels shuffled within speakers void it.
    """

    id: str
    group: str
    claim: str
    where: str
    paper: float | str
    test: str
    looks: tuple[Look, ...]
    rule: Rule = agree
    undecidable: str = ""
    untested: str = ""
    beside: tuple[Look, ...] = ()
    nulled: bool = True

    @property
    def confirmatory(self) -> bool:
        """Whether it is in the family that Holm corrects over."""
        return not (self.undecidable or self.untested)
