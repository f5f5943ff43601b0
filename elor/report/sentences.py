"""Prose about evidence, made here and nowhere else, and only to be shown: on the terminal, the page, in documents."""

from collections.abc import Iterable, Mapping
from typing import Any

from elor.corpora.faults import joined, plural
from elor.evaluation.learned import LEARNED, learned
from elor.evidence.claims import MOST_SPEAKERS, Claim, Family, Needed, Piece, Scoreboard
from elor.evidence.names import FALSE_DISCOVERY, HOLM, Case, Control, Reference, Role, Verdict
from elor.report.results import Results, title
from elor.report.text import MISSING, NO_SPREAD, number, p_said, p_value

AT_CHANCE = "no better than if labels were permuted within speakers"
"""What a head that has learned nothing is no better than."""

ROLES = {Role.decides: "decides", Role.conditions: "condition", Role.illustrates: "beside it"}

POINTS = {1: "for", 0: "no further than its control", -1: "against"}
"""Where a piece points."""

PROMISES = {
    HOLM: "the chance that any assertion is wrong is at most",
    FALSE_DISCOVERY: "of all that is asserted, wrong are at most an expected",
}
"""What a correction promises."""

VERDICTS = {
    Verdict.holds: "Every piece of evidence points with the claim, and the largest p survives the correction.",
    Verdict.contradicted: "A test points against it (the other way, or to less than counts as none), and its p "
    "survives the correction.",
    Verdict.indistinct: "No piece goes further than its control, and an untrained network is among these.",
    Verdict.unlearned: "A head that the claim is about answers no better than if labels were permuted within speakers.",
    Verdict.disagree: "Pieces point different ways, or one goes no further than its control while another does.",
    Verdict.undecided: "No more than chance may do among so many claims, a piece is missing, or the paper says both.",
}
"""How to read each verdict."""


def control(name: str) -> str:
    """A control in words; the name of a rival stays as it is."""
    if name == Reference.nothing:
        return "what counts as no change"
    return Control(name).words if name in list(Control) else name


def leaning(piece: Piece, level: float) -> str:
    """Where a piece points; of a test whose own p lies above the level of its table, where it leans."""
    leans = piece.points and piece.role is Role.decides and piece.p is not None and piece.p > level
    return f"leans {POINTS[piece.points]}" if leans else POINTS[piece.points]


def difference(piece: Piece) -> str:
    """What its difference is called: of correlations it is one of Fisher's z, which is not that of the two r."""
    return "difference of z" if piece.unit == "r" else "difference"


def quantity(value: Any) -> str:
    """A number, a small one with two digits that count; words, and what is not there, leave it empty."""
    if not isinstance(value, (int, float)):
        return MISSING
    return number(value, 2) if abs(value) >= 0.1 else f"{value:.2g}"


def control_of(row: Claim | Piece) -> str:
    """The control in numbers: its value, or where it is a range `low to high`, or one end of it; `MISSING` without."""
    ends = [quantity(end) for end in (row.control_low, row.control_high) if end is not None]
    if row.control_value is not None or not ends:
        return quantity(row.control_value)
    if len(ends) == 1:
        return f"{'below' if row.control_low is None else 'above'} {ends[0]}"
    return f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else f"{ends[0]} ({NO_SPREAD})"


def interval_of(piece: Piece) -> str:
    """The t-interval of the difference, or of ours; `MISSING` without one."""
    if piece.low is None or piece.high is None:
        return MISSING
    ends = f"[{quantity(piece.low)}, {quantity(piece.high)}]"
    return ends if piece.difference is None else f"{quantity(piece.difference)} {ends}"


def p_of(piece: Piece) -> str:
    """Its p, or that there is no test."""
    return "no test" if piece.p is None else p_value(piece.p)


def piece_line(piece: Piece, level: float) -> str:
    """A piece of evidence in a line; `level`: as of `leaning`."""
    if piece.missing:
        return f"{piece.what}: not to be had, {piece.missing}"
    unit = f" {piece.unit}" if piece.unit else ""
    beside = f", {control(piece.control)} {control_of(piece)}" if piece.control else ""
    reach = interval_of(piece)
    between = "" if reach == MISSING else f", {f'{difference(piece)} ' if piece.difference is not None else ''}{reach}"
    said = "" if piece.role is Role.illustrates else f": {leaning(piece, level)}"
    p = p_of(piece) if p_of(piece) == "no test" else f"p {p_of(piece)}"
    return f"{piece.what}: {quantity(piece.ours)}{unit}{beside}{between}, {p}{said}"


def reason(claim: Claim, family: Family) -> str:
    """Why a claim has its verdict, naming the pieces that it hangs on."""
    judging = [piece for piece in claim.evidence if piece.role is not Role.illustrates]
    corrected = corrected_of(claim, family)
    survives = "without a test" if corrected is None else f"{corrected_name(family)} {corrected_said(claim, family)}"
    if claim.case is Case.undecidable:
        return claim.undecidable
    if claim.case is Case.unlearned:
        worst = max(piece.learned_p or 0.0 for piece in judging)
        some = list(dict.fromkeys(piece.what for piece in judging if not learned(piece.learned_p)))
        which = f": that of {joined(some)}" if len(some) < len({piece.what for piece in judging}) else ""
        return f"a head that it is about answers {AT_CHANCE} (p {apart(worst, LEARNED)}){which}"
    if claim.case is Case.missing:
        return "; ".join(dict.fromkeys(f"{piece.what}: {piece.missing}" for piece in judging if piece.missing))
    if claim.case is Case.agree:
        return f"{'all pieces point' if len(judging) > 1 else 'the evidence points'} with it ({survives})"
    if claim.case is Case.against:
        shown = [piece for piece in judging if leaning(piece, family.level) == POINTS[-1]]
        return f"against it: {_named(shown, -1)} ({survives})"
    if claim.case is Case.nowhere:
        return f"no further than untrained networks: {_named(judging, 0)}"
    if claim.case is Case.chance:
        way = f"against it ({_named(judging, -1)})" if _named(judging, -1) else "with it"
        more = f"no further than chance may among {plural(family.claims, 'claim')}"
        return f"the evidence leans {way}, but {more} ({survives}, more than {family.level:g})"
    parts = {1: "for it", -1: "against it", 0: POINTS[0]}
    return "; ".join(f"{text}: {_named(judging, way)}" for way, text in parts.items() if _named(judging, way))


def unlearned(found: Results, networks: Iterable[str] = ("elor",)) -> str:
    """Which heads of the networks that are looked into have learned nothing: what is seen there means nothing."""
    poor = []
    for network in networks:
        heads = {head: nets.get(network, {}).get("utterance_permutation_p") for head, nets in found.scores.items()}
        if some := [f"{head} (p {p_value(p)})" for head, p in heads.items() if not learned(p)]:
            poor.append(f"{title(network)} answers {AT_CHANCE} on {joined(some)}")
    if not poor:
        return ""
    return f"{'; '.join(poor)}: what is seen here of such a head says nothing about what people express."


def worthless(head: str, p: float) -> str:
    """What is said of the answers of a head that has learned nothing."""
    return f"{head}: on withheld speech no better than permuted labels (p {p_value(p)})"


def worth(score: Mapping[str, Any] | None) -> str:
    """What a score says of a head's answers and maps: `elor.provenance.Score` as plain values."""
    if score is None:
        return ""
    measure = f"UAR {score['uar']:.2f}" if score["uar"] is not None else f"CCC {number(score['ccc'], 2)}"
    text = f"; on withheld speech {measure}, {p_said(score['p'])} against permuted labels"
    return text if score["learned"] else f"{text}: it has not learned, so its maps say nothing of feelings"


def apart(p: float, level: float) -> str:
    """A p value with as many digits as tell it from a level that it is above: `0.0502`, not `0.050`."""
    digits = next((digits for digits in range(3, 9) if round(p, digits) > level), 3)
    return p_value(p) if p <= level else number(p, digits)


def corrected_of(claim: Claim, family: Family) -> float | None:
    """p after the correction that verdicts rest on."""
    return claim.p_holm if family.method == HOLM else claim.q


def corrected_said(claim: Claim, family: Family) -> str:
    """The same in words; `MISSING` without one."""
    p = corrected_of(claim, family)
    return MISSING if p is None else apart(p, family.level)


def corrected_name(family: Family) -> str:
    """What that p is called: `p Holm`, or `q`, the false discovery rate at which it would be asserted."""
    return "p Holm" if family.method == HOLM else "q"


def paper_of(claim: Claim) -> str:
    """The paper's number beside ours of the same statistic; beside another one with its own: `0.50 (r; ours 0.42)`."""
    number = quantity(claim.paper)
    if number == MISSING or claim.ours is None or claim.unit == claim.paper_unit:
        return number
    alike = next((one.ours for one in claim.evidence if one.unit == claim.paper_unit and one.ours is not None), None)
    return f"{number} ({claim.paper_unit}{'' if alike is None else f'; ours {quantity(alike)}'})"


def known(claim: Claim) -> str:
    """Whether a claim is known to be true, and whether its verdict is right; empty where that is not known."""
    if claim.truth is None:
        return ""
    right = "right" if (claim.verdict is Verdict.holds) == claim.truth else "wrong"
    said = f"the verdict is {right}" if claim.verdict.asserts else "not decided"
    return f"known to be {str(claim.truth).lower()} here: {said}"


def counted(counts: Mapping[Verdict, int]) -> str:
    """How many claims have each verdict: `4 hold, 8 contradicted, 4 undecided because the pieces disagree, ..`."""
    disagree = counts.get(Verdict.disagree, 0)
    said = {
        Verdict.holds: "holds" if counts.get(Verdict.holds, 0) == 1 else "hold",
        Verdict.disagree: "undecided because the pieces disagree",
        Verdict.undecided: "undecided otherwise" if disagree else "undecided",
    }
    return ", ".join(f"{count} {said.get(verdict, verdict)}" for verdict, count in counts.items() if count)


def scored(board: Scoreboard) -> str:
    """The scoreboard in words."""
    return (
        f"beside known truth {board.right} right, {board.wrong} wrong, {board.undecided} undecided; "
        f"the truth of {board.undecidable} is not known"
    )


def sentence(claim: Claim, family: Family) -> str:
    """What a reader can quote: the claim, the verdict, and why."""
    paper = f" (paper: {claim.paper_unit} {claim.paper:.2f})" if isinstance(claim.paper, float) else ""
    untested = f" ({claim.untested})" if claim.untested else ""
    why = reason(claim, family)
    openings = {
        Verdict.holds: f"That {claim.claim}{paper} holds",
        Verdict.contradicted: f"That {claim.claim}{paper} is contradicted",
        Verdict.indistinct: f"That {claim.claim}{paper} is not distinguishable from untrained",
        Verdict.unlearned: f"Whether {claim.claim}{paper} cannot be said, as it was not learned",
        Verdict.disagree: f"Whether {claim.claim}{paper} is undecided, as the pieces disagree",
        Verdict.undecided: f"Whether {claim.claim}{paper} is undecided",
    }
    needs = f" {needed_line(claim.needed, claim)}" if claim.needed else ""
    truth = f" It is {known(claim)}." if known(claim) else ""
    return f"{openings[claim.verdict]}{untested}: {why}.{needs}{truth}"


def needed_line(needed: Needed, claim: Claim) -> str:
    """What an undecided claim would have needed; of which piece is said where it is not the one in its line."""
    piece = claim.evidence[needed.piece]
    others = "" if needed.piece == claim.deciding else f" of {piece.what}"
    if needed.decided is None and needed.speakers is not None and needed.speakers <= (piece.units or 0):
        return f"More {needed.unit}s are not what it lacks: {piece.what} is seen, and another piece stands in the way."
    unit = "of z" if piece.difference is not None and piece.unit == "r" else piece.unit
    amount = f"{quantity(abs(needed.effect or 0.0))} {unit}".rstrip()
    if not piece.absence:
        effect = f"The least that this run could have shown{others} is {amount}"
    elif not needed.effect:
        effect = f"This run could not have shown an absence{others}, whatever was found"
    elif needed.effect > 0:
        effect = f"This run could have shown an absence{others} had no more than {amount} been found"
    else:
        effect = f"This run could have shown an absence{others} only had {amount} been found the other way"
    if needed.decided is not None:
        return f"{effect}; what was found would have needed {_units(needed.decided, needed)}."
    if needed.speakers is not None:
        shown = _units(needed.speakers, needed)
        return f"{effect}; {shown} would show what was found, but another piece stands in the way."
    way = " Another piece stands in the way, too." if others else ""
    found = "is less than counts as none" if piece.absence else "goes further than its control"
    if needed.beyond:
        return f"{effect}; what was found {found}, but not even {_units(MOST_SPEAKERS, needed)} would show it.{way}"
    found = "is not less than counts as none" if piece.absence else "goes no further than its control"
    return f"{effect}; what was found {found}, and no number of {needed.unit}s shows it.{way}"


def _units(count: int, needed: Needed) -> str:
    """`25 speakers`, or `25 folds of as many speakers`."""
    return plural(count, needed.unit) + (" of as many speakers" if needed.unit == "fold" else "")


def _named(pieces: list[Piece], way: int) -> str:
    """The pieces that point one way, by what was looked at and the control; each once."""
    some = [piece for piece in pieces if piece.points == way and not piece.missing]
    return ", ".join(dict.fromkeys(f"{piece.what}{_beside(piece)}" for piece in some))


def _beside(piece: Piece) -> str:
    """Its control, in brackets; of an effect that is shown to be absent, that."""
    if piece.points < 0 and piece.absence:
        return " (less than counts as none)"
    return f" (beside {control(piece.control)})" if piece.control else ""
