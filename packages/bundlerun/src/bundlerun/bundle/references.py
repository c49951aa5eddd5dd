"""Resolves `${...}` references, each with all that it refers to in turn."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from bundlerun.bundle.errors import BundleError, Position, Problem, listed
from bundlerun.bundle.nodes import Key, Node

_NAME = r"_*[^\W\d_](?:[-_]*[^\W_])*"
_INDEXES = r"(?:\[[0-9]+\])*"
REFERENCE = re.compile(rf"(?<!\$)\$\{{({_NAME}(?:\.{_NAME}{_INDEXES})*{_INDEXES})\}}")
_PART = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_ESCAPED = "$${"
# A workspace fills these in when the resource is created.
_KNOWN_LATER = {
    "id",
    "url",
    "storage_location",
    "storage_root",
    "creator_name",
    "service_principal_client_id",
    "service_principal_id",
    "default_source_code_path",
}

# What a workspace derives from a resource's own fields.
_DERIVED = {
    ("volumes", "volume_path"): "/Volumes/{0}.catalog_name}}/{0}.schema_name}}/{0}.name}}",
    ("volumes", "full_name"): "{0}.catalog_name}}.{0}.schema_name}}.{0}.name}}",
    ("schemas", "full_name"): "{0}.catalog_name}}.{0}.name}}",
}

Path = tuple[Key, ...]


def strings(node: Node, path: Path = ()) -> Iterator[tuple[Path, str, Position]]:
    """Every text in a node, with its path and position."""
    if isinstance(node.value, str):
        yield path, node.value, node.position
    for key, below in node.fields.items():
        yield from strings(below, (*path, key))
    for index, below in enumerate(node.entries):
        yield from strings(below, (*path, index))


def resolved(root: Node, roots: Collection[str]) -> Node:
    """The root in which every reference to something under one of `roots` has its value."""
    references = _References(root, roots)
    node = references.resolved(root)
    if references.problems:
        raise BundleError(sorted(set(references.problems)))
    return node


def unescaped(node: Node) -> Node:
    """The node in which `$${` is the `${` that it stands for."""
    if isinstance(node.value, str):
        return replace(node, value=node.value.replace(_ESCAPED, "${"))
    if isinstance(node.value, Mapping):
        return replace(node, value={key: unescaped(item) for key, item in node.value.items()})
    if isinstance(node.value, list):
        return replace(node, value=[unescaped(item) for item in node.value])
    return node


class _NotFoundError(Exception):
    """Nothing is where a reference leads."""


class _References:
    def __init__(self, root: Node, roots: Collection[str]) -> None:
        self._root = root
        self._roots = roots
        self._found: dict[Path, Node] = {}
        self._under_way: list[Path] = []
        self.problems: list[Problem] = []

    def resolved(self, node: Node) -> Node:
        """The node with every reference in it replaced by its value."""
        if isinstance(node.value, Mapping):
            return replace(node, value={k: self.resolved(below) for k, below in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self.resolved(below) for below in node.value])
        if isinstance(node.value, str) and "${" in node.value:
            return self._text(node, node.value)
        return node

    def _text(self, node: Node, text: str) -> Node:
        whole = REFERENCE.fullmatch(text)
        if whole:
            value = self._value(whole[1], node.position)
            return node if value is None else replace(node, value=value.value)
        return replace(node, value=REFERENCE.sub(lambda m: self._part(m, node.position), text))

    def _part(self, match: re.Match[str], position: Position) -> str:
        """The value of a reference in the middle of a text, as text."""
        node = self._value(match[1], position)
        if node is None:
            return match[0]
        if isinstance(node.value, Mapping | list):
            message = f"expected {match[0]} to be a text within this text, found {node.kind}"
            self.problems.append(Problem.at(position, message))
        if isinstance(node.value, bool):
            return str(node.value).lower()
        return "" if node.value is None else str(node.value)

    def _value(self, reference: str, position: Position) -> Node | None:
        """What a reference refers to; None if it is left as it stands."""
        path = _path(reference)
        if path[0] not in self._roots:
            return None
        try:
            return self._at(path)
        except _NotFoundError as error:
            self.problems.append(Problem.at(position, f"${{{reference}}}: {error}"))
        except BundleError as error:
            self.problems += error.problems
        return None

    def _at(self, path: Path) -> Node:
        if path not in self._found:
            raw = self._raw(path)
            if path in self._under_way:
                raise BundleError.at(raw.position, self._cycle(path))
            self._under_way.append(path)
            try:
                self._found[path] = self.resolved(raw)
            finally:
                self._under_way.pop()
        return self._found[path]

    def _raw(self, path: Path) -> Node:
        """What stands at a path; a reference on the way there is followed."""
        if not path:
            return self._root
        above = self._raw(path[:-1])
        if isinstance(above.value, str) and "${" in above.value:
            above = self._at(path[:-1])
        below = above.child(path[-1])
        if below is not None:
            return below
        stand_in = _stand_in(path)
        if stand_in is not None:
            return Node(stand_in, above.position)
        raise _NotFoundError(_expectation(path, above))

    def _cycle(self, path: Path) -> str:
        around = [*self._under_way[self._under_way.index(path) :], path]
        return f"these refer to each other in a circle: {' -> '.join(map(_shown, around))}"


def _path(reference: str) -> Path:
    """The path of a reference; `var.x` is short for `variables.x.value`."""
    parts: list[Key] = [int(i) if i else name for i, name in _PART.findall(reference)]
    if parts[0] == "var":
        return ("variables", *parts[1:2], "value", *parts[2:])
    return tuple(parts)


def _stand_in(path: Path) -> str | None:
    """What a resource's attribute is that no file says; an `id` is the resource's own path."""
    if path[0] != "resources" or len(path) != 4:
        return None
    own, attribute = ".".join(map(str, path[:-1])), str(path[-1])
    derived = _DERIVED.get((str(path[1]), attribute))
    if derived is not None:
        return derived.format("${" + own)
    if attribute not in _KNOWN_LATER:
        return None
    return own if attribute == "id" else f"{own}.{attribute}"


def _shown(path: Sequence[Key]) -> str:
    if path[0] == "variables" and len(path) > 2 and path[2] == "value":
        path = ("var", path[1], *path[3:])
    return ".".join(map(str, path))


def _expectation(path: Path, above: Node) -> str:
    if path[0] == "variables" and len(path) == 2:
        return f"expected a declared variable, found {path[1]!r} (declared: {listed(above.fields)})"
    if path[0] == "variables" and path[2:] == ("value",):
        return f"the variable {path[1]} has no value"
    if isinstance(above.value, list):
        return f"expected an index below {len(above.value)}, found {path[-1]}"
    there = _shown(path[:-1]) if path[1:] else "the bundle"
    return f"{there} has no {path[-1]!r} (it has: {listed(above.fields)})"
