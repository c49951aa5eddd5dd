"""Every resource loads as the class that `databricks-bundles` has for it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from bundlerun.bundle.errors import Problem, Severity, listed
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle

# What only a workspace knows stands as a text where a number belongs.
_STAND_IN = re.compile(r"(resources|lookup)\.[^\s.]+\.\S[^/]*")
_KNOWN = (
    *("alerts", "apps", "clusters", "dashboards", "database_catalogs", "database_instances"),
    *("experiments", "jobs", "model_serving_endpoints", "models", "pipelines"),
    *("quality_monitors", "registered_models", "schemas", "secret_scopes", "sql_warehouses"),
    *("synced_database_tables", "volumes"),
)
_BOOLEANS = {"true", "false", "yes", "no", "on", "off", "y", "n"}


def kinds(root: Node) -> Iterator[Problem]:
    """Kinds of resources that there are not."""
    for kind, resources in _kinds(root).items():
        if _resource_class(kind) is None:
            message = f"resources.{kind} is a kind that is not known here: it is not checked"
            yield Problem.at(resources.position, message, _severity(str(kind)))


def _severity(kind: str) -> Severity:
    """A kind that looks like another is a slip; any other one may be newer than this check."""
    return "error" if get_close_matches(kind, _KNOWN, n=1, cutoff=0.8) else "warning"


def typed(bundle: Bundle) -> Iterator[Problem]:
    """Unknown or missing fields, values of a wrong type."""
    for kind, resources in _kinds(bundle.tree).items():
        cls = _resource_class(kind)
        for resource in resources.fields.values() if cls else ():
            yield from _resource_problems(cls, resource)


def _kinds(root: Node) -> Mapping[str, Node]:
    resources = root.child("resources")
    return resources.fields if resources else {}


@cache
def _resource_class(kind: str) -> type | None:
    from databricks.bundles.core import Resource

    try:
        module = import_module(f"databricks.bundles.{kind}")
    except ImportError:
        return None
    classes = [found for found in vars(module).values() if isinstance(found, type)]
    return next((c for c in classes if issubclass(c, Resource) and c is not Resource), None)


def _resource_problems(cls: Any, resource: Node) -> Iterator[Problem]:  # noqa: ANN401
    found = list(_problems(cls, resource))
    yield from found
    if found:
        return
    try:
        cls.from_dict(_with_references(resource.plain()))
    except (TypeError, ValueError) as error:
        yield Problem.at(resource.position, f"is no {cls.__name__}: {error}")


def _problems(hint: Any, node: Node) -> Iterator[Problem]:  # noqa: ANN401
    """What is wrong with a value where a type is expected."""
    hint = _unwrapped(hint)
    if node.value is None or hint is Any or _is_stand_in(node):
        return
    if is_dataclass(hint):
        yield from _fields(hint, node)
        return
    if get_origin(hint) is list:
        yield from _expected("a list", node, matches=isinstance(node.value, list))
        for entry in node.entries:
            yield from _problems(get_args(hint)[0], entry)
        return
    if get_origin(hint) is dict:
        yield from _expected("a mapping", node, matches=isinstance(node.value, Mapping))
        for entry in node.fields.values():
            yield from _problems(get_args(hint)[1], entry)
        return
    expected = _plain_expectation(hint, node.value)
    if expected:
        yield from _expected(expected, node, matches=False)


def _fields(cls: Any, node: Node) -> Iterator[Problem]:  # noqa: ANN401
    if not isinstance(node.value, Mapping):
        yield from _expected(f"a mapping ({cls.__name__})", node, matches=False)
        return
    hints = _hints(cls)
    for key, below in node.fields.items():
        if key in hints:
            yield from _problems(hints[key], below)
        else:
            yield Problem.at(below.position, f"{cls.__name__} has no field {key!r}")
    for field in fields(cls):
        is_required = field.default is MISSING and field.default_factory is MISSING
        if is_required and field.name not in node.fields:
            yield Problem.at(node.position, f"{cls.__name__} needs the field {field.name!r}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _unwrapped(hint: Any) -> Any:  # noqa: ANN401
    """The type behind `Variable[T] | T | None`."""
    from databricks.bundles.core import Variable

    if get_origin(hint) in (list, dict) or not get_args(hint):
        return hint
    choices = [a for a in get_args(hint) if a is not NoneType and get_origin(a) is not Variable]
    return _unwrapped(choices[0]) if choices else hint


def _plain_expectation(hint: Any, value: object) -> str | None:  # noqa: ANN401
    """What was expected instead of a plain value; None if it is what was expected."""
    if isinstance(value, Mapping | list):
        return "a plain value"
    if isinstance(hint, type) and issubclass(hint, Enum):
        names = [str(member.value) for member in hint]
        return None if str(value) in names else _one_of(names, str(value))
    if hint is bool:
        is_boolean = isinstance(value, bool) or str(value).lower() in _BOOLEANS
        return None if is_boolean else "true or false"
    if hint in (int, float):
        try:
            hint(value)
        except (TypeError, ValueError):
            return "a number"
    return None


def _one_of(names: list[str], value: str) -> str:
    """The names that are allowed; of many, those that look like the value."""
    few = names if len(names) <= 8 else get_close_matches(value, names) or names[:3]
    return f"one of {listed(few)}" + (", ..." if len(few) < len(names) else "")


def _expected(what: str, node: Node, *, matches: bool) -> Iterator[Problem]:
    if not matches:
        yield Problem.at(node.position, f"expected {what}, found {node.kind}")


def _is_stand_in(node: Node) -> bool:
    return isinstance(node.value, str) and _STAND_IN.fullmatch(node.value) is not None


def _with_references(value: Any) -> Any:  # noqa: ANN401
    """Stand-ins as the references that they came from, which the classes accept anywhere."""
    if isinstance(value, dict):
        return {key: _with_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if isinstance(value, str) and _STAND_IN.fullmatch(value):
        return "${resources.stand.in.id}"
    return value
