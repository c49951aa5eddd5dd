"""What the Jobs API refuses, though every field has its type."""

import json
import re
from collections.abc import Iterator, Mapping

from bundlerun.bundle.checks.tasks import TaskNode, entries, resources, tasks, tasks_of, text
from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle
from bundlerun.reaching import reached

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_STARTS = ("schedule", "trigger", "continuous")
_COMPUTE = ("environment_key", "job_cluster_key", "existing_cluster_id", "new_cluster")
_NEEDS_COMPUTE = ("python_wheel_task", "spark_python_task", "spark_jar_task", "dbt_task")
"""Kinds that have no serverless environment of their own; a notebook has one."""
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")


def jobs(bundle: Bundle) -> Iterator[Problem]:
    """Keys, loops, computes, starts and permissions that cannot be."""
    for task in tasks(bundle):
        yield from _task(task)
    found = resources(bundle, "jobs")
    for key, job in found.items():
        starts = [name for name in _STARTS if job.child(name) is not None]
        if len(starts) > 1:
            message = f"job {key} has {' and '.join(starts)}: expected one of them"
            yield Problem.at(job.nearest((starts[1],)), message)
    yield from _circles(found)
    yield from permissions(bundle)


def permissions(bundle: Bundle) -> Iterator[Problem]:
    """Permissions of resources, and of the bundle, each of which needs one principal."""
    kinds = bundle.tree.child("resources")
    holders = [bundle.tree]
    for kind in kinds.fields.values() if kinds else ():
        holders += kind.fields.values()
    for holder in holders:
        for entry in entries(holder, "permissions"):
            named = [name for name in _PRINCIPALS if text(entry, name)]
            if len(named) != 1:
                wanted = ", ".join(_PRINCIPALS)
                message = f"expected a permission for one of {wanted}, found {len(named)} of them"
                yield Problem.at(entry.position, message)


def _task(task: TaskNode) -> Iterator[Problem]:
    node = task.node
    if not _KEY.fullmatch(task.key):
        message = f"expected a task_key of letters, digits, _ and -, found {task.key!r}"
        yield Problem.at(node.nearest(("task_key",)), message)
    loop = node.child("for_each_task")
    if loop is not None and task.outer is not None:
        yield Problem.at(loop.position, "a for_each_task cannot repeat another")
    if loop is not None:
        yield from _inputs(loop)
    kind = next((name for name in _NEEDS_COMPUTE if node.child(name) is not None), None)
    if kind is not None and not any(node.child(name) is not None for name in _COMPUTE):
        message = f"task {task.key} needs a compute: environment_key, or a cluster"
        yield Problem.at(node.position, message)
    if node.child("sql_task") is not None and not text(node, "sql_task", "warehouse_id"):
        yield Problem.at(node.position, f"task {task.key} needs a warehouse_id")


def _inputs(loop: Node) -> Iterator[Problem]:
    found = loop.child("inputs")
    if found is None or "{{" in str(found.value) or "${" in str(found.value):
        return
    try:
        values = json.loads(str(found.value)) if isinstance(found.value, str) else None
    except ValueError:
        values = None
    if not isinstance(values, list):
        message = f"expected inputs as a text with a JSON array, found {found.value!r}"
        yield Problem.at(found.position, message[:200])


def _circles(found: Mapping[str, Node]) -> Iterator[Problem]:
    """Jobs that run each other."""
    runs = {key: set(_run_by(key, job)) for key, job in found.items()}
    for key, job in found.items():
        if key in reached(runs, runs[key]):
            yield Problem.at(job.position, f"job {key} runs itself, through its run_job_tasks")


def _run_by(key: str, job: Node) -> Iterator[str]:
    for task in tasks_of(key, job):
        named = text(task.node, "run_job_task", "job_id")
        if named.startswith("resources.jobs."):
            yield named.removeprefix("resources.jobs.").removesuffix(".id")
