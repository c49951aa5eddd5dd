"""Commands that look at the lakehouse: sql, tables."""

import csv
import json
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"


class _Lines:
    """Standard output, whose lines end with a newline alone."""

    def write(self, line: str) -> None:
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


def sql(
    context: typer.Context,
    statement: Annotated[
        str, typer.Argument(help="A query, such as SELECT * FROM ops.quarantine.")
    ],
    output: Annotated[
        Format, typer.Option("--format", help="How rows are printed.")
    ] = Format.table,
    limit: Annotated[int, typer.Option(min=0, help="Rows shown in a table.")] = 1000,
) -> None:
    """Run a query and print its rows."""
    from lyceum.files.names import unique_names
    from lyceum.model.declared import views
    from lyceum.operations.query import printable, query

    frame = printable(query(context.obj.lakehouse(), statement, views()))
    if output is Format.csv:
        # The writer quotes what has a character of its line end: text with a lone \r, too.
        writer = csv.writer(_Lines(), lineterminator="\r\n")
        writer.writerow(frame.columns)
        writer.writerows(frame.toLocalIterator())
    elif output is Format.json or context.obj.as_json:
        names = unique_names(frame.columns)
        for row in frame.toLocalIterator():
            record = dict(zip(names, row, strict=True))
            sys.stdout.write(json.dumps(record, default=str, ensure_ascii=False) + "\n")
    else:
        rows = frame.limit(limit + 1).collect()
        context.obj.reporter().table("", frame.columns, rows[:limit])
        if len(rows) > limit:
            context.obj.reporter().say(f"The first {limit} rows; --limit shows more")


def tables(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show one table in full.")] = None,
) -> None:
    """List the tables, or show one: declaration, rows, size, history."""
    from lyceum.model.declared import declared
    from lyceum.operations.describe import show_table, show_tables

    table = declared(name) if name else None
    if table is None:
        show_tables(context.obj.lakehouse(), context.obj.reporter())
    else:
        show_table(context.obj.lakehouse(), table, context.obj.reporter())
