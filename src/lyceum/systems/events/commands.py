"""Commands of the event pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.context import Context
from lyceum.systems.events.commands_export import export

if TYPE_CHECKING:
    from lyceum.systems.events.job import EventsJob

commands = typer.Typer(
    name="events",
    no_args_is_help=True,
    help="Event pipeline: delivered files to silver, gold and exports.",
)
commands.command()(export)

Landing = Annotated[
    Path | None,
    typer.Option(help="Folder with a folder of files for each entity; else LYCEUM_LANDING."),
]


@commands.command()
def run(
    context: typer.Context,
    landing: Landing = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Compute every table from all accepted files.")
    ] = False,
    refresh: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="Compute this table from all there is; repeatable."),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="Stay, and look for new files every so many seconds, until Ctrl-C.",
        ),
    ] = None,
) -> None:
    """Bring newly delivered files to silver and gold."""
    job = _job(context.obj, landing)
    if watch is None:
        from lyceum.systems.events.job import run

        run(job, full_refresh=full_refresh, refresh=refresh or ())
    else:
        from lyceum.systems.events.watch import watch as watch_landing

        watch_landing(job, seconds=watch, full_refresh=full_refresh, refresh=refresh or ())


@commands.command()
def preprocess(context: typer.Context, landing: Landing = None) -> None:
    """Prepare newly delivered files for the declarative pipeline."""
    from lyceum.systems.events.job import preprocess

    preprocess(_job(context.obj, landing))


@commands.command()
def quarantine(context: typer.Context) -> None:
    """Put into the quarantine what breaks a rule, after a run of the declarative pipeline."""
    from lyceum.systems.events.job import quarantine

    quarantine(_job(context.obj, None))


def _job(context: Context, landing: Path | None) -> "EventsJob":
    from lyceum.systems.events.job import EventsJob

    folder = landing or context.config().landing
    return EventsJob(context.lakehouse(), folder, context.reporter())
