"""Tables and notes in three formats."""

import pytest

from elor.report.text import MISSING, Format, Notes, Table, interval, number, p_value, render

TABLE = Table(
    "A_caption & 5 %", ("net", "UAR [95 %]"), ((("a_b", "-0.1"), ("c|d", "0.250 [-0.2, 0.7]")), (("E-2", "<0.001"),))
)
NOTES = Notes("Notes", ("word " * 40, "short"))


def test_terminal_aligns_names_left_and_numbers_right() -> None:
    lines = render([TABLE], Format.terminal).splitlines()
    assert lines == [
        "A_caption & 5 %",
        "net         UAR [95 %]",
        "----------------------",
        "a_b               -0.1",
        "c|d  0.250 [-0.2, 0.7]",
        "----------------------",
        "E-2             <0.001",
    ]


WIDE = Table(
    "Wide",
    ("net", "WAR", "UAR", "p", "q"),
    ((("elor", "0.1234567890", "-", "0.5", "-"), ("lom", "1", "2", "-", "0.1")),),
)


def test_a_table_wider_than_the_terminal_is_folded_after_its_names() -> None:
    assert render([WIDE], Format.terminal, width=26).splitlines()[1:] == [
        "net            WAR  UAR",
        "-----------------------",
        "elor  0.1234567890    -",
        "lom              1    2",
        "",
        "net     p    q",
        "--------------",
        "elor  0.5    -",
        "lom     -  0.1",
    ]


def test_a_table_that_two_parts_cannot_hold_becomes_cards_without_empty_cells() -> None:
    assert render([WIDE], Format.terminal, width=19).splitlines()[1:] == [
        "-" * 19,
        "elor",
        "  WAR 0.1234567890,",
        "  p 0.5",
        "lom",
        "  WAR 1, UAR 2,",
        "  q 0.1",
    ]


def test_terminal_wraps_notes_and_only_captions_stand_out() -> None:
    lines = render([NOTES], Format.terminal, str.upper).splitlines()
    assert lines[0] == "NOTES"
    assert lines[-1] == "short"
    assert lines[2].startswith("  word")
    assert max(map(len, lines)) <= 100
    assert sum(line.count("word") for line in lines) == 40


def test_markdown_keeps_the_number_of_cells() -> None:
    lines = render([TABLE, NOTES], Format.markdown).splitlines()
    assert lines[:4] == ["**A_caption & 5 %**", "", "| net | UAR [95 %] |", "| :-- | --: |"]
    assert r"| c\|d | 0.250 [-0.2, 0.7] |" in lines
    assert lines[-1] == "- short"


def test_latex_escapes_and_sets_signs_as_mathematics() -> None:
    text = render([TABLE, NOTES], Format.latex)
    assert r"\caption{A\_caption \& 5 \%}" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"a\_b & $-$0.1 \\" in text
    assert r"0.250 [$-$0.2, 0.7] \\" in text
    assert r"E-2 & $<$0.001 \\" in text
    assert text.count(r"\midrule") == 2
    assert text.count(r"\item") == 2
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (number(0.12345), "0.123"),
        (number(None), MISSING),
        (interval(0.3, 0.25, 0.35), "0.300 [0.250, 0.350]"),
        (interval(0.3, None, None), "0.300"),
        (interval(None, 0.1, 0.2), MISSING),
        (p_value(0.0009), "<0.001"),
        (p_value(0.001), "0.001"),
        (p_value(None), MISSING),
    ],
)
def test_numbers(written: str, expected: str) -> None:
    assert written == expected
