"""The part of `dbutils` that jobs use."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from bundlerun.notebook.context import NotebookContext
from bundlerun.notebook.errors import (
    NotebookExit,
    SecretNotFoundError,
    TaskValueError,
    WidgetNotFoundError,
)
from bundlerun.notebook.files import FileSystem
from bundlerun.notebook.parts import Part
from pocketlake.redaction import remember_secret

_MOST_BYTES = 48 * 1024
_MISSING: Any = object()
RunNotebook = Callable[[str, float, Mapping[str, str]], str]


class Widgets(Part):
    """Parameters: those that the run was given, else the defaults that the notebook defines."""

    _name = "dbutils.widgets"

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str = "", label: str = "") -> None:  # noqa: ARG002, N803
        """Define a parameter."""
        self._defaults[name] = str(defaultValue)

    def dropdown(
        self,
        name: str,
        defaultValue: str,  # noqa: N803 - the workspace's name
        choices: list[str],
        label: str = "",
    ) -> None:
        """Define a parameter that has one of the choices."""
        if defaultValue not in choices:
            message = f"expected the default of widget {name} among {choices}, found {defaultValue}"
            raise WidgetNotFoundError(message)
        self.text(name, defaultValue, label)

    def combobox(
        self,
        name: str,
        defaultValue: str,  # noqa: N803 - the workspace's name
        choices: list[str],  # noqa: ARG002 - others may be typed too
        label: str = "",
    ) -> None:
        """Define a parameter for which choices are offered."""
        self.text(name, defaultValue, label)

    multiselect = dropdown

    def get(self, name: str) -> str:
        """The value of a parameter."""
        values = self.getAll()
        if name not in values:
            known = ", ".join(sorted(values)) or "none"
            message = f"expected a parameter or widget {name}, found {known}: give or define it"
            raise WidgetNotFoundError(message)
        return values[name]

    def getAll(self) -> dict[str, str]:  # noqa: N802 - the workspace's name
        """The values of all parameters."""
        return {**self._defaults, **self._given}

    def getArgument(self, name: str, defaultValue: str | None = None) -> str:  # noqa: N802, N803
        """The value of a parameter, else the default."""
        if defaultValue is None:
            return self.get(name)
        return self.getAll().get(name, defaultValue)

    def remove(self, name: str) -> None:
        """Forget a parameter that was defined."""
        self._defaults.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802 - the workspace's name
        """Forget all parameters that were defined."""
        self._defaults.clear()

    def give(self, arguments: Mapping[str, str]) -> None:
        """Take the arguments of a `%run`."""
        self._given.update(arguments)


class TaskValues(Part):
    """Small values that tasks of one job run hand on."""

    _name = "dbutils.jobs.taskValues"

    def __init__(self, before: Mapping[str, Mapping[str, object]] | None) -> None:
        self._before = before
        self.values: dict[str, object] = {}

    def set(self, key: str, value: object) -> None:
        """Set a value of this task."""
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            message = f"expected task value {key} to be JSON, found {type(value).__name__}"
            raise TaskValueError(message) from None
        if len(text.encode()) > _MOST_BYTES:
            message = f"expected task value {key} within 48 KiB, found {len(text.encode()):,} bytes"
            raise TaskValueError(message)
        self.values[key] = json.loads(text)

    def get(
        self,
        taskKey: str,  # noqa: N803 - the workspace's name
        key: str,
        default: Any = _MISSING,  # noqa: ANN401 - a value is any JSON
        debugValue: Any = _MISSING,  # noqa: ANN401, N803
    ) -> Any:  # noqa: ANN401
        """The value that a task set; outside a job `debugValue`."""
        if self._before is None:
            if debugValue is _MISSING:
                message = f"expected debugValue for {taskKey}.{key}: this is no job"
                raise TaskValueError(message)
            return debugValue
        found = self._before.get(taskKey, {}).get(key, default)
        if found is _MISSING or found is None:
            message = f"expected task {taskKey} to have set {key}, found nothing: give a default"
            raise TaskValueError(message)
        return found


class Secrets(Part):
    """Secrets; what was fetched is remembered, so that no output shows it."""

    _name = "dbutils.secrets"

    def __init__(self, source: Callable[[str, str], str]) -> None:
        self._source = source
        self.fetched: set[str] = set()

    def get(self, scope: str, key: str) -> str:
        """The secret as text."""
        value = self._source(scope, key)
        self.fetched.add(value)
        remember_secret(value)
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 - the workspace's name
        """The secret as bytes."""
        return self.get(scope, key).encode()

    def list(self, scope: str) -> list[str]:
        """The keys of a scope, where the source of the secrets can tell."""
        keys = getattr(self._source, "keys", None)
        if keys is None:
            message = (
                f"expected a source of secrets that lists scope {scope}, found one that cannot"
            )
            raise SecretNotFoundError(message)
        return list(keys(scope))


class _Notebook(Part):
    _name = "dbutils.notebook"

    def __init__(self, run: RunNotebook) -> None:
        self._run = run

    def exit(self, value: object = "") -> NoReturn:
        """End the notebook with a value."""
        raise NotebookExit(str(value))

    def run(
        self,
        path: str,
        timeout_seconds: float = 0,
        arguments: Mapping[str, object] | None = None,
    ) -> str:
        """Run another notebook on its own; returns its exit value."""
        texts = {name: str(value) for name, value in (arguments or {}).items()}
        return self._run(path, timeout_seconds, texts)


class _Library(Part):
    _name = "dbutils.library"

    def restartPython(self) -> None:  # noqa: N802 - the workspace's name
        """Nothing was installed, so Python goes on."""
        print("Python is not restarted on this machine")  # noqa: T201 - it is the cell's output


class _Jobs(Part):
    _name = "dbutils.jobs"

    def __init__(self, before: Mapping[str, Mapping[str, object]] | None) -> None:
        self.taskValues = TaskValues(before)


class Dbutils(Part):
    """What a notebook knows as `dbutils`."""

    def __init__(
        self, context: NotebookContext, parameters: Mapping[str, str], run: RunNotebook
    ) -> None:
        self.widgets = Widgets(parameters)
        self.jobs = _Jobs(context.task_values)
        self.secrets = Secrets(context.secrets)
        self.notebook = _Notebook(run)
        self.fs = FileSystem(context.files_root)
        self.library = _Library()
