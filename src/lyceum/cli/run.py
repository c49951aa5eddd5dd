"""Commands that run a bundle's jobs on this machine: run, jobs, repair, status."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.context import Context
from lyceum.errors import UsageError

if TYPE_CHECKING:
    from bundlerun.runner.record import RunRecord
    from bundlerun.runner.service import Runner
    from bundlerun.runner.states import Result

Target = Annotated[
    str | None, typer.Option("-t", "--target", help="Target; local if there is one, else default.")
]
Folder = Annotated[
    Path | None, typer.Option("--bundle", help="Folder of the bundle; the nearest one upwards.")
]
Parameters = Annotated[
    list[str] | None, typer.Option("--param", help="Parameter of the job, as NAME=VALUE.")
]
Variables = Annotated[
    list[str] | None, typer.Option("--var", help="Variable of the bundle, as NAME=VALUE.")
]


def run(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="Key of the job in the bundle.")],
    target: Target = None,
    param: Parameters = None,
    only: Annotated[list[str] | None, typer.Option(help="Run this task; may be repeated.")] = None,
    start_from: Annotated[
        str | None, typer.Option("--from", help="Run this task and all that depend on it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run; run nothing.")
    ] = False,
    bundle: Folder = None,
    var: Variables = None,
) -> int:
    """Run a job of the bundle on this machine."""
    from bundlerun.runner.service import Asked
    from bundlerun.runner.view import RunView

    runner = _runner(context.obj, bundle, target, var)
    request = runner.request(job, Asked(_pairs(param, "--param"), only or (), start_from))
    if dry_run:
        _show_plan(context.obj, runner, job, request)
        runner.check(request.job)
        return 0
    with RunView(context.obj.reporter()) as view:
        record, result = runner.run(request, view)
    return _concluded(context.obj, record, result)


def jobs(
    context: typer.Context, target: Target = None, bundle: Folder = None, var: Variables = None
) -> None:
    """List the jobs of the bundle: schedule, tasks, last run."""
    from bundlerun.runner.listing import COLUMNS, job_rows

    runner = _runner(context.obj, bundle, target, var)
    rows = job_rows(runner.bundle, context.obj.config())
    context.obj.reporter().table(f"{runner.bundle.name} ({runner.bundle.target})", COLUMNS, rows)


def repair(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of the run, its end, or a job for its last run.")],
    param: Parameters = None,
) -> int:
    """Run again what failed in a run and what depends on it, within the same run."""
    from bundlerun.runner.service import runner_of
    from bundlerun.runner.view import RunView

    runner, record = runner_of(context.obj.config(), run)
    with RunView(context.obj.reporter()) as view:
        record, result = runner.repair(record, _pairs(param, "--param"), view)
    return _concluded(context.obj, record, result)


def status(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Id of a run, its end, or a job for its last run.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Runs shown.")] = 20,
) -> None:
    """Show the latest runs of all jobs, or one run as a tree of its tasks."""
    from bundlerun.runner.context import runs_folder
    from bundlerun.runner.listing import RUN_COLUMNS, run_rows
    from bundlerun.runner.record import all_runs, found_run
    from lyceum.operations.describe import show_runs
    from lyceum.runs.ledger import ETL_JOB_RUNS

    runs = runs_folder(context.obj.config())
    if run is not None:
        _show_run(context.obj, found_run(runs, run))
        return
    found = list(islice(all_runs(runs), limit))
    if found:
        rows = run_rows(found)
        context.obj.reporter().table("Latest runs of the bundle's jobs", RUN_COLUMNS, rows)
    if context.obj.lakehouse().exists(ETL_JOB_RUNS):
        show_runs(context.obj.lakehouse(), context.obj.reporter(), limit=limit)
    elif not found:
        context.obj.reporter().say("Nothing has been run yet")


def _runner(
    context: Context, folder: Path | None, target: str | None, var: list[str] | None
) -> "Runner":
    from bundlerun.runner.service import Runner, open_bundle

    variables = _pairs(var, "--var")
    bundle = open_bundle(context.config(), folder, target, variables)
    return Runner(bundle, context.config(), variables=variables)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    for name, sign, _ in pairs:
        if not name or not sign:
            raise UsageError(f"expected {option} NAME=VALUE, found {name!r}")
    return {name: value for name, _, value in pairs}


def _show_plan(context: Context, runner: "Runner", job: str, request: object) -> None:
    from bundlerun.runner.listing import PLAN_COLUMNS, plan_rows

    reporter = context.reporter()
    title = f"{job} of {runner.bundle.name} ({runner.bundle.target})"
    reporter.table(title, PLAN_COLUMNS, plan_rows(request))  # type: ignore[arg-type]


def _show_run(context: Context, record: "RunRecord") -> None:
    from rich.console import Console

    from bundlerun.runner.listing import attempt_facts
    from bundlerun.runner.view import failure_summary, run_tree

    if context.as_json:
        context.reporter().event(attempt_facts(record))
        return
    Console(highlight=False, soft_wrap=True).print(run_tree(record))
    for line in failure_summary(record):
        typer.echo(line)


def _concluded(context: Context, record: "RunRecord", result: "Result") -> int:
    """Say what failed; the exit code."""
    from bundlerun.runner.states import CANCELED, SUCCEEDED
    from bundlerun.runner.view import failure_summary

    if context.reporter().style in ("rich", "plain"):
        for line in failure_summary(record):
            typer.echo(f"lyceum: {line}", err=True)
        if result not in SUCCEEDED:
            again = f"lyceum repair {record.run_id} runs what did not succeed once more"
            typer.echo(f"lyceum: run {record.run_id} ended {result}; {again}", err=True)
    if result in SUCCEEDED:
        return 0
    return 130 if result in CANCELED else 1
