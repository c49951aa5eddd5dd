"""What a notebook gets from whoever runs it, and what comes of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from bundlerun.notebook.errors import NotebookCellError, SecretNotFoundError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class EnvironmentSecrets:
    """Secrets from variables: the one of scope `lms`, key `client-id` is `LMS_CLIENT_ID`."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, scope: str, key: str) -> str:
        """The secret; raises SecretNotFoundError if the variable is missing."""
        variable = _variable(f"{scope}_{key}")
        if variable not in self.variables:
            message = f"expected the secret {scope}/{key} in {variable}, found nothing: set it"
            raise SecretNotFoundError(message)
        return self.variables[variable]

    def keys(self, scope: str) -> list[str]:
        """The keys of the variables that begin with the scope's name."""
        prefix = f"{_variable(scope)}_"
        return sorted(v[len(prefix) :].lower() for v in self.variables if v.startswith(prefix))


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


@dataclass(frozen=True)
class NotebookContext:
    """Where a notebook runs and what it may ask for."""

    spark: "SparkSession | Callable[[], SparkSession]"
    """The session, or what gives it when a cell first needs it; it knows the tables by name."""
    save_to: Path | None = None
    """Folder for the executed notebook; None keeps none."""
    secrets: Callable[[str, str], str] = field(default_factory=EnvironmentSecrets)
    """The secret of a scope and a key; `dbutils.secrets.list` asks its `keys(scope)`."""
    task_values: Mapping[str, Mapping[str, object]] | None = None
    """Values that earlier tasks set, by task; None outside a job, where `debugValue` counts."""
    files_root: Path | None = None
    """Folder that stands for the workspace's own files, such as /Volumes."""
    cancelled: Event | None = None
    """Ends the notebook before its next cell when it is set."""
    on_cell: Callable[[int, int], None] = lambda _done, _total: None
    """Called with cells done and cells in all, before each cell and at the end."""

    def session(self) -> "SparkSession":
        """The Spark session."""
        return self.spark() if callable(self.spark) else self.spark


@dataclass
class NotebookResult:
    """How a notebook ended."""

    exit_value: str | None = None
    """What `dbutils.notebook.exit` was given."""
    task_values: dict[str, object] = field(default_factory=dict)
    error: NotebookCellError | None = None
    saved_to: Path | None = None
    seconds: float = 0.0
