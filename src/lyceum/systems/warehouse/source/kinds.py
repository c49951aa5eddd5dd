"""Kinds of columns: the types of PostgreSQL they may have, and what they become."""

import re
from dataclasses import dataclass

import pyarrow as pa

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Kind:
    """How a column comes from PostgreSQL to Parquet."""

    accepts: frozenset[str]
    """Names of PostgreSQL types; `enum` and `array` stand for all of their kind."""
    sql: str
    """The cast; `{}` stands for the column."""
    ddl: str
    """The type in tables."""
    arrow: pa.DataType


# What no table can hold, infinity too, is read as NULL.
_INSTANT = "CASE WHEN {0} BETWEEN '0001-01-01Z' AND '9999-12-31 23:59:59Z' THEN {0} END"
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "enum"})
_KINDS = {
    "uuid": Kind(frozenset({"uuid"}), "{}::text", "STRING", pa.string()),
    "text": Kind(
        frozenset({"text", "varchar", "bpchar", "citext", "enum"}),
        "{}::text",
        "STRING",
        pa.string(),
    ),
    "json": Kind(frozenset({"json", "jsonb"}), "{}::text", "STRING", pa.string()),
    "list": Kind(frozenset({"array"}), "to_json({})::text", "STRING", pa.string()),
    "boolean": Kind(frozenset({"bool"}), "{}", "BOOLEAN", pa.bool_()),
    "int": Kind(frozenset({"int2", "int4"}), "{}::int4", "INT", pa.int32()),
    "bigint": Kind(frozenset({"int2", "int4", "int8"}), "{}::int8", "BIGINT", pa.int64()),
    "timestamp": Kind(
        frozenset({"timestamptz"}), _INSTANT, "TIMESTAMP", pa.timestamp("us", tz="UTC")
    ),
}


def kind(name: str) -> Kind:
    """The kind of that name, such as `uuid` or `decimal(5,2)`.

    >>> kind("decimal(5,2)").ddl
    'DECIMAL(5,2)'
    """
    found = _DECIMAL.fullmatch(name)
    if found is None:
        return _KINDS[name]
    precision, scale = int(found[1]), int(found[2])
    return Kind(
        frozenset({f"numeric({precision},{scale})"}),
        "nullif({}, 'NaN')::text",
        f"DECIMAL({precision},{scale})",
        pa.decimal128(precision, scale),
    )
