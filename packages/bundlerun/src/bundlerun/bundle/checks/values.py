"""Dynamic values: `{{job.parameters.x}}` and its like refer to what will be there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bundlerun.bundle.checks.graph import upstream
from bundlerun.bundle.checks.tasks import TaskNode, entries, resources, tasks, tasks_of, text
from bundlerun.bundle.errors import Position, Problem, listed
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle
from bundlerun.bundle.references import strings

_DYNAMIC = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_PART = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")
_JOB = {"id", "name", "run_id", "repair_count", "start_time", "trigger", "parameters"}
_TASK = {"name", "run_id", "execution_count", "notebook_path"}
_TASKS = {"values", "result_state", "error_code", "output"} | _TASK
_WORKSPACE = {"id", "url"}
_ELSEWHERE = ("secrets/", "backfill.")
_SAMPLES = {"id": "1", "run_id": "1", "repair_count": "0", "start_time": "2026-01-31"}


@dataclass(frozen=True)
class _Use:
    parts: list[str]
    shown: str
    position: Position


def values(bundle: Bundle) -> Iterator[Problem]:
    """Dynamic values that nothing provides; parameters for a job that does not have them."""
    for key, job in resources(bundle, "jobs").items():
        outside = Node({k: v for k, v in job.fields.items() if k != "tasks"}, job.position)
        for use in _uses(outside):
            yield from _of_job(use, job)
        for task in tasks_of(key, job):
            yield from _of_task(task)
    yield from _handed_on(bundle)


def with_samples(argument: str, job: Node) -> str:
    """An argument with its dynamic values: parameters have their default, the rest a sample."""
    return _DYNAMIC.sub(lambda match: _sample(match[1], _defaults(job)), argument)


def _sample(reference: str, defaults: Mapping[str, str]) -> str:
    parts = _parts(reference)
    if parts[:2] == ["job", "parameters"] and len(parts) == 3:
        return defaults.get(parts[2], "")
    return _SAMPLES.get(parts[1] if len(parts) > 1 else "", "1")


def _defaults(job: Node) -> dict[str, str]:
    return {text(p, "name"): text(p, "default") for p in entries(job, "parameters")}


def _parts(reference: str) -> list[str]:
    return [bracketed or plain for bracketed, plain in _PART.findall(reference)]


def _uses(node: Node) -> Iterator[_Use]:
    for _, found, position in strings(node):
        for match in _DYNAMIC.finditer(found):
            if not match[1].startswith(_ELSEWHERE):
                yield _Use(_parts(match[1]), match[0], position)


def _of_task(task: TaskNode) -> Iterator[Problem]:
    own = {k: v for k, v in task.node.fields.items() if k != "for_each_task"}
    loop = task.node.child("for_each_task")
    inputs = loop.child("inputs") if loop else None
    if inputs is not None:
        own["inputs"] = inputs
    before = upstream(task)
    for use in _uses(Node(own, task.node.position)):
        match use.parts:
            case ["task", name] if name in _TASK:
                continue
            case ["input", *_] if task.outer is not None:
                continue
            case ["tasks", name, attribute, *_] if attribute in _TASKS:
                if name not in before:
                    message = f"task {task.key} does not depend on {name!r}"
                    yield Problem.at(use.position, f"{use.shown}: {message}")
            case _:
                yield from _of_job(use, task.job)


def _of_job(use: _Use, job: Node) -> Iterator[Problem]:
    match use.parts:
        case ["job", "parameters", name]:
            declared = _defaults(job)
            if name not in declared:
                message = f"expected a parameter of the job ({listed(declared)})"
                yield Problem.at(use.position, f"{use.shown}: {message}, found {name!r}")
        case ["job", name, *_] if name in _JOB - {"parameters"}:
            return
        case ["workspace", name] if name in _WORKSPACE:
            return
        case _:
            yield Problem.at(use.position, f"{use.shown} is no dynamic value of a job or task")


def _handed_on(bundle: Bundle) -> Iterator[Problem]:
    """What a run_job_task hands on, the other job has to take."""
    jobs = resources(bundle, "jobs")
    for task in tasks(bundle):
        other = jobs.get(text(task.node, "run_job_task", "job_id").removeprefix("resources.jobs."))
        handed = task.node.find("run_job_task", "job_parameters")
        if other is None or handed is None:
            continue
        declared = _defaults(other)
        for name, node in handed.fields.items():
            if name not in declared:
                message = f"expected a parameter of that job ({listed(declared)}), found {name!r}"
                yield Problem.at(node.position, message)
