"""The pipeline of the warehouse on one machine: bronze, and what it makes of it."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.pipelines import full_name, pipeline_of, update_pipeline
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.gold.dimensions import (
    DIM_LEARNER,
    DIM_SKILL,
    DIM_SUBJECT,
    DIM_TENANT,
    DIM_USER,
)
from lyceum.systems.warehouse.job_extract import landing_folder
from lyceum.systems.warehouse.silver import DIMENSIONS, Dimension

if TYPE_CHECKING:
    from bundlerun.pipelines import Update

WAREHOUSE = "warehouse"
"""Key of the pipeline in the bundle."""
LANDING = "lyceum.warehouse.landing"
"""The setting that tells the pipeline where the files are."""
_GOLD = (DIM_TENANT, DIM_LEARNER, DIM_USER, DIM_SUBJECT, DIM_SKILL)
_SHOWN = dict(zip(DIMENSIONS, _GOLD, strict=True))
TABLES = (*BRONZE.values(), *(d.target for d in DIMENSIONS), *_SHOWN.values())
SYNCS = {f"sync_{shown.short_name}": dimension for dimension, shown in _SHOWN.items()}
"""The dimensions by the job that syncs them."""


class NotHereError(UsageError):
    """In a workspace only its own pipeline may write the tables."""


def tables_of(dimension: Dimension) -> tuple[Table, ...]:
    """What has to be updated for a dimension, in order."""
    return BRONZE[dimension.source], dimension.target, _SHOWN[dimension]


def update_tables(lake: Lakehouse, tables: Collection[Table] = TABLES) -> "Update":
    """Update these tables from what was landed.

    Raises:
        NotHereError: In a workspace the job's pipeline task does it.
    """
    config = lake.config
    if config.engine == "workspace":
        message = "expected one machine, found a workspace, whose own pipeline updates these tables"
        raise NotHereError(f"{message}: run the job analytics_hourly")
    landing = {LANDING: str(landing_folder(config))}
    pipeline = pipeline_of(config, WAREHOUSE, landing)
    names = [full_name(config, table) for table in tables]
    return update_pipeline(lake, pipeline, TABLES, refresh=names)
