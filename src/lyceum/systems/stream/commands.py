"""Commands of the learner stream."""

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(
    name="stream", no_args_is_help=True, help="Learner events: from a broker to their metrics."
)


@commands.command()
def run(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Process what is there now, and end.")
    ] = False,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="Where the first run begins: earliest, latest or a time in ISO 8601.",
        ),
    ] = "earliest",
    files: Annotated[
        Path | None, typer.Option(help="Folder of *.jsonl files to read instead of a broker.")
    ] = None,
) -> None:
    """Bring learner events to silver and gold, batch after batch, until SIGTERM or Ctrl-C."""
    from lyceum.systems.stream.service.run import run_service

    run_service(
        context.obj.config(), context.obj.lakehouse, context.obj.reporter(),
        once=once, start=start, files=files,
    )  # fmt: skip


@commands.command()
def gold(context: typer.Context) -> None:
    """Bring gold up to the events of silver, where a pipeline keeps bronze and silver."""
    from lyceum.systems.stream.job_stream_gold import gold

    gold(context.obj.lakehouse(), context.obj.reporter())


@commands.command()
def validate(context: typer.Context) -> None:
    """Compute the hand-written fixtures and compare the tables with the expected ones."""
    from lyceum.systems.stream.validate import validate

    validate(context.obj.lakehouse(), context.obj.reporter())
