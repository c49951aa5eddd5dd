"""Commands of the warehouse."""

from typing import Annotated

import typer

commands = typer.Typer(
    name="etl",
    no_args_is_help=True,
    help="The analytics warehouse: an OLTP database to facts and dimensions.",
)
Day = Annotated[str, typer.Option("--date", help="Such as 2026-01-15, UTC; yesterday if empty.")]
Force = Annotated[bool, typer.Option("--force", help="Build again what has succeeded.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Build again the days that later changes concern.")
]


@commands.command()
def run(
    context: typer.Context, date: Day = "", force: Force = False, repair: Repair = False
) -> None:
    """Sync all dimensions, then build a day of all fact tables."""
    from lyceum.systems.warehouse.job_etl import run_pipeline

    run_pipeline(context.obj.lakehouse(), context.obj.reporter(), date, force=force, repair=repair)


@commands.command()
def extract(context: typer.Context) -> None:
    """Land what is new in the OLTP database of `OLTP_DATABASE_URL`."""
    from lyceum.systems.warehouse.job_extract import extract

    extract(context.obj.lakehouse(), context.obj.reporter())


@commands.command()
def dimensions(context: typer.Context) -> None:
    """Bring bronze and all dimensions up to date with the source."""
    from lyceum.systems.warehouse.job_etl import sync

    sync(context.obj.lakehouse(), context.obj.reporter())


@commands.command()
def facts(
    context: typer.Context, date: Day = "", force: Force = False, repair: Repair = False
) -> None:
    """Build a day of all fact tables from what was landed."""
    from lyceum.systems.warehouse.job_etl import build

    build(context.obj.lakehouse(), context.obj.reporter(), date, force=force, repair=repair)


@commands.command()
def repair(context: typer.Context) -> None:
    """Build again the days that later changes concern, or whose unknown members are known now."""
    from lyceum.systems.warehouse.job_etl import repair

    repair(context.obj.lakehouse(), context.obj.reporter())


@commands.command("run-job")
def run_job(
    context: typer.Context,
    job: Annotated[str, typer.Option(help="Such as sync_dim_tenant, build_fact_sessions.")],
    date: Day = "",
    force: Force = False,
) -> None:
    """Run one job: the sync of a dimension, or a day of a fact table."""
    from lyceum.systems.warehouse.job_etl import run_one

    run_one(context.obj.lakehouse(), context.obj.reporter(), job, date, force=force)


@commands.command()
def backfill(
    context: typer.Context,
    start: Annotated[str, typer.Option("--from", help="First day, such as 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="Last day, such as 2026-01-31.")],
    force: Force = False,
) -> int:
    """Sync, then build a range of days; goes on after a failed day, and where it was killed."""
    from lyceum.systems.warehouse.job_etl import backfill

    return backfill(context.obj.lakehouse(), context.obj.reporter(), start, end, force=force)


@commands.command()
def status(context: typer.Context) -> None:
    """Show the latest runs, the success of each day, and days that should be built again."""
    from lyceum.systems.warehouse.job_etl import show_status

    show_status(context.obj.lakehouse(), context.obj.reporter())
