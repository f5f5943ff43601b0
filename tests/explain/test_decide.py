"""How pieces of evidence become a verdict: the table of cases, the correction, and the tests over speakers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp
from scipy.stats import t as student

from elor.evaluation.comparisons import holm
from elor.evaluation.intervals import speaker_interval
from elor.evidence.claims import Piece
from elor.evidence.names import FALSE_DISCOVERY, UNTRAINED, Case, Control, Verdict
from elor.explain.claims.decide import Lean, Picture, lean, settle
from elor.explain.claims.evidence import Missing, below, t_test
from elor.explain.claims.needs import needed
from tests.explain.claimed import SPEAKERS

HOLDS, CONTRADICTED, UNDECIDED = Verdict.holds, Verdict.contradicted, Verdict.undecided
INDISTINCT, DISAGREE, UNLEARNED = Verdict.indistinct, Verdict.disagree, Verdict.unlearned


def pieces(*points_and_p: tuple[int, float | None], control: str = "initial") -> list[Piece]:
    """Tests, and conditions where there is no p."""
    return [
        Piece(what="", role="conditions" if p is None else "decides", points=points, p=p, control=control)
        for points, p in points_and_p
    ]


@pytest.mark.parametrize(
    ("every", "some", "towards", "p", "deciding"),
    [
        (False, [(1, 0.01), (1, 0.03)], HOLDS, 0.03, 1),
        (False, [(-1, 0.03), (-1, 0.01)], CONTRADICTED, 0.02, 1),
        (False, [(-1, 0.01), (0, 0.5)], CONTRADICTED, 0.02, 0),
        (False, [(1, 0.01), (0, 0.5)], DISAGREE, None, 1),
        (False, [(0, 0.4), (0, 0.5)], INDISTINCT, None, 0),
        (False, [(1, 0.01), (-1, 0.01)], DISAGREE, None, 1),
        (False, [(1, None), (1, 0.01)], HOLDS, 0.01, 1),
        (False, [(1, None)], HOLDS, None, 0),
        (False, [(-1, None)], CONTRADICTED, None, 0),
        (False, [(0, None)], INDISTINCT, None, 0),
        (False, [(-1, None), (-1, 0.01)], CONTRADICTED, 0.01, 1),
        (False, [(-1, None), (1, 0.01)], DISAGREE, None, 0),
        (False, [(1, None), (-1, 0.01)], DISAGREE, None, 1),
        (False, [(1, None), (0, 0.5)], DISAGREE, None, 1),
        (False, [(0, None), (-1, 0.01)], CONTRADICTED, 0.01, 1),
        (False, [(0, None), (-1, None)], DISAGREE, None, 1),
        (False, [(-1, None), (-1, None)], CONTRADICTED, None, 0),
        (True, [(0, None), (-1, 0.01)], CONTRADICTED, 0.01, 1),
        (True, [(1, None), (-1, 0.01), (1, 0.01)], DISAGREE, None, 1),
        (True, [(-1, None), (1, 0.01)], DISAGREE, None, 0),
        (True, [(1, 0.01), (1, 0.03)], HOLDS, 0.03, 1),
        (True, [(1, 0.01), (-1, 0.01), (1, 0.2)], CONTRADICTED, 0.03, 1),
        (True, [(1, 0.01), (0, 0.5)], DISAGREE, None, 1),
        (True, [(-1, 0.4), (-1, 0.9)], CONTRADICTED, 0.8, 0),
    ],
)
def test_cases(every, some, towards, p, deciding) -> None:
    found = lean(Picture(pieces(*some), every))
    assert (found.verdict, found.deciding) == (towards, deciding)
    assert found.p == (None if p is None else pytest.approx(p))


def test_only_beside_untrained_networks_is_anything_not_distinguishable_from_them() -> None:
    for control in (*Control, "no change", "FTR"):
        expected = INDISTINCT if control in UNTRAINED else DISAGREE
        assert lean(Picture(pieces((0, 0.5), control=control))).verdict is expected
    with_class_swap = [*pieces((0, 0.5)), *pieces((1, None), control="class swap")]
    assert lean(Picture(with_class_swap)).verdict is INDISTINCT
    with_trend = [*pieces((0, 0.5)), *pieces((1, None), control="calibrated")]
    assert lean(Picture(with_trend)).verdict is DISAGREE


def test_what_comes_first_in_the_table() -> None:
    some = pieces((1, 0.01))
    absent = Piece(what="", role="decides", missing="it was not measured")
    unlearned = Piece(what="", role="decides", points=1, p=0.01, learned_p=0.2)
    told = Piece(what="", role="illustrates", points=-1, p=0.01, learned_p=0.9)
    assert lean(Picture([*some, told])).verdict is HOLDS
    assert lean(Picture([*some, absent])).case is Case.missing
    assert lean(Picture([absent, unlearned])).case is Case.unlearned
    against, unknown = pieces((-1, 0.01)), Piece(what="", role="conditions", missing="it was not measured")
    assert lean(Picture([*against, unknown])).verdict is CONTRADICTED  # what was not seen does not point with it
    assert lean(Picture([*against, absent])).case is Case.missing  # but a test that was not made might
    assert lean(Picture([*against, absent], every=True)).verdict is CONTRADICTED
    assert lean(Picture([absent, unlearned], undecidable=True)).case is Case.unlearned
    assert lean(Picture([*some, absent], undecidable=True)).case is Case.undecidable
    one_of_two = [*pieces((-1, None)), unknown]
    assert lean(Picture(one_of_two)).case is Case.missing  # a trend counts in all parametrisations or in none


def test_what_a_piece_presupposes_counts_as_its_p() -> None:
    def p(*some: tuple[int, float | None, float]) -> float | None:
        return lean(Picture([one.model_copy(update={"learned_p": q}) for a, b, q in some for one in pieces((a, b))])).p

    assert p((1, 0.01, 0.04)) == p((-1, 0.01, 0.04)) == 0.04
    assert p((1, 0.01, 0.0), (1, 0.05, 0.001)) == 0.05
    assert p((1, 0.01, 0.0), (1, None, 0.03)) == 0.03
    assert p((-1, 0.01, 0.0), (-1, None, 0.03)) == 0.03


def leaning(p: float, verdict: Verdict = HOLDS, case: Case = Case.agree) -> Lean:
    return Lean(case, verdict, p)


def test_only_what_survives_the_correction_is_asserted() -> None:
    p = [0.001, 0.02, 0.03, 0.6]
    leans = [*map(leaning, p), Lean(Case.missing, UNDECIDED)]
    table = settle(leans, [True] * 5, method="Holm")
    assert [one.p_holm for one in table.settled] == [*map(pytest.approx, holm([*p, 1.0])[:4]), None]
    assert [one.q for one in table.settled] == [*map(pytest.approx, false_discovery_control([*p, 1.0])[:4]), None]
    assert [one.lean.verdict for one in table.settled] == [HOLDS, *[UNDECIDED] * 4]
    assert [one.lean.case for one in table.settled[1:4]] == [Case.chance] * 3
    assert (table.tested, table.next_p) == (5, 0.05 / 4)
    discovered = settle(leans, [True] * 5, method=FALSE_DISCOVERY)
    assert [one.lean.verdict for one in discovered.settled] == [HOLDS, HOLDS, HOLDS, UNDECIDED, UNDECIDED]


def test_heads_that_have_not_learned_stay_in_the_family() -> None:
    leans = [leaning(0.02), *[Lean(Case.unlearned, UNLEARNED)] * 19]
    for method in ("Holm", FALSE_DISCOVERY):
        assert settle(leans, [True] * 20, method=method).settled[0].lean.verdict is UNDECIDED
        assert settle(leans, [True] * 20, method=method, gate=True).settled[0].lean.verdict is HOLDS


def test_what_is_outside_the_family_neither_pays_for_it_nor_is_corrected() -> None:
    table = settle([Lean(Case.agree, HOLDS), leaning(0.04)], [False, True])
    assert [(one.lean.verdict, one.p_holm) for one in table.settled] == [
        (HOLDS, None),
        (HOLDS, pytest.approx(0.04)),
    ]


def test_in_the_family_a_claim_without_a_p_is_never_asserted() -> None:
    (one,) = settle([Lean(Case.agree, HOLDS)], [True]).settled
    assert (one.lean.verdict, one.p_holm) == (UNDECIDED, 1.0)


# tests over speakers


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_equivalence_is_two_one_sided_t_tests(shift: float) -> None:
    values = np.random.default_rng(3).normal(shift, 0.2, size=10)
    low, high = speaker_interval(values, 0.9)
    sides = (ttest_1samp(values, -0.25, alternative="greater"), ttest_1samp(values, 0.25, alternative="less"))
    expected = max(side.pvalue for side in sides)
    assert below(abs(values.mean()), low, high, 10, 0.25, 0.9) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.9])
def test_p_from_an_interval_is_that_of_the_t_test(shift: float) -> None:
    values = np.random.default_rng(4).normal(shift, 0.2, size=10)
    found = t_test(values.mean(), *speaker_interval(values, 0.9), 10, 0.5, 0.9)
    assert found == pytest.approx(ttest_1samp(values, 0).pvalue)
    assert shift > -0.5 or found < 2.0 ** (1 - SPEAKERS)  # what no sign-flip test can say


def test_where_all_speakers_are_alike_the_sign_flip_test_speaks() -> None:
    assert t_test(0.2, 0.2, 0.2, 10, 1 / 512, 0.95) == 1 / 512
    assert t_test(0.2, 0.2 - 1e-16, 0.2 + 1e-16, 10, 1 / 512, 0.95) == 1 / 512
    with pytest.raises(Missing):
        t_test(0.2, None, None, 1, 1.0, 0.95)


def test_what_an_undecided_claim_would_have_needed() -> None:
    values = np.random.default_rng(5).normal(0.1, 0.2, size=10)
    low, high = speaker_interval(values)
    piece = Piece(what="", role="decides", ours=0.5, difference=values.mean(), low=low, high=high, units=10, p=0.2)
    found = needed(Picture([piece]), 0, 0.01)
    moved = values - values.mean() + found.effect
    assert ttest_1samp(moved, 0).pvalue == pytest.approx(0.01)

    def p_of(count: int) -> float:
        """Of so many speakers with the same mean and deviation."""
        return 2 * student.sf(values.mean() / (values.std(ddof=1) / np.sqrt(count)), count - 1)

    assert p_of(found.speakers) <= 0.01 < p_of(found.speakers - 1)
    inside = piece.model_copy(update={"difference": None, "ours": 0.1, "control_low": -0.2, "control_high": 0.2})
    assert needed(Picture([inside]), 0, 0.01).speakers is None
    assert (found.beyond, needed(Picture([inside]), 0, 0.01).beyond) == (True, False)
    tiny = needed(Picture([piece.model_copy(update={"difference": found.effect / 1000})]), 0, 0.01)
    assert (tiny.speakers, tiny.beyond) == (None, True)  # more than 10,000 speakers would show it
    assert needed(Picture([inside]), 0, 0.5).effect == 0.2
    below = piece.model_copy(update={"difference": -found.effect / 2})
    assert needed(Picture([below]), 0, 0.01).speakers is None  # a map below its control, of however many speakers
    assert needed(Picture([below.model_copy(update={"points": -1})]), 0, 0.01).speakers is not None
    condition = Piece(what="", role="conditions", ours=50.0)
    assert needed(Picture([condition, piece]), 0, 0.01) == found.model_copy(
        update={"piece": 1, "decided": None}  # prototypes have no p, and these stand in the way
    )
    assert needed(Picture([condition]), 0, 0.01) is None


def test_what_a_minimal_effect_would_have_needed() -> None:
    values = np.random.default_rng(6).normal(0.0, 0.2, size=10)
    values += 0.35 - values.mean()
    ends = dict(zip(("low", "high"), speaker_interval(values), strict=True))
    one = {"what": "", "role": "decides", "ours": 0.35, "control": "what counts as none", "units": 10, "p": 0.04}
    found = needed(Picture([Piece(**one, **ends, control_low=-0.2, control_high=0.2)]), 0, 0.001)
    moved = values - values.mean() + found.effect
    assert ttest_1samp(moved, 0.2).pvalue == pytest.approx(0.001)
    p_of = [
        2 * student.sf(0.15 / (values.std(ddof=1) / np.sqrt(n)), n - 1) for n in (found.speakers, found.speakers - 1)
    ]
    assert p_of[0] <= 0.001 < p_of[1]


@pytest.mark.parametrize(("low", "high", "room"), [(None, 0.3, 0.2), (-0.3, None, 0.4), (-0.3, 0.3, 0.2)])
def test_what_an_absence_would_have_needed(low: float | None, high: float | None, room: float) -> None:
    """How far the mean stays from the nearer end of what counts as none, in errors of so many speakers."""
    values = np.random.default_rng(6).normal(0.0, 0.2, size=10)
    values += 0.1 - values.mean()
    ends = dict(zip(("low", "high"), speaker_interval(values), strict=True))
    one = {"what": "", "role": "decides", "ours": 0.1, "control": "no change", "units": 10, "p": 0.04, **ends}
    found = needed(Picture([Piece(**one, control_low=low, control_high=high)]), 0, 0.001)

    def p_of(count: int) -> float:
        """Of so many speakers with the same mean and deviation."""
        return student.sf(room / (values.std(ddof=1) / np.sqrt(count)), count - 1)

    assert p_of(found.speakers) <= 0.001 < p_of(found.speakers - 1)
    most = 0.3 - student.isf(0.001, 9) * values.std(ddof=1) / np.sqrt(10)
    assert found.effect == pytest.approx(max(most, 0.0) if low and high else most)  # one-sided: only one the other way


def of_mean(mean: float, deviation: float, units: int = 10, **how: Any) -> Piece:
    """A test of a difference over speakers."""
    half = student.ppf(0.975, units - 1) * deviation / np.sqrt(units)
    p = 2 * student.sf(abs(mean) / deviation * np.sqrt(units), units - 1)
    known = {"what": "", "role": "decides", "ours": 0.5, "difference": mean, "points": 1 if mean > 0 else -1}
    return Piece(**known | {"low": mean - half, "high": mean + half, "units": units, "p": p} | how)


def test_as_many_speakers_are_needed_as_decide_the_claim_by_its_own_rule() -> None:
    """Simulated: with N speakers of the same means and deviations the table asserts something, with N - 1 nothing."""
    level = 0.01
    alike = {"control": "initial", "points": 0}
    for every, some in (
        (False, [(0.05, 0.1), (0.08, 0.2)]),
        (True, [(0.2, 0.1), (-0.04, 0.12), (-0.03, 0.04)]),
        (False, [(-0.04, 0.12), (-0.03, 0.04), (-0.05, 0.2)]),
    ):
        found = needed(Picture([of_mean(*one) for one in some], every), 0, level).decided

        def p(count: int, some: list = some, every: bool = every) -> float:
            return lean(Picture([of_mean(*one, units=count) for one in some], every)).p

        assert p(found) <= level < p(found - 1)
    rising = needed(Picture([of_mean(0.05, 0.1, **alike)]), 0, level)
    assert rising.speakers == rising.decided == needed(Picture([of_mean(0.05, 0.1)]), 0, level).speakers
    against = Piece(what="", role="conditions", points=-1, control="class swap")
    held = needed(Picture([of_mean(0.05, 0.1, **alike), against]), 0, level)
    assert (held.speakers, held.decided) == (rising.speakers, None)


def test_a_claim_that_falls_by_any_of_three_tests_needs_a_third_of_p() -> None:
    three = Picture([of_mean(0.2, 0.1), of_mean(-0.04, 0.12), of_mean(-0.03, 0.05)], every=True)
    found, alone = needed(three, 2, 0.03), needed(Picture([of_mean(-0.03, 0.05)]), 0, 0.01)
    assert found == alone.model_copy(update={"piece": 2})


def test_an_absence_may_be_shown_only_by_an_effect_the_other_way() -> None:
    one = {"control": "no change", "control_high": 0.05, "difference": None}
    piece = of_mean(-0.05, 0.2, ours=-0.05, **one)
    least = needed(Picture([piece]), 0, 0.01).effect
    assert least < 0
    for ours, shown in ((1.01 * least, True), (0.99 * least, False)):
        error = 0.2 / np.sqrt(10)
        assert (student.cdf((ours - 0.05) / error, 9) <= 0.01) == shown
