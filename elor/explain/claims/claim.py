"""What a claim is, and what it is decided by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from elor.evidence.names import Role
from elor.explain.claims.evidence import Measured, Seen
from elor.explain.claims.scores import Scored


@dataclass(frozen=True)
class Facts:
    """All that claims are decided by."""

    measured: Measured
    scored: Scored


Source = Literal["scores", "recall", "maps", "alterations", "absence", "prototypes", "labels", "raters", "features"]
"""Where a look finds its numbers: `recall` are scores of classes, which networks that answer with values do not have;
`absence` are alterations that are to do nothing, `features` what they do to a network's input."""


@dataclass(frozen=True)
class Needs:
    """What a look presupposes, so that it can be said before a run what it could show (`elor.check.power`).

    Attributes:
        source: where its numbers come from.
        networks, heads: that must have learned.
        any: whether it is enough that one of them has; else all must.
    """

    source: Source
    networks: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    any: bool = False


@dataclass(frozen=True)
class Look:
    """One look at a claim, declared before anything was seen.

    Attributes:
        what: what is looked at, in words.
        role: what it does in the claim.
        needs: what it presupposes.
        find: finds the numbers, or raises `Missing`; several where it looks at the same thing beside several rivals.
        veto: whether it can only stop the claim: where it does not, it proves nothing, and illustrates.
    """

    what: str
    role: Role
    needs: Needs
    find: Callable[[Facts], Seen | Sequence[Seen]]
    veto: bool = False


@dataclass(frozen=True)
class Declared:
    """One claim of the paper, as it was declared.

    Attributes:
        id: its short name.
        group: saliency, prototypes, scores or corpus.
        claim: completes "that ...".
        where: in the paper.
        paper: the paper's number, an r, or its words exactly (`...` where some are left out).
        test: what decides it, in words.
        looks: the same as functions.
        every: whether they are parts of the claim, of which any that fails contradicts it.
        undecidable: why no look can decide it; then it is in no family.
        untested: why what decides it has no p; then it is decided by where it points, in no family.
        nulled: whether labels shuffled within speakers void it.
    """

    id: str
    group: str
    claim: str
    where: str
    paper: float | str
    test: str
    looks: tuple[Look, ...]
    every: bool = False
    undecidable: str = ""
    untested: str = ""
    nulled: bool = True

    @property
    def confirmatory(self) -> bool:
        """Whether it is in the family that is corrected."""
        return not (self.undecidable or self.untested)
