"""Tasks form a graph: what they name exists, nothing waits for itself."""

from collections.abc import Iterator

from bundlerun.bundle.checks.tasks import TaskNode, entries, resources, tasks_of, text
from bundlerun.bundle.errors import Problem, listed
from bundlerun.bundle.reader import Bundle
from bundlerun.reaching import reached

_COMPUTE = (
    ("environment_key", "environments", "environment_key"),
    ("job_cluster_key", "job_clusters", "job_cluster_key"),
)
_KIND = "_task"


def graph(bundle: Bundle) -> Iterator[Problem]:
    """Wrong dependencies, unknown computes, tasks that do nothing."""
    for key, job in resources(bundle, "jobs").items():
        every = list(tasks_of(key, job))
        outer = {task.key: task for task in every if task.outer is None}
        for task in every:
            yield from _dependencies(task, outer)
            yield from _computes(task)
            yield from _kind(task)
        for name in _in_circles(outer):
            message = f"task {name} waits for itself, through its dependencies"
            yield Problem.at(outer[name].node.position, message)


def upstream(task: TaskNode) -> set[str]:
    """The keys of all tasks that have ended when a task starts."""
    of_job = {other.key: other for other in tasks_of(task.job_key, task.job) if not other.outer}
    edges = {name: _waits_for(other, of_job) for name, other in of_job.items()}
    return reached(edges, _waits_for(task.outer or task, of_job))


def _dependencies(task: TaskNode, outer: dict[str, TaskNode]) -> Iterator[Problem]:
    for dependency in task.dependencies:
        name = text(dependency, "task_key")
        if name not in outer:
            message = f"task {task.key} depends on {name!r}, expected one of {listed(outer)}"
            yield Problem.at(dependency.position, message)
            continue
        outcome = dependency.child("outcome")
        is_condition = outer[name].node.child("condition_task") is not None
        if outcome is not None and not is_condition:
            message = f"task {name} has no outcome: only a condition_task has one"
            yield Problem.at(outcome.position, message)
        if outcome is not None and str(outcome.value).lower() not in ("true", "false"):
            message = f'expected the outcome "true" or "false", found {outcome.value!r}'
            yield Problem.at(outcome.position, message)


def _computes(task: TaskNode) -> Iterator[Problem]:
    for field, declared_in, key in _COMPUTE:
        named = task.node.child(field)
        declared = [text(entry, key) for entry in entries(task.job, declared_in)]
        if named is not None and named.value not in declared:
            message = f"expected one of the job's {declared_in} ({listed(declared)})"
            yield Problem.at(named.position, f"{message}, found {named.value!r}")


def _kind(task: TaskNode) -> Iterator[Problem]:
    kinds = [field for field in task.node.fields if field.endswith(_KIND)]
    if len(kinds) != 1:
        message = f"expected task {task.key!r} to do one thing, found {listed(kinds)}"
        yield Problem.at(task.node.position, message)


def _in_circles(outer: dict[str, TaskNode]) -> list[str]:
    edges = {name: _waits_for(task, outer) for name, task in outer.items()}
    return [name for name in outer if name in reached(edges, edges[name])]


def _waits_for(task: TaskNode, outer: dict[str, TaskNode]) -> list[str]:
    names = (text(dependency, "task_key") for dependency in task.dependencies)
    return [name for name in names if name in outer]
