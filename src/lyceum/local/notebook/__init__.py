"""Notebooks run on this machine as a job of a workspace runs them."""

from lyceum.local.notebook.context import EnvironmentSecrets, NotebookContext, NotebookResult
from lyceum.local.notebook.errors import (
    NotebookCancelledError,
    NotebookCellError,
    NotebookFileError,
    NotOfferedError,
    UnsupportedCellError,
)
from lyceum.local.notebook.run import check_notebook, run_notebook

__all__ = [
    "run_notebook",
    "check_notebook",
    "NotebookContext",
    "NotebookResult",
    "EnvironmentSecrets",
    "NotebookCellError",
    "NotebookCancelledError",
    "NotebookFileError",
    "UnsupportedCellError",
    "NotOfferedError",
]
