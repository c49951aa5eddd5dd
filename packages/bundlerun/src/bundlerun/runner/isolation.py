"""Several tasks in one process, each with its own arguments, output and threads."""

import sys
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TextIO

from pocketlake.redaction import redacted


class TaskLog:
    """What a task prints, in a file; the latest line is remembered for whoever watches."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.path = file
        self.last_line = ""
        self._file = file.open("a", encoding="utf-8", errors="replace")
        self._guard = Lock()

    def write(self, text: str) -> int:
        """Append text without secrets; a thread that outlives its task writes to nowhere."""
        size, text = len(text), str(redacted(text))
        with self._guard:
            if not self._file.closed:
                self._file.write(text)
                if "\n" in text:
                    self._file.flush()
            self.last_line = (text.strip().splitlines() or [self.last_line])[-1]
        return size

    def flush(self) -> None:
        """Bring everything to the disk."""
        with self._guard:
            if not self._file.closed:
                self._file.flush()

    def close(self) -> None:
        """End the log."""
        with self._guard:
            self._file.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it is the file's
        return getattr(self._file, name)


@dataclass
class Place:
    """What is a task's own within the process."""

    log: TaskLog
    argv: list[str] = field(default_factory=list)


PLACE: ContextVar[Place | None] = ContextVar("place", default=None)
"""The task that the present thread works for."""


class _Stream:
    """Standard output or error: the log of a task under way, else the stream that was there."""

    def __init__(self, real: TextIO) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it is the stream's
        place = PLACE.get()
        return getattr(self._real if place is None or place.log.closed else place.log, name)


class _Arguments(MutableSequence[str]):
    """`sys.argv`: the arguments of the task that asks, or of the process.

    A class in the place of the module `sys` itself would keep Spark from pickling it.
    """

    def __init__(self, own: list[str]) -> None:
        self.own = own

    @property
    def _here(self) -> list[str]:
        place = PLACE.get()
        return self.own if place is None else place.argv

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - an item, or a list of a slice
        return self._here[index]

    def __setitem__(self, index: Any, value: Any) -> None:  # noqa: ANN401 - see above
        self._here[index] = value

    def __delitem__(self, index: Any) -> None:  # noqa: ANN401 - see above
        del self._here[index]

    def __len__(self) -> int:
        return len(self._here)

    def insert(self, index: int, value: str) -> None:
        """Add an argument before the one at `index`."""
        self._here.insert(index, value)

    def __add__(self, more: list[str]) -> list[str]:
        return self._here + more

    def __eq__(self, other: object) -> bool:
        return self._here == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._here)


_guard = Lock()
_depth = 0


@contextmanager
def isolated_tasks(*at_end: Callable[[], None]) -> Iterator[None]:
    """Keep the tasks of this process apart while the block lasts; blocks may overlap.

    With the last of them ends what the tasks were offered.
    """
    global _depth  # noqa: PLW0603 - what is changed is the process's own too
    with _guard:
        _depth += 1
        if _depth == 1:
            _enter()
    try:
        yield
    finally:
        with _guard:
            _depth -= 1
            if _depth == 0:
                _leave()
                for withdraw in at_end:
                    withdraw()


_start = Thread.start


def _inheriting_start(thread: Thread) -> None:
    """Start a thread in the context of the one that starts it."""
    context, run = copy_context(), thread.run
    thread.run = lambda: context.run(run)  # type: ignore[method-assign]
    _start(thread)


def _enter() -> None:
    setattr(sys, "argv", _Arguments(sys.argv))  # noqa: B010 - it is no list, but reads like one
    for name in ("stdout", "stderr"):
        setattr(sys, name, _Stream(getattr(sys, name)))
    setattr(Thread, "start", _inheriting_start)  # noqa: B010 - a method takes no assignment


def _leave() -> None:
    if isinstance(sys.argv, _Arguments):
        sys.argv = sys.argv.own
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, _Stream):
            setattr(sys, name, stream._real)  # noqa: SLF001 - it is ours
    setattr(Thread, "start", _start)  # noqa: B010 - see above
