"""What stands beside an interval that must not be taken at its word."""

import numpy as np
import pytest

from elor.evaluation.caution import caution, without_spread
from elor.evaluation.intervals import NOWHERE, Interval, jackknife
from elor.evaluation.recall import uar

FAIR = Interval(0.2, 0.4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, FAIR, 5), ""),
        ((10, FAIR), ""),
        ((0, NOWHERE), ""),
        ((3, FAIR, 3), ""),  # everybody has every class
        ((10, FAIR, 4), "A class comes from 4 of 10 speakers: the intervals cover less than they claim."),
        ((1, NOWHERE, 1), "No interval over 1 speaker respects speakers: the score says nothing of other voices."),
        (
            (2, Interval(0.2, 0.2)),
            "No interval over 2 speakers respects speakers: the score says nothing of other voices.",
        ),
        ((9, Interval(1.0, 1.0)), "No speaker changes the score, so its interval has no width: that is no certainty."),
    ],
)
def test_sentences(arguments, expected):
    assert caution(*arguments) == expected


def test_everybody_alike_has_no_spread():
    perfect = np.tile(np.diag([3, 5, 2]), (4, 1, 1))
    assert without_spread(jackknife(perfect, uar))
    assert not without_spread(jackknife(perfect + np.eye(4)[:, :3, None], uar))
    assert not without_spread(NOWHERE)
