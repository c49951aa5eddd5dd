"""Tables of Spark: found, created and evolved; in a folder plain, as the embedded engine's are."""

from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from pocketlake.declaration import (
    Declaration,
    declared_schema,
    quoted,
    required_fields,
    selected,
    text_literal,
)
from pocketlake.engine import Place
from pocketlake.evolution import Changes, Present, changes


def exists(spark: SparkSession, place: Place) -> bool:
    """True if the catalog has the table, or its folder has a Delta log."""
    if place.location is None:
        return spark.catalog.tableExists(place.name)
    if "://" not in place.location:
        return any(Path(place.location, "_delta_log").glob("*.json"))
    try:
        return bool(spark.read.format("delta").load(place.location).columns)
    except AnalysisException:
        return False


def attach(spark: SparkSession, place: Place) -> None:
    """Managed tables are known; one in a folder is, once its name has been given it."""
    if place.location is not None and not spark.catalog.tableExists(place.name):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {place.schema}")
        location = text_literal(place.location)
        spark.sql(f"CREATE TABLE IF NOT EXISTS {place.name} USING DELTA LOCATION {location}")


def ensure(spark: SparkSession, table: Declaration, place: Place, types: StructType) -> None:
    """Create the table or evolve it; managed ones get their NOT NULLs and clustering."""
    schema = declared_schema(table, types)
    if not exists(spark, place):
        _create(spark, table, place, schema)
        return
    attach(spark, place)
    present = _present(spark, place)
    found = changes(table, types, present)
    if found.is_none:
        return
    if place.location is None:
        _alter(spark, place, found)
    else:
        # ALTER would give the table features that the embedded engine cannot write.
        rows = selected(spark.table(place.name), present.columns, schema)
        _overwritten(rows, place.location)


def _create(spark: SparkSession, table: Declaration, place: Place, schema: StructType) -> None:
    if place.location is None:
        spark.sql(_create_statement(table, place.name))
        return
    _overwritten(spark.createDataFrame([], schema), place.location)
    attach(spark, place)
    spark.sql(f"COMMENT ON TABLE {place.name} IS {text_literal(table.comment)}")


def _overwritten(rows: DataFrame, location: str) -> None:
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.save(location)


def _create_statement(table: Declaration, full_name: str) -> str:
    """DDL of a managed table: NOT NULL, comments and clustering as declared."""
    parts = [f"CREATE TABLE IF NOT EXISTS {full_name} ({table.columns}) USING DELTA"]
    if table.clustering:
        parts.append(f"CLUSTER BY ({', '.join(quoted(c) for c in table.clustering)})")
    parts.append(f"COMMENT {text_literal(table.comment)}")
    return " ".join(parts)


def _present(spark: SparkSession, place: Place) -> Present:
    columns = spark.table(place.name).schema
    required = [field.name for field in columns if not field.nullable]
    return Present(columns, frozenset(required) | required_fields(columns))


def _alter(spark: SparkSession, place: Place, found: Changes) -> None:
    altered = f"ALTER TABLE {place.name}"
    if found.widened:
        spark.sql(f"{altered} SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
    for column, kind in found.widened:
        spark.sql(f"{altered} ALTER COLUMN `{column.name}` TYPE {kind.simpleString()}")
    for column, kind in found.added:
        comment = text_literal(column.comment)
        spark.sql(
            f"{altered} ADD COLUMNS (`{column.name}` {kind.simpleString()} COMMENT {comment})"
        )
    for column in found.commented:
        comment = text_literal(column.comment)
        spark.sql(f"{altered} ALTER COLUMN `{column.name}` COMMENT {comment}")
    for name in found.relaxed:
        spark.sql(f"{altered} ALTER COLUMN `{name}` DROP NOT NULL")
