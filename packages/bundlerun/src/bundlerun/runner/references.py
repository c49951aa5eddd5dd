"""Dynamic value references: `{{job.run_id}}`, `{{tasks.a.values.b}}`, `{{input.key}}`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import text

_REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_NAME = re.compile(r"`([^`]+)`|([\w-]+)")
_NAMESPACES = ("job", "task", "tasks", "workspace", "input", "backfill")

TIME: Mapping[str, Callable[[datetime], object]] = {
    "iso_date": lambda at: f"{at:%Y-%m-%d}",
    "iso_datetime": lambda at: f"{at:%Y-%m-%dT%H:%M:%S}",
    "year": lambda at: at.year,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "timestamp_ms": lambda at: int(at.timestamp() * 1000),
    "iso_weekday": lambda at: at.isoweekday(),
    "is_weekday": lambda at: at.isoweekday() <= 5,
}
JOB = ("id", "name", "run_id", "repair_count")
TASK = ("name", "run_id", "execution_count", "notebook_path")
TASKS = ("run_id", "result_state", "error_code", "execution_count", "notebook_path")
_OUTDATED = {
    "job_id": ("job", "id"),
    "run_id": ("task", "run_id"),
    "parent_run_id": ("job", "run_id"),
    "task_key": ("task", "name"),
    "start_date": ("job", "start_time", "iso_date"),
    "start_time": ("job", "start_time", "timestamp_ms"),
}
"""Names of before 2023 that workspaces still replace."""

Path = tuple[str, ...]


class _Nothing:
    """What is not there; None is a value."""


NOTHING = _Nothing()


@dataclass(frozen=True)
class TaskFacts:
    """What later tasks may ask about a task that has ended."""

    facts: Mapping[str, object]
    values: Mapping[str, object]
    output: Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """What references mean at the start of a task."""

    job: Mapping[str, object]
    start_time: datetime
    trigger: str
    parameters: Mapping[str, str]
    task: Mapping[str, object]
    tasks: Mapping[str, TaskFacts]
    input: object = NOTHING

    def value(self, path: Path) -> object:
        """The value that a valid reference stands for; NOTHING if nobody has set it."""
        match path:
            case ("job", ("start_time" | "trigger") as which, *rest):
                return self._time(which, rest)
            case ("job", "parameters", name):
                return self.parameters.get(name, NOTHING)
            case (("job" | "task") as which, name):
                return (self.job if which == "job" else self.task)[name]
            case ("tasks", key, *rest):
                return _of_task(self.tasks.get(key), rest)
            case ("workspace", name):
                return {"id": "0", "url": "local"}[name]
        return _inside(self.input, path[1:])

    def _time(self, which: str, rest: list[str]) -> object:
        if which == "trigger" and rest[0] == "type":
            return self.trigger
        return TIME[rest[-1]](self.start_time.astimezone(UTC))


def resolved(value: Any, scope: Scope) -> Any:  # noqa: ANN401 - settings are any JSON
    """The value with all references in it replaced, however deep they stand."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _replacement(found, scope), value)
    if isinstance(value, Mapping):
        return {key: resolved(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(inner, scope) for inner in value]
    return value


def references(value: object) -> Iterator[tuple[str, Path]]:
    """Every reference in a value, as it is written and as a path."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            path = _path(found[1])
            if path is not None:
                yield found[0], path
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references(inner)


@dataclass(frozen=True)
class Names:
    """What a task may refer to."""

    parameters: frozenset[str] = frozenset()
    upstream: frozenset[str] = frozenset()
    in_task: bool = True
    in_loop: bool = False


def problem(path: Path, names: Names) -> str | None:
    """What is wrong with a reference; None if it can be resolved."""
    match path:
        case ("backfill", *_) | ("job", "trigger", ("file_arrival" | "table_update"), *_):
            return "nothing of the kind starts a run here: give the value with --param"
        case ("job", "parameters", name):
            return None if name in names.parameters else f"there is no job parameter {name}"
        case ("tasks", key, *rest):
            known = key in names.upstream
            return _of_tasks(rest) if known else f"it does not depend on a task {key}"
        case ("input", *_):
            return None if names.in_loop else "it is in no for_each_task"
        case ("task", *_) if not names.in_task:
            return "there is no task yet"
    return None if _is_known(path) else "there is no such value"


def _is_known(path: Path) -> bool:
    match path:
        case ("job", "start_time", part) | ("job", "trigger", "time", part):
            return part in TIME
        case ("job", name):
            return name in JOB
        case ("task", name):
            return name in TASK
    return path in {("job", "trigger", "type"), ("workspace", "id"), ("workspace", "url")}


def _of_tasks(rest: list[str]) -> str | None:
    match rest:
        case ["values", _] | ["output", "rows"] | ["output", "first_row", _]:
            return None
        case [name] if name in TASKS:
            return None
    return "there is no such value"


def _of_task(task: TaskFacts | None, rest: list[str]) -> object:
    if task is None:
        return NOTHING
    match rest:
        case ["values", name]:
            return task.values.get(name, NOTHING)
        case ["output", *inner]:
            return _inside(task.output, inner)
    return task.facts[rest[0]]


def _inside(value: object, path: Path | list[str]) -> object:
    for name in path:
        value = value.get(name, NOTHING) if isinstance(value, Mapping) else NOTHING
    return value


def _path(content: str) -> Path | None:
    """The path of a reference; None for text that only looks like one."""
    if content in _OUTDATED:
        return _OUTDATED[content]
    names, at = [], 0
    while found := _NAME.match(content, at):
        names.append(found[1] or found[2])
        at = found.end() + 1
        if found.end() == len(content):
            return tuple(names) if names[0] in _NAMESPACES else None
        if content[found.end()] != ".":
            return None
    return None


def _replacement(found: re.Match[str], scope: Scope) -> str:
    path = _path(found[1])
    if path is None:
        return found[0]
    value = scope.value(path)
    if value is NOTHING:
        message = f"expected {found[0]} to have a value, found none: nothing has set it"
        raise TaskError(message, code="InvalidParameterValue")
    return "null" if value is None else text(value)
