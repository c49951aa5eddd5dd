"""Delimited text with a header, whatever its delimiter, quotes and line ends."""

import csv
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lyceum.files.lines import LINE, MALFORMED, as_text, table_schema, tables
from lyceum.systems.events.source.entities import Entity
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.rows import Rows, column_name, column_names, rescued_json

_DELIMITERS = (",", ";", "\t", "|")


def delimited_rows(entity: Entity, text: str) -> Rows:
    """The rows below the header, which is the first line that holds anything."""
    lines = io.StringIO(text, newline=None)
    number, header = next(((n, s) for n, s in enumerate(lines, 1) if s.strip()), (0, ""))
    if not header:
        raise UnreadableFileError("expected a header and rows, found an empty file")
    separator = delimiter(entity, header)
    names = column_names(entity, _header_cells(as_text(header), separator))
    by_place = [str(place) for place in range(len(names))]
    found = tables(lines, by_place, delimiter=separator, first=number + 1)
    table = pa.concat_tables([table_schema(by_place).empty_table(), *found])
    return _rows(entity, names, table.sort_by(LINE))


def delimiter(entity: Entity, header: str) -> str:
    """The delimiter under which the header names most of the declared columns."""

    def named(candidate: str) -> int:
        cells = _header_cells(header, candidate)
        return len({column_name(cell) for cell in cells} & set(entity.columns))

    return max(_DELIMITERS, key=named)


def _header_cells(header: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([header.removesuffix("\n")], delimiter=separator), [])
    except csv.Error:
        return []


def _rows(entity: Entity, names: Sequence[str], table: pa.Table) -> Rows:
    malformed = table.filter(pc.is_valid(table[MALFORMED])).select([LINE, MALFORMED])
    good = table.filter(pc.is_null(table[MALFORMED])) if malformed.num_rows else table
    cells = [column.combine_chunks() for column in good.columns[: len(names)]]
    columns = {n: c for n, c in zip(names, cells, strict=True) if n in entity.columns}
    extra = [(n, c) for n, c in zip(names, cells, strict=True) if n not in entity.columns]
    lost = zip(malformed[LINE].to_pylist(), malformed[MALFORMED].to_pylist(), strict=True)
    return Rows(columns, good[LINE].combine_chunks(), _rescued(extra), [*lost])


def _rescued(extra: Sequence[tuple[str, pa.Array]]) -> pa.Array | None:
    """The cells of undeclared columns, row by row."""
    if not extra:
        return None
    names = [name for name, _ in extra]
    rows = zip(*(column.to_pylist() for _, column in extra), strict=True)
    return pa.array([rescued_json(dict(zip(names, row, strict=True))) for row in rows], pa.string())
