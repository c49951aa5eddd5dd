"""The one switch between the engines: Lakeflow has Auto Loader and expectations, Spark has not."""

from collections.abc import Callable
from pathlib import Path

from pyspark import pipelines as dp
from pyspark.sql import DataFrame, SparkSession

from lyceum.config import Config
from lyceum.quality.rules import Rule
from lyceum.sources.landing import Entity, Folders
from lyceum.table import Table

IS_LAKEFLOW = hasattr(dp, "expect_all")

Query = Callable[[], DataFrame]


def home(spark: SparkSession) -> Path:
    """Where the prepared files are: the pipeline's setting, else that of the process."""
    return Path(spark.conf.get("lyceum.home", "") or Config.load().home)


def full_name(spark: SparkSession, table: Table) -> str:
    """Schema and name of a table, the schema as the pipeline or the process sets it."""
    schema = spark.conf.get(f"lyceum.schema.{table.layer}", "")
    return f"{schema or Config.load().schemas[table.layer]}.{table.short_name}"


def prepared_files(spark: SparkSession, entity: Entity, table: Table) -> DataFrame:
    """A stream of the prepared files of an entity: each file once."""
    folder = str(Folders(home(spark)).prepared(entity))
    if IS_LAKEFLOW:
        files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
        return files.schema(table.columns).load(folder)
    return spark.readStream.schema(table.columns).parquet(folder)


def watched(spark: SparkSession, name: str, query: Query, rules: tuple[Rule, ...]) -> Query:
    """The query, as a view whose broken rules the engine counts, if it can count them.

    The transforms drop what is rejected anywhere; without expectations the query stays a function.
    """
    if not IS_LAKEFLOW:
        return query
    expected = {rule.id: f"NOT coalesce({rule.broken}, false)" for rule in rules}
    dp.temporary_view(name=name)(dp.expect_all(expected)(query))
    return lambda: spark.read.table(name)
