"""Lakehouse: the lake of one configuration, with its views and its home."""

from pyspark.sql import DataFrame, SparkSession

from lyceum.model.table import View
from lyceum.settings import Settings
from pocketlake import Declaration, Lake, quoted, text_literal


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

    def labels(self, table: Declaration) -> list[str]:
        """What a workspace's catalog learns with the table; its views are among it.

        Who writes the table owns its views; who may only read it creates none.
        """
        from lyceum.model.declared import views

        return super().labels(table) + [self._made(view) for view in views() if view.base == table]

    def _made(self, view: View) -> str:
        name = quoted(self.catalog, self.config.schemas[view.layer], view.short_name)
        query = view.query.format(base=self.name(view.base))
        comment = text_literal(view.comment)
        return f"CREATE OR REPLACE VIEW {name} COMMENT {comment} AS {query}"

    def view(self, view: View) -> DataFrame:
        """The view's rows, by its declaration; nothing is created."""
        if not self.exists(view.base):
            # Every view is the latest of its base's rows, in its base's columns.
            return self.rows(view.base, [])
        self.read(view.base)
        return self.spark.sql(view.query.format(base=self.name(view.base)))
