"""What is said of a claim: why it is undecided, which way it leans, and what would have decided it."""

from typing import Any

from elor.evidence.claims import Claim, Claims, Family, Needed, Piece
from elor.evidence.names import Case, Role, Verdict
from elor.report.claims import comparison
from elor.report.sentences import piece_line, sentence
from elor.report.text import MISSING

FAMILY = Family(claims=21, method="Benjamini-Hochberg", level=0.05)


def piece(what: str = "this", points: int = 1, **how: Any) -> Piece:
    known = {"role": Role.decides, "ours": 0.4, "low": 0.1, "high": 0.7, "units": 10, "p": 0.03, "control": "FTR"}
    return Piece(what=what, points=points, **known | how)


def said(case: Case, *pieces: Piece, needed: Needed | None = None, deciding: int = 0, q: float = 0.2) -> str:
    verdict = {Case.chance: Verdict.undecided, Case.missing: Verdict.undecided}.get(case, Verdict.disagree)
    about = {"id": "one", "group": "scores", "claim": "it rains", "where": "", "paper": "rain", "test": ""}
    found = Claim(
        **about, verdict=verdict, case=case, deciding=deciding, q=q, confirmatory=True, nulled=True, needed=needed,
        evidence=pieces,
    )  # fmt: skip
    return sentence(found, FAMILY)


def test_what_is_no_more_than_chance_says_which_way_it_leans() -> None:
    assert said(Case.chance, piece(), piece("that")) == (
        "Whether it rains is undecided: the evidence leans with it, but no further than chance may among 21 claims (q "
        "0.200, more than 0.05)."
    )
    assert "leans against it (that (beside FTR)), but" in said(Case.chance, piece(), piece("that", -1))


def test_a_piece_whose_own_test_shows_nothing_only_leans() -> None:
    assert piece_line(piece(p=0.381, points=-1), FAMILY.level).endswith("p 0.381: leans against")
    assert piece_line(piece(p=0.03, points=-1), FAMILY.level).endswith("p 0.030: against")
    assert piece_line(piece(p=0.381, points=0), FAMILY.level).endswith("no further than its control")
    assert piece_line(piece(role=Role.conditions, p=0.5), FAMILY.level).endswith("p 0.500: for")
    assert piece_line(piece(role=Role.conditions, p=None), FAMILY.level).endswith("no test: for")


def test_a_difference_of_correlations_is_called_one_of_z() -> None:
    of_r = piece(unit="r", control="class swap", control_value=0.95, ours=0.69, difference=-0.98, low=-1.28, high=-0.68)
    assert "0.69 r, the runner-up class 0.95, difference of z -0.98 [-1.28, -0.68]" in piece_line(of_r, FAMILY.level)
    assert "difference -0.98" in piece_line(of_r.model_copy(update={"unit": "UAR"}), FAMILY.level)
    assert "is 0.12 of z;" in said(Case.chance, of_r, needed=Needed(piece=0, effect=0.12, speakers=20))


def test_what_counts_as_no_change_is_called_so() -> None:
    absent = piece(control="no change", control_high=0.0077, ours=-0.0001, points=-1)
    assert "what counts as no change below 0.0077" in piece_line(absent, FAMILY.level)
    assert said(Case.chance, absent, needed=Needed(piece=0, effect=0.0, speakers=12, decided=12)).endswith(
        "This run could not have shown an absence, whatever was found; what was found would have needed 12 speakers."
    )
    assert "could have shown an absence had no more than 0.12 been found" in said(
        Case.chance, absent, needed=Needed(piece=0, effect=0.12, speakers=12, decided=12)
    )
    assert "could have shown an absence only had 0.12 been found the other way" in said(
        Case.chance, absent, needed=Needed(piece=0, effect=-0.12, speakers=12, decided=12)
    )


def test_more_speakers_are_not_asked_for_where_another_piece_stands_in_the_way() -> None:
    condition = piece("the trend", 0, role=Role.conditions, p=None)
    enough = said(Case.disagree, condition, piece("peaks"), needed=Needed(piece=1, effect=0.02, speakers=8))
    assert enough.endswith("More speakers are not what it lacks: peaks is seen, and another piece stands in the way.")
    few = said(Case.disagree, condition, piece("peaks"), needed=Needed(piece=1, effect=0.02, speakers=30))
    assert few.endswith(
        "The least that this run could have shown of peaks is 0.02; 30 speakers would show what was found, but another "
        "piece stands in the way."
    )
    decides = said(Case.chance, piece(), piece("peaks"), needed=Needed(piece=0, effect=0.02, speakers=30, decided=40))
    assert decides.endswith("is 0.02; what was found would have needed 40 speakers.")
    grouped = Needed(piece=0, effect=0.02, speakers=30, decided=40, unit="fold")
    assert said(Case.chance, piece(), needed=grouped).endswith("would have needed 40 folds of as many speakers.")
    assert said(Case.disagree, piece(points=0), needed=Needed(piece=0, effect=0.02)).endswith(
        "what was found goes no further than its control, and no number of speakers shows it."
    )


def test_an_effect_that_only_very_many_speakers_would_show_is_not_said_to_be_its_controls() -> None:
    far = Needed(piece=0, effect=0.02, beyond=True)
    assert said(Case.chance, piece(), needed=far).endswith(
        "what was found goes further than its control, but not even 10,000 speakers would show it."
    )
    folds = far.model_copy(update={"unit": "fold"})
    assert "not even 10,000 folds of as many speakers" in said(Case.chance, piece(), needed=folds)
    absent = piece(control="no change", control_high=0.0077, ours=-0.0001, points=-1)
    assert "what was found is less than counts as none, but not" in said(Case.chance, absent, needed=far)
    more = Needed(piece=0, effect=0.0)
    assert "what was found is not less than counts as none, and no number" in said(Case.chance, absent, needed=more)


def test_only_the_head_that_has_not_learned_is_said_to_have_not() -> None:
    both = said(Case.unlearned, piece(learned_p=0.4), piece("that", learned_p=0.001))
    assert (
        "a head that it is about answers no better than if labels were permuted within speakers (p 0.400): that "
        in both
    )
    assert both.endswith(": that of this.")
    one = said(Case.unlearned, piece(learned_p=0.0502))
    assert one.endswith("permuted within speakers (p 0.0502).")


def test_a_q_that_rounds_to_the_level_has_the_digits_that_tell_it_from_the_level() -> None:
    assert "(q 0.0502, more than 0.05)" in said(Case.chance, piece(), q=0.0502)
    assert "(q 0.050001, more than 0.05)" in said(Case.chance, piece(), q=0.050001)
    assert "(q 0.051, more than 0.05)" in said(Case.chance, piece(), q=0.0512)


def row(*pieces: Piece, deciding: int = 0) -> Claim:
    about = {"id": "one", "group": "scores", "claim": "", "where": "", "paper": "", "test": "", "case": Case.chance}
    own = {name: getattr(pieces[deciding], name) for name in ("ours", "unit", "control")}
    about |= own | {"verdict": Verdict.undecided, "confirmatory": True, "nulled": True}
    return Claim(**about, deciding=deciding, evidence=pieces)


def test_beside_another_run_stands_the_same_quantity_or_none() -> None:
    """The two verdicts hang on different pieces; the other run's rivals, or its units, may be others."""
    trend, effect = piece("trend", unit="Hz", ours=100.0, control="initial"), piece("effect", unit="SD", ours=0.5)
    there = [trend.model_copy(update={"ours": 300.0}), effect.model_copy(update={"ours": 0.7})]

    def cells(other: Claim) -> tuple[str, ...]:
        here, beside = (Claims(claims=(one,), family=FAMILY) for one in (row(trend, effect, deciding=1), other))
        return comparison(here, beside, "it").groups[0][0][3:]

    assert cells(row(*there, deciding=0)) == ("0.50", "0.70", "SD")
    for changed in ({"unit": "UAR"}, {"control": "LoM"}, {"what": "something else"}):
        assert cells(row(there[0], there[1].model_copy(update=changed))) == ("0.50", MISSING, "SD")
    assert cells(row(there[0])) == ("0.50", MISSING, "SD")
    assert cells(row(there[1])) == cells(row(piece("more"), *there)) == ("0.50", "0.70", "SD")  # at another place
