"""What a declarative pipeline needs of a declaration."""

from typing import TYPE_CHECKING

from lyceum.model.table import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def full_name(spark: "SparkSession", table: Table) -> str:
    """Schema and name of a table, the schema as the pipeline's settings call it."""
    return f"{spark.conf.get(f'lyceum.schema.{table.layer}')}.{table.short_name}"
