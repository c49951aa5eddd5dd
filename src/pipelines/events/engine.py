"""Files and rules, as the pipeline's settings and our declarations have them."""

from collections.abc import Callable
from pathlib import Path

from pyspark import pipelines as dp
from pyspark.sql import DataFrame, SparkSession

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, expectations
from lyceum.systems.events.source import Entity, Folders

Query = Callable[[], DataFrame]


def prepared_files(spark: SparkSession, entity: Entity, table: Table) -> DataFrame:
    """A stream of the prepared files of an entity: each file once."""
    folder = Folders(Path(spark.conf.get("lyceum.home") or "")).prepared(entity)
    files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
    return files.schema(table.columns).load(str(folder))


def watched(spark: SparkSession, name: str, query: Query, rules: tuple[Rule, ...]) -> Query:
    """The query, as a view whose broken rules are counted; the transforms drop what is rejected."""
    dp.temporary_view(name=name)(dp.expect_all(expectations(rules))(query))  # type: ignore[attr-defined]
    return lambda: spark.read.table(name)
