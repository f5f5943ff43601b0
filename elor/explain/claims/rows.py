"""The table of claims, filled: evidence is gathered, verdicts follow, and each row gets a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elor.explain.claims.claim import Claim, Facts, Look
from elor.explain.claims.decide import LEVEL, SAYS, Evidence, Lean, Missing, Verdict, settle
from elor.explain.claims.table import CLAIMS


@dataclass(frozen=True)
class Gathered:
    """The evidence on a claim, and what was not to be had.

    Attributes:
        pieces: what the looks found.
        missing: why some found nothing.
        first: the first look's piece, which gives the row its number; None if that look found nothing.
        beside: what else is told.
    """

    pieces: tuple[Evidence, ...]
    missing: tuple[str, ...]
    first: Evidence | None = None
    beside: tuple[str, ...] = ()

    @property
    def unmet(self) -> str:
        """Why the pieces, though there, allow no conclusion."""
        return "; ".join(dict.fromkeys(piece.unmet for piece in self.pieces if piece.unmet))


def claims(
    facts: Facts, declared: Sequence[Claim] = CLAIMS, shuffled: bool = False, level: float = LEVEL
) -> dict[str, Any]:
    """Decide all claims.

    Args:
        facts: what the stages before have found.
        declared: the claims.
        shuffled: whether the labels were shuffled within speakers: a control of the claims that this voids.
        level: family-wise error.

    Returns:
        `claims`: one row each, in the order of the declaration; `counts` of the verdicts; `family`; `shuffled`.
    """
    gathered = [gather(claim, facts) for claim in declared]
    leans = [lean(claim, found) for claim, found in zip(declared, gathered, strict=True)]
    settled = settle(leans, [claim.confirmatory for claim in declared], level, facts.scored.smallest_p)
    rows = [row(claim, found, *final) for claim, found, final in zip(declared, gathered, settled, strict=True)]
    tally = Counter(row["verdict"] for row in rows)
    return {
        "claims": rows,
        "counts": {verdict.value: tally[verdict.value] for verdict in Verdict},
        "family": {"claims": sum(claim.confirmatory for claim in declared), "method": "Holm", "level": level},
        "shuffled": shuffled,
    }


def gather(claim: Claim, facts: Facts) -> Gathered:
    """Look at everything that a claim is decided by."""
    looked = [_look(look, facts) for look in claim.looks]
    pieces = tuple(piece for found in looked if not isinstance(found, Missing) for piece in found)
    missing = tuple(dict.fromkeys(str(found) for found in looked if isinstance(found, Missing)))
    first = None if isinstance(looked[0], Missing) else looked[0][0]
    return Gathered(pieces, missing, first, tuple(told for look in claim.beside for told in _told(look, facts)))


def _look(look: Look, facts: Facts) -> Sequence[Evidence] | Missing:
    """What a look finds, at least one piece, or why it finds nothing."""
    try:
        found = look(facts)
    except Missing as reason:
        return reason
    return [found] if isinstance(found, Evidence) else found


def _told(look: Look, facts: Facts) -> list[str]:
    """What a look has to tell that decides nothing."""
    found = _look(look, facts)
    if isinstance(found, Missing):
        return [str(found)]
    return [f"{piece.text}, but {piece.unmet}" if piece.unmet else piece.text for piece in found]


def lean(claim: Claim, found: Gathered) -> Lean:
    """Where the evidence points; a claim that lacks a piece is undecided, whatever the others say."""
    if found.missing:
        return Lean(Verdict.undecided, reason="; ".join(found.missing))
    pointed = claim.rule(found.pieces)
    if claim.undecidable:
        return Lean(Verdict.undecided, reason=claim.undecidable)
    if found.unmet and pointed.towards is not Verdict.indistinct:
        tests = [piece.p for piece in found.pieces if piece.p is not None and not piece.unmet]
        weak = f"; what is left has p {max(tests):.3f}" if tests and max(tests) > LEVEL else ""
        return Lean(Verdict.undecided, reason=found.unmet + weak)
    return pointed


def row(claim: Claim, found: Gathered, final: Lean, p_holm: float | None) -> dict[str, Any]:
    """One row of metrics/claims.json."""
    first = found.first
    return {
        "id": claim.id,
        "group": claim.group,
        "claim": claim.claim,
        "where": claim.where,
        "paper": claim.paper,
        "ours": first.value if first else None,
        "ours_text": "; ".join(piece.text for piece in found.pieces),
        "control": first.control if first else "",
        "control_value": first.control_value if first else None,
        "control_low": first.control_range[0] if first and first.control_range else None,
        "control_high": first.control_range[1] if first and first.control_range else None,
        "unit": first.unit if first else "",
        "test": claim.test if len(found.pieces) + len(found.missing) < 2 else f"{claim.test}; {SAYS[claim.rule]}",
        "p": final.p,
        "p_holm": p_holm,
        "confirmatory": claim.confirmatory,
        "nulled": claim.nulled,
        "verdict": final.towards.value,
        "reason": final.reason,
        "text": sentence(claim, found, final, p_holm),
    }


def sentence(claim: Claim, found: Gathered, final: Lean, p_holm: float | None) -> str:
    """What a reader can quote: the claim, the verdict, and the numbers behind it."""
    paper = f" (paper: {claim.paper:.2f})" if isinstance(claim.paper, float) else ""
    untested = f" ({claim.untested})" if claim.untested else ""
    corrected = untested if p_holm is None else f" (Holm p {p_holm:.3f})"
    opening = {
        Verdict.holds: f"That {claim.claim}{paper} holds{corrected}",
        Verdict.contradicted: f"That {claim.claim}{paper} is contradicted{corrected}",
        Verdict.indistinct: f"That {claim.claim}{paper} is not distinguishable from untrained{untested}",
        Verdict.undecided: f"Whether {claim.claim}{paper} is undecided{untested}, as {final.reason}",
    }[final.towards]
    texts = [piece.text for piece in found.pieces]
    if final.towards is Verdict.indistinct:  # what stands in the way comes first
        texts = [piece.text for piece in found.pieces if piece.points == 0]
        texts += [f"yet {piece.text}" for piece in found.pieces if piece.points]
    link = "; found: " if final.towards is Verdict.undecided else ": "
    beside = f" Beside it: {'; '.join(found.beside)}." if found.beside else ""
    return (f"{opening}{link}{'; '.join(texts)}." if texts else f"{opening}.") + beside
