"""What an export is: tables, the columns that leave, and how rows become text."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampNTZType, TimestampType

from lyceum.model.table import Table


@dataclass(frozen=True)
class ExportedTable:
    """A table of an export and its columns that leave, its keys among them."""

    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Export:
    """Tables that leave together, as one run."""

    name: str
    tables: tuple[ExportedTable, ...]


def exported_rows(rows: DataFrame, exported: ExportedTable) -> DataFrame:
    """The rows as they leave: `row_key`, a JSON list; `row_hash`; `cells`, texts in order."""
    text = as_text(rows.select(*exported.columns))
    # A hash passes over NULL: without the flags NULL in one column is NULL in its neighbour.
    hashed = [value for name in exported.columns for value in (F.col(name), F.col(name).isNull())]
    return text.select(
        F.to_json(F.array(*exported.table.keys)).alias("row_key"),
        F.xxhash64(*hashed).alias("row_hash"),
        F.array(*exported.columns).alias("cells"),
    )


def changes(now: DataFrame, sent: DataFrame, *, is_full: bool = False) -> DataFrame:
    """What differs from what was sent; `row_hash` and `cells` are NULL for a row that is gone.

    Args:
        now: Rows as of `exported_rows`.
        sent: `row_key` and `row_hash` of what the consumer has; no hash: it knows of the removal.
        is_full: Keep the rows that are as they were sent, too.
    """
    sent = sent.select("row_key", F.col("row_hash").alias("sent_hash"))
    is_changed = ~F.col("row_hash").eqNullSafe(F.col("sent_hash"))
    if is_full:
        is_changed |= F.col("row_hash").isNotNull()
    return now.join(sent, on="row_key", how="full_outer").where(is_changed).drop("sent_hash")


def as_text(rows: DataFrame) -> DataFrame:
    """Every value as text: ISO 8601 for days and instants, in UTC; true and false."""
    return rows.select(*(_text(f.name, f.dataType).alias(f.name) for f in rows.schema))


def _text(name: str, kind: DataType) -> Column:
    text = F.col(name).cast("string")
    if isinstance(kind, TimestampType):
        return F.concat(F.translate(text, " ", "T"), F.lit("Z"))
    return F.translate(text, " ", "T") if isinstance(kind, TimestampNTZType) else text
