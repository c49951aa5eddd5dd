"""Declarative pipelines, by the executor on the task's session."""

from datetime import UTC, datetime
from typing import Any

from bundlerun.config import Config, named
from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings
from bundlerun.runner.output import Output
from bundlerun.workers.here import Here


def pipeline(here: Here, spec: Settings) -> Output:
    """Update a pipeline of the bundle."""
    from bundlerun.pipelines import PipelineError, run_pipeline
    from bundlerun.pipelines.settings import pipeline_settings

    def tell(step: str, name: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(now, step, name)  # noqa: T201 - for the task's log

    key, config = pipeline_key(spec), here.config
    try:
        update = run_pipeline(
            config.lake(here.session),
            pipeline_settings(key, here.pipelines[key], folder=here.folder),
            storage=config.home / "checkpoints" / "pipelines" / key,
            declarations=_declared(config),
            full_refresh=_full_refresh(spec),
            refresh=list(spec.get("refresh_selection") or ()),
            event_log=config.full_name("ops.pipeline_events"),
            on_event=tell,
        )
    except PipelineError as error:
        raise TaskError(str(error)) from error
    if update.state != "COMPLETED":
        raise TaskError(update.error or f"pipeline {update.name} ended {update.state}")
    return Output(facts={"flows": {flow.dataset: flow.status for flow in update.flows}})


def pipeline_key(spec: Settings) -> str:
    """The key of the pipeline that a `pipeline_task` names."""
    return str(spec.get("pipeline_id", "")).removeprefix("resources.pipelines.").removesuffix(".id")


def _declared(config: Config) -> dict[str, Any]:
    """The tables that the bundle declares, by the names that they really have."""
    if config.choices.declarations is None:
        return {}
    return {config.full_name(table.name): table for table in named(config.choices.declarations)()}


def _full_refresh(spec: Settings) -> bool | list[str]:
    return bool(spec.get("full_refresh")) or list(spec.get("full_refresh_selection") or ())
