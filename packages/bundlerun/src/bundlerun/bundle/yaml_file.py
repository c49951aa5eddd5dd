"""Reads a YAML file into nodes that know their lines."""

import os
import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from bundlerun.bundle.errors import BundleError, Position
from bundlerun.bundle.nodes import Node, Scalar


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as the Databricks CLI reads it: `on` and `12:30` are texts, so are dates."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_PATTERNS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "int": (r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    "merge": (r"<<", "<"),
}
for _tag, (_pattern, _starts) in _PATTERNS.items():
    _starting = [start if start != "\0" else "" for start in _starts]
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _starting
    )


def yaml_file(file: Path, folder: Path) -> Node:
    """The content of a YAML or JSON file; its positions are relative to `folder`."""
    shown = Path(os.path.relpath(file, folder))
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        document = loader.get_single_node()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError.at(Position(shown, 1), f"cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise _syntax_error(error, shown) from None
    if document is None:
        return Node({}, Position(shown, 1))
    if not isinstance(document, yaml.MappingNode):
        message = "expected names and values (a mapping), found something else"
        raise BundleError.at(Position(shown, 1), message)
    return _Reading(loader, shown).node(document, document)


def _syntax_error(error: Exception, file: Path) -> BundleError:
    mark = getattr(error, "problem_mark", None)
    position = Position(file, mark.line + 1 if mark else 1)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return BundleError.at(position, f"this is not YAML: {what}")


class _Reading:
    def __init__(self, loader: _Loader, file: Path) -> None:
        self._loader = loader
        self._file = file
        self._around: set[int] = set()

    def node(self, found: yaml.Node, key: yaml.Node) -> Node:
        """The node of a YAML value; it stands where its key stands."""
        position = self._position(key)
        if isinstance(found, yaml.ScalarNode):
            return Node(_scalar(found), position)
        if id(found) in self._around:
            raise BundleError.at(position, "expected a value, found an anchor inside itself")
        self._around.add(id(found))
        try:
            if isinstance(found, yaml.SequenceNode):
                return Node([self.node(item, item) for item in found.value], position)
            return Node(self._fields(found), position)
        finally:
            self._around.discard(id(found))

    def _fields(self, found: yaml.MappingNode) -> dict[str, Node]:
        first: dict[str, yaml.Node] = {}
        for key, _ in found.value:
            if not isinstance(key, yaml.ScalarNode):
                message = "expected a name before the colon, found a mapping or a list"
                raise BundleError.at(self._position(key), message)
            if key.value in first and key.value != "<<":
                before = self._position(first[key.value]).line
                message = f"{key.value!r} stands here a second time; it is on line {before} too"
                raise BundleError.at(self._position(key), message)
            first[str(key.value)] = key
        try:
            self._loader.flatten_mapping(found)
        except yaml.YAMLError as error:
            raise _syntax_error(error, self._file) from None
        return {str(key.value): self.node(value, key) for key, value in found.value}

    def _position(self, found: yaml.Node) -> Position:
        return Position(self._file, found.start_mark.line + 1)


def _scalar(found: yaml.ScalarNode) -> Scalar:
    text = str(found.value)
    match found.tag.rpartition(":")[2]:
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case "int":
            return _integer(text)
        case "float":
            return float(text)
    return text


def _integer(text: str) -> int | str:
    try:
        return int(text, 0)
    except ValueError:
        return text
