# ruff: noqa: F821 - the engine provides spark
"""Bronze of the event pipeline: one streaming table an entity, over the prepared files."""

from engine import prepared_files
from pyspark import pipelines as dp
from pyspark.sql import DataFrame

from lyceum.model.pipelines import full_name
from lyceum.systems.events.bronze import LANDING_TABLES
from lyceum.systems.events.source import ENTITIES, Entity


def _declare(entity: Entity) -> None:
    table = LANDING_TABLES[entity.name]

    @dp.table(name=full_name(spark, table), comment=table.grain, schema=table.columns)
    def landing() -> DataFrame:
        return prepared_files(spark, entity, table)


for _entity in ENTITIES:
    _declare(_entity)
