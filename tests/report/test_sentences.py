"""What is said of a claim: why it is undecided, which way it leans, and what would have decided it."""

from typing import Any

from elor.evidence.claims import Claim, Family, Needed, Piece
from elor.evidence.names import Case, Role, Verdict
from elor.report.sentences import piece_line, sentence

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
