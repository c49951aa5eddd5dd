"""What can be wrong with a notebook or with the calls that it makes."""

from lyceum.errors import LyceumError, UsageError


class NotebookFileError(UsageError):
    """There is no notebook at the path, or the file is none."""


class UnsupportedCellError(UsageError):
    """A cell of a kind that does not run on this machine."""


class NotOfferedError(LyceumError):
    """A part of the workspace that is not here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not offered on this machine: run the notebook in a workspace")


class WidgetNotFoundError(LyceumError):
    """The notebook asks for a parameter that it neither got nor defined."""


class TaskValueError(LyceumError):
    """A task value that is not there or cannot be kept."""


class SecretNotFoundError(LyceumError):
    """There is no secret of that name."""


class FilePathError(LyceumError):
    """A path that does not lead to a file of this machine."""


class NestedNotebookError(LyceumError):
    """A notebook that this one ran did not end well."""


class NotebookCellError(LyceumError):
    """A cell that failed, which ended the notebook."""

    def __init__(self, message: str, *, kind: str, cell: int, trace: str) -> None:
        super().__init__(message)
        self.kind = kind
        """Name of the exception's class."""
        self.cell = cell
        self.trace = trace
        """The traceback, without the frames that are not the notebook's."""


class NotebookCancelledError(LyceumError):
    """The notebook was ended before its last cell."""


class NotebookExit(BaseException):
    """`dbutils.notebook.exit`; `except Exception` in a cell does not catch it."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value
