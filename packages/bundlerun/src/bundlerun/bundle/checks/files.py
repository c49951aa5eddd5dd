"""Notebooks, pipeline files and SQL files exist, and are what they are taken for."""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from glob import glob
from pathlib import Path

from bundlerun.bundle.checks.sql import sql_complaint
from bundlerun.bundle.checks.tasks import TaskNode, entries, resources, tasks
from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle

_REMOTE = ("/Workspace/", "/Repos/", "/Users/", "/Shared/", "/Volumes/", "/dbfs/")
_NOTEBOOKS = (".py", ".sql", ".scala", ".r", ".ipynb")
_HEADS = {".py": "# Databricks notebook source", ".sql": "-- Databricks notebook source"}
_MAGIC = ("%", "!")

Complaint = Callable[[Path], str | None]


def files(bundle: Bundle) -> Iterator[Problem]:
    """Files that are missing, cannot be parsed or are of another kind."""
    for task in tasks(bundle):
        yield from _of_task(task)
    for pipeline in resources(bundle, "pipelines").values():
        yield from _of_pipeline(pipeline)
    for dependency in _dependencies(bundle):
        yield from _dependency(dependency, bundle)


def _dependencies(bundle: Bundle) -> Iterator[Node]:
    """What the environments of jobs and pipelines install."""
    for job in resources(bundle, "jobs").values():
        for environment in entries(job, "environments"):
            yield from entries(environment, "spec", "dependencies")
    for pipeline in resources(bundle, "pipelines").values():
        yield from entries(pipeline, "environment", "dependencies")


def _of_task(task: TaskNode) -> Iterator[Problem]:
    expected: tuple[tuple[tuple[str, ...], Complaint], ...] = (
        (("notebook_task", "notebook_path"), notebook_complaint),
        (("spark_python_task", "python_file"), source_complaint),
        (("sql_task", "file", "path"), source_complaint),
        (("dbt_task", "project_directory"), _folder_complaint),
    )
    for path, complaint in expected:
        yield from _checked(task.node.find(*path), complaint)
    for library in entries(task.node, "libraries"):
        yield from _checked(library.child("requirements"), _file_complaint)


def _of_pipeline(pipeline: Node) -> Iterator[Problem]:
    yield from _checked(pipeline.child("root_path"), _folder_complaint)
    for library in entries(pipeline, "libraries"):
        yield from _checked(library.find("notebook", "path"), notebook_complaint)
        yield from _checked(library.find("file", "path"), source_complaint)
        yield from _checked(library.find("glob", "include"), _glob_complaint)


def _checked(path: Node | None, complaint: Complaint) -> Iterator[Problem]:
    """The complaint about a local file; of one in a workspace or in git, nothing is known."""
    if path is None or not isinstance(path.value, str) or not path.value.startswith("/"):
        return
    if path.value.startswith(_REMOTE) and not Path(path.value).exists():
        return
    wrong = complaint(Path(path.value))
    if wrong:
        yield Problem.at(path.position, wrong)


def _file_complaint(file: Path) -> str | None:
    return None if file.is_file() else f"expected the file {file.name}, found none at {file}"


def _folder_complaint(folder: Path) -> str | None:
    return None if folder.is_dir() else f"expected a folder, found none at {folder}"


def source_complaint(file: Path) -> str | None:
    """What is wrong with a Python or SQL file."""
    missing = _file_complaint(file)
    if missing:
        return missing
    content = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".py":
        return _python_complaint(content, file.name)
    if file.suffix == ".sql":
        wrong = sql_complaint(content)
        return f"{file.name} is no SQL: {wrong}" if wrong else None
    return None


def notebook_complaint(file: Path) -> str | None:
    """What is wrong with a notebook, in Databricks source format or ipynb."""
    if file.suffix.lower() not in _NOTEBOOKS:
        found = sorted(other.name for other in file.parent.glob(f"{file.name}.*"))
        hint = f", there is {found[0]}" if found else ""
        return f"expected a notebook with its extension, found {file.name}{hint}"
    missing = _file_complaint(file)
    if missing:
        return missing
    if file.suffix == ".ipynb":
        return _ipynb_complaint(file)
    head = _HEADS.get(file.suffix)
    first = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    if head and first != head:
        return f"expected {file.name} to be a notebook (first line {head!r}), found {first!r}"
    return source_complaint(file)


def _ipynb_complaint(file: Path) -> str | None:
    import nbformat

    try:
        notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever nbformat finds wrong
        return f"{file.name} is no notebook: {str(error).splitlines()[0]}"
    for number, cell in enumerate(notebook.cells, 1):
        is_python = cell.cell_type == "code" and not cell.source.lstrip().startswith(_MAGIC)
        lines = [line for line in cell.source.splitlines() if not line.startswith(_MAGIC)]
        if is_python and (wrong := _python_complaint("\n".join(lines), file.name)):
            return f"{wrong} of cell {number}"
    return None


def _python_complaint(content: str, name: str) -> str | None:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return f"{name} is no Python: {getattr(error, 'msg', error)} in line {line}"
    return None


def _glob_complaint(pattern: Path) -> str | None:
    """What is wrong with the sources of a pipeline: there have to be some, all of them right."""
    everything = str(pattern / "*") if pattern.name == "**" else str(pattern)
    found = [Path(name) for name in sorted(glob(everything, recursive=True))]  # noqa: PTH207
    sources = [file for file in found if file.suffix in (".py", ".sql") and file.is_file()]
    if not sources:
        return f"expected Python or SQL files, found none at {pattern}"
    return next(filter(None, map(source_complaint, sources)), None)


def _dependency(node: Node, bundle: Bundle) -> Iterator[Problem]:
    """A wheel is there, or an artifact of the bundle builds it; a requirements file is there."""
    value = str(node.value)
    for flag in ("-r ", "--requirement "):
        if value.startswith(flag):
            file = Node(value.removeprefix(flag).strip(), node.position)
            yield from _checked(file, _file_complaint)
    if value.endswith(".whl"):
        yield from _checked(node, partial(_wheel_complaint, bundle=bundle))


def _wheel_complaint(wheel: Path, *, bundle: Bundle) -> str | None:
    artifacts = bundle.settings.get("artifacts") or {}
    built = [Path(a.get("path") or bundle.folder) / "dist" for a in artifacts.values() if a]
    default = [] if artifacts else [bundle.folder / "dist"]
    if wheel.parent in built + default or glob(str(wheel)):  # noqa: PTH207
        return None
    return f"expected a wheel that is there or that an artifact builds, found {wheel}"
