"""Reads a Declarative Automation Bundle and resolves it for one target, offline."""

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from bundlerun.bundle.errors import (
    BundleError,
    NoBundleError,
    Position,
    UnknownTargetError,
    listed,
)
from bundlerun.bundle.merging import merged, with_lists_merged, with_target
from bundlerun.bundle.nodes import Key, Node, planted_at
from bundlerun.bundle.paths import with_absolute_paths
from bundlerun.bundle.presets import with_presets
from bundlerun.bundle.python_resources import with_python_resources
from bundlerun.bundle.references import resolved, unescaped
from bundlerun.bundle.variables import with_values
from bundlerun.bundle.workspace import with_facts
from bundlerun.bundle.yaml_file import yaml_file

_FILES = ("databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml")
_FIRST = ("bundle", "workspace", "variables")
_TARGET_OF_ENVIRONMENT = "DATABRICKS_BUNDLE_TARGET"


@dataclass(frozen=True)
class Bundle:
    """A bundle resolved for one target: every `${...}` has its value, every path is absolute."""

    folder: Path
    name: str
    target: str
    settings: dict[str, Any]
    """The whole configuration."""
    jobs: dict[str, dict[str, Any]]
    """By resource key, in the form of the Jobs API."""
    pipelines: dict[str, dict[str, Any]]
    tree: Node = field(repr=False)

    def position(self, *path: Key) -> Position:
        """The line of what is at a path of `settings`, or of the deepest part that exists."""
        return self.tree.nearest(path)


def find_bundle(start: Path) -> Path:
    """The folder of the nearest bundle: `start`, or one above it."""
    if not os.path.isdir(start):  # noqa: PTH112 - False for what no path can be, too
        raise NoBundleError(f"expected the folder of a bundle, found none at {str(start)!r}")
    at = start.resolve()
    for folder in (at, *at.parents):
        if _root_file(folder) is not None:
            return folder
    message = f"expected a databricks.yml in {at} or above, found none: name its folder (--bundle)"
    raise NoBundleError(message)


def load_bundle(
    folder: Path,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle of a folder, resolved for a target; none given, its default one."""
    folder, environ = folder.resolve(), environ or {}
    root = together(configuration_files(folder))
    name = _target(root, target or environ.get(_TARGET_OF_ENVIRONMENT))
    root = with_target(root, name)
    root = with_values(root, given=variables or {}, environ=environ, folder=folder, target=name)
    root = with_facts(root, folder=folder, target=name, environ=environ)
    root = with_python_resources(resolved(root, _FIRST), folder)
    root = with_lists_merged(resolved(root, _FIRST))
    root = with_presets(with_absolute_paths(root, folder))
    root = unescaped(resolved(root, set(root.fields)))
    return _bundle(folder, name, root)


def configuration_files(folder: Path) -> list[Node]:
    """The bundle's file and those that it includes, as written."""
    file = _root_file(folder)
    if file is None:
        raise NoBundleError(f"expected a databricks.yml in {folder}, found none")
    root = yaml_file(file, folder)
    return [root, *(yaml_file(path, folder) for path in _included(root, folder) if path != file)]


def together(files: Sequence[Node]) -> Node:
    """One configuration of all files, no target applied."""
    root = reduce(merged, files)
    legacy = root.child("environments")
    if legacy is None or "targets" in root.fields:
        return root
    return planted_at(root, ("targets",), legacy)


def target_names(root: Node) -> list[str]:
    """The targets that a configuration declares; one without any has `default`."""
    targets = root.child("targets")
    return list(targets.fields) if targets and targets.fields else ["default"]


def _root_file(folder: Path) -> Path | None:
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def _included(root: Node, folder: Path) -> list[Path]:
    patterns = root.child("include")
    files: dict[Path, None] = {}
    for entry in patterns.entries if patterns else ():
        pattern = str(entry.value)
        found = sorted(glob(pattern, root_dir=folder))  # noqa: PTH207 - `**` is `*` here
        if not found and not has_magic(pattern):
            raise BundleError.at(entry.position, f"expected a file {pattern}, found none")
        for name in found:
            if not name.endswith((".yml", ".yaml", ".json")):
                raise BundleError.at(entry.position, f"expected YAML or JSON, found {name}")
            files[Path(os.path.normpath(folder / name))] = None
    return list(files)


def _target(root: Node, asked: str | None) -> str:
    names = target_names(root)
    if asked is not None:
        if asked in names:
            return asked
        where = root.nearest(("targets",))
        raise UnknownTargetError.at(where, f"expected a target of {listed(names)}, found {asked!r}")
    defaults = [name for name in names if _is_default(root, name)]
    if len(names) == 1 or len(defaults) == 1:
        return (defaults or names)[0]
    found = f"{len(defaults)}: name the target (-t)"
    where = root.nearest(("targets",))
    raise BundleError.at(where, f"expected one default target of {listed(names)}, found {found}")


def _is_default(root: Node, name: str) -> bool:
    flag = root.find("targets", name, "default")
    return flag is not None and flag.value is True


def _bundle(folder: Path, target: str, root: Node) -> Bundle:
    named = root.find("bundle", "name")
    if named is None or not isinstance(named.value, str) or not named.value:
        raise BundleError.at(root.nearest(("bundle",)), "expected the bundle's name, found none")
    settings = root.plain()
    resources = settings.get("resources") or {}
    return Bundle(
        folder=folder,
        name=named.value,
        target=target,
        settings=settings,
        jobs=_with_content(resources.get("jobs")),
        pipelines=_with_content(resources.get("pipelines")),
        tree=root,
    )


def _with_content(by_key: dict[str, dict[str, Any] | None] | None) -> dict[str, dict[str, Any]]:
    return {key: content for key, content in (by_key or {}).items() if content}
