"""Gives every variable of a bundle its value."""

import json
from collections.abc import Mapping
from pathlib import Path

from bundlerun.bundle.errors import BundleError, Position, Problem, listed
from bundlerun.bundle.nodes import Node, planted, planted_at

_OF_ENVIRONMENT = "BUNDLE_VAR_"


class UnknownVariableError(BundleError):
    """A value is given for a variable that the bundle does not have."""


def with_values(
    root: Node, *, given: Mapping[str, str], environ: Mapping[str, str], folder: Path, target: str
) -> Node:
    """The root with `variables.NAME.value` set.

    From the most to the least: given, the environment's BUNDLE_VAR_NAME, the file of overrides,
    the default (a target's, if it has one).
    """
    declared = (root.child("variables") or planted({}, root.position)).fields
    unknown = [name for name in given if name not in declared]
    if unknown:
        message = f"expected a variable of the bundle ({listed(declared)}), found {unknown[0]!r}"
        raise UnknownVariableError([Problem.at(root.position, message)])
    from_file = _overrides(folder, target)
    named = {k.removeprefix(_OF_ENVIRONMENT): v for k, v in environ.items()}
    problems = []
    for name, variable in declared.items():
        text = given.get(name, named.get(name) if _OF_ENVIRONMENT + name in environ else None)
        value = _text_value(name, variable, text) or from_file.get(name) or _default(variable)
        if value is None:
            message = (
                f"variable {name} has no value: give it a default, or set {_OF_ENVIRONMENT}{name}"
            )
            problems.append(Problem.at(variable.position, message))
        else:
            root = planted_at(root, ("variables", name, "value"), value)
    if problems:
        raise BundleError(problems)
    return root


def _text_value(name: str, variable: Node, text: str | None) -> Node | None:
    if text is None:
        return None
    if _is_complex(variable):
        message = f"variable {name} is complex: expected its value in a file, found {text!r}"
        raise BundleError.at(variable.position, message)
    return planted(text, variable.position)


def _is_complex(variable: Node) -> bool:
    kind = variable.child("type")
    return kind is not None and kind.value == "complex"


def _default(variable: Node) -> Node | None:
    """The default; of a looked-up identifier, which only a workspace knows, a stand-in."""
    lookup = variable.child("lookup")
    for kind, name in lookup.fields.items() if lookup else ():
        return planted(f"lookup.{kind}.{name.value}", name.position)
    default = variable.child("default") or variable.child("value")
    return None if default is None or default.value is None else default


def _overrides(folder: Path, target: str) -> Mapping[str, Node]:
    file = Path(".databricks", "bundle", target, "variable-overrides.json")
    if not (folder / file).is_file():
        return {}
    position = Position(file, 1)
    try:
        return planted(json.loads((folder / file).read_text(encoding="utf-8")), position).fields
    except ValueError as error:
        raise BundleError.at(position, f"this is not JSON: {error}") from None
