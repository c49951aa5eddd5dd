"""The errors that a user of Lyceum meets: one line each, no traceback."""

import re


class LyceumError(Exception):
    """Something went wrong that the message explains; the process ends with `exit_code`."""

    exit_code = 1


class UsageError(LyceumError):
    """The call was wrong: the message names what was expected, what was found, what to do."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is missing or has a value that it cannot have."""


def one_line(message: str) -> str:
    r"""The message on one line of a terminal, whatever text of others is in it.

    >>> one_line("it cannot run:\n  - no task a\x1b\n  - no task b")
    'it cannot run: no task a\\x1b; no task b'
    """
    lines = [line.strip().removeprefix("- ") for line in message.split("\n") if line.strip()]
    text = printable(" ".join([*lines[:1], "; ".join(lines[1:])])).rstrip()
    return re.sub(r"\S{200,}", lambda long: f"{long[0][:60]}…", text)


def printable(text: str) -> str:
    """The text; characters that a terminal would act upon as Python escapes them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
