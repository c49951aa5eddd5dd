"""What `lyceum ops cleanup` deletes: old checkpoints, log lines, ledger rows, log files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.checkpoints import PIPELINE_CHECKPOINT
from lyceum.runs.ledger import ETL_JOB_RUNS
from lyceum.runs.logs import PIPELINE_LOGS, log_file
from lyceum.runs.reporter import Reporter
from lyceum.settings import Settings

_TIMES = {
    PIPELINE_CHECKPOINT: "updated_at",
    PIPELINE_LOGS: "timestamp",
    ETL_JOB_RUNS: "recorded_at",
}
_IS_AUDIT = (ETL_JOB_RUNS,)
"""Kept for their declared retention, however short the time that is asked for."""


@dataclass(frozen=True)
class Removed:
    """How much of one thing was deleted."""

    what: str
    count: int
    before: datetime


def clean_up(
    lake: Lakehouse, *, older_than: timedelta, now: datetime, dry_run: bool = False
) -> list[Removed]:
    """Delete what is older, or only count it; a table with nothing to delete gets no commit."""
    removed = [
        _rows(lake, table, now - _age(table, older_than), dry_run=dry_run) for table in _TIMES
    ]
    return [*removed, _log_files(lake.config, now - older_than, dry_run=dry_run)]


def show_cleanup(reporter: Reporter, removed: list[Removed], *, dry_run: bool) -> None:
    """One line a thing: how much of it, and from before when."""
    done = "would be deleted" if dry_run else "deleted"
    rows = [(r.what, r.count, f"{r.before:%Y-%m-%d %H:%M}") for r in removed]
    reporter.table("Clean-up", ["what", done, "from before (UTC)"], rows)


def _age(table: Table, asked: timedelta) -> timedelta:
    if table not in _IS_AUDIT or table.retention_days is None:
        return asked
    return max(asked, timedelta(days=table.retention_days))


def _rows(lake: Lakehouse, table: Table, before: datetime, *, dry_run: bool) -> Removed:
    column = _TIMES[table]
    if dry_run:
        count = lake.read(table).where(F.col(column) < F.lit(before)).count()
    else:
        count = lake.delete(table, where=f"{column} < :before", args={"before": before})
    return Removed(table.name, count, before)


def _log_files(config: Settings, before: datetime, *, dry_run: bool) -> Removed:
    current = log_file(config)
    old = [
        file
        for file in current.parent.glob(f"{current.name}*")
        if datetime.fromtimestamp(file.stat().st_mtime, UTC) < before
    ]
    for file in old if not dry_run else ():
        file.unlink(missing_ok=True)
    return Removed("log files", len(old), before)
