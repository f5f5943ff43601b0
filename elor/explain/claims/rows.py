"""The table of claims, filled: evidence is gathered, and verdicts follow."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from elor.evaluation.units import share_networks
from elor.evidence.claims import Claim, Claims, Counterfactual, Family, Piece
from elor.evidence.names import Role, Verdict
from elor.explain.claims.claim import Declared, Facts, Look
from elor.explain.claims.decide import LEVEL, METHOD, Picture, Settled, Table, lean, settle
from elor.explain.claims.evidence import Missing, Seen
from elor.explain.claims.known_truth import Known, planted, scoreboard, truth_of
from elor.explain.claims.needs import needed
from elor.explain.claims.table import CLAIMS

DECLARED = ("id", "group", "claim", "where", "paper", "test", "confirmatory", "nulled", "undecidable", "untested")
"""What a row has from its declaration."""

OWN = ("ours", "unit", "control", "control_value", "control_low", "control_high", "p")
"""What it has from the piece that its verdict hangs on."""


def claims(
    facts: Facts,
    declared: Sequence[Declared] = CLAIMS,
    shuffled: bool = False,
    level: float = LEVEL,
    known: Known | None = None,
) -> Claims:
    """Decide all claims.

    Args:
        facts: what the stages before have found.
        declared: the claims.
        shuffled: whether the labels were shuffled within speakers: a control of the claims that this voids.
        level: of the table's error.
        known: of an invented corpus, what is true.

    Returns:
        One row each, in the order of the declaration.
    """
    gathered = [gather(claim, facts) for claim in declared]
    pictures = [
        Picture(pieces, claim.every, bool(claim.undecidable)) for claim, pieces in zip(declared, gathered, strict=True)
    ]
    table = settle([lean(picture) for picture in pictures], [claim.confirmatory for claim in declared], level)
    every = [one for networks in facts.scored.judged.values() for one in networks.values()]
    grouped = any(share_networks(one.fold, one.speaker) for one in every)
    rows = [
        row(claim, picture, final, table, facts.measured.confidence, known, grouped)
        for claim, picture, final in zip(declared, pictures, table.settled, strict=True)
    ]
    tally = Counter(one.verdict for one in rows)
    asked = sum(claim.confirmatory for claim in declared)
    return Claims(
        claims=tuple(rows),
        counts={verdict: tally[verdict] for verdict in Verdict},
        family=Family(claims=asked, method=METHOD, level=level),
        scoreboard=None if known is None else scoreboard(rows),
        counterfactuals=() if known is None else _counterfactuals(known),
        shuffled=shuffled,
    )


def _counterfactuals(known: Known) -> tuple[Counterfactual, ...]:
    return tuple(
        Counterfactual.of(effect._asdict(), cue=cue, answer=answer) for (cue, answer), effect in known.effects.items()
    )


def gather(claim: Declared, facts: Facts) -> tuple[Piece, ...]:
    """Look at everything that a claim is decided by; a look that finds nothing is a piece that says why."""
    return tuple(piece for look in claim.looks for piece in _pieces(look, facts))


def _pieces(look: Look, facts: Facts) -> list[Piece]:
    try:
        found = look.find(facts)
    except Missing as reason:
        return [Piece(what=look.what, role=look.role, missing=str(reason), learned_p=reason.learned_p)]
    some = found if isinstance(found, Sequence) else [found]
    return [_piece(look, seen) for seen in some]


def _piece(look: Look, seen: Seen) -> Piece:
    numbers = asdict(seen)
    what = ", ".join(filter(None, (look.what, numbers.pop("of"))))
    return Piece.of(numbers, what=what, role=_role(look, seen))


def _role(look: Look, seen: Seen) -> Role:
    """What a piece does: a veto that is not made does nothing."""
    return Role.illustrates if look.veto and seen.points > 0 else look.role


def row(
    claim: Declared,
    picture: Picture,
    final: Settled,
    table: Table,
    confidence: float,
    known: Known | None,
    grouped: bool,
) -> Claim:
    """One row of metrics/claims.json; its numbers are those of the piece that the verdict hangs on.

    Args:
        grouped: whether folds hold several speakers, so that these are the units of all that networks do.
    """
    place = final.lean.deciding
    own = None if place is None else picture.pieces[place]
    unit = "fold" if grouped and claim.group != "corpus" else "speaker"
    wanting = final.lean.verdict in (Verdict.undecided, Verdict.disagree, Verdict.indistinct) and claim.confirmatory
    return Claim(
        **{name: getattr(claim, name) for name in DECLARED},
        **({} if own is None else {name: getattr(own, name) for name in OWN}),
        paper_unit="r" if isinstance(claim.paper, float) else "",
        verdict=final.lean.verdict,
        case=final.lean.case,
        deciding=place,
        p_claim=final.p,
        p_holm=final.p_holm,
        q=final.q,
        truth=None if known is None else truth_of(claim.id, known),
        planted=None if known is None else planted(claim.id, known),
        needed=needed(picture, place, table.next_p, confidence, unit) if wanting and place is not None else None,
        evidence=tuple(picture.pieces),
    )
