"""The commands of `lyceum quarantine`: what broke a rule, in all systems."""

from typing import Annotated

import typer

quarantine = typer.Typer(no_args_is_help=True, help="Quarantine: list, show, replay.")

System = Annotated[str | None, typer.Option(help="Only this system, such as lms.")]


@quarantine.command("list")
def list_records(
    context: typer.Context,
    system: System = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    is_open: Annotated[
        bool, typer.Option("--open/--all", help="Only what is not resolved, or everything.")
    ] = True,
) -> None:
    """Count the records by system and rule, with the identifier of the newest."""
    from lyceum.quality.quarantine import quarantine_counts

    rows = quarantine_counts(context.obj.lakehouse(), system=system, rule=rule, only_open=is_open)
    columns = ["system", "rule", "severity", "open", "resolved", "newest", "id"]
    context.obj.reporter().table("In quarantine", columns, rows)
    if not rows:
        context.obj.reporter().say("Nothing is in quarantine that fits")


@quarantine.command()
def show(
    context: typer.Context,
    record_id: Annotated[str, typer.Argument(metavar="ID", help="Its first characters do.")],
) -> None:
    """Show a record: what was wrong, where it came from, and how it came."""
    from lyceum.quality.quarantine import quarantined

    row = quarantined(context.obj.lakehouse(), record_id)
    facts = {name: value for name, value in row.asDict().items() if value is not None}
    context.obj.reporter().result(row.rule, facts)


@quarantine.command()
def replay(context: typer.Context, system: System = None) -> None:
    """Try again what is open, with the present rules and settings."""
    from lyceum.cli.replay import replay

    replay(context.obj.lakehouse(), context.obj.reporter(), system)
