"""Lakehouse: the lake of one configuration, with its views and its home."""

from pyspark.sql import DataFrame, SparkSession

from lyceum.model.table import View
from lyceum.settings import Settings
from pocketlake import Lake


class Lakehouse(Lake):
    """Lyceum's tables: where they are and what their schemas are called is configuration."""

    def __init__(self, spark: SparkSession, config: Settings) -> None:
        super().__init__(
            spark,
            kind=config.engine,
            warehouse=config.warehouse,
            catalog=config.catalog,
            schemas=config.schemas,
        )
        self.config = config

    def view(self, view: View) -> DataFrame:
        """The view's rows, by its declaration; nothing is created."""
        if not self.exists(view.base):
            # Every view is the latest of its base's rows, in its base's columns.
            return self.rows(view.base, [])
        self.read(view.base)
        return self.spark.sql(view.query.format(base=self.name(view.base)))
