"""Commands that look after the data: maintain."""

from typing import Annotated

import typer


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
