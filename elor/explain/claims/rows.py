"""The table of claims, filled: evidence is gathered, verdicts follow, and each row gets a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elor.explain.claims.decide import LEVEL, SAYS, Evidence, Lean, Missing, Verdict, settle
from elor.explain.claims.table import CLAIMS, Claim, Facts


@dataclass(frozen=True)
class Gathered:
    """The evidence on a claim, and what was not to be had."""

    pieces: tuple[Evidence, ...]
    missing: tuple[str, ...]

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
        shuffled: whether the labels were shuffled within speakers, which makes the table its own control.
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
    pieces: list[Evidence] = []
    missing: list[str] = []
    for look in claim.looks:
        try:
            found = look(facts)
        except Missing as reason:
            missing.append(str(reason))
            continue
        pieces += [found] if isinstance(found, Evidence) else found
    return Gathered(tuple(pieces), tuple(dict.fromkeys(missing)))


def lean(claim: Claim, found: Gathered) -> Lean:
    """Where the evidence points; a claim that lacks a piece is undecided, whatever the others say."""
    if found.missing:
        return Lean(Verdict.undecided, reason="; ".join(found.missing))
    pointed = claim.rule(found.pieces)
    if claim.undecidable:
        return Lean(Verdict.undecided, reason=claim.undecidable)
    if found.unmet and pointed.towards is not Verdict.indistinct:
        return Lean(Verdict.undecided, reason=found.unmet)
    return pointed


def row(claim: Claim, found: Gathered, final: Lean, p_holm: float | None) -> dict[str, Any]:
    """One row of metrics/claims.json."""
    first = found.pieces[0] if found.pieces else None
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
        "test": claim.test if len(found.pieces) + len(found.missing) < 2 else f"{claim.test}; {SAYS[claim.rule]}",
        "p": final.p,
        "p_holm": p_holm,
        "confirmatory": claim.confirmatory,
        "verdict": final.towards.value,
        "reason": final.reason,
        "text": sentence(claim, found, final, p_holm),
    }


def sentence(claim: Claim, found: Gathered, final: Lean, p_holm: float | None) -> str:
    """What a reader can quote: the claim, the verdict, and the numbers behind it."""
    paper = f" (paper: {claim.paper:.2f})" if isinstance(claim.paper, float) else ""
    corrected = "" if p_holm is None else f" (Holm p {p_holm:.3f})"
    opening = {
        Verdict.holds: f"That {claim.claim}{paper} holds{corrected}",
        Verdict.contradicted: f"That {claim.claim}{paper} is contradicted{corrected}",
        Verdict.indistinct: f"That {claim.claim}{paper} is not distinguishable from untrained",
        Verdict.undecided: f"Whether {claim.claim}{paper} is undecided, as {final.reason}",
    }[final.towards]
    texts = [piece.text for piece in found.pieces]
    if final.towards is Verdict.indistinct:  # what stands in the way comes first
        texts = [piece.text for piece in found.pieces if piece.points == 0]
        texts += [f"yet {piece.text}" for piece in found.pieces if piece.points]
    link = "; found: " if final.towards is Verdict.undecided else ": "
    return f"{opening}{link}{'; '.join(texts)}." if texts else f"{opening}."
