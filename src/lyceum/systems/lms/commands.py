"""Commands of the LMS system."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.context import Context

if TYPE_CHECKING:
    from lyceum.systems.lms.job import LmsJob

commands = typer.Typer(name="lms", no_args_is_help=True, help="LMS session details: load, look up.")

Url = Annotated[str | None, typer.Option("--url", help="Base URL of the LMS (LMS_BASE_URL).")]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Calls under way at once (LMS_CONCURRENCY).")
]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Calls a second at most (LMS_RATE).")]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def since_time(text: str) -> str:
    """A day or a time with its offset, as it is.

    >>> since_time("2026-01-31")
    '2026-01-31'
    """
    try:
        is_time = datetime.fromisoformat(text).tzinfo is not None or bool(_DAY.fullmatch(text))
    except ValueError:
        is_time = False
    if not is_time:
        example = "2026-01-31T00:00:00Z, or a day such as 2026-01-31"
        message = f"expected a time with its offset such as {example}, found {text!r}"
        raise typer.BadParameter(message)
    return text


@commands.command()
def load(
    context: typer.Context,
    url: Url = None,
    concurrency: Concurrency = None,
    rate: Rate = None,
    since: Annotated[
        str | None,
        typer.Option(
            parser=since_time,
            metavar="TIME",
            help="Only events updated since, such as 2026-01-31T00:00:00Z.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop an unfinished load and begin anew.")
    ] = False,
) -> None:
    """Load all events and their sessions, or continue the load that was interrupted."""
    from lyceum.systems.lms.job import load

    load(_job(context.obj, url, concurrency, rate), since=since, restart=restart)


@commands.command("retry-failed")
def retry_failed(
    context: typer.Context, url: Url = None, concurrency: Concurrency = None, rate: Rate = None
) -> None:
    """Fetch just the events that earlier loads could not fetch."""
    from lyceum.systems.lms.job import retry_failed

    retry_failed(_job(context.obj, url, concurrency, rate))


@commands.command()
def get(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(help="LMS event identifier.")],
    url: Url = None,
) -> None:
    """Fetch one event and print its sessions; no table is changed."""
    from lyceum.systems.lms.job_get import get

    get(_job(context.obj, url, None, None), event_id)


def _job(
    context: Context, url: str | None, concurrency: int | None, rate: float | None
) -> "LmsJob":
    from lyceum.systems.lms.job import LmsJob

    given = {"base_url": url, "concurrency": concurrency, "rate": rate}
    return LmsJob(context.lakehouse(), context.reporter(), given)
