"""JSON lines and Parquet files as rows of text."""

import io
import json
from collections.abc import Iterator
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.files.lines import as_text
from lyceum.files.names import unique_names
from lyceum.systems.events.source.entities import Entity
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.rows import (
    Rows,
    column_name,
    column_names,
    rescued_json,
    rows_of_records,
)


def json_rows(entity: Entity, text: str) -> Rows:
    """The rows of a file of JSON lines; a line that is no object is malformed.

    So is one that has a field twice, or holds what is no text. Numbers keep the digits they are
    written with; a nested value in a declared column is rescued, for no column can hold it.
    """
    malformed: list[tuple[int, str]] = []
    keyed = 0

    def objects() -> Iterator[tuple[int, dict[str, str | None]]]:
        nonlocal keyed
        for number, line in enumerate(io.StringIO(text, newline=None), start=1):
            if not line.strip():
                continue
            record = _record(entity, line)
            if record is None:
                malformed.append((number, as_text(line.strip())))
                continue
            keyed += entity.key in record
            yield number, record

    rows = rows_of_records(entity, objects())
    rows.malformed = malformed
    if not keyed:
        message = f"expected JSON objects with the field {entity.key}, found none"
        raise UnreadableFileError(message)
    return rows


def parquet_rows(entity: Entity, data: bytes) -> Rows:
    """The rows of a Parquet file, every value as text."""
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        message = f"expected a whole Parquet file, found a damaged one: {str(error)[:200]}"
        raise UnreadableFileError(message) from None
    names = column_names(entity, table.column_names)
    texts = {name: _texts_of(name, table.column(place)) for place, name in enumerate(names)}
    nested = {n for n, c in zip(names, table.columns, strict=True) if pa.types.is_nested(c.type)}
    columns = {n: c for n, c in texts.items() if n in entity.columns and n not in nested}
    extra = {name: column for name, column in texts.items() if name not in columns}
    numbers = pa.array(range(1, table.num_rows + 1), pa.int64())
    return Rows(columns, numbers, _rescued(extra) if extra else None)


def _record(entity: Entity, line: str) -> dict[str, str | None] | None:
    """The fields of a line as text; None if it is no object, or has a declared field twice."""
    try:
        found = json.loads(
            line,
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=_each_field_once,
        )
        return _texts(entity, found) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def _each_field_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field twice")
    return fields


def _texts(entity: Entity, found: dict[str, object]) -> dict[str, str | None]:
    names = []
    for field, value in found.items():
        name = column_name(field)
        is_nested = isinstance(value, dict | list) and name in entity.columns
        names.append(f"{name}_nested" if is_nested else name)
    if any(names.count(name) > 1 for name in entity.columns):
        raise ValueError("a column twice")
    texts = [_text(value) for value in found.values()]
    return dict(zip(unique_names(names), texts, strict=True))


def _text(value: object) -> str | None:
    """The value as it is written in JSON; text without its quotes. Lone surrogates are no text."""
    text = value if value is None or isinstance(value, str) else _json(value)
    if text is not None and not text.isascii():
        text.encode()
    return text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _texts_of(name: str, column: pa.ChunkedArray) -> pa.Array:
    """The values as text, as Arrow writes them, else as Python does; nested ones as JSON."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return cast("pa.Array", column.cast(pa.string()).combine_chunks())
    except pa.ArrowException:
        pass
    try:
        return pa.array([_text_of(value) for value in column.to_pylist()], pa.string())
    except (ValueError, OverflowError) as error:
        message = f"expected values that can be written as text in {name}, found others: {error}"
        raise UnreadableFileError(message) from None


def _text_of(value: object) -> str | None:
    if isinstance(value, bytes):
        return as_text(value.decode(errors="surrogateescape"))
    return _text(value) if isinstance(value, dict | list | None) else str(value)


def _rescued(extra: dict[str, pa.Array]) -> pa.Array:
    rows = zip(*(column.to_pylist() for column in extra.values()), strict=True)
    return pa.array([rescued_json(dict(zip(extra, row, strict=True))) for row in rows], pa.string())
