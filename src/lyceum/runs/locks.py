"""Locks on a job, and on a key of it such as a month: two processes never do the same at once.

On a local disk it is a file lock, which the system frees when its holder ends, however it ends. In
a workspace there is none: `max_concurrent_runs: 1` keeps a job alone, and of two that were started
by hand the one that commits second loses, because Delta refuses its conflicting commit.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse


class JobIsRunningError(LyceumError):
    """Another process runs the job and the caller does not want to wait, or no longer."""


@contextmanager
def job_lock(
    lake: Lakehouse,
    job_name: str,
    *,
    key: str | None = None,
    wait: bool = True,
    seconds: float | None = None,
) -> Iterator[None]:
    """Hold a job, or one key of it, for this process; waits for ever, or so many seconds."""
    if not lake.config.is_local_disk:
        yield
        return
    file = _lock_file(lake, job_name, key)
    patience = (-1.0 if seconds is None else seconds) if wait else 0.0
    lock = FileLock(file, timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise JobIsRunningError(_busy(job_name, key, _holder(file))) from None
    try:
        _sign(file)
        yield
    finally:
        lock.release()


def is_running_here(lake: Lakehouse, job_name: str) -> bool:
    """True if a process holds the job's lock; in a workspace the ledger is believed."""
    if not lake.config.is_local_disk:
        return True
    lock = FileLock(_lock_file(lake, job_name, None), timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


def _lock_file(lake: Lakehouse, job_name: str, key: str | None) -> Path:
    name = job_name if key is None else f"{job_name}@{key}"
    lake.config.locks.mkdir(parents=True, exist_ok=True)
    return lake.config.locks / f"job-{quote(name, safe='@')}.lock"


def _sign(file: Path) -> None:
    """Leave beside the lock who holds it; the lock holds without it too."""
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):
        file.with_suffix(".holder").write_text(json.dumps(holder), encoding="utf-8")


def _holder(file: Path) -> str:
    try:
        found = json.loads(file.with_suffix(".holder").read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _busy(job_name: str, key: str | None, holder: str) -> str:
    what = job_name if key is None else f"{job_name} {key}"
    return f"expected {what} to be free, found it running ({holder}): wait until it has ended"
