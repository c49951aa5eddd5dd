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

_QUERY = re.compile(r"\s*\(*\s*(select|with|from|values|table|show|describe|desc|explain)\b", re.I)
_LISTING = re.compile(r"\s*(show|describe|desc)\b", re.I)


class QueryError(UsageError):
    """The statement is no query, or Spark cannot make sense of it."""


def query(lake: Lakehouse, statement: str, views: Iterable[View] = ()) -> DataFrame:
    """The result of a query on any table of the warehouse; tables are written by jobs alone."""
    if not _QUERY.match(statement):
        word = (statement.split() or ["nothing"])[0]
        message = f"expected a query (SELECT, WITH, SHOW, DESCRIBE, EXPLAIN), found {word!r}"
        raise QueryError(message)
    words = set(re.findall(r"\w+", statement.lower()))
    on_disk = lake.tables()
    named = [pair for pair in on_disk if pair[1] in words]
    lake.attach(on_disk if _LISTING.match(statement) else named)
    for view in views:
        if view.short_name in words:
            # As a temporary view: who may only read cannot create one in the catalog.
            lake.view(view).createOrReplaceTempView(view.short_name)
            schema = lake.config.schemas[view.layer]
            named_in_full = rf"(?:`?\w+`?\.)?`?{re.escape(schema)}`?\.(`?{view.short_name}`?)\b"
            statement = re.sub(named_in_full, r"\1", statement, flags=re.I)
    try:
        frame = lake.spark.sql(statement)
        frame.schema  # noqa: B018 - a session may find an error only now
    except PySparkException as error:
        raise QueryError(_one_line(str(error))) from None
    return frame


def printable(frame: DataFrame) -> DataFrame:
    """Nested values as JSON text and instants as UTC text, other values as they are."""
    return frame.select(*(_printable(frame, name).alias(name) for name in frame.columns))


def _printable(frame: DataFrame, name: str) -> Column:
    kind, column = frame.schema[name].dataType, F.col(f"`{name.replace('`', '``')}`")
    if isinstance(kind, StructType | ArrayType | MapType | VariantType):
        return F.to_json(column)
    if isinstance(kind, TimestampType | BinaryType):
        return column.cast("string")
    return column


def _one_line(message: str) -> str:
    return message.strip().splitlines()[0].removesuffix(";")
