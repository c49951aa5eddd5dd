"""Wheel tasks: the package is built here, the entry point exists, it takes the parameters."""

import ast
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from pathlib import Path

from bundlerun.bundle.checks.tasks import TaskNode, entries, tasks, text
from bundlerun.bundle.checks.values import with_samples
from bundlerun.bundle.errors import Position, Problem, listed
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle

Complaint = Callable[[Callable[[], object], Sequence[str]], str | None]
"""What is wrong with an entry point's arguments; it has not been run."""


@dataclass(frozen=True)
class _Package:
    folder: Path | None
    scripts: dict[str, str]


def wheels(bundle: Bundle, complaint: Complaint | None = None) -> Iterator[Problem]:
    """Packages nobody builds, entry points that are not there, parameters that do not fit."""
    packages = _packages(_folders(bundle))
    for task in tasks(bundle):
        wheel = task.node.child("python_wheel_task")
        if wheel is not None:
            yield from _of_wheel(task, wheel, packages, complaint)


def _of_wheel(
    task: TaskNode, wheel: Node, packages: dict[str, _Package], complaint: Complaint | None
) -> Iterator[Problem]:
    name, entry = text(wheel, "package_name"), text(wheel, "entry_point")
    package = packages.get(_normal(name)) or _installed(name)
    if package is None:
        where = wheel.nearest(("package_name",))
        found = f"{name!r}; the bundle builds {listed(packages)}"
        yield Problem.at(where, f"expected a package that is built or installed, found {found}")
        return
    where = wheel.nearest(("entry_point",))
    if entry not in package.scripts:
        message = f"expected an entry point of {name} ({listed(package.scripts)}), found {entry!r}"
        yield Problem.at(where, message)
        return
    target = package.scripts[entry]
    wrong = _missing(target, package)
    if wrong:
        yield Problem.at(where, f"entry point {entry} ({target}): {wrong}")
    elif complaint is not None and _installed(name):
        yield from _parameters(task, wheel, target, complaint)


def _parameters(
    task: TaskNode, wheel: Node, target: str, complaint: Complaint
) -> Iterator[Problem]:
    function = EntryPoint(name="", value=target, group="").load()
    given = [with_samples(str(p.value), task.job) for p in entries(wheel, "parameters")]
    named = wheel.child("named_parameters")
    for key, value in named.fields.items() if named else ():
        given.append(f"--{key}={with_samples(str(value.value), task.job)}")
    wrong = complaint(function, given)
    if wrong:
        field = "named_parameters" if named else "parameters"
        where = _culprit(wheel, wrong) or wheel.nearest((field,))
        yield Problem.at(where, f"{text(wheel, 'entry_point')} does not take these: {wrong}")


def _culprit(wheel: Node, wrong: str) -> Position | None:
    """The line of the parameter that a complaint names."""
    for parameter in entries(wheel, "parameters"):
        if str(parameter.value).startswith("-") and str(parameter.value) in wrong:
            return parameter.position
    return None


def _folders(bundle: Bundle) -> list[Path]:
    """Where the bundle builds packages: its artifacts' folders, else its own."""
    artifacts = [a for a in (bundle.settings.get("artifacts") or {}).values() if a]
    paths = [Path(artifact["path"]) for artifact in artifacts if artifact.get("path")]
    return list(dict.fromkeys([*paths, bundle.folder]))


def _packages(folders: Sequence[Path]) -> dict[str, _Package]:
    found: dict[str, _Package] = {}
    for folder in folders:
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        project = content.get("project") or content.get("tool", {}).get("poetry", {})
        if "name" in project:
            groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
            scripts = {name: value for group in groups for name, value in group.items()}
            found.setdefault(_normal(project["name"]), _Package(folder, scripts))
    return found


@cache
def _installed(name: str) -> _Package | None:
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    return _Package(None, {point.name: point.value for point in found.entry_points})


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _missing(target: str, package: _Package) -> str | None:
    """What of an entry point is not there: looked up in its sources, else imported."""
    module, _, attribute = target.partition(":")
    parts = module.strip().split(".")
    for base in (package.folder, package.folder / "src") if package.folder else ():
        for file in (
            base.joinpath(*parts[:-1], f"{parts[-1]}.py"),
            base.joinpath(*parts, "__init__.py"),
        ):
            if file.is_file():
                return _missing_in(file, attribute.strip())
    try:
        imported = import_module(module.strip())
    except ImportError as error:
        return f"cannot be imported: {error}"
    name = attribute.strip().partition(".")[0]
    return None if hasattr(imported, name) else f"{module} has no {name!r}"


def _missing_in(file: Path, attribute: str) -> str | None:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        return f"{file.name} is no Python: {error.msg} in line {error.lineno}"
    defined = {name for statement in tree.body for name in _names(statement)}
    return None if attribute in defined else f"{file.name} has no {attribute!r}"


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        yield from (node.id for node in statement.targets if isinstance(node, ast.Name))
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)
