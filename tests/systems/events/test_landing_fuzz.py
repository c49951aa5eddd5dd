"""No line of a delivered file vanishes, whatever is in it: rows accepted and lines quarantined."""

import codecs
import io

import pytest
from hostile_lines import LINES, hostile_lines, physical_lines, with_ends

from lyceum.files.lines import records
from lyceum.systems.events.source import EVENTS, read_rows

pytestmark = pytest.mark.soak
HEADER = "event_id,event_name,event_date,brand_id"


def delivered(seed, encoding, delimiter):
    """A file of hostile lines below a header, as bytes and as its lines of text."""
    lines = [HEADER, *hostile_lines(seed, LINES // 4)]
    text = with_ends([line.replace(",", delimiter) for line in lines], seed)
    if encoding.startswith("utf-16"):
        text = text.replace("\udce9", "é")
        return codecs.BOM_UTF16_LE + text.encode("utf-16-le"), physical_lines(text)
    return text.encode(encoding, "surrogateescape"), physical_lines(text)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8", ";"), ("utf-8", "\t"), ("utf-16", "|")]
)
def test_no_line_of_a_delimited_file_vanishes(encoding, delimiter):
    data, physical = delivered(7, encoding, delimiter)
    rows = read_rows(EVENTS, data)
    expected = list(
        records(io.StringIO("\n".join(physical[1:])), width=4, delimiter=delimiter, first=2)
    )
    assert rows.numbers.to_pylist() == [r.number for r in expected if r.cells]
    assert rows.malformed == [(r.number, r.text) for r in expected if not r.cells]
    assert min(len(rows.numbers), len(rows.malformed)) > len(physical) / 10
    kept = {line for r in expected for line in range(r.number, r.number + r.lines)}
    assert {n for n, line in enumerate(physical, 1) if line.strip(" ")} == kept | {1}
