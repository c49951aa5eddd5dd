"""The journal of a run: an append-only file of events, one JSON object a line.

A Delta commit costs more than a second, so that the table of runs is written once, at the end.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self

from filelock import FileLock, Timeout

from pocketlake.redaction import redacted

Event = dict[str, Any]
Listener = Callable[[Event], None]

_FILE = "journal.jsonl"


class Ids:
    """Identifiers of runs and task runs: numbers that grow and begin with the time, UTC."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self) -> int:
        """A number that this process has not given before."""
        with self._lock:
            now = int(f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"[:17])
            self._last = max(self._last + 1, now)
            return self._last


IDS = Ids()


class Journal:
    """The events of one run, kept on disk and told to whoever listens."""

    def __init__(self, folder: Path, *listeners: Listener) -> None:
        self.folder = folder
        self.run_id = folder.name
        self.listeners = listeners
        self._guard = Lock()
        self._alive = FileLock(folder / "alive.lock", timeout=0, thread_local=False)

    @classmethod
    def new(cls, runs: Path, *listeners: Listener) -> Self:
        """The journal of a run that begins."""
        while True:
            folder = runs / str(IDS.next())
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return cls(folder, *listeners)

    def __enter__(self) -> Self:
        self._alive.acquire()
        file = self.folder / _FILE
        is_cut_off = file.exists() and not file.read_bytes().endswith(b"\n")
        self._file = file.open("a", encoding="utf-8")
        self._file.write("\n" if is_cut_off else "")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._alive.release()

    def note(self, event: str, **facts: object) -> None:
        """Write an event down, then tell it."""
        told = redacted(facts)
        assert isinstance(told, dict)  # noqa: S101 - a mapping gives one
        line: Event = {"at": time.time(), "event": event, "run": self.run_id, **told}
        with self._guard:
            self._file.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
            self._file.flush()
            for listener in self.listeners:
                listener(line)

    def log_file(self, task: str, attempt: int) -> Path:
        """Where what a task prints is kept."""
        return self.folder / "logs" / f"{task}.{attempt}.log"


def events(folder: Path) -> list[Event]:
    """All events of a run; a last line that a kill has cut off is none."""
    file = folder / _FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [event for line in lines if (event := _parsed(line)) is not None]


def is_alive(folder: Path) -> bool:
    """True while a process holds the run."""
    lock = FileLock(folder / "alive.lock", timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


def run_folders(runs: Path) -> Iterator[Path]:
    """The folders of all runs, newest first."""
    found = runs.iterdir() if runs.is_dir() else ()
    return iter(sorted((f for f in found if f.name.isdigit()), reverse=True))


def is_recorded(folder: Path) -> bool:
    """True if the journal's last line says that all of the run is in the table of runs."""
    if not (folder / _FILE).exists():
        return False
    with (folder / _FILE).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 200))
        return b'"event": "recorded"' in (file.read().splitlines() or [b""])[-1]


def _parsed(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
