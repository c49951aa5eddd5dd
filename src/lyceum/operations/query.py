"""Looking at tables: queries on whatever lies in the warehouse."""

import re
from collections.abc import Iterable

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructType, TimestampType, VariantType

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import View

_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*|/\*.*?\*/)*(\w*)", re.S)
_QUERIES = ("select", "with", "from", "values", "table")
_LISTINGS = ("show", "describe", "desc")
_EXPLAIN = re.compile(r"explain\b(\s+(extended|codegen|cost|formatted|verbose|analyze)\b)*", re.I)
_PLACE = re.compile(r" at \d+:\d+")


class QueryError(UsageError):
    """The statement is no query, or the engine cannot make sense of it."""


def query(lake: Lakehouse, statement: str, views: Iterable[View] = ()) -> DataFrame:
    """The result of a query on any table of the warehouse; tables are written by jobs alone."""
    statement = statement.rstrip("; \t\r\n")
    first = _FIRST_WORD.match(statement)
    word = first[1].lower() if first else ""
    if word not in (*_QUERIES, *_LISTINGS, "explain"):
        found = repr(first[1]) if first and first[1] else "nothing"
        message = f"expected a query (SELECT, WITH, SHOW, DESCRIBE, EXPLAIN), found {found}"
        raise QueryError(message)
    words = set(re.findall(r"\w+", statement.lower()))
    on_disk = lake.tables()
    named = [pair for pair in on_disk if pair[1] in words]
    lake.attach(on_disk if word in _LISTINGS else named)
    for view in views:
        if view.short_name in words:
            # As a temporary view: who may only read cannot create one in the catalog.
            lake.view(view).createOrReplaceTempView(view.short_name)
            schema = lake.config.schemas[view.layer]
            named_in_full = rf"(?:`?\w+`?\.)?`?{re.escape(schema)}`?\.(`?{view.short_name}`?)\b"
            statement = re.sub(named_in_full, r"\1", statement, flags=re.I)
    try:
        if word not in _LISTINGS:
            _check_reads_only(lake, _EXPLAIN.sub("", statement, count=1))
        frame = lake.spark.sql(statement)
        frame.schema  # noqa: B018 - a session may find an error only now
    except PySparkException as error:
        raise QueryError(_one_line(str(error))) from None
    return frame


def _check_reads_only(lake: Lakehouse, text: str) -> None:
    """Let the engine analyse the text as a subquery: the grammar has no place for a write there.

    A first word is not enough: `WITH … DELETE` and `EXPLAIN ANALYZE DELETE` write.
    """
    lake.spark.sql(f"SELECT * FROM (\n{text}\n)").schema  # noqa: B018 - finds the error


def printable(frame: DataFrame) -> DataFrame:
    """Nested values as JSON text and instants as UTC text, other values as they are.

    Columns of one name stay apart.
    """
    numbered = frame.toDF(*(f"c{place}" for place in range(len(frame.columns))))
    named = zip(numbered.columns, frame.columns, strict=True)
    return numbered.select(*(_printable(numbered, column).alias(name) for column, name in named))


def _printable(frame: DataFrame, name: str) -> Column:
    kind, column = frame.schema[name].dataType, F.col(name)
    if isinstance(kind, StructType | ArrayType | MapType | VariantType):
        return F.to_json(column)
    if isinstance(kind, TimestampType | BinaryType):
        return column.cast("string")
    return column


def _one_line(message: str) -> str:
    """The first line, without the place in a text that has more in it than was given."""
    return _PLACE.sub("", message.strip().splitlines()[0]).removesuffix(";")
