"""Commands that look after the data: maintain, erase, restore."""

from datetime import UTC, datetime
from typing import Annotated

import typer

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


def maintain(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="Only these tables.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
) -> None:
    """Delete what is past its retention, compact small files, vacuum old ones."""
    from lyceum.care.maintain import Maintenance
    from lyceum.care.maintain import maintain as perform

    lake, reporter = context.obj.lakehouse(), context.obj.reporter()
    perform(Maintenance(lake, reporter, names or (), dry_run))


def erase(
    context: typer.Context,
    learner: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Whom; may be repeated. LYCEUM_ERASE_LEARNERS else."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Erase persons from tables and files; asked again, go on until no byte names them."""
    from lyceum.care.erase import Erasure
    from lyceum.care.erase import erase as perform

    lake, reporter = context.obj.lakehouse(), context.obj.reporter()
    perform(Erasure(lake, reporter, learner or (), reason, dry_run))


def restore(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TABLE", help="Such as silver.lm_events.")],
    version: Annotated[int | None, typer.Option(min=0, help="The version to restore.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="The last version up to this time, UTC."),
    ] = None,
) -> None:
    """Make an earlier version of a table the present one, and compute again what depends on it."""
    from lyceum.care.restore import restore as perform
    from lyceum.cli.recompute import recompute
    from lyceum.model.declared import declared

    table, lake, reporter = declared(name), context.obj.lakehouse(), context.obj.reporter()
    moment = at and at.replace(tzinfo=UTC)
    recompute(lake, reporter, perform(lake, table, reporter, version=version, at=moment))
