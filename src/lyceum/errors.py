"""The errors that a user of Lyceum meets: one line each, no traceback."""


class LyceumError(Exception):
    """Something went wrong that the message explains; the process ends with `exit_code`."""

    exit_code = 1


class UsageError(LyceumError):
    """The call was wrong: the message names what was expected, what was found, what to do."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is missing or has a value that it cannot have."""
