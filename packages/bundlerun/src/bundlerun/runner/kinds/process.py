"""Tasks that run in a process of their own, on the server that computes for all of them."""

import signal
from pathlib import Path
from typing import Any

from bundlerun.runner.attempts import TaskRun
from bundlerun.runner.environments import installed, missing, wheel_libraries
from bundlerun.runner.errors import TaskError
from bundlerun.runner.kinds.python import EXIT_CODE
from bundlerun.runner.model import Settings
from bundlerun.runner.output import Output
from bundlerun.runner.states import Result
from bundlerun.runner.wheels import named


def in_process(attempt: TaskRun, spec: Settings) -> Output:
    """Run the task in its process, to the end of that."""
    services, asked = attempt.services, {"kind": attempt.task.kind, "spec": spec}
    place = _place(attempt, spec)
    asked |= {
        "run_folder": str(attempt.run.journal.folder),
        "task_values": {key: facts.values for key, facts in attempt.scope.tasks.items()},
        "pipelines": services.bundle.pipelines,
    }
    process = services.engine.task({**asked, **place}, attempt.log.write)
    attempt.begin(process)
    said = process.wait()
    if said is None:
        raise TaskError(_end_of(process.exit_code))
    last = attempt.log.last_line
    if str(said["error"]).startswith(EXIT_CODE) and last:
        said["error"] += f": {last}"
    return Output(**{**said, "result": Result(said["result"])})


def _place(attempt: TaskRun, spec: Settings) -> dict[str, Any]:
    """Where a task works: notebooks and files in their own folder, others where the runner is."""
    task, job, services = attempt.task, attempt.run.job, attempt.services
    needed = missing(task, job)
    if task.kind == "python_wheel_task":
        libraries, package = wheel_libraries(task, job), str(spec["package_name"])
        if not any(named(package, one) for one in needed):
            needed = [*services.wheels.path(package, libraries, attempt.log.write), *needed]
    file = spec.get("python_file") or spec.get("notebook_path")
    folder = [str(Path(file).parent)] if file else []
    place: dict[str, Any] = {"cwd": folder[0]} if folder else {}
    if needed:
        site = installed(needed, services.config.cache_folder, dict(services.config.environ))
        # Other versions than those that are imported already need an interpreter that has none.
        return {**place, "path": [*folder, str(site / "site")], "spawn": True}
    return {**place, "path": folder}


def _end_of(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended by itself, with exit code {code}"
