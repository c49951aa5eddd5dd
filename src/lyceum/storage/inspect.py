"""Looking at tables: queries on whatever lies in the warehouse, sizes, history."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructType, TimestampType, VariantType

from lyceum.errors import UsageError
from lyceum.storage.lakehouse import Lakehouse
from lyceum.table import Table, View

_QUERY = re.compile(r"\s*\(*\s*(select|with|from|values|table|show|describe|desc|explain)\b", re.I)
_LISTING = re.compile(r"\s*(show|describe|desc)\b", re.I)


class QueryError(UsageError):
    """The statement is no query, or Spark cannot make sense of it."""


@dataclass(frozen=True)
class TableFacts:
    """What a table holds at this moment."""

    rows: int
    bytes: int
    files: int
    version: int
    modified_at: datetime


def query(lake: Lakehouse, statement: str, views: Iterable[View] = ()) -> DataFrame:
    """The result of a query on any table of the warehouse; tables are written by jobs alone."""
    if not _QUERY.match(statement):
        word = (statement.split() or ["nothing"])[0]
        message = f"expected a query (SELECT, WITH, SHOW, DESCRIBE, EXPLAIN), found {word!r}"
        raise QueryError(message)
    words = set(re.findall(r"\w+", statement.lower()))
    on_disk = lake.tables_on_disk()
    named = [pair for pair in on_disk if pair[1] in words]
    lake.attach(on_disk if _LISTING.match(statement) else named)
    for view in views:
        if view.short_name in words:
            lake.view(view)
    try:
        return lake.spark.sql(statement)
    except (AnalysisException, ParseException) as error:
        raise QueryError(_one_line(str(error))) from None


def printable(frame: DataFrame) -> DataFrame:
    """Nested values as JSON text and instants as UTC text, other values as they are."""
    return frame.select(*(_printable(frame, name).alias(name) for name in frame.columns))


def facts(lake: Lakehouse, table: Table) -> TableFacts:
    """Rows, size and last change of a table."""
    rows = lake.read(table).count()
    detail = lake.spark.sql(f"DESCRIBE DETAIL {lake.name(table)}").collect()[0]
    last = history(lake, table, limit=1).collect()[0]
    return TableFacts(rows, detail.sizeInBytes, detail.numFiles, last.version, last.timestamp)


def history(lake: Lakehouse, table: Table, *, limit: int) -> DataFrame:
    """The latest versions of a table, newest first."""
    lake.ensure(table)
    return lake.spark.sql(f"DESCRIBE HISTORY {lake.name(table)} LIMIT {int(limit)}")


def _printable(frame: DataFrame, name: str) -> Column:
    kind, column = frame.schema[name].dataType, F.col(f"`{name.replace('`', '``')}`")
    if isinstance(kind, StructType | ArrayType | MapType | VariantType):
        return F.to_json(column)
    if isinstance(kind, TimestampType | BinaryType):
        return column.cast("string")
    return column


def _one_line(message: str) -> str:
    return message.strip().splitlines()[0].removesuffix(";")
