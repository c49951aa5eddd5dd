"""The pipeline of the warehouse: bronze, and what it makes of it."""

from collections.abc import Collection
from typing import TYPE_CHECKING

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
from lyceum.systems.warehouse.settings import WarehouseSettings
from lyceum.systems.warehouse.silver import DIMENSIONS, Dimension
from lyceum.systems.warehouse.updates import TableUpdate, Updated

if TYPE_CHECKING:
    from bundlerun.pipelines import FlowResult

WAREHOUSE = "warehouse"
"""Key of the pipeline in the bundle."""
LANDING = "lyceum.warehouse.landing"
"""The setting that tells the pipeline where the files are."""
_GOLD = (DIM_TENANT, DIM_LEARNER, DIM_USER, DIM_SUBJECT, DIM_SKILL)
_SHOWN = dict(zip(DIMENSIONS, _GOLD, strict=True))
TABLES = (*BRONZE.values(), *(d.target for d in DIMENSIONS), *_SHOWN.values())
SYNCS = {f"sync_{shown.short_name}": dimension for dimension, shown in _SHOWN.items()}
"""The dimensions by the job that syncs them."""


def tables_of(dimension: Dimension) -> tuple[Table, ...]:
    """What has to be updated for a dimension, in order."""
    return BRONZE[dimension.source], dimension.target, _SHOWN[dimension]


def update_tables(lake: Lakehouse, tables: Collection[Table] = TABLES) -> Updated:
    """Update these tables from what was landed, by the pipeline of a workspace if there is one."""
    config = lake.config
    names = [full_name(config, table) for table in tables]
    if config.engine == "workspace":
        from lyceum.systems.warehouse.workspace import update_in_workspace

        chosen = [] if len(names) == len(TABLES) else names
        return update_in_workspace(config.of(WarehouseSettings).pipeline_id, chosen)
    landing = {LANDING: str(landing_folder(config))}
    pipeline = pipeline_of(config, WAREHOUSE, landing)
    update = update_pipeline(lake, pipeline, TABLES, refresh=names)
    return Updated({flow.dataset: _of(flow) for flow in update.flows}, update.error)


def _of(flow: "FlowResult") -> TableUpdate:
    found = flow.outcome
    error = flow.error if flow.status == "FAILED" else None
    return TableUpdate(found.inserted, found.updated, found.deleted, error)
