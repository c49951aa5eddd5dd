"""Locks on jobs: two processes never do the same job at once.

On a local disk it is a file lock, which the system frees when its holder ends, however it ends.
Elsewhere `max_concurrent_runs: 1` keeps a job alone. Of two that are started at the same moment by
hand, one wins a contested row; a later starter takes it over, for nobody can tell whether the
earlier one still lives.
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
from pyspark.sql import functions as F

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table

JOB_LOCKS = Table(
    name="ops.job_locks",
    grain="one row per job: the run that took it last",
    keys=("job_name", "turn"),
    columns="""
        job_name STRING NOT NULL COMMENT 'Job, such as lms_session_details',
        turn BIGINT NOT NULL COMMENT 'How often the job was taken',
        run_id STRING NOT NULL COMMENT 'The run that took it',
        taken_at TIMESTAMP NOT NULL COMMENT 'When it was taken, UTC'
    """,
    cluster_by=(),
)


class JobIsRunningError(LyceumError):
    """Another process runs the job."""


@contextmanager
def job_lock(
    lake: Lakehouse, job_name: str, *, run_id: str, wait_seconds: float | None = None
) -> Iterator[None]:
    """Hold a job for a run of this process; waits for ever, or so many seconds.

    Raises JobIsRunningError if another process holds it then.
    """
    if not lake.config.is_local_disk:
        take_turn(lake, job_name, run_id)
        yield
        return
    file = _lock_file(lake, job_name)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=-1.0 if wait_seconds is None else wait_seconds)
    try:
        lock.acquire()
    except Timeout:
        raise JobIsRunningError(_busy(job_name, _holder(file))) from None
    try:
        _sign(file)
        yield
    finally:
        lock.release()


def take_turn(lake: Lakehouse, job_name: str, run_id: str) -> None:
    """Take over the job's row in one commit, which only one of two at the same moment can do.

    Both would delete the row of the last turn: the second commit is a conflict, and tried again it
    finds the turn taken.
    """
    turns = lake.read(JOB_LOCKS).where(F.col("job_name") == job_name)
    last = turns.agg(F.max("turn")).collect()[0][0] or 0
    mine = lake.rows(JOB_LOCKS, [(job_name, last + 1, run_id, datetime.now(UTC))])
    written = lake.merge(
        JOB_LOCKS,
        mine,
        unless_only=("run_id", "taken_at"),
        delete="job_name = :job AND turn <= :last",
        args={"job": job_name, "last": last},
    )
    if not written.inserted:
        raise JobIsRunningError(_busy(job_name, "another run started at the same moment"))


def is_running_here(lake: Lakehouse, job_name: str) -> bool:
    """True if a process holds the job's lock; without file locks the ledger is believed."""
    if not lake.config.is_local_disk:
        return True
    file = _lock_file(lake, job_name)
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _lock_file(lake: Lakehouse, job_name: str) -> Path:
    return lake.config.locks / f"job-{quote(job_name, safe='')}.lock"


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


def _busy(job_name: str, holder: str) -> str:
    return f"expected {job_name} to be free, found it running ({holder}): wait until it has ended"
