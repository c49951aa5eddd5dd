"""What a run would do: its tasks in waves, with what they would call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bundlerun.runner.attempts import specified
from bundlerun.runner.errors import TaskError
from bundlerun.runner.graph import waves
from bundlerun.runner.kinds.control import child_key
from bundlerun.runner.kinds.pipeline import pipeline_key
from bundlerun.runner.kinds.python import wheel_arguments
from bundlerun.runner.launch import Request
from bundlerun.runner.model import Settings, Task, text
from bundlerun.runner.references import Scope, resolved


@dataclass(frozen=True)
class Planned:
    """A task as it would be run; what only a run knows stands as its reference."""

    wave: int
    task: str
    after: str
    does: str
    parameters: Mapping[str, Any] | list[str]
    options: str


def plan(request: Request) -> list[Planned]:
    """The tasks of a run in the order in which they could start."""
    parameters, tasks = known_parameters(request), request.job.tasks
    return [
        _planned(number, request.job.task(key), parameters)
        for number, wave in enumerate(waves(tasks), start=1)
        for key in wave
    ]


def _planned(wave: int, task: Task, parameters: Mapping[str, str]) -> Planned:
    spec = specified(task, parameters, lambda value: _known(value, parameters))
    return Planned(
        wave=wave,
        task=task.key,
        after=_after(task),
        does=_does(task, spec),
        parameters=_parameters(task, spec),
        options=_options(task),
    )


def known_parameters(request: Request) -> Mapping[str, str]:
    """The job's parameters, with times of now."""
    found: Mapping[str, str] = _known(dict(request.parameters), request.parameters)
    return found


def _known(value: Any, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """The value with those references replaced that are known before the run."""
    if isinstance(value, Mapping):
        return {key: _known(inner, parameters) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_known(inner, parameters) for inner in value]
    if not isinstance(value, str):
        return value
    scope = Scope({}, datetime.now(UTC), "one_time", parameters, {}, {})
    try:
        return resolved(value, scope)
    except (KeyError, TaskError):
        return value


def _after(task: Task) -> str:
    needed = [d.task_key + (f"={d.outcome}" if d.outcome else "") for d in task.depends_on]
    how = "" if task.run_if == "ALL_SUCCESS" else f" ({task.run_if})"
    return ", ".join(needed) + how


def _does(task: Task, spec: Settings) -> str:  # noqa: PLR0911 - a line a kind
    match task.kind:
        case "python_wheel_task":
            return f"calls {spec.get('package_name')}:{spec.get('entry_point')}"
        case "spark_python_task":
            return f"executes {spec.get('python_file')}"
        case "notebook_task":
            return f"runs notebook {spec.get('notebook_path')}"
        case "pipeline_task":
            return f"updates pipeline {pipeline_key(spec)}"
        case "sql_task" if spec.get("file"):
            return f"runs the statements of {spec['file'].get('path')}"
        case "run_job_task":
            return f"runs job {child_key(spec)}"
        case "condition_task":
            return f"{text(spec.get('left'))} {spec.get('op')} {text(spec.get('right'))}"
        case "for_each_task":
            inner = task.nested
            return f"for each of {text(spec.get('inputs'))}: {_does(inner, inner.spec)}"
    return f"{task.kind or 'no kind'}: does not run on this machine"


def _parameters(task: Task, spec: Settings) -> Mapping[str, Any] | list[str]:
    match task.kind:
        case "python_wheel_task":
            return wheel_arguments(spec)
        case "spark_python_task":
            return list(map(text, spec.get("parameters") or ()))
        case "for_each_task":
            return _parameters(task.nested, task.nested.spec)
        case "pipeline_task":
            return {key: value for key, value in spec.items() if key != "pipeline_id"}
    names = ("base_parameters", "job_parameters", "parameters")
    return next((spec[name] for name in names if spec.get(name)), {})


def _options(task: Task) -> str:
    parts = [
        "disabled" if task.is_disabled else "",
        f"{task.max_retries} retries" if task.max_retries else "",
        f"within {task.timeout:g} s" if task.timeout else "",
        f"{task.spec.get('concurrency') or 1} at once" if task.kind == "for_each_task" else "",
    ]
    return ", ".join(part for part in parts if part)
