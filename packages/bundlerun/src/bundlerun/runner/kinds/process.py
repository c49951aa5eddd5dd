"""Tasks that run in a process of their own, on the server that computes for all of them."""

import signal
from pathlib import Path
from typing import Any

from bundlerun.runner.context import Output, TaskRun
from bundlerun.runner.errors import TaskError
from bundlerun.runner.kinds.python import EXIT_CODE, wheel_libraries
from bundlerun.runner.model import Settings
from bundlerun.runner.states import Result


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
    task = attempt.task
    if task.kind == "python_wheel_task":
        libraries = wheel_libraries(task, attempt.run.job)
        package = str(spec["package_name"])
        return {"path": attempt.services.wheels.path(package, libraries, attempt.log.write)}
    file = spec.get("python_file") or spec.get("notebook_path")
    return {"cwd": str(Path(file).parent), "path": [str(Path(file).parent)]} if file else {}


def _end_of(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended by itself, with exit code {code}"
