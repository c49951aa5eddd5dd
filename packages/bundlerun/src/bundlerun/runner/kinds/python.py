"""Python: entry points of wheels and script files."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings, text
from bundlerun.runner.output import Output
from bundlerun.runner.wheels import entry_point

if TYPE_CHECKING:
    from bundlerun.workers.here import Here

EXIT_CODE = "it ended with exit code"


def python_wheel(_: "Here", spec: Settings) -> Output:
    """Call the entry point of a wheel without arguments; it finds its parameters in `sys.argv`."""
    package, name = str(spec["package_name"]), str(spec["entry_point"])
    sys.argv = [name, *wheel_arguments(spec)]
    return _ended(entry_point(package, name))


def spark_python(here: "Here", spec: Settings) -> Output:
    """Execute a file as a script, which has `spark` and `dbutils`."""
    file = Path(spec["python_file"])
    sys.argv = [str(file), *map(text, spec.get("parameters") or ())]
    code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__dict__["__file__"] = str(file)
    used = _names(code)
    if "dbutils" in used:
        module.__dict__["dbutils"] = here.dbutils
    if "spark" in used:
        module.__dict__["spark"] = here.session_with_tables
    return _ended(lambda: exec(code, module.__dict__))  # noqa: S102 - the task is this file


def wheel_arguments(spec: Settings) -> list[str]:
    """The command line of a wheel task: its parameters, or `--name=value` for named ones."""
    named = spec.get("named_parameters") or {}
    return [
        *map(text, spec.get("parameters") or ()),
        *(f"--{name}={text(value)}" for name, value in named.items()),
    ]


def _ended(function: Callable[[], object]) -> Output:
    """Call the function; another integer than 0 says that it failed, and so does such an exit."""
    try:
        code = function()
    except SystemExit as exit_:
        code = exit_.code
    if code is None or code == 0 or not isinstance(code, int | str) or code is True:
        return Output()
    raise TaskError(code if isinstance(code, str) else f"{EXIT_CODE} {code}")


def _names(code: CodeType) -> set[str]:
    """The names that a source uses, in its functions too."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return {*code.co_names, *(name for one in inner for name in _names(one))}
