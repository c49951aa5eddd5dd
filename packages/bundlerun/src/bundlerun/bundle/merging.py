"""Puts the parts of a configuration together: files, a target over the root, lists by key."""

from collections.abc import Mapping
from dataclasses import replace

from bundlerun.bundle.errors import BundleError, listed
from bundlerun.bundle.nodes import Key, Node, changed, planted, planted_at

_MERGED_BY_TARGET = (
    "bundle",
    "workspace",
    "artifacts",
    "resources",
    "sync",
    "permissions",
    "presets",
    "experimental",
)
_SET_BY_TARGET = {
    "run_as": ("run_as",),
    "mode": ("bundle", "mode"),
    "cluster_id": ("bundle", "cluster_id"),
}
_PARTS_OF_A_VARIABLE = {"default", "lookup", "type", "description"}
_VALUES_OF_A_VARIABLE = {"default", "lookup"}
_LISTS_BY_KEY: tuple[tuple[tuple[Key, ...], str], ...] = (
    (("resources", "jobs", "*", "tasks"), "task_key"),
    (("resources", "jobs", "*", "job_clusters"), "job_cluster_key"),
    (("resources", "jobs", "*", "parameters"), "name"),
    (("resources", "pipelines", "*", "clusters"), "label"),
    (("resources", "apps", "*", "resources"), "name"),
    (("resources", "catalogs", "*", "grants"), "principal"),
    (("resources", "schemas", "*", "grants"), "principal"),
    (("resources", "volumes", "*", "grants"), "principal"),
)


def merged(below: Node, above: Node) -> Node:
    """Both nodes in one: mappings merge, lists follow each other, else `above` wins."""
    if below.value is None or above.value is None:
        return below if above.value is None else above
    if isinstance(below.value, Mapping) and isinstance(above.value, Mapping):
        fields = dict(below.value)
        for key, node in above.value.items():
            fields[key] = merged(fields[key], node) if key in fields else node
        return replace(below, value=fields)
    if isinstance(below.value, list) and isinstance(above.value, list):
        return replace(below, value=[*below.value, *above.value])
    if any(isinstance(node.value, Mapping | list) for node in (below, above)):
        message = f"expected what {below.position} has ({below.kind}), found {above.kind}"
        raise BundleError.at(above.position, message)
    return above


def with_target(root: Node, name: str) -> Node:
    """The root with the settings of one of its targets over it, and without the targets."""
    target = root.find("targets", name) or Node({}, root.position)
    for field, override in target.fields.items():
        if field in _MERGED_BY_TARGET:
            root = merged(root, Node({field: override}, override.position))
        elif field == "git":
            root = merged(
                root, planted_at(Node({}, override.position), ("bundle", "git"), override)
            )
        elif field in _SET_BY_TARGET:
            root = planted_at(root, _SET_BY_TARGET[field], override)
        elif field == "variables":
            for variable, value in override.fields.items():
                root = _with_variable(root, name, variable, value)
    return replace(root, value={k: v for k, v in root.fields.items() if k != "targets"})


def _with_variable(root: Node, target: str, name: str, override: Node) -> Node:
    declared = (root.child("variables") or Node({}, root.position)).fields
    if name not in declared:
        message = f"target {target} sets the variable {name}, expected one of {listed(declared)}"
        raise BundleError.at(override.position, message)
    for part, value in _definition(override).items():
        root = planted_at(root, ("variables", name, part), value)
    return root


def _definition(override: Node) -> Mapping[str, Node]:
    """What a target says of a variable: a definition of it, or just its value."""
    names = set(override.fields)
    if names <= _PARTS_OF_A_VARIABLE and names & _VALUES_OF_A_VARIABLE:
        return {part: override.fields[part] for part in names & _VALUES_OF_A_VARIABLE}
    return {"default": override}


def with_lists_merged(root: Node) -> Node:
    """The root in which entries of a list with the same key are one: a target's over the root's."""
    for path, key in _LISTS_BY_KEY:
        root = changed(root, path, lambda entries, key=key: _by_key(entries, key))  # type: ignore[misc]
    return root


def _by_key(entries: Node, key: str) -> Node:
    found: dict[object, Node] = {}
    for entry in entries.entries:
        name = _key_of(entry, key)
        found[name] = merged(found[name], entry) if name in found else entry
    every = [_privileges_once(node) for node in found.values()]
    return replace(entries, value=every) if entries.entries else entries


def _key_of(entry: Node, key: str) -> object:
    named = entry.child(key)
    if named is not None:
        return named.value
    return "default" if key == "label" else id(entry)


def _privileges_once(entry: Node) -> Node:
    """A grant names each privilege once, though root and target may both name it."""
    privileges = entry.child("privileges")
    if privileges is None:
        return entry
    once = planted(list(dict.fromkeys(privileges.plain())), privileges.position)
    return planted_at(entry, ("privileges",), once)
