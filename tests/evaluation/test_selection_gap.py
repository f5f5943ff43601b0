"""The test-selection gap, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from elor.errors import UserError
from elor.evaluation.selection_gap import selection_gap
from elor.targets import Head

HITS = {("A", 0): (8, 2), ("A", 1): (5, 6), ("B", 0): (4, 4), ("B", 1): (10, 0)}
"""Hits of the two classes, ten slices each. Kept: epoch 1 of A, epoch 0 of B."""


def table(head="arousal"):
    rows = []
    for (fold, epoch), hits in HITS.items():
        selected = int((fold, epoch) in {("A", 1), ("B", 0)})
        for actual, right in enumerate(hits):
            for predicted, count in ((actual, right), (1 - actual, 10 - right)):
                rows.append((fold, epoch, selected, head, actual, predicted, count))
    names = ["fold", "epoch", "selected", "head", "actual", "predicted", "count"]
    return pd.DataFrame(rows, columns=names).sample(frac=1, random_state=0)


def test_gap_by_hand():
    audit = pd.concat([table(), table("valence").assign(predicted=0)])
    found = selection_gap(audit, Head("arousal", 2))
    honest = ((5 + 4) + (6 + 4)) / 40
    picked = ((5 + 10) + (6 + 0)) / 40  # A's best epoch is the one kept, B's the other
    assert found == pytest.approx({"selection_gap_uar": picked - honest, "selection_gap_war": picked - honest})


def test_each_score_picks_its_own_epoch():
    """Nine slices of one class and one of the other: the epoch that is best by WAR is worst by UAR."""
    rows = [
        ("A", 0, 1, "arousal", 0, 0, 9), ("A", 0, 1, "arousal", 1, 0, 1),
        ("A", 1, 0, "arousal", 0, 0, 6), ("A", 1, 0, "arousal", 0, 1, 3), ("A", 1, 0, "arousal", 1, 1, 1),
    ]  # fmt: skip
    audit = pd.DataFrame(rows, columns=["fold", "epoch", "selected", "head", "actual", "predicted", "count"])
    found = selection_gap(audit, Head("arousal", 2))
    assert found == pytest.approx({"selection_gap_uar": (6 / 9 + 1) / 2 - 0.5, "selection_gap_war": 0.0})


def test_no_gap_with_one_epoch():
    audit = table()
    audit = audit[audit["selected"] == 1]
    assert selection_gap(audit, Head("arousal", 2)) == {"selection_gap_uar": 0.0, "selection_gap_war": 0.0}


def test_gap_of_values():
    audit = pd.DataFrame(
        {
            "fold": ["A", "A", "A", "B", "B"],
            "epoch": [0, 1, 2, 0, 1],
            "selected": [0, 1, 0, 1, 0],
            "head": "valence",
            "concordance": [0.5, 0.3, np.nan, 0.2, 0.1],
        }
    )
    assert selection_gap(audit, Head("valence", None)) == pytest.approx(
        {"selection_gap_ccc": (0.5 + 0.2 - 0.3 - 0.2) / 2}
    )


def test_faulty_audits_are_refused():
    with pytest.raises(UserError, match="no rows of the head 'emotion'"):
        selection_gap(table(), Head("emotion", 4))
    with pytest.raises(UserError, match="2 selected epochs in fold A"):
        selection_gap(table().assign(selected=1), Head("arousal", 2))
