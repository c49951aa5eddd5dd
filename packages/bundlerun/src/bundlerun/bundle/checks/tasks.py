"""The tasks of a bundle's jobs, with what the checks ask of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bundlerun.bundle.nodes import Key, Node
from bundlerun.bundle.reader import Bundle


@dataclass(frozen=True)
class TaskNode:
    """A task, or the task inside a for_each_task."""

    job_key: str
    job: Node
    node: Node
    outer: "TaskNode | None" = None

    @property
    def key(self) -> str:
        """The task's key."""
        return text(self.node, "task_key")

    @property
    def dependencies(self) -> list[Node]:
        """The entries of `depends_on`."""
        return list(entries(self.node, "depends_on"))


def tasks(bundle: Bundle) -> Iterator[TaskNode]:
    """Every task of every job; those inside a for_each_task follow it."""
    for key, job in resources(bundle, "jobs").items():
        yield from tasks_of(key, job)


def tasks_of(job_key: str, job: Node) -> Iterator[TaskNode]:
    """Every task of a job."""
    for node in entries(job, "tasks"):
        task = TaskNode(job_key, job, node)
        yield task
        inner = node.find("for_each_task", "task")
        if inner is not None:
            yield TaskNode(job_key, job, inner, outer=task)


def resources(bundle: Bundle, kind: str) -> Mapping[str, Node]:
    """The resources of a kind that have content, by key."""
    found = bundle.tree.find("resources", kind)
    return {k: node for k, node in found.fields.items() if node.fields} if found else {}


def entries(node: Node, *path: Key) -> Iterator[Node]:
    """The entries of the list at a path."""
    found = node.find(*path)
    yield from found.entries if found else ()


def text(node: Node, *path: Key) -> str:
    """The plain value at a path as text; empty if there is none."""
    found = node.find(*path)
    return "" if found is None or found.value is None else str(found.value)
