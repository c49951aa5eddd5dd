"""Declarative pipelines, in a child process."""

from lyceum.local.runner.context import Output, TaskRun
from lyceum.local.runner.errors import TaskError
from lyceum.local.runner.model import Settings


def pipeline(attempt: TaskRun, spec: Settings) -> Output:
    """Update a pipeline of the bundle."""
    from lyceum.local.pipeline_run import PipelineEvent, run_pipeline

    def tell(event: PipelineEvent) -> None:
        parts = (event.time, event.name, event.state, event.message)
        attempt.place.log.write(" ".join(part for part in parts if part) + "\n")

    result = run_pipeline(
        attempt.services.bundle.pipelines[pipeline_key(spec)],
        config=attempt.services.config,
        folder=attempt.services.bundle.folder,
        full_refresh=bool(spec.get("full_refresh")),
        refresh=list(spec.get("refresh_selection") or ()),
        full_refresh_selection=list(spec.get("full_refresh_selection") or ()),
        on_event=tell,
        cancelled=attempt.stop.event,
    )
    facts = {"flows": result.flows, "pipeline_log": str(result.log)}
    if result.state != "COMPLETED":
        raise TaskError(result.error or f"pipeline {result.name} ended {result.state}")
    return Output(facts=facts)


def pipeline_key(spec: Settings) -> str:
    """The key of the pipeline that a `pipeline_task` names."""
    return str(spec.get("pipeline_id", "")).removeprefix("resources.pipelines.").removesuffix(".id")
