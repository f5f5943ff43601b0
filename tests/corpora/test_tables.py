"""The two tables: types, the way through a CSV file, and what must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.corpora.schema import (
    RATING_COLUMNS,
    UTTERANCE_COLUMNS,
    Tables,
    check,
    counts,
    read_ratings,
    read_utterances,
    typed,
)
from elor.errors import UserError
from elor.tables import write_table

UTTERANCES = (
    {"utterance": "a", "file": "wav/a.wav", "speaker": "03", "gender": "F", "samples": 32_000, "emotion": "nan"},
    {
        "utterance": "b",
        "file": "wav/long.wav",
        "session": "1",
        "speaker": "NA",
        "samples": 8_001,
        "valence": 4,
        "arousal": 0,
        "start_s": 1234.567891,
        "end_s": 1235.0,
    },
)

RATINGS = (
    {"utterance": "a", "rater": "E-1", "kind": "evaluator", "valence": 5.0, "arousal": 0.1 + 0.2},
    {"utterance": "a", "rater": "F-1", "kind": "self", "valence": 1.0, "arousal": 1.0, "dominance": 2.5},
    {"utterance": "b", "rater": "E-1", "kind": "evaluator", "arousal": 3.0},
)


def tables() -> Tables:
    return Tables(typed(UTTERANCES, UTTERANCE_COLUMNS), typed(RATINGS, RATING_COLUMNS), {})


def test_a_table_has_all_columns_in_order_and_empty_text_where_nothing_is_known() -> None:
    frame = tables().utterances
    assert list(frame) == list(UTTERANCE_COLUMNS)
    assert frame.session.tolist() == ["", "1"]
    assert frame.valence.isna().tolist() == [True, False]
    assert frame.samples.dtype == np.int64


def test_tables_come_back_from_their_files_as_they_were(tmp_path: Path) -> None:
    """Speaker 03 stays text, the emotion `nan` a word, microseconds exact."""
    original = tables()
    write_table(original.utterances, tmp_path / "utterances.csv")
    write_table(original.ratings, tmp_path / "ratings.csv")
    pd.testing.assert_frame_equal(read_utterances(tmp_path / "utterances.csv"), original.utterances)
    pd.testing.assert_frame_equal(read_ratings(tmp_path / "ratings.csv"), original.ratings)
    assert (tmp_path / "utterances.csv").read_bytes().splitlines()[1:] == [
        b"a,wav/a.wav,,,,03,F,32000,nan,,,,,,,",
        b"b,wav/long.wav,1,,,NA,,8001,,4,0,1234.567891,1235,,,",
    ]


def test_a_table_without_rows_keeps_its_types(tmp_path: Path) -> None:
    write_table(typed([], RATING_COLUMNS), tmp_path / "ratings.csv")
    frame = read_ratings(tmp_path / "ratings.csv")
    assert frame.empty
    assert frame.valence.dtype == np.float64


@pytest.mark.parametrize(
    "content", [None, "", "utterance,file\na,b\n", ",".join(UTTERANCE_COLUMNS) + "\na,,,,,,,x,,,,,,,,\n"]
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "utterances.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"utterances\.csv"):
        read_utterances(path)


def test_good_tables_pass_in_the_order_of_names() -> None:
    good = tables()
    mixed = Tables(good.utterances[::-1], good.ratings[::-1], good.report)
    for found in (check(good), check(mixed)):
        pd.testing.assert_frame_equal(found.utterances, good.utterances)
        pd.testing.assert_frame_equal(found.ratings, good.ratings)
        assert found.report is good.report


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "fault"),
    [
        ("utterances", 1, "utterance", "a", "occur twice"),
        ("utterances", 0, "samples", 0, "no samples"),
        ("utterances", 0, "speaker", "a/b", "speakers cannot be part of a file name"),
        ("utterances", 0, "speaker", "..", "speakers cannot"),
        ("utterances", 0, "utterance", "", "utterances cannot"),
        ("ratings", 1, "rater", "E-1", "rated twice"),
        ("ratings", 1, "rater", "a\nb", "raters cannot"),
    ],
)
def test_bad_names_are_refused(table: str, row: int, column: str, value: object, fault: str) -> None:
    bad = tables()
    getattr(bad, table).loc[row, column] = value
    with pytest.raises(UserError, match=fault):
        check(bad)


def test_ratings_of_unknown_utterances_are_a_bug() -> None:
    bad = tables()
    bad.ratings.loc[0, "utterance"] = "c"
    with pytest.raises(ValueError, match="lacks"):
        check(bad)


def test_counts_by_hand() -> None:
    found = counts(tables().utterances, tables().ratings)
    assert found == {
        "utterances": 2,
        "speakers": 2,
        "minutes": 0.04,
        "ratings": 3,
        "complete_ratings": 2,
        "self_reports": 1,
        "by_speaker": {"03": 1, "NA": 1},
        "by_session": {"1": 1},
        "by_emotion": {"nan": 1},
        "by_evaluator": {"E-1": 1},
    }
