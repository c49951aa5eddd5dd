"""`dbutils` and `spark` for Python tasks, by the imports that a workspace has for them."""

import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from bundlerun.notebook.context import EnvironmentSecrets, NotebookContext
from bundlerun.notebook.dbutils import Dbutils
from bundlerun.runner.errors import TaskError

if TYPE_CHECKING:
    from bundlerun.runner.context import TaskRun

_MODULES = ("databricks.sdk.runtime", "pyspark.dbutils")
_guard = Lock()


class TaskUtils:
    """What a Python task may import."""

    def __init__(self, attempt: "TaskRun") -> None:
        self.dbutils = Dbutils(notebook_context(attempt), {}, _no_notebook)
        self._attempt = attempt

    @property
    def spark(self) -> Any:  # noqa: ANN401 - a SparkSession of either kind
        """The task's session."""
        return self._attempt.session.with_tables()


_UTILS: ContextVar[TaskUtils | None] = ContextVar("task_utils", default=None)


def notebook_context(attempt: "TaskRun") -> NotebookContext:
    """What a notebook gets from the task that runs it."""
    values = {key: facts.values for key, facts in attempt.scope.tasks.items()}
    return NotebookContext(
        spark=attempt.session.with_tables,
        save_to=attempt.run.journal.folder / "notebooks",
        secrets=EnvironmentSecrets(attempt.services.config.environ),
        task_values=values,
        files_root=attempt.services.config.home / "files",
        cancelled=attempt.stop.event,
    )


@contextmanager
def offered_task_utils(attempt: "TaskRun") -> Iterator[None]:
    """Let the task import `dbutils` and `spark` as it does in a workspace."""
    with _guard:
        for name in _MODULES:
            if not isinstance(sys.modules.get(name), _Module):
                sys.modules[name] = _Module(name)
    utils = TaskUtils(attempt)
    token = _UTILS.set(utils)
    try:
        yield
    finally:
        _UTILS.reset(token)
        attempt.values.update(utils.dbutils.jobs.taskValues.values)


def withdraw_task_utils() -> None:
    """Let the imports be what they are without a run."""
    with _guard:
        for name in _MODULES:
            if isinstance(sys.modules.get(name), _Module):
                del sys.modules[name]


class _Present:
    """What the task that asks has under a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it is the object's
        utils = _UTILS.get()
        if utils is None:
            raise TaskError(f"expected {self._name} to be used inside a task")
        return getattr(getattr(utils, self._name), name)


class _Module(types.ModuleType):
    """A module that offers what the present task has."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.dbutils = _Present("dbutils")
        self.spark = _Present("spark")
        self.DBUtils = lambda *_: self.dbutils


def _no_notebook(path: str, _timeout: float, _arguments: Mapping[str, str]) -> NoReturn:
    raise TaskError(f"expected {path} to be run by a notebook: this task is none")
