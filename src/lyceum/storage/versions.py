"""Reading a table as it was at a version."""

from dataclasses import dataclass

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from lyceum.storage.lakehouse import Lakehouse
from lyceum.table import Table

UNREADABLE: tuple[type[Exception], ...] = (PySparkException, Py4JJavaError)
"""What reading a version raises when vacuum has removed its files."""


@dataclass(frozen=True)
class Version:
    """A state of a table: versions count anew when a table is made anew, with another id."""

    table_id: str
    number: int


def current_version(lake: Lakehouse, table: Table) -> Version:
    """The latest state of a table."""
    lake.ensure(table)
    name = lake.name(table)
    detail = lake.spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]
    last = lake.spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
    return Version(str(detail.id), int(last.version))


def rows_at(lake: Lakehouse, table: Table, number: int) -> DataFrame:
    """The rows of a version; vacuum keeps them for seven days unless it is told otherwise."""
    lake.ensure(table)
    return lake.spark.sql(f"SELECT * FROM {lake.name(table)} VERSION AS OF {int(number)}")
