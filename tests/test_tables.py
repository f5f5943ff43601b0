"""CSV tables between stages."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.errors import UserError
from elor.tables import read_table, write_plot, write_table


def test_names_stay_text_and_numbers_come_back_exactly(tmp_path: Path) -> None:
    table = pd.DataFrame({"speaker": ["03", "NA", "nan"], "gender": ["F", "", "M"], "value": [0.1, np.nan, 1 / 3]})
    table["text"] = ["", "007", "Yes."]
    write_table(table, tmp_path / "t.csv", "%.17g")
    back = read_table(tmp_path / "t.csv")
    assert back["speaker"].tolist() == ["03", "NA", "nan"]
    assert back["gender"].tolist() == ["F", "", "M"]
    assert back["text"].tolist() == ["", "007", "Yes."]
    np.testing.assert_array_equal(back["value"], table["value"])


def test_the_column_that_is_held_out_stays_text_where_it_is_named(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"slice": ["a", "b", "c"], "task": ["01", "1", ""], "n": [1, 2, 3]}), tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv", "task")["task"].tolist() == ["01", "1", ""]
    assert read_table(tmp_path / "t.csv", "speaker")["n"].tolist() == [1, 2, 3]


def test_absent_and_empty_tables_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").touch()
    with pytest.raises(UserError, match="is empty"):
        read_table(tmp_path / "t.csv")


def test_no_name_in_a_plots_table_can_be_taken_for_a_tag(tmp_path: Path) -> None:
    frame = pd.DataFrame({"speaker": ["<!--<script>", "Ωλ"], "share": [0.5, 0.25], "rank": [1, 2], "odd": [None, 3.0]})
    write_plot(frame, tmp_path / "a.csv")
    found = read_table(tmp_path / "a.csv")
    assert found["speaker"].tolist() == ["\u2039!--\u2039script>", "Ωλ"]
    pd.testing.assert_frame_equal(found.drop(columns="speaker"), frame.drop(columns="speaker"), check_dtype=False)
    assert frame["speaker"][0] == "<!--<script>"
