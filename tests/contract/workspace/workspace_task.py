"""A task as a workspace runs it: a process of its own, without environment, with a volume as home.

Every task is forked from one process that has imported what the wheel needs, and nothing else.
"""

import contextlib
import io
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

_PRELOADED = ["lyceum.cli", "pyspark.sql.connect.session", "workspace_task"]
_WRITES = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Task:
    """A function in a process of its own; it is pickled by its name."""

    action: Callable[..., int | None]
    args: tuple[object, ...]
    volumes: Path
    """The folder that stands for `/Volumes`."""
    may_write: bool
    """False for somebody with READ VOLUME only."""
    environ: Mapping[str, str]
    directory: Path
    """The working directory."""

    def run(self) -> "Done":
        """Run it to its end."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_in_process, args=(self, theirs))
        process.start()
        theirs.close()
        try:
            return mine.recv()
        except EOFError:
            process.join()
            return Done(process.exitcode or 1, "", f"the process ended with {process.exitcode}")
        finally:
            process.join()


@dataclass
class Done:
    """What came of a task."""

    code: int
    out: str
    err: str
    refused: list[str] = field(default_factory=list)


def command(arguments: list[str]) -> int:
    """What the wheel's entry point does in a task."""
    from lyceum.cli import main

    return main(arguments)


def _in_process(task: Task, answer: Connection) -> None:
    os.environ.clear()
    os.environ.update(task.environ)
    os.chdir(task.directory)
    refused: list[str] = []
    out, err = io.StringIO(), io.StringIO()
    sys.addaudithook(_hook(task, refused))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = task.action(*task.args) or 0
        except Exception:  # noqa: BLE001 - whatever ends a task
            traceback.print_exc()
            code = 1
    answer.send(Done(code, out.getvalue(), err.getvalue(), refused))
    answer.close()
    os._exit(0)


def _hook(task: Task, refused: list[str]) -> Callable[[str, tuple[object, ...]], None]:
    """Raise OSError, as a volume does, and remember it for those who catch that."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        check = _CHECKS.get(event)
        reason = check(task, *args) if check else None
        if reason is not None:
            refused.append(reason)
            raise OSError(95, reason)

    return hook


def _opened(task: Task, path: object, mode: str | None, flags: int) -> str | None:
    writes = flags & _WRITES or set(mode or "") & set("wax+")
    if not writes or not isinstance(path, str | bytes | os.PathLike):
        return None
    name = Path(os.fsdecode(path))
    if not name.is_absolute():
        return f"a file at a relative path: {name}"
    return _written(task, name, flags) if _is_on_volume(task, name) else None


def _written(task: Task, name: Path, flags: int) -> str | None:
    if not task.may_write:
        return f"a file written with READ VOLUME only: {name}"
    if flags & os.O_APPEND:
        return f"an append on a volume: {name}"
    is_new = flags & os.O_EXCL or not name.exists()
    if (flags & os.O_RDWR or not flags & os.O_TRUNC) and not is_new:
        return f"random writes on a volume: {name}"
    return None


def _moved(task: Task, *paths: object) -> str | None:
    found = [path for path in paths[:2] if _is_on_volume(task, path)]
    return f"a rename or link on a volume: {found[0]}" if found else None


def _locked(task: Task, descriptor: int, *_: object) -> str | None:
    name = Path(f"/proc/self/fd/{descriptor}").readlink()
    return f"a lock on a volume: {name}" if _is_on_volume(task, name) else None


def _database(task: Task, path: object) -> str | None:
    return f"SQLite on a volume: {path}" if _is_on_volume(task, path) else None


def _changed(task: Task, path: object, *_: object) -> str | None:
    if not task.may_write and _is_on_volume(task, path):
        return f"a file made or removed with READ VOLUME only: {path}"
    return None


def _is_on_volume(task: Task, path: object) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    return os.path.realpath(os.fsdecode(path)).startswith(f"{task.volumes}/")


_CHECKS: dict[str, Callable[..., str | None]] = {
    "open": _opened,
    "os.rename": _moved,
    "os.link": _moved,
    "os.symlink": _moved,
    "os.truncate": lambda task, path, _: _moved(task, path),
    "os.mkdir": _changed,
    "os.remove": _changed,
    "os.rmdir": _changed,
    "fcntl.flock": _locked,
    "fcntl.lockf": _locked,
    "sqlite3.connect": _database,
}
