"""Delimited text line by line: a stray quote spoils its own line and never takes a neighbour along.

A physical line that has as many cells as the header is a record. Lines are joined to one record
only where a quote is open, none of them is a record of its own, and the joined text has as many
cells as the header. Every other line is malformed, alone, and so is one with undecodable bytes.
Lines of spaces are passed over.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import pyarrow as pa
from pyarrow import csv as arrow_csv

LINE, MALFORMED = "_line", "_malformed"
LONGEST_RECORD = 1 << 20
"""Characters of a record over several lines: what is to be kept in memory for a lone quote."""

_LONGEST_CELL = 1 << 27
_CHUNK = 50_000
# What the error handler `surrogateescape` makes of bytes, and what no text can hold.
_UNDECODED = re.compile("[\ud800-\udfff]")


class Record(NamedTuple):
    """A record of the text, or one line that is none."""

    number: int
    """Its first physical line."""
    text: str
    """Its lines as they came, without the last line end."""
    cells: list[str] | None
    """What it holds; None if it is malformed."""

    @property
    def lines(self) -> int:
        """How many physical lines it takes."""
        return self.text.count("\n") + 1


def tables(
    lines: Iterable[str], names: Sequence[str], *, delimiter: str = ",", first: int = 1
) -> Iterator[pa.Table]:
    """The same as `records`, as Arrow tables of text columns in constant memory.

    Args:
        lines: Physical lines, whose ends are newlines alone (universal newlines). Bytes that are
            not of the encoding are lone surrogates, as `surrogateescape` makes them.
        names: The columns.
        delimiter: What stands between two cells.
        first: Number of the first of the lines.

    Yields:
        The columns, `_line`, and `_malformed`, which has the text of a line that is no record.
    """
    remaining = iter(lines)
    while chunk := list(islice(remaining, _CHUNK)):
        table = _regular_table(chunk, names, delimiter, first)
        if table is None:
            rest = chain(chunk, remaining)
            yield from _careful_tables(rest, names, delimiter, first)
            return
        yield table
        first += len(chunk)


def table_schema(names: Sequence[str]) -> pa.Schema:
    """The columns of `tables`."""
    texts = ((name, pa.string()) for name in names)
    return pa.schema([*texts, (LINE, pa.int64()), (MALFORMED, pa.string())])


def records(
    lines: Iterable[str], *, width: int, delimiter: str = ",", first: int = 1
) -> Iterator[Record]:
    r"""The records of the lines below a header of `width` cells, and the malformed lines.

    Args:
        lines: Physical lines, whose ends are newlines alone or left out, as for `tables`.
        width: How many cells a record has.
        delimiter: What stands between two cells.
        first: Number of the first of the lines.

    >>> [record.cells for record in records(['1,"a', 'b"', '2,"c', '3,d'], width=2)]
    [['1', 'a\nb'], None, ['3', 'd']]
    """
    csv.field_size_limit(_LONGEST_CELL)
    text = _Text(enumerate(lines, first), width, delimiter)
    while (line := text.next_line()) is not None:
        record = text.joined(line) if line.cells is None and '"' in line.text else line
        if record.cells is not None:
            yield record
        elif record.text.strip(" "):
            yield record._replace(text=as_text(record.text))


def as_text(line: str) -> str:
    r"""The line with its undecodable bytes as backslash and number.

    >>> as_text(b"caf\xe9".decode(errors="surrogateescape"))
    'caf\\xe9'
    """
    return _UNDECODED.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", line)


class _Text:
    """The lines still to come; those that were looked at already wait in `_ahead`."""

    def __init__(self, lines: Iterator[tuple[int, str]], width: int, delimiter: str) -> None:
        self._lines, self._width, self._delimiter = lines, width, delimiter
        self._ahead: deque[Record] = deque()

    def next_line(self) -> Record | None:
        """The next line by itself; None at the end."""
        if self._ahead:
            return self._ahead.popleft()
        numbered = next(self._lines, None)
        return None if numbered is None else self._alone(*numbered)

    def joined(self, first: Record) -> Record:
        """The record that begins with this line if there is one, else the line, malformed."""
        parts: list[str] = []
        try:
            cells = next(_parsed(self._while_open(first, parts), self._delimiter), [])
        except csv.Error:
            return first
        if len(cells) != self._width:
            return first
        for _ in parts[1:]:
            self._ahead.popleft()
        return Record(first.number, "\n".join(parts), cells)

    def _alone(self, number: int, line: str) -> Record:
        text = line.removesuffix("\n")
        cells = _cells(text, self._delimiter)
        is_record = len(cells) == self._width and text.strip(" ") != ""
        return Record(number, text, cells if is_record else None)

    def _while_open(self, first: Record, parts: list[str]) -> Iterator[str]:
        """The line and those that may belong to it; `parts` has what was taken."""
        size, turns = 0, self._width
        for line in self._from(first):
            size += len(line.text)
            # A quote that is not doubled begins or ends a cell: a record has few of them.
            turns -= '"' in line.text.replace('""', "")
            if parts and (line.cells is not None or size > LONGEST_RECORD or turns < 0):
                return
            if _is_undecoded(line.text):
                return
            parts.append(line.text)
            yield line.text + "\n"

    def _from(self, first: Record) -> Iterator[Record]:
        yield first
        yield from self._ahead
        for numbered in self._lines:
            self._ahead.append(self._alone(*numbered))
            yield self._ahead[-1]


def _parsed(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Records by the csv module, which takes a further line only while a quote is open."""
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _cells(text: str, delimiter: str) -> list[str]:
    """The cells of one line; none if it is no whole record."""
    if _is_undecoded(text):
        return []
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(_parsed([text], delimiter))
    except csv.Error:
        return []


def _is_undecoded(text: str) -> bool:
    return not text.isascii() and _UNDECODED.search(text) is not None


def _regular_table(
    lines: list[str], names: Sequence[str], delimiter: str, first: int
) -> pa.Table | None:
    """Fast, for lines each of which is a record; None if one is not."""
    csv.field_size_limit(_LONGEST_CELL)
    plain, quoted, numbers = [], [], []
    for number, line in enumerate(lines, first):
        if '"' in line:
            quoted.append(Record(number, line, _cells(line.removesuffix("\n"), delimiter)))
        else:
            plain.append(line)
            numbers.append(number)
    # Arrow takes a byte order mark from the first line, and an empty line for empty cells.
    is_odd = len(names) == 1 or "\ufeff" in lines[0] or "\n" in plain
    if is_odd or any(len(r.cells or ()) != len(names) for r in quoted):
        return None
    parts = [_table(quoted, names)]
    if plain:
        try:
            columns = _arrow_columns("".join(plain).encode(), names, delimiter)
        except (pa.ArrowInvalid, UnicodeEncodeError):
            return None
        nothing = pa.nulls(len(plain), pa.string())
        parts.append(
            pa.table([*columns, pa.array(numbers, pa.int64()), nothing], table_schema(names))
        )
    return pa.concat_tables(parts)


def _arrow_columns(data: bytes, names: Sequence[str], delimiter: str) -> list[pa.ChunkedArray]:
    table = arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(column_names=list(names), use_threads=False),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, quote_char=False, ignore_empty_lines=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    return list(table.columns)


def _careful_tables(
    lines: Iterable[str], names: Sequence[str], delimiter: str, first: int
) -> Iterator[pa.Table]:
    found = records(lines, width=len(names), delimiter=delimiter, first=first)
    while chunk := list(islice(found, _CHUNK)):
        yield _table(chunk, names)


def _table(found: list[Record], names: Sequence[str]) -> pa.Table:
    nothing = [None] * len(names)
    cells = zip(*(record.cells or nothing for record in found), strict=True) if found else names
    columns = [pa.array(column if found else [], pa.string()) for column in cells]
    numbers = pa.array([record.number for record in found], pa.int64())
    malformed = pa.array([r.text if r.cells is None else None for r in found], pa.string())
    return pa.table([*columns, numbers, malformed], table_schema(names))
