"""What production asks of jobs, schemas and volumes."""

from collections.abc import Iterator

from bundlerun.bundle.checks.tasks import TaskNode, resources, tasks, text
from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle

_CONTROL = ("condition_task", "for_each_task", "run_job_task")
_NOTIFICATIONS = (("email_notifications", "on_failure"), ("webhook_notifications", "on_failure"))
_KEPT = ("schemas", "volumes")


def production(bundle: Bundle) -> Iterator[Problem]:
    """What a target with `mode: production` lacks."""
    if text(bundle.tree, "bundle", "mode") != "production":
        return
    for key, job in resources(bundle, "jobs").items():
        yield from _job(f"job {key}", job)
    for task in tasks(bundle):
        yield from _task(task)
    for key, pipeline in resources(bundle, "pipelines").items():
        if pipeline.find("development") is not None and text(pipeline, "development") == "True":
            where = pipeline.nearest(("development",))
            yield Problem.at(where, f"pipeline {key} has development: true, in production")
    for kind in _KEPT:
        for key, node in resources(bundle, kind).items():
            if text(node, "lifecycle", "prevent_destroy") != "True":
                message = f"{kind[:-1]} {key} needs lifecycle.prevent_destroy, in production"
                yield Problem.at(node.position, message)


def _job(name: str, job: Node) -> Iterator[Problem]:
    if not (text(job, "run_as", "service_principal_name") or text(job, "run_as", "group_name")):
        message = f"{name} needs run_as with a service principal, in production"
        yield Problem.at(job.nearest(("run_as",)), message)
    if not _has_entries(job, "permissions"):
        yield Problem.at(job.position, f"{name} needs permissions, in production")
    if not any(_has_entries(job, *path) for path in _NOTIFICATIONS):
        yield Problem.at(job.position, f"{name} needs a notification on failure, in production")
    if text(job, "timeout_seconds") in ("", "0") and job.child("continuous") is None:
        where = job.nearest(("timeout_seconds",))
        yield Problem.at(where, f"{name} needs timeout_seconds, in production")


def _task(task: TaskNode) -> Iterator[Problem]:
    """Retries; what only steers others has none, and what runs all the time is restarted anyway."""
    if any(task.node.child(kind) is not None for kind in _CONTROL):
        return
    if task.node.child("max_retries") is None and task.job.child("continuous") is None:
        message = f"task {task.key} of job {task.job_key} needs max_retries, in production"
        yield Problem.at(task.node.position, message)


def _has_entries(node: Node, *path: str) -> bool:
    found = node.find(*path)
    return found is not None and bool(found.entries)
