"""Cells run one after the other in one namespace."""

import ast
import shlex
import traceback
from dataclasses import dataclass
from linecache import cache as known_sources
from types import CodeType
from typing import Any

from bundlerun.notebook.capture import cell_output
from bundlerun.notebook.context import NotebookContext
from bundlerun.notebook.dbutils import Dbutils
from bundlerun.notebook.display import result, shown, spark_table
from bundlerun.notebook.source import Cell, Notebook, read_notebook, run_target
from bundlerun.sql_text import statements, widget, with_values

_OFFERED_AS = {"databricks.sdk.runtime": "*", "pyspark.dbutils": "DBUtils"}
"""Modules that only a workspace has, whose names a notebook has anyway."""


class Execution:
    """The namespace of a running notebook, and how each kind of cell runs in it."""

    def __init__(self, context: NotebookContext, dbutils: Dbutils) -> None:
        self._context = context
        self._dbutils = dbutils
        self.files: set[str] = set()
        """What tracebacks call the sources that have run."""
        self.names: dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": __builtins__,
            "dbutils": dbutils,
            "DBUtils": lambda _spark=None: dbutils,
            "getArgument": dbutils.widgets.getArgument,
            "display": _display,
            "displayHTML": _display_html,
        }

    def run(self, notebook: Notebook, cell: Cell) -> None:
        """Run a cell; what it prints and shows goes to the output of this context."""
        for note in cell.notes:
            print(note)  # noqa: T201 - it is the cell's output
        if cell.kind == "python":
            self._run_python(notebook, cell)
        elif cell.kind == "sql":
            self._run_sql(cell)
        elif cell.kind == "run":
            self._include(notebook, cell)
        elif cell.kind == "fs":
            self._run_fs(cell)

    def _run_python(self, notebook: Notebook, cell: Cell) -> None:
        name = notebook.file_name(cell)
        self._know_source(notebook, cell, name)
        code = _compiled(cell, name)
        if code.uses_spark:
            self._offer_spark()
        exec(code.body, self.names)  # noqa: S102 - a notebook is code to run
        value = None if code.last is None else eval(code.last, self.names)  # noqa: S307
        output = cell_output()
        if value is not None and output is not None:
            output.show(result(value), count=cell.number)

    def _run_sql(self, cell: Cell) -> None:
        self._offer_spark()
        widgets = self._dbutils.widgets.getAll()
        for statement in statements(cell.source):
            created = widget(statement)
            if created is not None:
                self._dbutils.widgets.text(*created)
                widgets = self._dbutils.widgets.getAll()
                continue
            frame = self.names["spark"].sql(with_values(statement, widgets))
            self.names["_sqldf"] = frame
            if frame.columns:
                _show(spark_table(frame))

    def _include(self, notebook: Notebook, cell: Cell) -> None:
        path, arguments = run_target(notebook, cell)
        self._dbutils.widgets.give(arguments)
        included = read_notebook(path)
        for inner in included.cells:
            self.run(included, inner)

    def _run_fs(self, cell: Cell) -> None:
        command, *arguments = shlex.split(cell.source)
        value = getattr(self._dbutils.fs, command)(*arguments)
        _display(value)

    def _offer_spark(self) -> None:
        if "spark" not in self.names:
            self.names["spark"] = self._context.session()

    def _know_source(self, notebook: Notebook, cell: Cell, name: str) -> None:
        """Let tracebacks show the lines of a cell that is no lines of a file."""
        self.files.add(name)
        if notebook.path.suffix == ".ipynb":
            lines = cell.source.splitlines(keepends=True)
            known_sources[name] = (len(cell.source), None, lines, name)

    def trace(self, error: BaseException) -> str:
        """The traceback with the notebook's own frames alone."""
        told = traceback.TracebackException.from_exception(error)
        self._keep_own(told)
        return "".join(told.format())

    def _keep_own(self, told: traceback.TracebackException) -> None:
        own = [frame for frame in told.stack if frame.filename in self.files]
        told.stack = traceback.StackSummary.from_list(own)
        for related in (told.__cause__, told.__context__):
            if related is not None:
                self._keep_own(related)


@dataclass(frozen=True)
class _Code:
    """The code of a cell, and apart from it the expression at its end, whose value is shown."""

    body: CodeType
    last: CodeType | None
    uses_spark: bool


def _compiled(cell: Cell, name: str) -> _Code:
    # Blank lines put the cell where it stands in its file.
    source = "\n" * (cell.line - 1) + cell.source
    tree = ast.parse(source, name)
    tree.body = [_offered(statement) for statement in tree.body]
    uses_spark = any(isinstance(n, ast.Name) and n.id == "spark" for n in ast.walk(tree))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
    return _Code(
        body=compile(tree, name, "exec", dont_inherit=True),
        last=None if value is None else compile(value, name, "eval", dont_inherit=True),
        uses_spark=uses_spark,
    )


def _offered(statement: ast.stmt) -> ast.stmt:
    """An import from a module that only a workspace has, as the names that are there already."""
    if not isinstance(statement, ast.ImportFrom) or statement.module not in _OFFERED_AS:
        return statement
    pairs = [f"{n.asname} = {n.name}" for n in statement.names if n.asname]
    replaced: ast.stmt = ast.parse("if True:\n " + "\n ".join([*pairs, "pass"])).body[0]
    for node in ast.walk(replaced):
        if hasattr(node, "lineno"):
            ast.copy_location(node, statement)
    return replaced


def _show(data: dict[str, str]) -> None:
    output = cell_output()
    if output is not None:
        output.show(data)


def _display(value: object, *_: object, **__: object) -> None:
    """Show a value as a table where it is one."""
    _show(shown(value))


def _display_html(html: object) -> None:
    """Show HTML as it is."""
    _show({"text/html": str(html), "text/plain": "HTML"})
