"""Declarative pipelines, by the executor on the task's session."""

from datetime import UTC, datetime

from bundlerun.runner.context import Output, TaskRun
from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings


def pipeline(attempt: TaskRun, spec: Settings) -> Output:
    """Update a pipeline of the bundle."""
    from bundlerun.pipelines import PipelineError
    from bundlerun.pipelines.settings import pipeline_settings
    from lyceum.lakehouse import Lakehouse
    from lyceum.model.declared import tables
    from lyceum.systems.events.pipeline import update_pipeline

    def tell(step: str, name: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        attempt.place.log.write(f"{now} {step} {name}\n")

    key, bundle = pipeline_key(spec), attempt.services.bundle
    try:
        update = update_pipeline(
            Lakehouse(attempt.session.get(), attempt.services.config),
            pipeline_settings(key, bundle.pipelines[key], folder=bundle.folder),
            tables(),
            full_refresh=_full_refresh(spec),
            refresh=list(spec.get("refresh_selection") or ()),
            on_event=tell,
            is_stopped=attempt.stop.event.is_set,
        )
    except PipelineError as error:
        raise TaskError(str(error)) from error
    if update.state != "COMPLETED":
        raise TaskError(update.error or f"pipeline {update.name} ended {update.state}")
    return Output(facts={"flows": {flow.dataset: flow.status for flow in update.flows}})


def pipeline_key(spec: Settings) -> str:
    """The key of the pipeline that a `pipeline_task` names."""
    return str(spec.get("pipeline_id", "")).removeprefix("resources.pipelines.").removesuffix(".id")


def _full_refresh(spec: Settings) -> bool | list[str]:
    return bool(spec.get("full_refresh")) or list(spec.get("full_refresh_selection") or ())
