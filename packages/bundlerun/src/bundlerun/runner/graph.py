"""The graph of a job's tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from bundlerun.reaching import reached
from bundlerun.runner.model import Job, Task


def cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes of a cycle, its first again at its end; empty if there is none.

    >>> cycle({"a": ["b"], "b": []}), cycle({"a": ["a"]})
    ([], ['a', 'a'])
    """
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def waves(tasks: Iterable[Task]) -> list[list[str]]:
    """The keys of the tasks, those of a wave depending only on tasks of earlier waves."""
    sorter = TopologicalSorter({task.key: task.upstream for task in tasks})
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = list(sorter.get_ready())
        found.append(sorted(ready))
        sorter.done(*ready)
    return found


def ancestors(tasks: Sequence[Task], key: str) -> set[str]:
    """The keys of all tasks that end before the task starts."""
    upstream = {task.key: task.upstream for task in tasks}
    return reached(upstream, upstream[key])


def descendants(tasks: Sequence[Task], key: str) -> set[str]:
    """The keys of all tasks that wait for the task."""
    dependents: dict[str, list[str]] = {task.key: [] for task in tasks}
    for task in tasks:
        for upstream in task.upstream:
            dependents[upstream].append(task.key)
    return reached(dependents, dependents[key])


def part(job: Job, keys: Iterable[str]) -> Job:
    """The job with these tasks alone; what they wait for outside them is left out."""
    kept = set(keys)
    tasks = tuple(_without_others(task, kept) for task in job.tasks if task.key in kept)
    return replace(job, tasks=tasks)


def _without_others(task: Task, kept: set[str]) -> Task:
    return replace(task, depends_on=tuple(d for d in task.depends_on if d.task_key in kept))
