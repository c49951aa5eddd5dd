"""Makes the relative paths of a configuration absolute: relative to the file that they stand in."""

import os.path
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bundlerun.bundle.nodes import Key, Node, changed

_TASK: tuple[tuple[Key, ...], ...] = (
    ("notebook_task", "notebook_path"),
    ("spark_python_task", "python_file"),
    ("dbt_task", "project_directory"),
    ("sql_task", "file", "path"),
    ("libraries", "*", "requirements"),
    ("libraries", "*", "whl"),
    ("libraries", "*", "jar"),
)
_PIPELINE: tuple[tuple[Key, ...], ...] = (
    ("libraries", "*", "notebook", "path"),
    ("libraries", "*", "file", "path"),
    ("libraries", "*", "glob", "include"),
    ("root_path",),
)
_OTHERS: tuple[tuple[Key, ...], ...] = (
    ("artifacts", "*", "path"),
    ("artifacts", "*", "files", "*", "source"),
    ("resources", "dashboards", "*", "file_path"),
    ("resources", "alerts", "*", "file_path"),
)
_DEPENDENCIES: tuple[tuple[Key, ...], ...] = (
    ("resources", "jobs", "*", "environments", "*", "spec", "dependencies", "*"),
    ("resources", "pipelines", "*", "environment", "dependencies", "*"),
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PIP_FLAG = re.compile(r"(-r|-e|-c|--requirement|--editable|--constraint)([ =])\s*(\.{1,2}/.*)")


def with_absolute_paths(root: Node, folder: Path) -> Node:
    """The root in which what names a local file or folder names it absolutely."""
    absolute = partial(_absolute, folder=folder)
    root = changed(root, ("resources", "jobs", "*"), lambda job: _job(job, absolute))
    for path in _PIPELINE:
        root = changed(root, ("resources", "pipelines", "*", *path), absolute)
    for path in _OTHERS:
        root = changed(root, path, absolute)
    for path in _DEPENDENCIES:
        root = changed(root, path, lambda node: _dependency(node, absolute))
    return root


def _job(job: Node, absolute: Callable[[Node], Node]) -> Node:
    job = changed(job, ("tasks", "*"), lambda task: _task(task, absolute, job))
    nested = ("tasks", "*", "for_each_task", "task")
    return changed(job, nested, lambda task: _task(task, absolute, job))


def _task(task: Node, absolute: Callable[[Node], Node], job: Node) -> Node:
    """The files of a job that is in git are in git, except those that say otherwise."""
    for path in _TASK:
        kind = task.find(path[0])
        source = kind.child("source") if kind is not None else None
        stated = source.value if source is not None else None
        if stated == "GIT" or (job.child("git_source") is not None and stated != "WORKSPACE"):
            continue
        task = changed(task, path, absolute)
    return task


def _absolute(node: Node, *, folder: Path) -> Node:
    text = node.value
    if not isinstance(text, str) or not text or text.startswith("/") or _SCHEME.match(text):
        return node
    return replace(node, value=os.path.normpath(folder / node.position.file.parent / text))


def _dependency(node: Node, absolute: Callable[[Node], Node]) -> Node:
    """A dependency is a path if it looks like one; a name of a package stays a name."""
    text = str(node.value)
    flag = _PIP_FLAG.fullmatch(text)
    if flag:
        path = absolute(replace(node, value=flag[3])).value
        return replace(node, value=f"{flag[1]}{flag[2]}{path}")
    is_path = text.startswith(("./", "../")) or (text.endswith(".whl") and " " not in text)
    return absolute(node) if is_path else node
