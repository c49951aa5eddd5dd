"""What is checked of the files as written, before any target is resolved."""

import re
from collections.abc import Iterator

from bundlerun.bundle.checks.tasks import text
from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.references import REFERENCE, strings

_ROOTS = {"var", "variables", "bundle", "workspace", "resources", "artifacts"}
_OPENING = re.compile(r"(?<!\$)\$\{")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_HOST = re.compile(r"[\w.-]+\.(?:azure)?databricks\.(?:com|net)")
_CATALOG_FIELDS = {"catalog", "catalog_name"}
_IDENTIFIERS = {"warehouse_id", "existing_cluster_id", "instance_pool_id", "policy_id"}


def written(root: Node) -> Iterator[Problem]:
    """Broken references, two default targets."""
    yield from _references(root)
    targets = root.child("targets")
    fields = targets.fields if targets else {}
    defaults = [name for name, target in fields.items() if text(target, "default") == "True"]
    for name in defaults[1:]:
        message = f"expected one default target, found {' and '.join(defaults)}"
        yield Problem.at(fields[name].nearest(("default",)), message)


def constants(root: Node) -> Iterator[Problem]:
    """What belongs into a variable, production without a place of its own."""
    yield from _hard_coded(root)
    targets = root.child("targets")
    for name, target in targets.fields.items() if targets else ():
        is_production = text(target, "mode") == "production"
        if is_production and not text(target, "workspace", "root_path"):
            message = f"target {name} needs workspace.root_path, so that there is one deployment"
            yield Problem.at(target.position, message)


def _references(root: Node) -> Iterator[Problem]:
    for _, found, position in strings(root):
        for opening in _OPENING.finditer(found):
            reference = REFERENCE.match(found, opening.start())
            shown = found[opening.start() :].split("}")[0][:60]
            if reference is None:
                yield Problem.at(
                    position, f"expected a reference such as ${{var.x}}, found {shown}"
                )
            elif reference[1].split(".")[0] not in _ROOTS:
                message = f"{reference[0]} refers to nothing that is known here"
                yield Problem.at(position, message, "warning")


def _hard_coded(root: Node) -> Iterator[Problem]:
    """Catalogs, workspaces, addresses and identifiers in resources: they differ by target."""
    catalogs = _catalogs(root)
    places = [root.child("resources")]
    targets = root.child("targets")
    places += [target.child("resources") for target in targets.fields.values()] if targets else []
    for place in filter(None, places):
        for path, found, position in strings(place):
            what = _constant(str(path[-1]), found, catalogs)
            if what:
                yield Problem.at(position, f"hard-coded {what}: use a variable for {found!r}")


def _constant(field: str, found: str, catalogs: set[str]) -> str | None:
    """What a text has in it that belongs into a variable."""
    if _EMAIL.search(found):
        return "e-mail address"
    if _HOST.search(found) or found.startswith(("/Workspace/Users/", "/Users/", "/Repos/")):
        return "workspace"
    if field in _IDENTIFIERS and "${" not in found:
        return "identifier"
    names = set(re.findall(r"[\w-]+", REFERENCE.sub("", found)))
    is_path = found.startswith("/Volumes/") and not found.startswith("/Volumes/${")
    if (field in _CATALOG_FIELDS and "${" not in found) or is_path or names & catalogs:
        return "catalog"
    return None


def _catalogs(root: Node) -> set[str]:
    """The names that the bundle's catalog variables have anywhere."""
    names: set[str] = set()
    targets = root.child("targets")
    for place in (root, *(targets.fields.values() if targets else ())):
        variables = place.child("variables")
        for name, variable in variables.fields.items() if variables else ():
            value = variable.child("default") or variable
            if name in _CATALOG_FIELDS and isinstance(value.value, str) and "${" not in value.value:
                names.add(value.value)
    return names - {"main"}
