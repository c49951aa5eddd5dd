"""Python: entry points of wheels and script files, in this process."""

import sys
from collections.abc import Callable
from pathlib import Path

from bundlerun.runner.context import Output, TaskRun
from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Job, Settings, Task, text
from bundlerun.runner.sessions import offer_to_builders
from bundlerun.runner.task_utils import offered_task_utils


def python_wheel(attempt: TaskRun, spec: Settings) -> Output:
    """Call the entry point of a wheel without arguments; it finds its parameters in `sys.argv`."""
    package, name = str(spec["package_name"]), str(spec["entry_point"])
    libraries = wheel_libraries(attempt.task, attempt.run.job)
    function = attempt.services.wheels.entry_point(package, name, libraries)
    attempt.place.argv = [name, *wheel_arguments(spec)]
    return _ended(attempt, function)


def spark_python(attempt: TaskRun, spec: Settings) -> Output:
    """Execute a file as a script."""
    file = Path(spec["python_file"])
    attempt.place.argv = [str(file), *map(text, spec.get("parameters") or ())]
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    names = {"__name__": "__main__", "__file__": str(file), "__builtins__": __builtins__}
    return _ended(attempt, lambda: exec(code, names))  # noqa: S102 - the task is this file


def wheel_arguments(spec: Settings) -> list[str]:
    """The command line of a wheel task: its parameters, or `--name=value` for named ones."""
    named = spec.get("named_parameters") or {}
    return [
        *map(text, spec.get("parameters") or ()),
        *(f"--{name}={text(value)}" for name, value in named.items()),
    ]


def wheel_libraries(task: Task, job: Job) -> list[str]:
    """The wheel files that a task names, or that its environment has."""
    libraries = [entry["whl"] for entry in task.settings.get("libraries") or () if "whl" in entry]
    environments = [
        environment.get("spec") or {}
        for environment in job.settings.get("environments") or ()
        if environment.get("environment_key") == task.settings.get("environment_key")
    ]
    needed = [name for spec in environments for name in spec.get("dependencies") or ()]
    return [*libraries, *(name for name in needed if str(name).endswith(".whl"))]


def _ended(attempt: TaskRun, function: Callable[[], object]) -> Output:
    """Call the function; another integer than 0 says that it failed, and so does such an exit."""
    offer_to_builders()
    try:
        with offered_task_utils(attempt):
            code = function()
    except SystemExit as exit_:
        code = exit_.code
    if code is None or code == 0 or not isinstance(code, int | str) or code is True:
        return Output()
    problem = code if isinstance(code, str) else f"it ended with exit code {code}"
    last = attempt.place.log.last_line
    raise TaskError(f"{problem}: {last}" if last and isinstance(code, int) else problem)
