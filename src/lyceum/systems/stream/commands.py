"""Commands of the learner stream."""

import typer

commands = typer.Typer(
    name="stream", no_args_is_help=True, help="Learner events: from a broker to their metrics."
)


@commands.callback()
def _stream() -> None:
    """Learner events: from a broker to their metrics."""


@commands.command()
def validate(context: typer.Context) -> None:
    """Compute the hand-written fixtures and compare the tables with the expected ones."""
    from lyceum.systems.stream.validate import validate

    validate(context.obj.lakehouse(), context.obj.reporter())
