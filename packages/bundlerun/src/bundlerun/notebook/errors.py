"""What can be wrong with a notebook or with the calls that it makes."""

from bundlerun.errors import RunnerError, UsageError


class NotebookFileError(UsageError):
    """There is no notebook at the path, or the file is none."""


class UnsupportedCellError(UsageError):
    """A cell of a kind that does not run on this machine."""


class NotOfferedError(RunnerError):
    """A part of the workspace that is not here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not offered on this machine: run the notebook in a workspace")


class WidgetNotFoundError(RunnerError):
    """The notebook asks for a parameter that it neither got nor defined."""


class TaskValueError(RunnerError, ValueError):
    """A task value that is not there or cannot be kept."""


class SecretNotFoundError(RunnerError):
    """There is no secret of that name."""


class FilePathError(RunnerError):
    """A path that does not lead to a file of this machine."""


class NestedNotebookError(RunnerError):
    """A notebook that this one ran did not end well."""


class NotebookCellError(RunnerError):
    """A cell that failed, which ended the notebook."""

    def __init__(self, message: str, *, kind: str, cell: int, trace: str) -> None:
        super().__init__(message)
        self.kind = kind
        """Name of the exception's class."""
        self.cell = cell
        self.trace = trace
        """The traceback, without the frames that are not the notebook's."""


class NotebookCancelledError(RunnerError):
    """The notebook was ended before its last cell."""


class NotebookExit(BaseException):
    """`dbutils.notebook.exit`; `except Exception` in a cell does not catch it."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value
