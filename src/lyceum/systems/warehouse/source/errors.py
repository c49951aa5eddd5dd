"""What can go wrong between the OLTP database and the landing folder; one line each."""

from lyceum.errors import LyceumError, UsageError


class SourceSettingsError(UsageError):
    """The address of the database is missing or is none."""


class SourceDownError(LyceumError):
    """The database does not answer, refuses the login, or went away."""


class QueryError(LyceumError):
    """The database refused a query; the connection is as it was."""


class SourceTableError(LyceumError):
    """A table of the source is not as it is needed; the others are not concerned."""
