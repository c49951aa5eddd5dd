"""Commands that look at a bundle, offline."""

import os.path
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli.parsing import complaint
from lyceum.context import Context

if TYPE_CHECKING:
    from bundlerun.bundle import Problem

bundle = typer.Typer(no_args_is_help=True, help="The bundle: check it offline.")


@bundle.callback()
def bundle_commands() -> None:
    """The bundle: check it offline."""


@bundle.command()
def check(
    context: typer.Context,
    target: Annotated[
        str | None, typer.Option("-t", "--target", help="Only this target; else all of them.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--bundle", help="Folder of the bundle; else the nearest.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="JSON schema that every file has to fit as well.")
    ] = None,
) -> None:
    """Say what a deployment or a run of the bundle would stumble over."""
    from bundlerun.bundle import find_bundle
    from bundlerun.bundle.checks import check_bundle, contents

    found = find_bundle(folder or Path.cwd())
    environ = context.obj.config().environ
    problems = check_bundle(found, target, environ=environ, complaint=complaint, schema=schema)
    if problems:
        _show(context.obj, found, problems)
        raise typer.Exit(1)
    facts = contents(found, target, environ=environ)
    if context.obj.as_json:
        context.obj.reporter().result("Bundle", facts | {"problems": 0})
    elif not context.obj.quiet:
        counted = ", ".join(starmap(_counted, facts["resources"].items()))
        targets = ", ".join(facts["targets"])
        typer.echo(f"✓ {facts['bundle']}: nothing wrong with {counted}, for {targets}")


def _counted(kind: str, count: int) -> str:
    """A count as a person says it.

    >>> _counted("jobs", 1), _counted("sql_warehouses", 2)
    ('1 job', '2 sql warehouses')
    """
    name = kind.replace("_", " ")
    return f"{count} {name.removesuffix('s') if count == 1 else name}"


def _show(context: Context, folder: Path, problems: list["Problem"]) -> None:
    """One line a problem; its file as seen from here."""
    near = [replace(p, file=Path(os.path.relpath(folder / p.file))) for p in problems]
    if context.as_json:
        rows = [(str(problem.file), problem.line, problem.message) for problem in near]
        context.reporter().table("Problems", ["file", "line", "message"], rows)
        return
    for problem in near:
        typer.echo(str(problem))
    typer.echo(f"{len(near)} {'problem' if len(near) == 1 else 'problems'}", err=True)
