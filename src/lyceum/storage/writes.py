"""The ways to write a table; each gives the same table when it is done twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame, MergeIntoWriter, Row
from pyspark.sql import functions as F
from pyspark.sql.types import VariantType

from lyceum.storage.lakehouse import Lakehouse, computed_once
from lyceum.table import Table, quoted

_FEW_KEYS = 5_000
"""So many keys are listed in a merge's condition; 100,000 literals are too many for the planner."""
_MOST_BROADCAST = 300_000
"""More changed rows than these are not sent to every task."""
_SMALL_BYTES = 8 * 2**20
"""Writing a table of this size again costs less than marking rows in its files."""
_MARKS_ROWS = "spark.databricks.delta.merge.deletionVectors.persistent"
_IS_KNOWN = "_is_known"


@dataclass(frozen=True)
class Written:
    """What a write changed, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def is_nothing(self) -> bool:
        """True if the table is as it was, without a commit."""
        return not (self.inserted or self.updated or self.deleted)


def append_once(lake: Lakehouse, table: Table, rows: DataFrame, *, app: str, version: int) -> None:
    """Append, unless this app has already written this or a later version to the table."""
    lake.ensure(table)
    with lake.writing(table):
        writer = rows.writeTo(lake.name(table))
        writer.option("txnAppId", app).option("txnVersion", str(version)).append()


def append(lake: Lakehouse, table: Table, rows: DataFrame) -> None:
    """Append rows that no retry of ours writes a second time, such as ledger events.

    Without the check for an earlier append Delta need not compute the table's whole state.
    """
    lake.ensure(table)
    with lake.writing(table):
        rows.writeTo(lake.name(table)).append()


def replace(lake: Lakehouse, table: Table, rows: DataFrame, *, where: Column | None = None) -> None:
    """Replace the rows that match `where`, all if None, in one commit."""
    lake.ensure(table)
    name = lake.name(table)
    with lake.writing(table):
        rows.writeTo(name).overwrite(F.expr("true") if where is None else where)
        if where is None and table.clustering:
            # A full overwrite drops the clustering columns (seen with Delta 4.4).
            columns = ", ".join(quoted(column) for column in table.clustering)
            lake.spark.sql(f"ALTER TABLE {name} CLUSTER BY ({columns})")


def delete(lake: Lakehouse, table: Table, *, where: Column) -> None:
    """Delete the rows that match."""
    replace(lake, table, lake.read(table).limit(0), where=where)


def clear(lake: Lakehouse, table: Table) -> None:
    """Delete all rows; a table without rows gets no commit."""
    if not lake.read(table).isEmpty():
        with lake.writing(table):
            lake.spark.sql(f"DELETE FROM {lake.name(table)}")


def merge(
    lake: Lakehouse,
    table: Table,
    source: DataFrame,
    *,
    unless_only: Iterable[str] = (),
    prune: bool = False,
) -> Written:
    """Update rows whose key is there and insert the others; rows without a change stay.

    A difference in only the `unless_only` columns is no change. With `prune`, the batch's keys
    limit what is read of the table: it costs one more pass over `source` and pays when that is
    small beside the table. Source keys must be unique and not null.
    """
    lake.ensure(table)
    name = lake.name(table)
    compared = [c for c in source.columns if c not in {*table.keys, *unless_only}]
    with lake.writing(table):
        if lake.is_untouched(table):
            return first_rows(lake, table, source)
        there = lake.spark.table(name)
        if prune:
            there, source = there.where(pruning(name, table, source)), F.broadcast(source)
        # A merge that changes nothing still reads twice and leaves a file behind.
        found = computed_once(_changed(name, table, there, source, compared))
        rows = {row[_IS_KNOWN]: row["count"] for row in found.groupBy(_IS_KNOWN).count().collect()}
        if rows:
            changed = found.drop(_IS_KNOWN)
            merging = merge_into(lake, table, changed, rows=sum(rows.values()))
            merging.whenMatched().updateAll().whenNotMatched().insertAll().merge()
        return Written(inserted=rows.get(None, 0), updated=rows.get(True, 0))


def first_rows(lake: Lakehouse, table: Table, rows: DataFrame) -> Written:
    """Append to a table without rows: a merge would compare with nothing at thrice the cost."""
    rows = computed_once(rows)
    count = rows.count()
    if count:
        rows.writeTo(lake.name(table)).append()
    return Written(inserted=count)


def merge_into(lake: Lakehouse, table: Table, changed: DataFrame, *, rows: int) -> MergeIntoWriter:
    """A merge of that many changed rows, `source`, without its clauses yet.

    As a broadcast the rows spare the table a shuffle.
    """
    name = lake.name(table)
    condition = same_keys(name, table) & pruning(name, table, changed)
    size = lake.most_bytes(table)
    if table.deletion_vectors and size is not None:
        lake.spark.conf.set(_MARKS_ROWS, str(size > _SMALL_BYTES).lower())
    source = F.broadcast(changed) if rows <= _MOST_BROADCAST else changed
    return source.alias("source").mergeInto(name, condition)


def _changed(
    name: str, table: Table, there: DataFrame, source: DataFrame, compared: list[str]
) -> DataFrame:
    """The rows of `source` that are not there or differ; `_IS_KNOWN` is true for the latter."""
    is_other = differs(name, source, compared) if compared else F.lit(False)
    found = there.join(source.alias("source"), on=same_keys(name, table), how="inner").select(
        *(F.col(f"source.{key}").alias(key) for key in table.keys), is_other.alias(_IS_KNOWN)
    )
    joined = source.alias("source").join(
        found.alias("found"), on=same_keys("found", table), how="left"
    )
    is_changed = F.coalesce(_IS_KNOWN, F.lit(True))
    return joined.where(is_changed).select("source.*", _IS_KNOWN)


def same_keys(name: str, table: Table) -> Column:
    """True where a row of `source` and one of `name` have the same key, NULL being a value."""
    pairs = (F.col(f"source.{key}").eqNullSafe(F.col(f"{name}.{key}")) for key in table.keys)
    return reduce(and_, pairs)


def differs(name: str, source: DataFrame, columns: list[str]) -> Column:
    """True if any of the columns differs, NULL being a value like any other."""
    return reduce(
        or_,
        (
            ~_comparable(source, f"source.{c}", c).eqNullSafe(_comparable(source, f"{name}.{c}", c))
            for c in columns
        ),
    )


def _comparable(source: DataFrame, reference: str, column: str) -> Column:
    """VARIANT has no equality of its own: its JSON text has."""
    is_variant = isinstance(source.schema[column].dataType, VariantType)
    return F.to_json(F.col(reference)) if is_variant else F.col(reference)


def pruning(name: str, table: Table, source: DataFrame) -> Column:
    """The batch's keys as literals, which Delta skips files and Spark skips rows by.

    Few keys are listed; of many, the smallest and the largest limit the range.
    """
    key = table.keys[0]
    some = [row[0] for row in source.select(key).limit(_FEW_KEYS + 1).collect()]
    if len(some) <= _FEW_KEYS:
        return F.col(f"{name}.{key}").isin(some)
    low, high = source.agg(F.min(key), F.max(key)).collect()[0]
    return F.col(f"{name}.{key}").between(low, high)


def last_commit(lake: Lakehouse, name: str) -> Row:
    """The latest entry of the table's history."""
    return lake.spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
