"""JSON lines and Parquet files as rows of text."""

import json
from collections.abc import Iterator
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

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

    Numbers keep the digits they are written with; a nested value in a declared column is
    rescued, for no column can hold it.
    """
    malformed: list[tuple[int, str]] = []
    keyed = 0

    def objects() -> Iterator[tuple[int, dict[str, str | None]]]:
        nonlocal keyed
        lines = (line for line in text.split("\n") if line.strip())
        for number, line in enumerate(lines, start=1):
            found = _object(line)
            if found is None:
                malformed.append((number, line.strip()))
                continue
            record = _texts(entity, found)
            keyed += entity.key in record
            yield number, record

    rows = rows_of_records(entity, objects(), [])
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
    found = dict(zip(names, table.columns, strict=True))
    nested = {n for n, column in found.items() if pa.types.is_nested(column.type)}
    plain = [name for name in entity.columns if name in found and name not in nested]
    columns = {name: _text_column(found[name]) for name in plain}
    extra = {name: column for name, column in found.items() if name not in plain}
    numbers = pa.array(range(1, table.num_rows + 1), pa.int64())
    return Rows(columns, numbers, _rescued(extra, table.num_rows) if extra else None)


def _object(line: str) -> dict[str, object] | None:
    try:
        found = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _texts(entity: Entity, found: dict[str, object]) -> dict[str, str | None]:
    record: dict[str, str | None] = {}
    for field, value in found.items():
        name = column_name(field)
        is_nested = isinstance(value, dict | list)
        record[f"{name}_nested" if is_nested and name in entity.columns else name] = _text(value)
    return record


def _text(value: object) -> str | None:
    """The value as it is written in JSON; text without its quotes."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _text_column(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return cast("pa.Array", column.cast(pa.string()).combine_chunks())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())


def _rescued(extra: dict[str, pa.ChunkedArray], count: int) -> pa.Array:
    lists = {name: column.to_pylist() for name, column in extra.items()}
    texts = [
        rescued_json({name: _text(values[i]) for name, values in lists.items()})
        for i in range(count)
    ]
    return pa.array(texts, pa.string())
