"""Results at 80 columns: what must be pasted is whole."""

import re

import pytest
from rich.console import Console

from lyceum.runs.layout import laid_out

RUN_ID = "3f2b9c1e7a4d4b6f8e0c5d2a1b3c4d5e"
FEW = ["run id", "job", "status", "what was wrong"]
ROW = (RUN_ID, "lms_session_details", "FAILED", "the time zone is neither a name nor an offset")


def shown(columns, rows, width=80):
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as captured:
        laid = laid_out("Runs", columns, rows, width)
        console.print(laid, soft_wrap=isinstance(laid, str))
    return captured.get()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_and_identifiers_are_whole_and_prose_wraps_between_words(width):
    text = shown(FEW, [ROW, (None, "x", 1, "")], width)
    assert max(map(len, text.splitlines())) <= width
    for word in (*ROW[:3], *ROW[3].split()):
        assert re.search(rf"(?<!\w){word}(?!\w)", text), word


def test_a_table_too_wide_for_its_words_is_a_block_a_row():
    columns = [f"column_{n}" for n in range(8)]
    text = shown(columns, [[RUN_ID] * 8, [None] * 8])
    assert text.splitlines()[:4] == ["Runs", "", f"column_0  {RUN_ID}", f"column_1  {RUN_ID}"]
    assert text.count(RUN_ID) == 8


def test_an_empty_table_shows_its_columns():
    assert "what was wrong" in shown(FEW, [])


def test_wide_characters_count_twice():
    text = shown(["name"], [["漢" * 30]], 80)
    assert "漢" * 30 in text
