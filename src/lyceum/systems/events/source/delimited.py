"""Delimited text: pyarrow reads what is clean and regular, the csv module everything else."""

import csv
import io
import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv as arrow_csv

from lyceum.systems.events.source.entities import Entity
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.rows import (
    Rows,
    column_name,
    column_names,
    rescued_json,
    rows_of_records,
)
from lyceum.systems.events.source.text import decoded, without_mark

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_FIELD = 1 << 27


def delimited_rows(entity: Entity, data: bytes) -> Rows:
    """The rows of a delimited file with a header; a row of another width is malformed."""
    body, encoding = without_mark(data)
    if encoding in (None, "utf-8") and b'"' not in body and b"\x00" not in body:
        try:
            return _clean_rows(entity, body)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            pass
    return _careful_rows(entity, decoded(data))


def delimiter(entity: Entity, header: str) -> str:
    """The delimiter under which the header names most of the declared columns."""

    def named(candidate: str) -> int:
        cells = next(csv.reader([header], delimiter=candidate), [])
        return len({column_name(cell) for cell in cells} & set(entity.columns))

    return max(_DELIMITERS, key=named)


def _clean_rows(entity: Entity, body: bytes) -> Rows:
    """Fast, for UTF-8 without quotes; anything irregular raises and is read with care."""
    line = re.split(rb"[\r\n]", body.lstrip(b"\r\n"), maxsplit=1)[0].decode()
    separator = delimiter(entity, line)
    names = column_names(entity, line.split(separator))
    unique = [f"{i}" for i in range(len(names))]
    table = arrow_csv.read_csv(
        pa.BufferReader(body),
        read_options=arrow_csv.ReadOptions(column_names=unique, block_size=1 << 24),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, quote_char=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(unique, pa.string()), strings_can_be_null=False
        ),
    )
    columns = dict(zip(names, (c.combine_chunks() for c in table.slice(1).columns), strict=True))
    extra = [name for name in names if name not in entity.columns]
    rescued = _rescued({name: columns.pop(name) for name in extra})
    numbers = pa.array(range(1, table.num_rows), pa.int64())
    return Rows(columns, numbers, rescued)


def _rescued(extra: dict[str, pa.Array]) -> pa.Array | None:
    if not extra:
        return None
    cells = zip(*(column.to_pylist() for column in extra.values()), strict=True)
    texts = [rescued_json(dict(zip(extra, row, strict=True))) for row in cells]
    return pa.array(texts, pa.string())


def _careful_rows(entity: Entity, text: str) -> Rows:
    csv.field_size_limit(_LONGEST_FIELD)
    lines = list(io.StringIO(text, newline=""))
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise UnreadableFileError("expected a header and rows, found an empty file")
    separator = delimiter(entity, lines[first])
    records = _records(lines[first:], separator)
    names = column_names(entity, next(records)[1] or [])
    malformed: list[tuple[int, str]] = []

    def regular() -> Iterator[tuple[int, dict[str, str | None]]]:
        for number, (raw, cells) in enumerate(records, start=1):
            if cells is None or len(cells) != len(names):
                malformed.append((number, raw.rstrip("\r\n")))
            else:
                yield number, dict(zip(names, cells, strict=True))

    rows = rows_of_records(entity, regular(), [])
    rows.malformed = malformed
    return rows


def _records(lines: list[str], separator: str) -> Iterator[tuple[str, list[str] | None]]:
    """Text and cells of every record; a quote that never closes spoils its own line only."""
    position = 0
    while position < len(lines):
        end = _end_of_record(lines, position)
        raw = "".join(lines[position : end or position + 1])
        position = end or position + 1
        if raw.strip():
            yield raw, _cells(raw, separator) if end else None


def _end_of_record(lines: list[str], start: int) -> int | None:
    """The line after the one that closes the last open quote; None if no line does."""
    quotes = 0
    for position in range(start, len(lines)):
        quotes += lines[position].count('"')
        if quotes % 2 == 0:
            return position + 1
    return None


def _cells(raw: str, separator: str) -> list[str] | None:
    try:
        found = list(csv.reader(io.StringIO(raw, newline=""), delimiter=separator))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None
