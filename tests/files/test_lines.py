"""A stray quote spoils its own line and never takes a neighbour along."""

import io

import pyarrow as pa
import pytest
from hostile_lines import WIDTH, hostile_lines, is_plain, physical_lines, with_ends

from lyceum.files import lines as lines_module
from lyceum.files.lines import LINE, MALFORMED, Record, as_text, records, tables


def found(text):
    """Cells of records, text of malformed lines."""
    return [r.cells or r.text for r in records(io.StringIO(text, newline=None), width=3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,a,x\n2,b,y\n", [["1", "a", "x"], ["2", "b", "y"]]),
        ('1,"a, ""b""",x', [["1", 'a, "b"', "x"]]),
        # Quotes inside of a cell that does not begin with one are text.
        ('1,19" screen,x\n2,b,y\n3,20" screen,y', [["1", '19" screen', "x"], ["2", "b", "y"], ["3", '20" screen', "y"]]),
        ('1,"19" screen,x\n2,b,y', ['1,"19" screen,x', ["2", "b", "y"]]),
        # A cell over lines, whatever their ends.
        ('1,"a\r\n\rb",x\r2,b,y', [["1", "a\n\nb", "x"], ["2", "b", "y"]]),
        # Unclosed quotes take no record along, nor each other.
        ('1,"a,x\n2,b,y\n3,"c,z', ['1,"a,x', ["2", "b", "y"], '3,"c,z']),
        ('1,"a,x\n2,"c,z\n', ['1,"a,x', '2,"c,z']),
        ('1,"a,x', ['1,"a,x']),
        # Joined lines that have not as many cells stay apart; the next line may still be joined.
        ('1,"a\nb"\n2,c,z', ['1,"a', 'b"', ["2", "c", "z"]]),
        ('1,"a\n2,"b\nc",z', ['1,"a', ["2", "b\nc", "z"]]),
        # A line that is a record is one, also between quotes.
        ('1,"a\n2,b,y\nc",z', ['1,"a', ["2", "b", "y"], 'c",z']),
        ("1,a\n1,a,x,\n", ["1,a", "1,a,x,"]),
        ("\n  \n1,a,x\n\t\n", [["1", "a", "x"], "\t"]),
        ("1,a\x00,x\n1\x0b,\u2028a,x", [["1", "a\x00", "x"], ["1\x0b", "\u2028a", "x"]]),
    ],
)  # fmt: skip
def test_a_line_is_a_record_by_itself_or_joined_or_malformed(text, expected):
    assert found(text) == expected


def test_a_record_over_lines_has_an_end(monkeypatch):
    """No lone quote keeps more of a file in memory than that."""
    monkeypatch.setattr(lines_module, "LONGEST_RECORD", 10)
    assert found('1,"a\nbcd",x') == [["1", "a\nbcd", "x"]]
    assert found('1,"a\nbcdefgh",x') == ['1,"a', 'bcdefgh",x']


def test_lines_that_may_all_go_on_are_looked_at_a_few_times_each(monkeypatch):
    """Each of these lines closes a quote and opens one: what follows could belong to any of them."""
    looked_at, parsed = [], lines_module._parsed

    def counted(lines, delimiter):
        return parsed((looked_at.append(line) or line for line in lines), delimiter)

    monkeypatch.setattr(lines_module, "_parsed", counted)
    lines = ['x",",y'] * 1_000
    assert [r.text for r in records(lines, width=WIDTH)] == lines
    assert len(looked_at) < (WIDTH + 2) * len(lines)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_no_line_vanishes_however_it_is_quoted(seed):
    """Lines in are lines of records and malformed lines; blank ones apart, in their order."""
    text = with_ends(hostile_lines(seed), seed)
    physical = physical_lines(text)
    given = list(records(io.StringIO(text, newline=None), width=WIDTH))

    left = {number: line for number, line in enumerate(physical, 1) if line.strip(" ")}
    for record in given:
        numbers = range(record.number, record.number + record.lines)
        assert record.text == as_text("\n".join(physical[n - 1] for n in numbers))
        assert record.cells is None or len(record.cells) == WIDTH
        assert record.cells is not None or record.lines == 1
        for number in numbers:
            left.pop(number, None)
    assert left == {}
    assert [r.number for r in given] == sorted({r.number for r in given})
    plain = {n: line.split(",") for n, line in enumerate(physical, 1) if is_plain(line)}
    assert {r.number: r.cells for r in given if r.number in plain} == plain
    over_lines = sum(record.lines > 1 for record in given)
    assert min(over_lines, sum(r.cells is None for r in given)) > len(physical) / 100


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_tables_have_the_same_records(seed, monkeypatch):
    """In pieces, of which some are regular and most are not."""
    monkeypatch.setattr(lines_module, "_CHUNK", 50)
    names = [f"c{n}" for n in range(WIDTH)]
    regular = [f'{n},a,"b {n}",d' if n % 7 == 0 else f"{n},a,b,d" for n in range(500)]
    text = with_ends(regular + hostile_lines(seed, 2_000), seed)
    made = pa.concat_tables(tables(io.StringIO(text, newline=None), names, first=2)).to_pylist()
    rows = sorted(
        ([*(row[n] for n in names), row[MALFORMED]] for row in made if row[LINE] is not None),
        key=str,
    )
    assert len(made) == len({row[LINE] for row in made})
    again = records(io.StringIO(text, newline=None), width=WIDTH, first=2)
    assert rows == sorted((_row(record) for record in again), key=str)


@pytest.mark.parametrize("blank", ["\n", "  \n", "   "])
def test_a_blank_line_is_no_record(blank):
    (table,) = tables(["1,a,b\n", "2,a,b\n", blank], ["x", "y", "z"])
    assert table["x"].to_pylist() == ["1", "2"]


def test_a_line_with_undecodable_bytes_is_malformed_alone():
    """Its neighbours are records, and a cell over lines does not go on with it."""
    data = b'1,caf\xe9,x\n2,b,y\n3,"a\nb\xff",z\n4,\xc3\xa9,z\n'
    lines = data.decode(errors="surrogateescape").splitlines(keepends=True)
    expected = ["1,caf\\xe9,x", ["2", "b", "y"], '3,"a', 'b\\xff",z', ["4", "é", "z"]]
    assert [r.cells or r.text for r in records(lines, width=3)] == expected
    (table,) = tables(lines, ["x", "y", "z"])
    assert table[MALFORMED].to_pylist() == [e if isinstance(e, str) else None for e in expected]


def test_a_byte_order_mark_within_the_text_is_text():
    (table,) = tables(["\ufeff1,a,b\n"], ["x", "y", "z"])
    assert table.to_pylist() == [{"x": "\ufeff1", "y": "a", "z": "b", LINE: 1, MALFORMED: None}]


def _row(record: Record) -> list[str | None]:
    return [*record.cells, None] if record.cells else [*[None] * WIDTH, record.text]
