"""Messages on their way to bronze: their columns, and what is no text told apart."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("key", pa.string()),
        ("value", pa.string()),
        ("undecodable", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("headers", pa.string()),
    ]
)
Slice = tuple[str, int]
"""Topic and partition."""
Positions = Mapping[Slice, int]
"""The next offset by topic and partition."""
Headers = Iterable[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Batch:
    """Messages that were received together."""

    messages: pa.Table
    """In the columns of `SCHEMA`."""
    until: Positions
    """The next offset of each partition that it has messages of."""


@dataclass(frozen=True)
class Lost:
    """Offsets that the broker has deleted before they were read."""

    place: Slice
    first: int
    until: int


def row(
    place: Slice,
    offset: int,
    value: bytes | None,
    *,
    key: bytes | None = None,
    timestamp: datetime | None = None,
    headers: Headers = (),
) -> tuple[object, ...]:
    r"""A message in the columns of `SCHEMA`.

    >>> row(("events_raw", 0), 7, b"{}")
    ('events_raw', 0, 7, None, '{}', None, None, None)
    >>> row(("events_raw", 0), 8, b"\xff")[4:6]
    (None, '/w==')
    """
    text, undecodable = _decoded(value)
    listed = [[name, None if v is None else v.decode("utf-8", "replace")] for name, v in headers]
    return (
        *place,
        offset,
        None if key is None else key.decode("utf-8", "replace"),
        text,
        undecodable,
        timestamp,
        json.dumps(listed) if listed else None,
    )


def table(rows: Iterable[tuple[object, ...]]) -> pa.Table:
    """Rows as a table; at least one."""
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def _decoded(value: bytes | None) -> tuple[str | None, str | None]:
    """The text, or the bytes in base64 if they are none."""
    if value is None:
        return None, None
    try:
        return value.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, base64.b64encode(value).decode("ascii")
