"""Commands of the warehouse."""

import typer

commands = typer.Typer(
    name="etl",
    no_args_is_help=True,
    help="The analytics warehouse: an OLTP database to facts and dimensions.",
)


@commands.command()
def extract(context: typer.Context) -> None:
    """Land what is new in the OLTP database of `OLTP_DATABASE_URL`."""
    from lyceum.systems.warehouse.job_extract import extract
    from lyceum.systems.warehouse.settings import WarehouseSettings

    settings = context.obj.config().of(WarehouseSettings)
    extract(context.obj.lakehouse(), settings, context.obj.reporter())
