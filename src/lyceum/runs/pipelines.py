"""Declarative pipelines on one machine: the executor, with the declarations of our tables."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import lyceum
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.settings import Settings

if TYPE_CHECKING:
    from bundlerun.pipelines import Update
    from bundlerun.pipelines.settings import PipelineSettings


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
    from dataclasses import replace

    from bundlerun.pipelines import run_pipeline

    config = lake.config
    home = settings.configuration.get("lyceum.home") or str(config.home)
    return run_pipeline(
        lake,
        replace(settings, configuration={**settings.configuration, "lyceum.home": home}),
        storage=config.home / "checkpoints" / "pipelines" / settings.key,
        declarations={full_name(config, table): table for table in tables},
        full_refresh=full_refresh,
        refresh=refresh,
        event_log=f"{config.schemas['ops']}.pipeline_events",
        on_event=on_event,
        is_stopped=is_stopped,
    )


def pipeline_of(config: Settings, key: str, configuration: Mapping[str, str]) -> "PipelineSettings":
    """A pipeline as the bundle's resource describes it, for the home of a configuration.

    Args:
        config: Says what schemas are called.
        key: Its key in the bundle and the folder of its files; its checkpoints go by it too.
        configuration: What its code reads besides home and schemas.
    """
    from bundlerun.pipelines.settings import PipelineSettings

    root = _sources() / key
    schemas = {f"lyceum.schema.{layer}": name for layer, name in config.schemas.items()}
    return PipelineSettings(
        key=key,
        name=key,
        root=root,
        files=tuple(file for file in sorted(root.glob("*.py")) if file.name != "__init__.py"),
        schema=config.schemas["silver"],
        configuration={"lyceum.home": str(config.home), **schemas, **configuration},
    )


def full_name(config: Settings, table: Table) -> str:
    """Schema and name of a table, as pipelines know it."""
    return f"{config.schemas[table.layer]}.{table.short_name}"


def _sources() -> Path:
    """The folder of the pipelines' files: in the repository, or where the wheel has them."""
    package = Path(lyceum.__file__).parent
    repository = package.with_name("pipelines")
    return repository if repository.is_dir() else package / "pipelines"
