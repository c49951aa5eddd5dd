"""Reading a table as it was at a version."""

from dataclasses import dataclass

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from lyceum.local_disk import version_on_disk
from lyceum.storage.lakehouse import Lakehouse
from lyceum.storage.writes import last_commit
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
    number = latest_version(lake, table)
    detail = lake.spark.sql(f"DESCRIBE DETAIL {lake.name(table)}").collect()[0]
    return Version(str(detail.id), number)


def latest_version(lake: Lakehouse, table: Table) -> int:
    """The number of a table's latest version; on a local disk its files tell it at once."""
    lake.ensure(table)
    found = version_on_disk(lake.config, lake.config.schemas[table.layer], table.short_name)
    return int(last_commit(lake, lake.name(table))["version"]) if found is None else found


def rows_at(lake: Lakehouse, table: Table, number: int) -> DataFrame:
    """The rows of a version; vacuum keeps them for seven days unless it is told otherwise."""
    lake.ensure(table)
    return lake.spark.sql(f"SELECT * FROM {lake.name(table)} VERSION AS OF {int(number)}")
