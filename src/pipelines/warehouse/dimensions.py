# ruff: noqa: F821 - the engine provides spark
"""Bronze and the dimensions of the warehouse: streams, AUTO CDC, and a view a dimension."""

from collections.abc import Callable
from functools import partial

from pyspark import pipelines as dp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.pipelines import full_name
from lyceum.model.table import Table
from lyceum.quality.rules import expectations
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.gold.dimensions import (
    DIM_LEARNER,
    DIM_SKILL,
    DIM_SUBJECT,
    DIM_TENANT,
    DIM_USER,
    dim_learner,
    dim_skill,
    dim_subject,
    dim_tenant,
    dim_user,
)
from lyceum.systems.warehouse.silver import (
    DIMENSIONS,
    IS_DELETED,
    LEARNER_HISTORY,
    SEQUENCE,
    SKILL_LATEST,
    SUBJECT_LATEST,
    TENANT_HISTORY,
    USER_LATEST,
    Dimension,
)

_name = partial(full_name, spark)


def _land(source: str, table: Table) -> None:
    """A streaming table over the files that were landed of a table of the source."""

    @dp.table(name=_name(table), comment=table.grain, schema=table.columns)
    def landed() -> DataFrame:
        files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
        folder = f"{spark.conf.get('lyceum.warehouse.landing')}/{source}"
        return files.schema(table.columns).load(folder)


def _keep(dimension: Dimension) -> None:
    """What a dimension is made of, kept up to date from the changes in bronze."""
    name = f"{dimension.source}_changes"

    @dp.temporary_view(name=name)
    @dp.expect_all(expectations(dimension.rules))  # type: ignore[attr-defined]
    def changes() -> DataFrame:
        return dimension.changes(spark.readStream.table(_name(BRONZE[dimension.source])))

    target = dimension.target
    dp.create_streaming_table(name=_name(target), comment=target.grain, schema=target.columns)
    dp.create_auto_cdc_flow(  # type: ignore[attr-defined]
        target=_name(target),
        source=name,
        keys=list(dimension.keys),
        sequence_by=F.struct(*SEQUENCE),
        apply_as_deletes=F.col(IS_DELETED),
        except_column_list=[IS_DELETED, *SEQUENCE],
        stored_as_scd_type=dimension.scd_type,
    )


def _show(table: Table, source: Table, transform: Callable[[DataFrame], DataFrame]) -> None:
    """A materialized view: the dimension as reports read it."""

    @dp.materialized_view(name=_name(table), comment=table.grain, schema=table.columns)
    def shown() -> DataFrame:
        return transform(spark.read.table(_name(source)))


for _source, _table in BRONZE.items():
    _land(_source, _table)
for _dimension in DIMENSIONS:
    _keep(_dimension)
_show(DIM_TENANT, TENANT_HISTORY, dim_tenant)
_show(DIM_LEARNER, LEARNER_HISTORY, dim_learner)
_show(DIM_USER, USER_LATEST, dim_user)
_show(DIM_SUBJECT, SUBJECT_LATEST, dim_subject)
_show(DIM_SKILL, SKILL_LATEST, dim_skill)
