"""What an export is: tables, the columns that leave, and how rows become text."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampNTZType, TimestampType

from lyceum.model.table import Table


@dataclass(frozen=True)
class ExportedTable:
    """A table of an export and its columns that leave."""

    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Export:
    """Tables that leave together, as one run."""

    name: str
    tables: tuple[ExportedTable, ...]


def changes(current: DataFrame, previous: DataFrame, *, keys: tuple[str, ...]) -> DataFrame:
    """The rows that are new or differ in a column, and with `is_removed` those that are gone."""
    now, before = (
        rows.select(F.struct(*keys).alias("key"), F.struct("*").alias(name))
        for rows, name in ((current, "now"), (previous, "before"))
    )
    is_changed = ~F.col("now").eqNullSafe(F.col("before"))
    is_removed = F.col("now").isNull()
    row = F.coalesce("now", "before").alias("row")
    both = now.join(before, on="key", how="full_outer").where(is_changed)
    return both.select(row, is_removed.alias("is_removed")).select("row.*", "is_removed")


def as_text(rows: DataFrame) -> DataFrame:
    """Every value as text: ISO 8601 for days and instants, in UTC; true and false."""
    return rows.select(*(_text(f.name, f.dataType).alias(f.name) for f in rows.schema))


def _text(name: str, kind: DataType) -> Column:
    text = F.col(name).cast("string")
    if isinstance(kind, TimestampType):
        return F.concat(F.translate(text, " ", "T"), F.lit("Z"))
    return F.translate(text, " ", "T") if isinstance(kind, TimestampNTZType) else text
