"""The command `lyceum events export`: outbound files of events and participants."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the files; it is made if it is not there.")],
    full: Annotated[
        bool, typer.Option("--full", help="All rows, not just what changed since the last export.")
    ] = False,
    excel_safe: Annotated[
        bool, typer.Option("--excel-safe", help="Escape what a spreadsheet takes for a formula.")
    ] = False,
    consumer: Annotated[
        str | None,
        typer.Option(
            help="Whose last export counts [downstream; with --excel-safe: spreadsheet].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the latest events and participants that changed since the last successful export."""
    from lyceum.exports.job import Request, export
    from lyceum.systems.events.exports import EVENTS_EXPORT

    request = Request(
        consumer or ("spreadsheet" if excel_safe else "downstream"),
        out.expanduser().resolve(),
        is_full=full,
        is_excel_safe=excel_safe,
    )
    export(context.obj.lakehouse(), context.obj.reporter(), EVENTS_EXPORT, request)
