"""Notebook files read as cells: Databricks source format (.py, .sql) and .ipynb."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bundlerun.notebook.errors import NotebookFileError, UnsupportedCellError

Kind = Literal["python", "sql", "markdown", "run", "fs"]

_SUFFIXES = (".py", ".sql", ".ipynb")
_COMMENT = {".py": "#", ".sql": "--"}
_KINDS: dict[str, Kind] = {
    "python": "python",
    "sql": "sql",
    "md": "markdown",
    "md-sandbox": "markdown",
    "run": "run",
    "fs": "fs",
}
_NOT_RUN = ("pip", "conda", "load_ext", "reload_ext", "autoreload", "matplotlib", "config")
_MAGIC = re.compile(r"%%?([a-z][a-z_-]*)[ \t]*")


@dataclass(frozen=True)
class Cell:
    """A cell: what to do with its source, and where in the file that stands."""

    number: int
    kind: Kind
    source: str
    line: int = 1
    """Line of the file that the source begins at; 1 in an .ipynb."""
    title: str = ""
    notes: tuple[str, ...] = ()
    """Lines that are not run here, each with the reason."""
    written: str = ""
    """The cell as it was written, its magic too."""


@dataclass(frozen=True)
class Notebook:
    """A notebook's file and its cells."""

    path: Path
    cells: tuple[Cell, ...]

    def file_name(self, cell: Cell) -> str:
        """What a traceback calls the cell's source."""
        if self.path.suffix == ".ipynb":
            return f"{self.path}, cell {cell.number}"
        return str(self.path)


def read_notebook(path: Path) -> Notebook:
    """The notebook at the path, whose suffix may be missing; refuses cells that cannot run."""
    file = notebook_file(path)
    reader = _ipynb_cells if file.suffix == ".ipynb" else _source_cells
    return Notebook(file, tuple(reader(file)))


def notebook_file(path: Path) -> Path:
    """The file of a notebook that may be named without its suffix."""
    named = [path] if path.suffix in _SUFFIXES else []
    candidates = [*named, *(path.with_name(path.name + suffix) for suffix in _SUFFIXES)]
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        message = f"expected a notebook at {path}, found none (tried {', '.join(_SUFFIXES)})"
        raise NotebookFileError(message)
    return found.resolve()


def _source_cells(file: Path) -> Iterator[Cell]:
    comment = _COMMENT[file.suffix]
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    if not lines or lines[0].strip() != f"{comment} Databricks notebook source":
        message = (
            f"expected {file} to be a notebook, found another file: its first line must be "
            f"'{comment} Databricks notebook source'"
        )
        raise NotebookFileError(message)
    language: Kind = "sql" if file.suffix == ".sql" else "python"
    for number, (line, part) in enumerate(_parts(lines, comment), 1):
        yield _source_cell(file, number, line, part, language)


def _parts(lines: list[str], comment: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and lines of every cell that is not blank."""
    separator = re.compile(rf"{comment} COMMAND -+\s*")
    starts = [1, *(n + 1 for n, line in enumerate(lines) if separator.fullmatch(line))]
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    for start, end in zip(starts, ends, strict=True):
        filled = [n for n in range(start, end) if lines[n].strip()]
        if filled:
            yield filled[0] + 1, lines[filled[0] : filled[-1] + 1]


def _source_cell(file: Path, number: int, line: int, part: list[str], language: Kind) -> Cell:
    comment = _COMMENT[file.suffix]
    title = ""
    if found := re.fullmatch(rf"{comment} DBTITLE \d+,(.*)", part[0]):
        title, part, line = found[1].strip(), part[1:], line + 1
        while part and not part[0].strip():
            part, line = part[1:], line + 1
    magic = re.compile(rf"{comment} MAGIC ?")
    if part and magic.match(part[0]):
        part = [magic.sub("", text, count=1) for text in part]
    return _cell(file, number, "\n".join(part), language, line=line, title=title)


def _ipynb_cells(file: Path) -> Iterator[Cell]:
    import nbformat

    try:
        notebook: Any = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        message = f"expected {file} to be a notebook, found {str(error).splitlines()[0]}"
        raise NotebookFileError(message) from None
    language: Kind = "python"
    if notebook.metadata.get("language_info", {}).get("name") == "sql":
        language = "sql"
    filled = [cell for cell in notebook.cells if cell.source.strip()]
    for number, cell in enumerate(filled, 1):
        if cell.cell_type == "code":
            yield _cell(file, number, cell.source, language)
        else:
            yield Cell(number, "markdown", cell.source, written=cell.source)


def _cell(
    file: Path, number: int, text: str, language: Kind, *, line: int = 1, title: str = ""
) -> Cell:
    """The cell of a text that may begin with a magic."""
    kind, source = language, text
    found = _MAGIC.match(text)
    if found and found[1] not in _NOT_RUN:
        if found[1] not in _KINDS:
            raise _refused(file, number, f"%{found[1]}")
        kind, source = _KINDS[found[1]], text[found.end() :]
        if source.startswith("\n"):
            source, line = source[1:], line + 1
    notes: tuple[str, ...] = ()
    if kind == "python":
        source, notes = _without_line_magics(file, number, source)
    return Cell(number, kind, source, line, title, notes, text)


def _without_line_magics(file: Path, number: int, source: str) -> tuple[str, tuple[str, ...]]:
    """The Python of a cell, with blanks for the lines before it that prepare an environment."""
    lines, notes = source.split("\n"), []
    for n, text in enumerate(lines):
        found = _MAGIC.match(text)
        if found and found[1] in _NOT_RUN:
            notes.append(f"not run on this machine: {text.strip()}")
            lines[n] = ""
        elif found or text.startswith("!"):
            raise _refused(file, number, text.split()[0])
        elif text.strip() and not text.lstrip().startswith("#"):
            break
    return "\n".join(lines), tuple(notes)


def _refused(file: Path, number: int, found: str) -> UnsupportedCellError:
    kinds = ", ".join(f"%{name}" for name in _KINDS)
    message = f"expected {kinds} in cell {number} of {file}, found {found}: take the cell out"
    return UnsupportedCellError(message)


_RUN_ARGUMENT = re.compile(r"\$(\w+)=(?:\"([^\"]*)\"|'([^']*)'|(\S+))")


def run_target(notebook: Notebook, cell: Cell) -> tuple[Path, dict[str, str]]:
    """The notebook that a `%run` cell names, and the arguments that it gives it."""
    arguments = {m[1]: m[2] or m[3] or m[4] or "" for m in _RUN_ARGUMENT.finditer(cell.source)}
    name = _RUN_ARGUMENT.sub("", cell.source).strip().strip("\"'")
    return notebook.path.parent / name, arguments


def included_notebooks(notebook: Notebook, *, inside: Iterable[Path] = ()) -> Iterator[Notebook]:
    """The notebooks that `%run` cells bring in, at any depth; refuses one that runs itself."""
    outer = (*inside, notebook.path)
    for cell in notebook.cells:
        if cell.kind == "run":
            included = read_notebook(run_target(notebook, cell)[0])
            if included.path in outer:
                message = f"expected %run to end, found {included.path} in a circle: break it"
                raise UnsupportedCellError(message)
            yield included
            yield from included_notebooks(included, inside=outer)
