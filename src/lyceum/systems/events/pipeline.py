"""The event pipeline on one machine: its tables, and what an update wrote into them."""

from collections.abc import Sequence

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import tables_of
from lyceum.model.table import Table
from lyceum.runs.pipelines import full_name, pipeline_of, update_pipeline
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES
from pocketlake import Written

EVENTS = "events"
"""Key of the event pipeline in the bundle: its checkpoints go by it, whoever runs it."""

TABLES = tables_of("events")
REPORTED = [t for t in TABLES if t.layer != "bronze" and t is not LM_BROKEN_RULES]


class NotHereError(UsageError):
    """In a workspace only its pipeline may write the tables."""


class RefreshError(UsageError):
    """A table to refresh is none of the pipeline's."""


def chosen_tables(names: Sequence[str]) -> list[Table]:
    """The tables of these names, with or without schema; raises RefreshError."""
    known = {name: table for table in TABLES for name in (table.name, table.short_name)}
    for name in names:
        if name not in known:
            listed = ", ".join(table.name for table in TABLES)
            message = f"expected a table of the event pipeline, found {name!r}: one of {listed}"
            raise RefreshError(message)
    return [known[name] for name in names]


def update_tables(lake: Lakehouse, anew: Sequence[Table]) -> dict[str, Written]:
    """Update all tables, those of `anew` from all there is; what was written, by declared name.

    Raises NotHereError in a workspace.
    """
    if lake.config.engine == "workspace":
        message = "expected one machine, found a workspace, whose own pipeline updates these tables"
        raise NotHereError(f"{message}: run the job events_daily")
    names = {full_name(lake.config, table): table.name for table in TABLES}
    update = update_pipeline(
        lake,
        pipeline_of(lake.config, EVENTS, {}),
        TABLES,
        full_refresh=[full_name(lake.config, table) for table in anew],
        refresh=list(names),
    )
    if update.failure is not None:
        raise update.failure
    flows = [flow for flow in update.flows if flow.dataset in names]
    return {
        names[flow.dataset]: Written(
            flow.outcome.inserted, flow.outcome.updated, flow.outcome.deleted
        )
        for flow in flows
    }
