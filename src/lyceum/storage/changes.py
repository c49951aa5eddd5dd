"""What changed in a table between two of its Delta versions."""

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.storage.lakehouse import Lakehouse
from lyceum.storage.observe import reached
from lyceum.storage.versions import Version
from lyceum.table import Table

_FEED = "delta.enableChangeDataFeed"


def keep_changes(lake: Lakehouse, table: Table) -> None:
    """Have the table remember its changed rows, from its next version on."""
    lake.ensure(table)
    name = lake.name(table)
    properties = lake.spark.sql(f"SHOW TBLPROPERTIES {name}").where(F.col("key") == _FEED)
    if [row.value for row in properties.collect()] != ["true"]:
        with lake.locked(table):
            lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('{_FEED}' = 'true')")


def changes(lake: Lakehouse, table: Table, *, after: Version, upto: Version) -> DataFrame:
    """The rows that came, with `change` 1, and that went, with -1, after one version up to another.

    A row that was updated went as it was and came as it is.
    """
    reached("read", table.name)
    change = F.when(F.col("_change_type").isin("insert", "update_postimage"), 1).otherwise(-1)
    feed = _feed(lake, table, after, upto).withColumn("change", change)
    return feed.drop("_change_type", "_commit_version", "_commit_timestamp")


def changed_values(
    lake: Lakehouse, table: Table, column: str, *, after: Version | None, upto: Version
) -> list[int] | None:
    """The values of a column, few ones, in the rows that changed.

    None if that is not known: there is no version to start from, the table was made anew, rows were
    deleted, or the changes were vacuumed since. Then everything has to be looked at.
    """
    if after == upto:
        return []
    if after is None or after.table_id != upto.table_id or after.number > upto.number:
        return None
    try:
        found = _feed(lake, table, after, upto).groupBy(column)
        rows = found.agg(F.bool_or(F.col("_change_type") == "delete").alias("is_deleted")).collect()
    except PySparkException:
        return None
    return None if any(row.is_deleted for row in rows) else sorted(row[column] for row in rows)


def _feed(lake: Lakehouse, table: Table, after: Version, upto: Version) -> DataFrame:
    reader = lake.spark.read.option("readChangeFeed", "true")
    reader = reader.option("startingVersion", after.number + 1)
    return reader.option("endingVersion", upto.number).table(lake.name(table))
