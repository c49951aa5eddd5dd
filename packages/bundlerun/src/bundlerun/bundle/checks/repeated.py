"""A thing is defined once: merging would make one of two with the same key, silently."""

from collections.abc import Iterator, Sequence

from bundlerun.bundle.checks.tasks import entries, text
from bundlerun.bundle.errors import Position, Problem
from bundlerun.bundle.nodes import Node

_KEYS = {
    "tasks": "task_key",
    "parameters": "name",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
}


def repeated(files: Sequence[Node]) -> Iterator[Problem]:
    """Resources with one key in two files or two kinds, entries of a job with one key."""
    first: dict[str, tuple[str, Position]] = {}
    for file in files:
        kinds = file.child("resources")
        for kind, resources in kinds.fields.items() if kinds else ():
            for key, resource in resources.fields.items():
                if key in first:
                    shown = f"{first[key][0]} at {first[key][1]}"
                    message = f"the key {key!r} is used twice: here and by one of the {shown}"
                    yield Problem.at(resource.position, message)
                first.setdefault(key, (kind, resource.position))
                yield from _entries(resource)


def _entries(resource: Node) -> Iterator[Problem]:
    for field, key in _KEYS.items():
        seen: set[str] = set()
        for entry in entries(resource, field):
            name = text(entry, key)
            if name in seen:
                yield Problem.at(entry.position, f"two {field} have the {key} {name!r}")
            seen.add(name)
