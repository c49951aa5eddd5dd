"""The commands of `lyceum sample`: files to try Lyceum on."""

from pathlib import Path
from typing import Annotated

import typer

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
    from lyceum.local.samples import SampleConfig, write_sample

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
    from lyceum.local.samples.sales import SalesConfig, write_sales

    written = write_sales(SalesConfig(seed=seed, days=days, lines=lines), folder)
    context.obj.reporter().say(f"{len(written)} files in {folder}")
