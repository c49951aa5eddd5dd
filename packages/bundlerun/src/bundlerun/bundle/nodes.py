"""Node: a value of a bundle's configuration that knows the line where it stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bundlerun.bundle.errors import Position

Key = str | int
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Node:
    """A mapping or a list of nodes, or a plain value."""

    value: "Mapping[str, Node] | Sequence[Node] | Scalar"
    position: Position

    @property
    def fields(self) -> "Mapping[str, Node]":
        """The entries of a mapping; none of anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def entries(self) -> "Sequence[Node]":
        """The entries of a list; none of anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def kind(self) -> str:
        """What the value is, in a person's words."""
        if isinstance(self.value, Mapping):
            return "a mapping"
        return "a list" if isinstance(self.value, list) else repr(self.value)

    def child(self, key: Key) -> "Node | None":
        """The entry under one key."""
        if isinstance(key, str):
            return self.fields.get(key)
        return self.entries[key] if key < len(self.entries) else None

    def find(self, *path: Key) -> "Node | None":
        """What is at a path of keys."""
        node: Node | None = self
        for key in path:
            node = node.child(key) if node is not None else None
        return node

    def plain(self) -> Any:  # noqa: ANN401 - configuration is what JSON is
        """The value as dicts, lists and plain values."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def nearest(self, path: Sequence[Key]) -> Position:
        """The position of what is at a path, or of the deepest part that exists."""
        node = self
        for key in path:
            below = node.child(key)
            if below is None:
                break
            node = below
        return node.position


def planted(value: object, position: Position) -> Node:
    """A node of a plain value, all of it at one position."""
    if isinstance(value, Mapping):
        return Node({str(key): planted(item, position) for key, item in value.items()}, position)
    if isinstance(value, list):
        return Node([planted(item, position) for item in value], position)
    assert value is None or isinstance(value, str | int | float | bool)  # noqa: S101
    return Node(value, position)


def changed(node: Node, path: Sequence[Key], change: Callable[[Node], Node]) -> Node:
    """The node with a change made wherever `path` leads; `*` stands for every key."""
    if not path:
        return change(node)
    head, rest = path[0], path[1:]
    if isinstance(node.value, Mapping):
        keys = list(node.value) if head == "*" else [head] if head in node.value else []
        below = {str(key): changed(node.value[str(key)], rest, change) for key in keys}
        return replace(node, value={**node.value, **below}) if below else node
    if isinstance(node.value, list):
        each = [
            changed(item, rest, change) if head in ("*", index) else item
            for index, item in enumerate(node.value)
        ]
        return replace(node, value=each)
    return node


def planted_at(node: Node, path: Sequence[str], value: Node) -> Node:
    """The node with `value` at a path; mappings on the way are made where there are none."""
    if not path:
        return value
    below = node.fields.get(path[0]) or Node({}, value.position)
    return replace(node, value={**node.fields, path[0]: planted_at(below, path[1:], value)})
