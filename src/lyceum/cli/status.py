"""The command status: runs of the bundle's jobs, where bundlerun is installed, and of pipelines."""

from importlib.util import find_spec
from typing import Annotated

import typer

from lyceum.errors import UsageError


def status(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Id of a run, its end, or a job for its last run.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs shown.")] = 20,
) -> None:
    """Show the latest runs of all jobs, or one run as a tree of its tasks."""
    is_here = find_spec("bundlerun") is not None
    if run is not None and not is_here:
        raise UsageError(f"expected bundlerun to show run {run}, found none: install lyceum[local]")
    if run is not None:
        from bundlerun.commands import show_run

        show_run(context.obj, run)
        return
    _show_latest(context, limit, has_bundle_runs=is_here and _shown(context, limit))


def _shown(context: typer.Context, limit: int) -> bool:
    from bundlerun.commands import show_runs

    return show_runs(context.obj, limit)


def _show_latest(context: typer.Context, limit: int, *, has_bundle_runs: bool) -> None:
    from lyceum.operations.describe import show_runs
    from lyceum.runs.ledger import ETL_JOB_RUNS

    if context.obj.lakehouse().exists(ETL_JOB_RUNS):
        show_runs(context.obj.lakehouse(), context.obj.reporter(), limit=limit)
    elif not has_bundle_runs:
        context.obj.reporter().say("Nothing has been run yet")
