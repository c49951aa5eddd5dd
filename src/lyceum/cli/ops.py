"""Commands that look after the pipelines: health, trace, cleanup."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

ops = typer.Typer(no_args_is_help=True, help="Look after the pipelines: health, trace, cleanup.")

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """A length of time.

    >>> age("90d").days
    90
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None:
        message = f"expected a time such as 24h, 90d or 12w, found {text!r}"
        raise typer.BadParameter(message)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@ops.command()
def health(
    context: typer.Context,
    last: Annotated[
        timedelta,
        typer.Option(parser=age, metavar="AGE", help="How far to look back, such as 24h."),
    ] = "30d",  # type: ignore[assignment] # typer gives the text to the parser
) -> None:
    """Show how the pipelines fare: runs, failures, slow stages, retries, log levels."""
    from lyceum.operations.health import show_health

    since = datetime.now(UTC) - last
    show_health(context.obj.lakehouse(), context.obj.reporter(), since=since)


@ops.command()
def trace(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="Run identifier, or how it begins.")],
) -> None:
    """Show what one run did, stage by stage and line by line."""
    from lyceum.operations.health import show_trace

    show_trace(context.obj.lakehouse(), context.obj.reporter(), run_id)


@ops.command()
def cleanup(
    context: typer.Context,
    older_than: Annotated[
        timedelta,
        typer.Option(parser=age, metavar="AGE", help="Delete what is older, such as 90d."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count it.")] = False,
) -> None:
    """Delete old checkpoints, log lines and log files; the run ledger beyond its retention."""
    from lyceum.runs.cleanup import clean_up, show_cleanup

    lake, reporter = context.obj.lakehouse(), context.obj.reporter()
    removed = clean_up(lake, older_than=older_than, now=datetime.now(UTC), dry_run=dry_run)
    show_cleanup(reporter, removed, dry_run=dry_run)
