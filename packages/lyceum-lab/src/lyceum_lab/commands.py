"""Commands to try Lyceum on: sample files, a simulated LMS, the demo."""

import signal
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lyceum_lab.lms import SimulatorConfig
    from lyceum_lab.oltp import OltpConfig

sample = typer.Typer(no_args_is_help=True, help="Sample data: inbound files to try Lyceum on.")


@sample.command()
def events(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Landing folder; one folder an entity in it.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    rows: Annotated[int, typer.Option(min=1, help="Participants.")] = 1_000,
    event_count: Annotated[
        int, typer.Option("--events", min=0, help="Events; 0: one per 20 participants.")
    ] = 0,
    deliveries: Annotated[
        int, typer.Option(min=1, help="Later ones hold late, corrected and out-of-order rows.")
    ] = 1,
    delivery: Annotated[
        list[int] | None, typer.Option(help="Write just this delivery; may be repeated.")
    ] = None,
    share: Annotated[float, typer.Option(help="Part of all rows in a later delivery.")] = 0.1,
    dirt: Annotated[str, typer.Option(help="Such as ragged_row=0.01,unreadable_file=0.5.")] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Only UTF-8 CSV, not every format and encoding.")
    ] = False,
) -> None:
    """Write inbound files of the event pipeline: events, participants and their masters."""
    from lyceum_lab.samples import SampleConfig, write_sample

    config = SampleConfig(
        seed=seed,
        rows=rows,
        events=event_count,
        deliveries=deliveries,
        share=share,
        dirt=dirt,
        is_plain=plain,
    )
    dropped = write_sample(config, folder, deliveries=tuple(delivery or ()))
    shown = [
        (d.delivery, str(d.path.relative_to(folder)), f"{d.rows:,}", f"{d.bad_rows:,}")
        for d in dropped
    ]
    context.obj.reporter().table(
        f"Files in {folder}", ["delivery", "file", "rows", "bad rows"], shown
    )


@sample.command()
def sales(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of the files, one a trading day.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    days: Annotated[int, typer.Option(help="Days from 2010-12-01 on.")] = 60,
    lines: Annotated[int, typer.Option(help="Lines a day, about.")] = 200,
) -> None:
    """Write a shop's transactions, with returns, repeated and bad lines."""
    from lyceum_lab.samples.sales import SalesConfig, write_sales

    written = write_sales(SalesConfig(seed=seed, days=days, lines=lines), folder)
    context.obj.reporter().say(f"{len(written)} files in {folder}")


@sample.command()
def oltp(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Such as postgresql://user:password@host/database.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 1,
    learners: Annotated[int, typer.Option(min=1, help="Learners of the product.")] = 200,
    days: Annotated[int, typer.Option(min=1, help="Days of sessions.")] = 7,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; yesterday if none.")
    ] = None,
) -> None:
    """Make the OLTP database of a tutoring product: its tables, filled by COPY."""
    from lyceum_lab.oltp import filled

    rows = filled(url, _oltp(seed, learners, days, until))
    counts = [(name, f"{count:,}") for name, count in rows.items()]
    context.obj.reporter().table("OLTP database", ["table", "rows"], counts)


def serve_oltp(
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 1,
    learners: Annotated[int, typer.Option(min=1, help="Learners of the product.")] = 200,
    days: Annotated[int, typer.Option(min=1, help="Days of sessions, up to yesterday.")] = 7,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
) -> None:
    """Serve a private PostgreSQL with a sample OLTP database until Ctrl-C; then it is gone."""
    from lyceum_lab.oltp import served

    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt), served(_oltp(seed, learners, days, None), port=port) as url:
        typer.echo(
            f"OLTP database at {url}; Ctrl-C ends it. To read it:\n"
            f"  export OLTP_DATABASE_URL={url}\n"
            "  lyceum etl extract"
        )
        threading.Event().wait()


def _oltp(seed: int, learners: int, days: int, until: datetime | None) -> "OltpConfig":
    from lyceum_lab.oltp import OltpConfig

    last = until.date() if until else datetime.now(UTC).date() - timedelta(days=1)
    return OltpConfig(learners=learners, days=days, until=last, seed=seed)


@sample.command()
def stream(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of the files, one a day.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Days from 2026-03-02 on.")] = 5,
    learners: Annotated[int, typer.Option(min=1, help="Learners.")] = 40,
) -> None:
    """Write events of learners as JSON lines, with late, repeated and malformed ones."""
    from lyceum_lab.samples.learner_events import LearnerEventsConfig, write_learner_events

    config = LearnerEventsConfig(seed=seed, days=days, learners=learners)
    written = write_learner_events(config, folder)
    context.obj.reporter().say(f"{len(written)} files in {folder}")


def serve(
    events: Annotated[int, typer.Option(min=0, help="Events that the LMS has.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same LMS.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    latency_ms: Annotated[float, typer.Option(min=0, help="Time that every call takes.")] = 0,
    rate_limit: Annotated[int | None, typer.Option(min=1, help="Calls a second.")] = None,
    faults: Annotated[str, typer.Option(help="Such as http_500=0.05,slow=0.01.")] = "",
    dirt: Annotated[str, typer.Option(help="Such as missing_id=0.1,garbage_time=0.05.")] = "",
) -> None:
    """Serve a simulated LMS on loopback until Ctrl-C."""
    from lyceum_lab.lms import SimulatorConfig, serve

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


def demo(context: typer.Context) -> int:
    """Run the bundle's jobs on sample data on this machine and show the tables."""
    from lyceum_lab.demo import run_demo

    return run_demo(context.obj.config(), context.obj.reporter())


def register(app: typer.Typer) -> None:
    """Add these commands to Lyceum's."""
    from lyceum.systems.lms.commands import commands as lms
    from lyceum.systems.warehouse.commands import commands as etl

    app.add_typer(sample, name="sample")
    app.command()(demo)
    lms.command()(serve)
    etl.command("serve")(serve_oltp)
