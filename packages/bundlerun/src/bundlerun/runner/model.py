"""A job as values, read from settings that are written as the Jobs API writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]

LOCAL_KINDS = (
    "python_wheel_task",
    "spark_python_task",
    "notebook_task",
    "pipeline_task",
    "sql_task",
    "run_job_task",
    "condition_task",
    "for_each_task",
)
"""The kinds of task that run on one machine."""


def text(value: object) -> str:
    """A value as a task gets it: text as it is, anything else as JSON.

    >>> text("a"), text(True), text(1.5), text({"k": [1]}), text(None)
    ('a', 'true', '1.5', '{"k": [1]}', '')
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Dependency:
    """A task that has to end before; with `outcome`, a condition that has to come out so."""

    task_key: str
    outcome: str | None = None


@dataclass(frozen=True)
class Task:
    """A task of a job; times are seconds."""

    key: str
    kind: str
    spec: Settings = field(default_factory=dict)
    """What stands under the task's kind, such as `entry_point` of a `python_wheel_task`."""
    depends_on: tuple[Dependency, ...] = ()
    run_if: str = "ALL_SUCCESS"
    max_retries: int = 0
    """Attempts after the first; -1 means without end."""
    min_retry_interval: float = 0
    """From the start of an attempt that failed to the start of the next one."""
    retry_on_timeout: bool = False
    timeout: float | None = None
    is_disabled: bool = False
    settings: Settings = field(default_factory=dict)

    @property
    def upstream(self) -> tuple[str, ...]:
        """The keys of the tasks that it depends on."""
        return tuple(d.task_key for d in self.depends_on)

    @property
    def nested(self) -> "Task":
        """The task that a `for_each_task` repeats."""
        return task_of(self.spec.get("task") or {})


@dataclass(frozen=True)
class Job:
    """A job: its tasks in the order of its file, and what holds for all of them."""

    key: str
    name: str
    tasks: tuple[Task, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    max_concurrent_runs: int = 1
    is_queued: bool = True
    settings: Settings = field(default_factory=dict)

    def task(self, key: str) -> Task:
        """The task of that key."""
        return next(task for task in self.tasks if task.key == key)


def job_of(key: str, settings: Settings) -> Job:
    """The job that the settings describe."""
    queue = settings.get("queue")
    return Job(
        key=key,
        name=str(settings.get("name") or key),
        tasks=tuple(task_of(task) for task in _entries(settings, "tasks")),
        parameters={p["name"]: text(p.get("default")) for p in _entries(settings, "parameters")},
        timeout=_seconds(settings),
        max_concurrent_runs=int(settings.get("max_concurrent_runs") or 1),
        # A bundle queues the runs of a job that says nothing about it.
        is_queued=queue is None or bool(queue.get("enabled")),
        settings=settings,
    )


def task_of(settings: Settings) -> Task:
    """The task that the settings describe; its kind is empty if it has none."""
    kinds = [key for key in settings if key.endswith("_task")]
    kind = kinds[0] if len(kinds) == 1 else ""
    return Task(
        key=str(settings.get("task_key") or ""),
        kind=kind,
        spec=settings.get(kind) or {},
        depends_on=tuple(_dependency(entry) for entry in _entries(settings, "depends_on")),
        run_if=str(settings.get("run_if") or "ALL_SUCCESS"),
        max_retries=int(settings.get("max_retries") or 0),
        min_retry_interval=int(settings.get("min_retry_interval_millis") or 0) / 1000,
        retry_on_timeout=bool(settings.get("retry_on_timeout")),
        timeout=_seconds(settings),
        is_disabled=bool(settings.get("disabled")),
        settings=settings,
    )


def _entries(settings: Settings, name: str) -> Sequence[Settings]:
    return settings.get(name) or ()


def _dependency(entry: Settings) -> Dependency:
    outcome = entry.get("outcome")
    return Dependency(str(entry["task_key"]), None if outcome is None else text(outcome))


def _seconds(settings: Settings) -> float | None:
    """A time-out; the API writes none as 0."""
    return float(settings.get("timeout_seconds") or 0) or None
