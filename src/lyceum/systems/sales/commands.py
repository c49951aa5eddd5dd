"""Commands of the sales system."""

import sys
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(
    name="sales", no_args_is_help=True, help="A shop's sales: load files, months, performance."
)


@commands.command()
def load(
    context: typer.Context,
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="Folder of *.csv files; LYCEUM_LANDING/sales if empty."),
    ] = "",
) -> None:
    """Load the transaction files that are new or changed into bronze and silver."""
    from lyceum.systems.sales.job_load import load

    landing = Path(folder) if folder else context.obj.config().landing / "sales"
    load(context.obj.lakehouse(), landing, context.obj.reporter())


@commands.command()
def monthly(
    context: typer.Context,
    year: Annotated[int | None, typer.Option(min=1, max=9999, help="Only this year.")] = None,
    month: Annotated[
        int | None, typer.Option(min=1, max=12, help="Only this month of the year.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget that months were processed, and end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Reset without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and change nothing.")
    ] = False,
) -> None:
    """Add up the months that are new, or changed since they were processed."""
    from lyceum.systems.sales import job_monthly
    from lyceum.systems.sales.months import Selection

    selection = Selection(year, month)
    if not reset:
        lake, reporter = context.obj.lakehouse(), context.obj.reporter()
        job_monthly.monthly(lake, selection, reporter, dry_run=dry_run)
        return
    if not (yes or dry_run or sys.stdin.isatty()):
        message = "expected --yes or a terminal to ask at, found neither: add --yes to reset"
        raise job_monthly.ResetError(message)
    job_monthly.reset(
        context.obj.lakehouse(),
        selection,
        context.obj.reporter(),
        confirm=lambda question: yes or typer.confirm(question, err=True),
        dry_run=dry_run,
    )


@commands.command()
def performance(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show the log lines on standard error.")
    ] = False,
) -> None:
    """Bring the tables of products and countries up to date, or go on with an unfinished run."""
    from lyceum.runs.logs import open_logs
    from lyceum.systems.sales.job_performance import performance

    open_logs(context.obj.config(), to_stderr=verbose)
    performance(context.obj.lakehouse(), context.obj.reporter())
