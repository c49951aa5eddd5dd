"""The errors that a user of bundlerun meets: one line each, no traceback."""


class RunnerError(Exception):
    """Something went wrong that the message explains; the process ends with `exit_code`."""

    exit_code = 1


class UsageError(RunnerError):
    """The call was wrong: the message names what was expected, what was found, what to do."""

    exit_code = 2
