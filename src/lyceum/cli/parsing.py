"""What a command line says, before any command runs."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
import typer.main

from lyceum.errors import UsageError
from lyceum.settings import Settings

_OPTION = re.compile(r"--[\w-]+=?")
_COMMENT = re.compile(r"--[^=\n]*\s")
ONLY_PARSED: ContextVar[bool] = ContextVar("only_parsed", default=False)


class ArgumentError(UsageError):
    """An argument or the value of an option is empty, or no text."""


def given_arguments(arguments: Sequence[str]) -> list[str]:
    r"""The arguments as they are meant.

    In a task of a bundle, which has `--settings`, an empty parameter is one that is not given.
    From a person it is a slip: raises ArgumentError. SQL that begins with a comment is no option.

    >>> given_arguments(["sql", "-- one\nSELECT 1"])
    ['sql', ' -- one\nSELECT 1']
    """
    if "--settings" in arguments:
        return without_empty(arguments)
    for argument in arguments:
        if not _is_text(argument):
            raise ArgumentError(f"expected arguments in UTF-8 without NUL, found {argument!r}")
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if not argument.strip() or (_OPTION.fullmatch(argument) and argument.endswith("=")):
            option = argument.strip().rstrip("=") or before
            where = f" after {option}" if option else ""
            message = f"expected a value{where}, found an empty one: give one or leave it out"
            raise ArgumentError(message)
    return [f" {given}" if _COMMENT.match(given) else given for given in arguments]


def _is_text(argument: str) -> bool:
    try:
        return b"\x00" not in argument.encode()
    except UnicodeEncodeError:
        return False


def without_empty(arguments: Sequence[str]) -> list[str]:
    """The arguments without options whose value is empty: a job's empty parameter is not given.

    >>> without_empty(["--rate", "", "--since=", "--url", "x", ""])
    ['--url', 'x', '']
    """
    kept: list[str] = []
    for argument in arguments:
        if argument == "" and kept and kept[-1].startswith("--") and "=" not in kept[-1]:
            kept.pop()
        elif not (argument.startswith("--") and argument.endswith("=")):
            kept.append(argument)
    return kept


def complaint(entry: Callable[[], object], arguments: Sequence[str]) -> str | None:
    """What a wheel entry point of ours finds wrong with its arguments; nothing is run."""
    if not entry.__module__.startswith("lyceum.cli"):
        return None
    kept = without_empty(arguments)
    for option in set(_options(arguments)) - set(_options(kept)):
        said = _said(entry, [*kept, option, "1"])
        if said is not None and option in said and "such option" in said:
            return said
    return _said(entry, kept)


def _options(arguments: Sequence[str]) -> list[str]:
    return [given.partition("=")[0] for given in arguments if given.startswith("--")]


def _said(entry: Callable[[], object], arguments: Sequence[str]) -> str | None:
    with _only_parsed(arguments):
        try:
            entry()
        except Exception as error:  # noqa: BLE001 - whatever a parser refuses
            said = getattr(error, "format_message", None)
            return str(said() if said else error)
    return None


def parse(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Parse a command line and its settings, run nothing; raises what is wrong with them."""
    for before, given in pairwise(arguments):
        if before == "--settings":
            Settings.load(Path(), {}, settings=given)
    _silenced(app).main(list(arguments), prog_name="lyceum", standalone_mode=False)


@cache
def _silenced(app: typer.Typer) -> Any:  # noqa: ANN401 - typer hides its classes of commands
    command: Any = typer.main.get_command(app)
    _silence(command)
    return command


@contextmanager
def _only_parsed(arguments: Sequence[str]) -> Iterator[None]:
    token, before = ONLY_PARSED.set(True), sys.argv
    sys.argv = ["lyceum", *arguments]
    try:
        yield
    finally:
        sys.argv = before
        ONLY_PARSED.reset(token)


def _silence(command: Any) -> None:  # noqa: ANN401
    command.callback = None
    for below in getattr(command, "commands", {}).values():
        _silence(below)
