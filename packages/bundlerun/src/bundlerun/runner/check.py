"""What is wrong with a job, or beyond one machine, said before anything starts."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundlerun.bundle import Bundle
from bundlerun.errors import UsageError
from bundlerun.runner.environments import requirements, wheel_libraries
from bundlerun.runner.errors import JobError
from bundlerun.runner.expressions import OPERATORS
from bundlerun.runner.graph import ancestors, cycle
from bundlerun.runner.kinds.control import child_key
from bundlerun.runner.kinds.pipeline import pipeline_key
from bundlerun.runner.model import LOCAL_KINDS, Job, Task, job_of
from bundlerun.runner.places import elsewhere
from bundlerun.runner.references import Names, problem, references
from bundlerun.runner.states import RUN_IF
from bundlerun.runner.wheels import Wheels

_CHECKED_AS_FILES = ("notebook_path", "python_file", "file")
_NOTEBOOKS = ("", ".py", ".ipynb", ".sql")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OF_WORKSPACE = "is a file of a workspace: name one of the bundle"


@dataclass(frozen=True)
class _Where:
    """What the tasks of a job are checked against."""

    job: Job
    bundle: Bundle
    wheels: Wheels


def require_runnable(job: Job, bundle: Bundle, wheels: Wheels) -> None:
    """Raise with all that keeps the job, or a job that it runs, from running here."""
    problems = list(problems_of(job, bundle, wheels))
    if problems:
        raise JobError(job.key, problems)


def problems_of(
    job: Job, bundle: Bundle, wheels: Wheels, above: tuple[str, ...] = ()
) -> Iterator[str]:
    """Every problem of a job and of the jobs that it runs."""
    structural = list(_structure(job))
    yield from structural
    if structural:
        return
    yield from _parameters(job)
    for task in job.tasks:
        names = Names(frozenset(job.parameters), frozenset(ancestors(job.tasks, task.key)))
        for found in _task(task, names, _Where(job, bundle, wheels)):
            yield f"task {task.key}: {found}"
        yield from _children(task, bundle, wheels, (*above, job.key))


def _structure(job: Job) -> Iterator[str]:
    if not job.tasks:
        yield "it has no tasks"
    if job.settings.get("git_source"):
        yield "git_source: its files are in a Git repository, not in the bundle"
    keys = [task.key for task in job.tasks]
    for key in keys:
        if not _KEY.fullmatch(key):
            yield f"task {key!r}: expected a task_key of letters, digits, _ and -"
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"task {key}: there are several of that task_key"
    unknown = [(t.key, key) for t in job.tasks for key in t.upstream if key not in keys]
    for task, key in unknown:
        yield f"task {task}: it depends on a task {key} that is not there"
    circle = [] if unknown else cycle({task.key: task.upstream for task in job.tasks})
    if circle:
        yield f"its tasks wait for each other: {' -> '.join(circle)}"
    else:
        yield from _conditions(job)


def _conditions(job: Job) -> Iterator[str]:
    kinds = {task.key: task.kind for task in job.tasks}
    for task in job.tasks:
        if task.run_if not in RUN_IF:
            yield f"task {task.key}: expected run_if of {', '.join(RUN_IF)}, found {task.run_if}"
        for needed in task.depends_on:
            is_condition = kinds.get(needed.task_key) == "condition_task"
            if needed.outcome is not None and not is_condition:
                yield f"task {task.key}: {needed.task_key} is no condition and has no outcome"
            if needed.outcome not in (None, "true", "false"):
                yield f"task {task.key}: expected outcome true or false, found {needed.outcome}"


def _parameters(job: Job) -> Iterator[str]:
    names = Names(in_task=False)
    yield from elsewhere(job.parameters)
    for name, value in job.parameters.items():
        for written, path in references(value):
            found = problem(path, names)
            if found:
                yield f"parameter {name}: {written}: {found}"


def _task(task: Task, names: Names, where: _Where) -> Iterator[str]:
    if task.is_disabled:
        return
    if task.kind not in LOCAL_KINDS:
        yield _unsupported(task)
        return
    spec = {k: v for k, v in task.spec.items() if (task.kind, k) != ("for_each_task", "task")}
    for written, path in references(spec):
        found = problem(path, names)
        if found:
            yield f"{written}: {found}"
    yield from elsewhere({k: v for k, v in spec.items() if k not in _CHECKED_AS_FILES})
    if task.spec.get("source") == "GIT":
        yield "source: GIT: its file is in a Git repository, not in the bundle"
    elif task.kind == "for_each_task":
        yield from _loop(task, names, where)
    else:
        yield from _CHECKS[task.kind](task, where)


def _unsupported(task: Task) -> str:
    kinds = [key for key in task.settings if key.endswith("_task")]
    if len(kinds) != 1:
        return f"expected one kind of task, found {', '.join(kinds) or 'none'}"
    return f"{kinds[0]} does not run on this machine"


def _loop(task: Task, names: Names, where: _Where) -> Iterator[str]:
    nested = task.nested
    if nested.kind == "for_each_task":
        yield "a for_each_task cannot repeat another"
        return
    inside = Names(names.parameters, names.upstream, in_loop=True)
    for found in _task(nested, inside, where):
        yield f"{nested.key or 'its task'}: {found}"


def _wheel(task: Task, where: _Where) -> Iterator[str]:
    spec = task.spec
    missing = [key for key in ("package_name", "entry_point") if not spec.get(key)]
    if missing:
        yield f"expected {' and '.join(missing)}, found none"
        return
    libraries = [*wheel_libraries(task, where.job), *requirements(task, where.job)]
    found = where.wheels.problem(str(spec["package_name"]), str(spec["entry_point"]), libraries)
    if found:
        yield found


def _condition(task: Task, _: _Where) -> Iterator[str]:
    if task.spec.get("op") not in OPERATORS:
        yield f"expected op of {', '.join(OPERATORS)}, found {task.spec.get('op')}"


def _run_job(task: Task, where: _Where) -> Iterator[str]:
    key = child_key(task.spec)
    if key not in where.bundle.jobs:
        yield f"job {key or 'without an id'} is not in the bundle"
        return
    declared = job_of(key, where.bundle.jobs[key]).parameters
    unknown = sorted(set(task.spec.get("job_parameters") or {}) - set(declared))
    if unknown:
        yield f"job {key} has no parameter {', '.join(unknown)}"


def _sql(task: Task, _: _Where) -> Iterator[str]:
    file = task.spec.get("file")
    if not file:
        others = [key for key in ("query", "dashboard", "alert") if key in task.spec]
        yield f"a SQL {others[0] if others else 'task without a file'} is of a workspace alone"
    elif file.get("source") == "GIT":
        yield "source: GIT: its file is in a Git repository, not in the bundle"
    else:
        yield from _file(str(file.get("path", "")))


def _python(task: Task, _: _Where) -> Iterator[str]:
    yield from _file(str(task.spec.get("python_file", "")))


def _notebook(task: Task, _: _Where) -> Iterator[str]:
    from bundlerun.notebook import check_notebook

    path = str(task.spec.get("notebook_path", ""))
    missing = list(_file(path, _NOTEBOOKS))
    yield from missing
    if not missing:
        try:
            check_notebook(Path(path))
        except UsageError as error:
            yield str(error)


def _pipeline(task: Task, where: _Where) -> Iterator[str]:
    key = pipeline_key(task.spec)
    if key not in where.bundle.pipelines:
        yield f"pipeline {key or 'without an id'} is not in the bundle"


def _file(path: str, endings: Iterable[str] = ("",)) -> Iterator[str]:
    if any(Path(f"{path}{ending}").is_file() for ending in endings):
        return
    is_of_workspace = path.startswith(("/Workspace", "/Users", "/Repos", "/Shared", "/Volumes"))
    yield f"{path} {_OF_WORKSPACE}" if is_of_workspace or "://" in path else f"no file {path}"


_CHECKS: Mapping[str, Callable[[Task, _Where], Iterator[str]]] = {
    "python_wheel_task": _wheel,
    "condition_task": _condition,
    "run_job_task": _run_job,
    "sql_task": _sql,
    "spark_python_task": _python,
    "notebook_task": _notebook,
    "pipeline_task": _pipeline,
}


def _children(task: Task, bundle: Bundle, wheels: Wheels, above: tuple[str, ...]) -> Iterator[str]:
    """The problems of the job that the task, or the task that it repeats, runs."""
    inner = task.nested if task.kind == "for_each_task" else task
    key = child_key(inner.spec) if inner.kind == "run_job_task" else ""
    if task.is_disabled or key not in bundle.jobs:
        return
    if key in above:
        yield f"task {task.key}: jobs run each other: {' -> '.join((*above, key))}"
        return
    for found in problems_of(job_of(key, bundle.jobs[key]), bundle, wheels, above):
        yield f"job {key}: {found}"
