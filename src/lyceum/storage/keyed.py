"""Making the rows of some keys, or a whole table, exactly what was computed for them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.storage.lakehouse import Lakehouse, computed_once
from lyceum.storage.writes import (
    Written,
    differs,
    first_rows,
    merge_into,
    replace,
    same_keys,
)
from lyceum.table import Table

_CHANGE = "_change"


def replace_keys(
    lake: Lakehouse, table: Table, rows: DataFrame, *, keys: DataFrame | None = None
) -> Written:
    """Insert, update what differs, and delete the rows of `keys` that are not among `rows`.

    Without `keys` every row of the table that is not among `rows` is deleted. Rows without a
    change stay, and nothing is committed if there is none.
    """
    lake.ensure(table)
    name = lake.name(table)
    with lake.writing(table):
        if lake.is_untouched(table):
            return first_rows(lake, table, rows)
        changed = computed_once(_changes(lake.spark.table(name), table, rows, keys))
        counts = {row[_CHANGE]: row["count"] for row in changed.groupBy(_CHANGE).count().collect()}
        if counts:
            values = {column: F.col(f"source.{column}") for column in rows.columns}
            merging = merge_into(lake, table, changed, rows=sum(counts.values()))
            merging = merging.whenMatched(F.col(f"source.{_CHANGE}") == "deleted").delete()
            merging.whenMatched().update(values).whenNotMatched().insert(values).merge()
        return Written(**counts)


def replace_small(lake: Lakehouse, table: Table, rows: DataFrame) -> Written:
    """Make a table of at most some thousand rows what was computed; commit if that differs.

    The driver compares them, for a merge of few rows costs several times as much.
    """
    now = lake.read(table)
    wanted = rows.select(*now.columns)
    old, new = ({tuple(row) for row in frame.collect()} for frame in (now, wanted))
    if old == new:
        return Written()
    replace(lake, table, lake.spark.createDataFrame(list(new), now.schema))
    return _compared(old, new, [now.columns.index(key) for key in table.keys])


def _changes(there: DataFrame, table: Table, rows: DataFrame, keys: DataFrame | None) -> DataFrame:
    """The rows to insert, those to update, and the keys to delete."""
    if keys is not None:
        there = there.join(F.broadcast(keys), on=list(table.keys), how="left_semi")
    old, new = there.withColumn("_is_old", F.lit(True)), rows.withColumn("_is_new", F.lit(True))
    others = [column for column in rows.columns if column not in table.keys]
    joined = new.alias("source").join(
        old.alias("there"), on=same_keys("there", table), how="full_outer"
    )
    change = (
        F.when(F.col("_is_old").isNull(), "inserted")
        .when(F.col("_is_new").isNull(), "deleted")
        .when(differs("there", rows, others), "updated")
    )
    return joined.select(
        *(F.coalesce(f"source.{key}", f"there.{key}").alias(key) for key in table.keys),
        *(F.col(f"source.{column}").alias(column) for column in others),
        change.alias(_CHANGE),
    ).where(F.col(_CHANGE).isNotNull())


def _compared(
    old: set[tuple[object, ...]], new: set[tuple[object, ...]], places: list[int]
) -> Written:
    """What is different, counted by the keys, which stand at `places`."""
    before, after = ({tuple(row[i] for i in places) for row in rows} for rows in (old, new))
    changed = {tuple(row[i] for i in places) for row in new - old}
    return Written(
        inserted=len(after - before), updated=len(changed & before), deleted=len(before - after)
    )
