"""A resource is defined once: merging files would mix two of the same key silently."""

from collections.abc import Iterator, Sequence

from lyceum.local.bundle.errors import Position, Problem
from lyceum.local.bundle.nodes import Node


def repeated(files: Sequence[Node]) -> Iterator[Problem]:
    """Keys under `resources` that stand in two files, or in two kinds."""
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
