"""What a declared table is to pocketlake, and its columns taken apart."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

from pocketlake.errors import DeclarationError, MisfitError

NOT_NULL = "pocketlake.notNull"
"""Metadata of a column that is declared NOT NULL: on disk every column is nullable."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_REFUSED = re.compile(r"[ ,;{}()\n\t=]")
"""What Delta allows in no name of a column of a plain table."""
_PARTS = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|[(<]|[)>]|,|[^'`(<)>,]+", re.S)
_COLUMN = re.compile(
    r"\s*(?P<name>`[^`]+`|\w+)\s+(?P<type>.+?)(?P<not_null>\s+NOT\s+NULL)?"
    r"(?:\s+COMMENT\s+'(?P<comment>(?:[^'\\]|\\.|'')*)')?\s*",
    re.S | re.I,
)


class Declaration(Protocol):
    """A declared table; any class with these attributes is one."""

    @property
    def name(self) -> str:
        """Schema and table, such as `silver.sessions`."""

    @property
    def columns(self) -> str:
        """DDL of the columns: name, type, NOT NULL, COMMENT."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row."""

    @property
    def comment(self) -> str:
        """What a row is."""

    @property
    def clustering(self) -> tuple[str, ...]:
        """The columns that files are clustered on, where the engine can."""

    @property
    def personal(self) -> tuple[str, ...]:
        """The columns that hold personal data; a workspace's catalog tags them."""


@dataclass(frozen=True)
class Column:
    """One declared column."""

    name: str
    ddl_type: str
    is_required: bool
    comment: str


def quoted(*parts: str) -> str:
    """A dotted SQL identifier, each part checked against an allow-list and quoted.

    >>> quoted("spark_catalog", "silver", "lm_events")
    '`spark_catalog`.`silver`.`lm_events`'
    """
    for part in parts:
        if not _NAME.fullmatch(part):
            message = f"expected an identifier of letters, digits, _ and -, found {part!r}"
            raise DeclarationError(message)
    return ".".join(f"`{part}`" for part in parts)


def text_literal(text: str) -> str:
    r"""A SQL string literal of Spark.

    >>> text_literal("the learner's")
    "'the learner\\'s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@lru_cache(maxsize=512)
def declared_columns(ddl: str) -> tuple[Column, ...]:
    r"""The columns of a DDL string.

    >>> declared_columns("k STRING NOT NULL COMMENT 'the key', m DECIMAL(12,4)")[0]
    Column(name='k', ddl_type='STRING', is_required=True, comment='the key')
    >>> [c.ddl_type for c in declared_columns("m DECIMAL(12,4), s STRUCT<a: INT, b: INT>")]
    ['DECIMAL(12,4)', 'STRUCT<a: INT, b: INT>']
    """
    return tuple(_column(part) for part in _split(ddl))


def required_columns(table: Declaration) -> tuple[str, ...]:
    """The columns that are declared NOT NULL."""
    return tuple(c.name for c in declared_columns(table.columns) if c.is_required)


def declared_field(column: Column, kind: DataType) -> StructField:
    """The column as it stands on disk: nullable, with its comment and whether it is required."""
    metadata = {"comment": column.comment} if column.comment else {}
    if column.is_required:
        metadata[NOT_NULL] = "true"
    return StructField(column.name, kind, nullable=True, metadata=metadata)


def declared_schema(table: Declaration, types: StructType) -> StructType:
    """The declared columns as they stand on disk."""
    columns = declared_columns(table.columns)
    return StructType([declared_field(c, types[c.name].dataType) for c in columns])


def selected(rows: DataFrame, present: StructType, wanted: StructType) -> DataFrame:
    """The rows of a table in other columns: cast, NULL where they are new, with metadata."""
    columns = []
    for field in wanted:
        is_new = field.name not in present.names
        column = F.lit(None) if is_new else F.col(f"`{field.name}`")
        typed = column.cast(field.dataType)
        columns.append(typed.alias(field.name, metadata=field.metadata))
    return rows.select(*columns)


def fitting(table: Declaration, rows: DataFrame) -> DataFrame:
    """The declared columns of a frame, whatever else it has; without one of them it is refused."""
    declared = [column.name for column in declared_columns(table.columns)]
    missing = [name for name in declared if name not in rows.columns]
    if missing:
        message = f"expected rows with the columns of {table.name}, found no {', '.join(missing)}"
        raise MisfitError(message)
    return rows.select(*(f"`{name}`" for name in declared))


def required_fields(on_disk: StructType) -> frozenset[str]:
    """The columns of a table on disk that were declared NOT NULL."""
    return frozenset(f.name for f in on_disk if f.metadata.get(NOT_NULL))


def _split(ddl: str) -> list[str]:
    """The DDL cut at the commas that stand outside of brackets and quotes."""
    columns, depth = [""], 0
    for part in _PARTS.findall(ddl):
        depth += (part in "(<") - (part in ")>")
        if part == "," and depth == 0:
            columns.append("")
        else:
            columns[-1] += part
    return columns


def _column(text: str) -> Column:
    found = _COLUMN.fullmatch(text)
    if found is None:
        message = f"expected a column as NAME TYPE [NOT NULL] [COMMENT '…'], found {text.strip()!r}"
        raise DeclarationError(message)
    comment = re.sub(r"\\(.)|''", lambda m: m[1] or "'", found["comment"] or "", flags=re.S)
    name = found["name"].strip("`")
    if _REFUSED.search(name):
        message = f"expected a column's name without blanks and ,;{{}}()=, found {name!r}"
        raise DeclarationError(message)
    return Column(name, found["type"].strip(), found["not_null"] is not None, comment)


def declared_types(spark: SparkSession, table: Declaration) -> StructType:
    """The declared columns as Spark types, each nullable."""
    ddl = ", ".join(f"`{c.name}` {c.ddl_type}" for c in declared_columns(table.columns))
    return _types(spark, ddl)


_TYPES: dict[str, StructType] = {}


def _types(spark: SparkSession, ddl: str) -> StructType:
    """Asking the session for a type costs a call, and the answer never changes."""
    if ddl not in _TYPES:
        _TYPES[ddl] = spark.createDataFrame([], ddl).schema
    return _TYPES[ddl]
