"""What a cell prints and shows, gathered per thread of execution."""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, TextIO


class CellOutput:
    """The outputs of one cell in their order, in the form of nbformat."""

    def __init__(self, *, on_change: Callable[[], None] = lambda: None) -> None:
        self.items: list[dict[str, Any]] = []
        self._on_change = on_change
        self._guard = Lock()

    def write(self, stream: str, text: str) -> None:
        """Add printed text."""
        with self._guard:
            last = self.items[-1] if self.items else {}
            if last.get("name") == stream:
                last["text"] += text
            elif text:
                self.items.append({"output_type": "stream", "name": stream, "text": text})
        self._on_change()

    def show(self, data: Mapping[str, str], *, count: int | None = None) -> None:
        """Add something shown; with a count it is the cell's result."""
        item: dict[str, Any] = {"output_type": "display_data", "data": dict(data), "metadata": {}}
        if count is not None:
            item |= {"output_type": "execute_result", "execution_count": count}
        with self._guard:
            self.items.append(item)
        self._on_change()

    def fail(self, kind: str, message: str, trace: str) -> None:
        """Add the error that ended the cell."""
        lines = trace.splitlines()
        item = {"output_type": "error", "ename": kind, "evalue": message, "traceback": lines}
        with self._guard:
            self.items.append(item)


_PLACE: ContextVar[CellOutput | None] = ContextVar("cell_output", default=None)
_GUARD = Lock()
_users = 0


def cell_output() -> CellOutput | None:
    """The output of the cell that runs in this context."""
    return _PLACE.get()


@contextmanager
def captured(output: CellOutput) -> Iterator[None]:
    """Let what this context prints go to the output; other threads print as before."""
    _install()
    token = _PLACE.set(output)
    try:
        yield
    finally:
        _PLACE.reset(token)
        _uninstall()


class _Stream(io.TextIOBase):
    """Standard output or error: the cell's in a cell, else the one that was there."""

    def __init__(self, name: str, real: TextIO) -> None:
        self._name = name
        self.real = real

    def write(self, text: str) -> int:
        """Write to whichever it is."""
        output = _PLACE.get()
        if output is None:
            return self.real.write(text)
        output.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
        if _PLACE.get() is None:
            self.real.flush()

    def isatty(self) -> bool:
        """A cell is no terminal."""
        return _PLACE.get() is None and self.real.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream that was there."""
        return self.real.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How text becomes bytes."""
        return self.real.encoding


def _install() -> None:
    global _users  # noqa: PLW0603 - the streams are the process's too
    with _GUARD:
        _users += 1
        for name in ("stdout", "stderr"):
            if not isinstance(getattr(sys, name), _Stream):
                setattr(sys, name, _Stream(name, getattr(sys, name)))


def _uninstall() -> None:
    global _users  # noqa: PLW0603 - see above
    with _GUARD:
        _users -= 1
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if _users == 0 and isinstance(stream, _Stream):
                setattr(sys, name, stream.real)
