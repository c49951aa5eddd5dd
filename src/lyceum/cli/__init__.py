"""The command line: it parses arguments, calls a job and says what went wrong in one line."""

import errno
import json
import os
import pkgutil
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from lyceum import systems
from lyceum.cli.care import erase, maintain, restore
from lyceum.cli.lakehouse import sql, tables
from lyceum.cli.ops import ops
from lyceum.cli.parsing import ONLY_PARSED, given_arguments, parse
from lyceum.cli.quarantine import quarantine
from lyceum.cli.status import status
from lyceum.context import Context
from lyceum.errors import LyceumError, one_line

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(ops, name="ops")
app.add_typer(quarantine, name="quarantine")
for system in sorted(module.name for module in pkgutil.iter_modules(systems.__path__)):
    app.add_typer(import_module(f"{systems.__name__}.{system}.commands").commands)
for plugin in entry_points(group="lyceum.commands"):
    plugin.load()(app)
# After those of bundlerun: this status shows its runs too.
for command in (sql, tables, status, maintain, erase, restore):
    app.command()(command)

_SWITCHES = ("--json", "--quiet", "--debug")
_SETTINGS = "--settings"


@app.callback()
def lyceum(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of tables, logs and checkpoints.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    settings: Annotated[
        str, typer.Option(help="Such as 'LMS_RATE=50 LYCEUM_ENGINE=spark'; before the environment.")
    ] = "",
) -> None:
    """A lakehouse for learning programmes, in a workspace or on one laptop."""
    context.obj = Context(home=home, as_json=as_json, quiet=quiet, debug=debug, settings=settings)


def main(arguments: list[str] | None = None) -> int:  # noqa: PLR0911 - one an outcome
    """Run a command; returns the process's exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if ONLY_PARSED.get():
        parse(app, _general_first(given))
        return 0
    try:
        given = _general_first(given_arguments(given))
        return int(app(given, standalone_mode=False, prog_name="lyceum") or 0)
    except LyceumError as error:
        return _failed(str(error), error.exit_code, given)
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return _failed("interrupted", 130, given)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001 - the last resort of a process
        return _unexpected(error, given)


def run_process() -> None:
    """The command of this process; the wheel's entry point.

    It returns if all went well: a task of a workspace takes any SystemExit for a failure. After
    Ctrl-C it does not wait for what clients of a query under way would still do at exit.
    """
    code = main()
    if code == 130:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if code != 0:
        raise SystemExit(code)


def _general_first(arguments: list[str]) -> list[str]:
    """Let the general switches and settings stand anywhere on the line."""
    pairs = list(zip(["", *arguments], arguments, strict=False))
    general = [given for before, given in pairs if _is_general(before, given)]
    return general + [given for before, given in pairs if not _is_general(before, given)]


def _is_general(before: str, given: str) -> bool:
    return (
        given in (*_SWITCHES, _SETTINGS) or before == _SETTINGS or given.startswith(f"{_SETTINGS}=")
    )


def _unexpected(error: Exception, given: list[str]) -> int:
    """Usage errors of typer, and what nobody foresaw."""
    if "--debug" in given:
        raise error
    if hasattr(error, "format_message"):
        return _failed(error.format_message(), getattr(error, "exit_code", 2), given)
    if hasattr(error, "exit_code"):
        # pocketlake's errors, told by what they have: their module is imported with a session.
        return _failed(str(error), error.exit_code, given)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return _failed(
            f"expected a path, found a name too long for one: {error.filename}", 2, given
        )
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _failed(f"{first_line} (--debug shows where)", 1, given)


def _failed(message: str, code: int, given: list[str]) -> int:
    if "--json" in given:
        print(json.dumps({"event": "error", "message": message, "exit_code": code}))  # noqa: T201
    else:
        print(f"lyceum: {one_line(message)}", file=sys.stderr)  # noqa: T201
    return code
