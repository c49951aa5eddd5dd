"""Notebooks run on this machine as a job of a workspace runs them."""

from bundlerun.notebook.context import EnvironmentSecrets, NotebookContext, NotebookResult
from bundlerun.notebook.errors import (
    NotebookCancelledError,
    NotebookCellError,
    NotebookFileError,
    NotOfferedError,
    UnsupportedCellError,
)
from bundlerun.notebook.run import check_notebook, run_notebook

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
