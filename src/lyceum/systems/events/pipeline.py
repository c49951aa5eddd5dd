"""Declarative pipelines on one machine: the executor, with the declarations of our tables."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import lyceum
from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import tables_of
from lyceum.model.table import Table
from lyceum.settings import Settings
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES
from pocketlake import Written

if TYPE_CHECKING:
    from bundlerun.pipelines import Update
    from bundlerun.pipelines.settings import PipelineSettings

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
        event_pipeline(lake.config),
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


def update_pipeline(
    lake: Lakehouse,
    settings: "PipelineSettings",
    tables: Iterable[Table],
    *,
    full_refresh: bool | Collection[str] = False,
    refresh: Collection[str] = (),
    on_event: Callable[[str, str], None] = lambda _step, _name: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> "Update":
    """Bring the tables of a pipeline up to date; one row a flow goes to `ops.pipeline_events`.

    `tables` declares those that may be among them: a view with keys is merged by them.
    """
    from bundlerun.pipelines import run_pipeline

    config = lake.config
    return run_pipeline(
        lake,
        replace(settings, configuration=_with_home(settings.configuration, config)),
        storage=config.home / "checkpoints" / "pipelines" / settings.key,
        declarations={full_name(config, table): table for table in tables},
        full_refresh=full_refresh,
        refresh=refresh,
        event_log=f"{config.schemas['ops']}.pipeline_events",
        on_event=on_event,
        is_stopped=is_stopped,
    )


def event_pipeline(config: Settings) -> "PipelineSettings":
    """The event pipeline as the bundle's resource describes it, for the home of a configuration."""
    from bundlerun.pipelines.settings import PipelineSettings

    root = _sources()
    schemas = {f"lyceum.schema.{layer}": name for layer, name in config.schemas.items()}
    return PipelineSettings(
        key=EVENTS,
        name=EVENTS,
        root=root,
        files=tuple(file for file in sorted(root.glob("*.py")) if file.name != "__init__.py"),
        schema=config.schemas["silver"],
        configuration={"lyceum.home": str(config.home), **schemas},
    )


def _with_home(configuration: Mapping[str, str], config: Settings) -> dict[str, str]:
    """The pipeline's settings; where the bundle leaves the home open it is that of the run."""
    home = configuration.get("lyceum.home") or str(config.home)
    return {**configuration, "lyceum.home": home}


def full_name(config: Settings, table: Table) -> str:
    """Schema and name of a table, as pipelines know it."""
    return f"{config.schemas[table.layer]}.{table.short_name}"


def _sources() -> Path:
    """The folder of the pipeline's files: in the repository, or where the wheel has them."""
    package = Path(lyceum.__file__).parent
    repository = package.with_name("pipelines")
    return repository if repository.is_dir() else package / "pipelines"
