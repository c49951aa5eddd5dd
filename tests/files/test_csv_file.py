"""The CSV of exports: whatever text goes in comes out of Python's csv module."""

import csv
import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from lyceum.exports.csv_file import excel_safe, line, write_csv

CELLS = st.one_of(
    st.none(),
    st.text(),
    st.text(
        alphabet=["|", '"', "\n", "\r", ",", ";", " ", "\\", "'", "é", "漢", "🚀", "\0", "\x85"]
    ),
)
TABLES = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8)
FIELD = re.compile(r'(?:^|\|)(?:"((?:[^"]|"")*)"|([^|"\r\n]*))')


def read_back(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="|", strict=True))


@given(rows=TABLES)
def test_any_text_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    facts = write_csv(path, ["a", "b", "c"], rows)
    assert read_back(path) == [["a", "b", "c"], *([c or "" for c in row] for row in rows)]
    content = path.read_bytes()
    assert (facts.rows, facts.bytes) == (len(rows), len(content))
    assert facts.sha256 == hashlib.sha256(content).hexdigest()


@given(cells=st.lists(CELLS, min_size=2, max_size=5))
def test_null_is_a_field_without_quotes_and_empty_text_one_with_quotes(cells):
    """A reader that looks at the quotes gets every NULL and every empty text as it was."""
    found = [
        quoted.replace('""', '"') if is_quoted else (bare or None)
        for is_quoted, quoted, bare in (
            (m.group(1) is not None, m.group(1) or "", m.group(2))
            for m in FIELD.finditer(line(cells).removesuffix("\n"))
        )
    ]
    assert found == cells


@given(cell=CELLS)
def test_a_spreadsheet_sees_no_formula_and_nothing_else_changes(cell):
    safe = excel_safe(cell)
    assert safe in (cell, f"'{cell}")
    assert not (safe or "").startswith(("=", "+", "-", "@", "\t"))
    assert (safe == cell) is not (cell or "").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_lines_end_in_lf_and_only_what_must_be_is_quoted(tmp_path):
    write_csv(tmp_path / "a.csv", ["id", "name"], [("1", "a, b; c"), ("2", 'x|"y"'), (None, "")])
    assert (tmp_path / "a.csv").read_bytes() == b'id|name\n1|a, b; c\n2|"x|""y"""\n|""\n'
