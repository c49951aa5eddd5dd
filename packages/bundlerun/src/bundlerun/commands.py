"""The commands run, jobs, repair, status and bundle check: bundlerun's own, or a program's."""

import os.path
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from bundlerun.config import Choices, Config, named
from bundlerun.errors import UsageError
from bundlerun.terminal import Terminal, style_of

if TYPE_CHECKING:
    from bundlerun.bundle import Problem
    from bundlerun.runner.launch import Request
    from bundlerun.runner.record import RunRecord
    from bundlerun.runner.service import Runner
    from bundlerun.runner.states import Result


class Place(Protocol):
    """Where a program keeps its files, and its environment."""

    @property
    def home(self) -> Path:
        """The folder of runs and tables."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that it goes by."""


class Host(Protocol):
    """What these commands need of the program that they are part of, as `context.obj`."""

    @property
    def as_json(self) -> bool:
        """One JSON object a line."""

    @property
    def quiet(self) -> bool:
        """Nothing but errors."""

    def config(self) -> Place:
        """Where it keeps its files."""


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

bundle_commands = typer.Typer(no_args_is_help=True, help="The bundle: check it offline.")


def register(app: typer.Typer) -> None:
    """Add these commands to a program's."""
    app.add_typer(bundle_commands, name="bundle")
    for command in (run, jobs, repair, status):
        app.command()(command)


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
    with RunView(_terminal(context.obj)) as view:
        record, result = runner.run(request, view)
    return _concluded(context, record, result)


def jobs(
    context: typer.Context, target: Target = None, bundle: Folder = None, var: Variables = None
) -> None:
    """List the jobs of the bundle: schedule, tasks, last run."""
    from bundlerun.runner.listing import COLUMNS, job_rows

    runner = _runner(context.obj, bundle, target, var)
    rows = job_rows(runner.bundle, runner.config)
    _terminal(context.obj).table(f"{runner.bundle.name} ({runner.bundle.target})", COLUMNS, rows)


def repair(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of the run, its end, or a job for its last run.")],
    param: Parameters = None,
) -> int:
    """Run again what failed in a run and what depends on it, within the same run."""
    from bundlerun.runner.service import runner_of
    from bundlerun.runner.view import RunView

    place = context.obj.config()
    runner, record = runner_of(place.home, place.environ, run)
    with RunView(_terminal(context.obj)) as view:
        record, result = runner.repair(record, _pairs(param, "--param"), view)
    return _concluded(context, record, result)


def status(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Id of a run, its end, or a job for its last run.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs shown.")] = 20,
) -> None:
    """Show the latest runs of all jobs, or one run as a tree of its tasks."""
    if run is not None:
        show_run(context.obj, run)
    elif not show_runs(context.obj, limit):
        _terminal(context.obj).say("Nothing has been run yet")


@bundle_commands.callback()
def bundle_() -> None:
    """The bundle: check it offline."""


@bundle_commands.command()
def check(
    context: typer.Context,
    target: Annotated[
        str | None, typer.Option("-t", "--target", help="Only this target; else all of them.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--bundle", help="Folder of the bundle; else the nearest.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="JSON schema that every file has to fit as well.")
    ] = None,
    var: Variables = None,
) -> None:
    """Say what a deployment or a run of the bundle would stumble over."""
    from bundlerun.bundle import find_bundle
    from bundlerun.bundle.checks import check_bundle, contents

    found = find_bundle(folder or Path.cwd())
    environ, choices = context.obj.config().environ, Choices.of(found)
    complaint = named(choices.arguments) if choices.arguments else None
    variables = _pairs(var, "--var")
    problems = check_bundle(
        found,
        target,
        environ=environ,
        variables=variables,
        complaint=complaint,
        schema=schema,
        policy=choices.policy,
    )
    if problems:
        _show_problems(context.obj, found, problems)
    if any(problem.severity != "warning" for problem in problems):
        raise typer.Exit(1)
    facts = contents(found, target, environ=environ, variables=variables)
    if context.obj.as_json:
        facts = {"event": "result", "name": "Bundle", **facts, "problems": len(problems)}
        _terminal(context.obj).event(facts)
    elif not context.obj.quiet:
        counted = ", ".join(starmap(_counted, facts["resources"].items()))
        targets = ", ".join(facts["targets"])
        what = "no error in" if problems else "nothing wrong with"
        typer.echo(f"✓ {facts['bundle']}: {what} {counted}, for {targets}")


def show_runs(host: Host, limit: int) -> bool:
    """Show the latest runs of all jobs; False if there is none."""
    from bundlerun.runner.listing import RUN_COLUMNS, run_rows
    from bundlerun.runner.record import all_runs, runs_folder

    found = list(islice(all_runs(runs_folder(host.config().home)), limit))
    if found:
        rows = run_rows(found)
        _terminal(host).table("Latest runs of the bundle's jobs", RUN_COLUMNS, rows)
    return bool(found)


def show_run(host: Host, run: str) -> None:
    """Show one run as a tree of its tasks."""
    from bundlerun.runner.listing import attempt_facts
    from bundlerun.runner.record import found_run, runs_folder
    from bundlerun.runner.view import failure_summary, run_tree

    record, terminal = found_run(runs_folder(host.config().home), run), _terminal(host)
    if host.as_json:
        terminal.event(attempt_facts(record))
        return
    terminal.print(run_tree(record))
    for line in failure_summary(record):
        typer.echo(line)


def _terminal(host: Host) -> Terminal:
    return Terminal(style_of(as_json=host.as_json, quiet=host.quiet))


def _runner(host: Host, folder: Path | None, target: str | None, var: list[str] | None) -> "Runner":
    from bundlerun.bundle import find_bundle
    from bundlerun.runner.service import Runner, open_bundle

    variables, place = _pairs(var, "--var"), host.config()
    root = find_bundle(folder or Path.cwd())
    config = Config.load(place.home, place.environ, folder=root)
    return Runner(open_bundle(config, root, target, variables), config, variables=variables)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    for name, sign, _ in pairs:
        if not name or not sign:
            raise UsageError(f"expected {option} NAME=VALUE, found {name!r}")
    return {name: value for name, _, value in pairs}


def _show_plan(host: Host, runner: "Runner", job: str, request: "Request") -> None:
    from bundlerun.runner.listing import PLAN_COLUMNS, plan_rows

    title = f"{job} of {runner.bundle.name} ({runner.bundle.target})"
    _terminal(host).table(title, PLAN_COLUMNS, plan_rows(request))


def _concluded(context: typer.Context, record: "RunRecord", result: "Result") -> int:
    """Say what failed; the exit code."""
    from bundlerun.runner.states import CANCELED, SUCCEEDED
    from bundlerun.runner.view import failure_summary

    program = context.find_root().info_name
    style = _terminal(context.obj).style
    # Where every change is a line, a failure has been told.
    for line in failure_summary(record) if style == "rich" else ():
        typer.echo(line, err=True)
    if style in ("rich", "plain") and result not in SUCCEEDED:
        again = f"{program} repair {record.run_id} runs what did not succeed once more"
        typer.echo(f"{program}: run {record.run_id} ended {result}; {again}", err=True)
    if result in SUCCEEDED:
        return 0
    return 130 if result in CANCELED else 1


def _counted(kind: str, count: int) -> str:
    """A count as a person says it.

    >>> _counted("jobs", 1), _counted("sql_warehouses", 2)
    ('1 job', '2 sql warehouses')
    """
    name = kind.replace("_", " ")
    return f"{count} {name.removesuffix('s') if count == 1 else name}"


def _show_problems(host: Host, folder: Path, problems: list["Problem"]) -> None:
    """One line a problem; its file as seen from here."""
    near = [replace(p, file=Path(os.path.relpath(folder / p.file))) for p in problems]
    if host.as_json:
        rows = [(str(one.file), one.line, one.severity, one.message) for one in near]
        _terminal(host).table("Problems", ["file", "line", "severity", "message"], rows)
        return
    for problem in near:
        typer.echo(str(problem))
    typer.echo(f"{len(near)} {'problem' if len(near) == 1 else 'problems'}", err=True)
