"""The command `bundlerun`."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bundlerun.bundle.errors import NoBundleError
from bundlerun.commands import register
from bundlerun.config import Config

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
register(app)


@dataclass(frozen=True)
class Options:
    """The general options of a call."""

    given_home: Path | None
    as_json: bool
    quiet: bool

    def config(self) -> Config:
        """The configuration, with what the nearest bundle says."""
        from bundlerun.bundle import find_bundle

        try:
            folder = find_bundle(Path.cwd())
        except NoBundleError:
            folder = None
        return Config.load(self.given_home, folder=folder)


@app.callback()
def bundlerun(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of runs and tables; BUNDLERUN_HOME, .bundlerun.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: ARG001
) -> None:
    """Run and check a Declarative Automation Bundle on this machine."""
    context.obj = Options(home, as_json, quiet)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    switches = [one for one in ("--json", "--quiet", "--debug") if one in given]
    ordered = [*switches, *(one for one in given if one not in switches)]
    try:
        return int(app(ordered, standalone_mode=False, prog_name="bundlerun") or 0)
    except (typer.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130, given)
    except Exception as error:
        if "--debug" in given:
            raise
        said = getattr(error, "format_message", error.__str__)()
        code = getattr(error, "exit_code", None)
        where = "" if code else " (--debug shows where)"
        return _failed(f"{said or type(error).__name__}{where}", code or 1, given)


def run_process() -> None:
    """The command of this process."""
    code = main()
    if code == 130:
        # What clients of a query under way would still do at exit is not waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _failed(message: str, code: int, given: list[str]) -> int:
    if "--json" in given:
        facts: Mapping[str, object] = {"event": "error", "message": message, "exit_code": code}
        print(json.dumps(facts))  # noqa: T201 - what the process says
    else:
        print(f"bundlerun: {message}", file=sys.stderr)  # noqa: T201 - see above
    return code
