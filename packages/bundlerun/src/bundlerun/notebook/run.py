"""A notebook run from its first cell to its last, and saved with its outputs."""

import time
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from bundlerun.notebook.capture import captured
from bundlerun.notebook.context import NotebookContext, NotebookResult
from bundlerun.notebook.dbutils import Dbutils
from bundlerun.notebook.document import ExecutedNotebook
from bundlerun.notebook.errors import (
    NestedNotebookError,
    NotebookCancelledError,
    NotebookCellError,
    NotebookExit,
)
from bundlerun.notebook.execute import Execution
from bundlerun.notebook.importing import importable_from
from bundlerun.notebook.source import Cell, Notebook, included_notebooks, read_notebook


def check_notebook(path: Path) -> Path:
    """The notebook's file; raises a UsageError for what it, or one it includes, cannot do here."""
    notebook = read_notebook(path)
    for _ in included_notebooks(notebook):
        pass
    return notebook.path


def run_notebook(
    path: Path, *, parameters: Mapping[str, str], context: NotebookContext
) -> NotebookResult:
    """Run a notebook; a cell that fails ends it and is in the result, not raised."""
    check_notebook(path)
    run = _Run(read_notebook(path), parameters, context)
    started = time.monotonic()
    try:
        with importable_from(run.notebook.path.parent):
            run.cells()
    finally:
        run.result.seconds = time.monotonic() - started
        run.save()
    return run.result


class _Run:
    """One run of a notebook."""

    def __init__(
        self, notebook: Notebook, parameters: Mapping[str, str], context: NotebookContext
    ) -> None:
        self.notebook = notebook
        self.context = context
        self.result = NotebookResult()
        self.dbutils = Dbutils(context, parameters, self._run_another)
        self.execution = Execution(context, self.dbutils)
        self.document = ExecutedNotebook(notebook, parameters, lambda: self.dbutils.secrets.fetched)
        self.result.saved_to = _free_file(context.save_to, notebook.path.stem)

    def cells(self) -> None:
        """Run the cells until the last one, one that fails, or one that exits."""
        total, state = len(self.notebook.cells), "CANCELED"
        try:
            for cell in self.notebook.cells:
                self._check_cancelled(cell)
                self.context.on_cell(cell.number - 1, total)
                self._cell(cell)
                self.save()
            state = "SUCCESS"
        except NotebookExit as ending:
            self.result.exit_value, state = ending.value, "SUCCESS"
        except NotebookCellError as error:
            self.result.error, state = error, "FAILED"
        finally:
            self.result.task_values = self.dbutils.jobs.taskValues.values
            self.document.finish(state, self.result.exit_value)
        self.context.on_cell(total, total)

    def save(self) -> None:
        """Write the executed notebook as far as it has come."""
        if self.result.saved_to is not None:
            self.document.save(self.result.saved_to)

    def _check_cancelled(self, cell: Cell) -> None:
        if self.context.cancelled is not None and self.context.cancelled.is_set():
            message = f"{self.notebook.path.name} was cancelled before cell {cell.number}"
            raise NotebookCancelledError(message)

    def _cell(self, cell: Cell) -> None:
        output = self.document.begin(cell)
        with captured(output):
            try:
                self.execution.run(self.notebook, cell)
            except NotebookExit as ending:
                output.show({"text/plain": f"Notebook exited: {ending.value}"})
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a cell raises
                failure = self._failure(cell, error)
                output.fail(failure.kind, str(error), failure.trace)
                # Without its cause, which may hold a secret.
                raise failure from None
            except BaseException as error:
                output.fail(type(error).__name__, str(error), "the notebook was interrupted here")
                raise
            finally:
                self.document.end(cell)

    def _failure(self, cell: Cell, error: BaseException) -> NotebookCellError:
        kind = type(error).__name__
        first_line = (str(error).strip() or "no message").splitlines()[0]
        message = f"cell {cell.number} of {self.notebook.path.name}: {kind}: {first_line}"
        hidden = self.document.redacted
        trace = hidden(self.execution.trace(error))
        return NotebookCellError(hidden(message), kind=kind, cell=cell.number, trace=trace)

    def _run_another(self, path: str, timeout: float, arguments: Mapping[str, str]) -> str:
        """`dbutils.notebook.run`: another notebook with a namespace of its own."""
        target, cancelled = self.notebook.path.parent / path, Event()
        context = self.context if not timeout else replace(self.context, cancelled=cancelled)
        results: list[NotebookResult | BaseException] = []

        def work() -> None:
            try:
                results.append(run_notebook(target, parameters=arguments, context=context))
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                results.append(error)

        if timeout:
            _within(timeout, work, cancelled, name=path)
        else:
            work()
        return _exit_value(results[0], path)


def _within(timeout: float, work: object, cancelled: Event, *, name: str) -> None:
    """Do the work in a thread; one that takes too long ends before its next cell."""
    thread = Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        cancelled.set()
        message = f"expected {name} to end within {timeout:g} s, found it running: cancelled"
        raise NestedNotebookError(message)


def _exit_value(result: NotebookResult | BaseException, name: str) -> str:
    if isinstance(result, BaseException):
        raise result
    if result.error is not None:
        message = f"{name} failed: {result.error}"
        raise NestedNotebookError(message)
    return result.exit_value or ""


def _free_file(folder: Path | None, stem: str) -> Path | None:
    """A file name that no notebook of the run has; it is taken at once."""
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        file = folder / (f"{stem}.ipynb" if number == 1 else f"{stem}-{number}.ipynb")
        try:
            file.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return file
