"""What a process does that was forked for a task: it reads what is asked, does it, and says so."""

import atexit
import io
import json
import os
import signal
import socket
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from json import dumps
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from bundlerun.config import Config
from bundlerun.workers import QUIET
from pocketlake.redaction import redacted


class TaskStopped(BaseException):
    """Raised in a task that is told to end; `except Exception` lets it pass."""


class _Stream(io.TextIOWrapper):
    """Standard output or error, whose lines hold no secret."""

    def write(self, text: str) -> int:
        """Write text without the secrets that this process knows."""
        super().write(str(redacted(text)))
        return len(text)


def work(channel: socket.socket, log: int) -> NoReturn:
    """Do what the other end of the channel asks for; the process ends with it."""
    code = 1
    try:
        os.setsid()
        request = json.loads(channel.makefile("r", encoding="utf-8").readline() or "null")
        if request is not None:
            _say(channel, pid=os.getpid())
            _settle(request, log)
            said = _done(request, channel)
            _finish()
            _say(channel, said=said)
            code = 0
    except TaskStopped:
        _interrupt()
    except BaseException:  # noqa: BLE001 - there is nobody above
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _say(channel: socket.socket, **message: object) -> None:
    channel.sendall(dumps(message, default=str).encode() + b"\n")


def _settle(request: Mapping[str, Any], log: int) -> None:
    """Make this process the task's own: its streams, environment, folder, arguments, signals."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = os.fdopen(number, "wb", buffering=0, closefd=False)
        stream = _Stream(raw, encoding="utf-8", errors="replace", write_through=True)
        setattr(sys, name, stream)
    for name in QUIET:
        os.environ.pop(name, None)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    sys.path[:] = [*request.get("path", ()), *request["sys_path"]]
    sys.path_importer_cache.clear()
    os.chdir(request.get("cwd") or ".")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TaskStopped


def _interrupt() -> None:
    """End what is computed for this process: the server goes on without it otherwise."""
    if "pyspark.sql" in sys.modules:
        from pyspark.sql import SparkSession

        session = SparkSession.getActiveSession()
        if session is not None:
            with suppress(Exception):
                session.interruptAll()


def _done(request: Mapping[str, Any], channel: socket.socket) -> object:
    folder, home = Path(request["folder"]), Path(request["home"])
    config = Config.load(home, request["environ"], folder=folder)
    match request["do"]:
        case "serve":
            _serve(config, channel)
        case "record":
            from bundlerun.runner.recorder import record_runs

            record_runs(config.new_session(), config)
        case "task":
            return _task(request, config, folder)
    return None


def _serve(config: Config, channel: socket.socket) -> NoReturn:
    """Be the server that computes; it ends when it is told to."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say(channel, address=config.served_address())
    while True:
        signal.pause()


def _task(request: Mapping[str, Any], config: Config, folder: Path) -> object:
    from bundlerun.runner.kinds.tasks import TASKS
    from bundlerun.runner.versions import TouchedTables
    from bundlerun.workers.here import Here
    from pocketlake.observe import followed

    here = Here(
        config=config,
        run_folder=Path(request["run_folder"]),
        task_values=request["task_values"],
        pipelines=request["pipelines"],
        folder=folder,
    )
    touched = TouchedTables(config)
    here.offer()
    try:
        with followed(touched):
            output = TASKS[request["kind"]](here, request["spec"])
        said = asdict(output)
    except Exception as error:  # noqa: BLE001 - a task may raise anything
        said = _failure(error)
    said["values"] = {**here.values, **said.get("values", {})}
    said["facts"] = {**touched.facts(), **said.get("facts", {})}
    return said


def _failure(error: Exception) -> dict[str, Any]:
    from bundlerun.runner.output import first_line

    traceback.print_exception(error)
    code = getattr(error, "code", None)
    code = code if isinstance(code, str) else "RunExecutionError"
    where = _own_line(error)
    facts = {"where": where} if where else {}
    return {"result": "FAILED", "error": first_line(error), "error_code": code, "facts": facts}


def _own_line(error: BaseException) -> str | None:
    """The line of the task's own code where it failed: neither of a library nor of the runner."""
    others = (str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), "site-packages", "<")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not any(other in frame.filename for other in others):
            return f"{frame.filename}:{frame.lineno}: {frame.line}"
    return None


def _finish() -> None:
    """End as a process does: other threads first, then what was registered for the exit."""
    main = threading.main_thread()
    for thread in threading.enumerate():
        if thread is not main and not thread.daemon:
            thread.join()
    with suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - what is forked has no other end


if __name__ == "__main__":
    work(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
