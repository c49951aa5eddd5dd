"""Commands of the LMS system."""

from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli.context import Context

if TYPE_CHECKING:
    from lyceum.jobs.lms_session_details import LmsJob
    from lyceum.local.lms import SimulatorConfig

lms = typer.Typer(no_args_is_help=True, help="LMS session details: load, look up, simulate.")

Url = Annotated[str | None, typer.Option("--url", help="Base URL of the LMS (LMS_BASE_URL).")]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Calls under way at once (LMS_CONCURRENCY).")
]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Calls a second at most (LMS_RATE).")]


@lms.command()
def load(
    context: typer.Context,
    url: Url = None,
    concurrency: Concurrency = None,
    rate: Rate = None,
    since: Annotated[
        str | None, typer.Option(help="Only events updated since, such as 2026-01-31T00:00:00Z.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop an unfinished load and begin anew.")
    ] = False,
) -> None:
    """Load all events and their sessions, or continue the load that was interrupted."""
    from lyceum.jobs.lms_session_details import load

    load(_job(context.obj, url, concurrency, rate), since=since, restart=restart)


@lms.command("retry-failed")
def retry_failed(
    context: typer.Context, url: Url = None, concurrency: Concurrency = None, rate: Rate = None
) -> None:
    """Fetch just the events that earlier loads could not fetch."""
    from lyceum.jobs.lms_session_details import retry_failed

    retry_failed(_job(context.obj, url, concurrency, rate))


@lms.command()
def get(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(help="LMS event identifier.")],
    url: Url = None,
) -> None:
    """Fetch one event and print its sessions; no table is changed."""
    from lyceum.jobs.lms_get import get

    get(_job(context.obj, url, None, None), event_id)


@lms.command()
def serve(
    events: Annotated[int, typer.Option(min=0, help="Events that the LMS has.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same LMS.")] = 1,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 8765,
    latency_ms: Annotated[float, typer.Option(min=0, help="Time that every call takes.")] = 0,
    rate_limit: Annotated[int | None, typer.Option(min=1, help="Calls a second.")] = None,
    faults: Annotated[str, typer.Option(help="Such as http_500=0.05,slow=0.01.")] = "",
    dirt: Annotated[str, typer.Option(help="Such as missing_id=0.1,garbage_time=0.05.")] = "",
) -> None:
    """Serve a simulated LMS on loopback until Ctrl-C."""
    from lyceum.local.lms import SimulatorConfig, serve

    config = SimulatorConfig(
        seed=seed,
        events=events,
        latency_ms=latency_ms,
        rate_limit=rate_limit,
        faults=faults,
        dirt=dirt,
    )
    serve(config, port, on_ready=lambda url: typer.echo(_how_to_use(url, config)))


def _how_to_use(url: str, config: "SimulatorConfig") -> str:
    return (
        f"LMS with {config.events} events at {url}; Ctrl-C ends it. To load it:\n"
        f"  export LMS_BASE_URL={url} LMS_CLIENT_ID={config.client_id} "
        f"LMS_CLIENT_SECRET={config.client_secret}\n"
        "  lyceum lms load"
    )


def _job(
    context: Context, url: str | None, concurrency: int | None, rate: float | None
) -> "LmsJob":
    from lyceum.jobs.lms_session_details import LmsJob

    config = context.config()
    settings = config.lms(base_url=url, concurrency=concurrency, rate=rate)
    fields, thresholds = config.lms_fields(), config.lms_thresholds()
    return LmsJob(context.lakehouse(), settings, fields, thresholds, context.reporter())
