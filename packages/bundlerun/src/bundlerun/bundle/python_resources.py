"""Resources that a bundle defines in Python: `databricks-bundles` loads them, as for the CLI."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bundlerun.bundle.errors import BundleError, Position, Problem
from bundlerun.bundle.nodes import Node, planted, planted_at
from bundlerun.bundle.paths import with_absolute_paths

_PHASES = {"resources": "load_resources", "mutators": "apply_mutators"}
_FILES = ("input", "output", "diagnostics", "locations")
_SECTIONS = (("python",), ("experimental", "python"))


def with_python_resources(root: Node, folder: Path) -> Node:
    """The root with the resources that its Python functions return, and as its mutators leave them.

    Runs the bundle's own Python code, in a process of its own.
    """
    section = next(filter(None, (root.find(*path) for path in _SECTIONS)), None)
    for field, phase in _PHASES.items():
        functions = section.child(field) if section else None
        if section is not None and functions is not None and functions.entries:
            root = _after(phase, root, folder, section)
    return root


def _after(phase: str, root: Node, folder: Path, section: Node) -> Node:
    """The root after a phase: what is new stands at its Python code, the rest where it was."""
    resources, positions = _run(phase, root, folder, section)
    for kind, by_key in resources.items():
        for key, content in by_key.items():
            path = ("resources", kind, key)
            before = root.find(*path)
            position = positions.get(path, section.position)
            if before is None:
                new = _resource(kind, content, folder, position)
            else:
                new = _changed(before, content)
            root = planted_at(root, path, new)
    return root


def _changed(before: Node, value: object) -> Node:
    """A new value at the positions of the old one."""
    if before.plain() == value:
        return before
    nothing = Node(None, before.position)
    if isinstance(value, Mapping):
        fields = {key: _changed(before.child(key) or nothing, item) for key, item in value.items()}
        return Node(fields, before.position)
    if isinstance(value, list):
        entries = [_changed(before.child(i) or nothing, item) for i, item in enumerate(value)]
        return Node(entries, before.position)
    return planted(value, before.position)


def _resource(kind: str, content: object, folder: Path, position: Position) -> Node:
    """A resource whose paths are relative to the bundle, wherever its Python file is."""
    at_root = Position(Path("databricks.yml"), position.line)
    alone = planted({"resources": {kind: {"it": content}}}, at_root)
    plain = with_absolute_paths(alone, folder).plain()
    return planted(plain["resources"][kind]["it"], position)


def _run(
    phase: str, root: Node, folder: Path, section: Node
) -> tuple[dict[str, dict[str, Any]], Mapping[tuple[str, ...], Position]]:
    with TemporaryDirectory() as exchange:
        files = {
            name: Path(exchange) / name for name in ("input", "output", "diagnostics", "locations")
        }
        files["input"].write_text(json.dumps(root.plain()), encoding="utf-8")
        arguments = [part for name, file in files.items() for part in (f"--{name}", str(file))]
        command = [_python(section, folder), "-m", "databricks.bundles.build", "--phase", phase]
        done = subprocess.run(  # noqa: S603
            [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        problems = list(_problems(files["diagnostics"], section.position))
        if not problems and done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            problems = [Problem.at(section.position, f"Python resources cannot be loaded: {last}")]
        if problems:
            raise BundleError(problems)
        resources = json.loads(files["output"].read_text(encoding="utf-8")).get("resources") or {}
        return resources, dict(_positions(files["locations"]))


def _python(section: Node, folder: Path) -> str:
    """The interpreter of the bundle's own environment, if there is one."""
    named = section.child("venv_path")
    own = folder / str(named.value if named else ".venv") / "bin" / "python"
    return str(own) if named is not None and own.is_file() else sys.executable


def _lines(file: Path) -> Sequence[dict[str, Any]]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _problems(file: Path, otherwise: Position) -> Iterator[Problem]:
    for said in _lines(file):
        if said.get("severity") == "error":
            where = said.get("location")
            position = Position(Path(where["file"]), where.get("line") or 1) if where else otherwise
            details = str(said.get("detail") or "").strip().splitlines()
            detail = f": {details[-1].strip()}" if details else ""
            yield Problem.at(position, f"{said['summary']}{detail}")


def _positions(file: Path) -> Iterator[tuple[tuple[str, ...], Position]]:
    for said in _lines(file):
        yield tuple(said["path"].split(".")), Position(Path(said["file"]), said.get("line") or 1)
