"""Every file fits a JSON schema, such as the one that `databricks bundle schema` prints."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.errors import UsageError

_LETTERS, _DIGITS = r"[^\W\d_]", r"\d"


class SchemaError(UsageError):
    """The file given as schema is none."""


def fits_schema(files: Sequence[Node], schema: Path) -> Iterator[Problem]:
    """Where a file says what the schema does not allow."""
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]

    content = _schema(schema)
    validator = validator_for(content)(content)
    for file in files:
        for error in validator.iter_errors(file.plain()):
            for cause in _causes(error):
                path = list(cause.absolute_path)
                # A target's override names what it changes; the rest stands in the resource.
                if cause.validator == "required" and path[:1] == ["targets"]:
                    continue
                where = ".".join(map(str, path)) or "the file"
                message = f"schema: {where}: {_first_line(cause.message)}"
                yield Problem.at(file.nearest(path), message)


def _causes(error: Any) -> Iterator[Any]:  # noqa: ANN401
    """What lies behind an error; of several alternatives, the one that is of the same kind."""
    if error.validator not in ("oneOf", "anyOf"):
        yield error
        return
    branches: dict[int, list[Any]] = {}
    for below in error.context:
        branches.setdefault(below.relative_schema_path[0], []).append(below)
    same = [found for found in branches.values() if not any(map(_is_of_another_kind, found))]
    if not same:
        yield error
        return
    for below in min(same, key=len):
        yield from _causes(below)


def _is_of_another_kind(error: Any) -> bool:  # noqa: ANN401
    return not error.relative_path and error.validator in ("type", "pattern", "enum")


def _schema(file: Path) -> Any:  # noqa: ANN401
    try:
        return _with_python_patterns(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise SchemaError(f"expected a JSON schema in {file}, found: {error}") from None


def _with_python_patterns(node: Any) -> Any:  # noqa: ANN401
    r"""The schema with `\p{L}` and `\p{N}`, which Python's expressions do not know, spelled out."""
    if isinstance(node, list):
        return [_with_python_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {key: _with_python_patterns(item) for key, item in node.items()}
    if isinstance(changed.get("pattern"), str):
        changed["pattern"] = _pattern(changed["pattern"])
    return changed


def _pattern(pattern: str) -> str:
    """The pattern in Python's words; a class of both is any letter or digit."""
    both = re.sub(r"\[\\p\{L\}\\p\{N\}\]", r"[^\\W_]", pattern)
    return both.replace(r"\p{L}", _LETTERS).replace(r"\p{N}", _DIGITS)


def _first_line(message: str) -> str:
    line = message.splitlines()[0]
    return line if len(line) <= 200 else f"{line[:200]}…"
