"""The job `sales_load`: transaction files to bronze, the days that they touch to silver.

A batch of files counts as loaded when its mark is written, last. Until then the next run reads it
again, and every write of it gives the same rows twice over.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.raw_transactions import (
    FILE_RULES,
    RAW_TRANSACTION_FILES,
    RAW_TRANSACTIONS,
    TRANSACTION_RULES,
    file_counts,
    raw_transactions,
    transaction_records,
)
from lyceum.jobs.sales_files import Arrived, file_records, file_rows, files_to_load
from lyceum.ops.ledger import Run, recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.logs import get_logger
from lyceum.ops.quarantine import QUARANTINE, keep, show_open
from lyceum.ops.reporter import Reporter
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.silver.fact_sales_daily import FACT_SALES_DAILY, fact_sales_daily, on_days
from lyceum.sources.sales import transaction_rows
from lyceum.storage import Lakehouse, append_once, computed_once, merge
from lyceum.storage.changes import keep_changes

JOB = "sales_load"
SYSTEM = "sales"
_log = get_logger(__name__)
_ORIGIN = ("_source_file", "_load_id", "_ingested_at")


@dataclass(frozen=True)
class Batch:
    """Some files of one load."""

    load_id: str
    number: int
    loaded_at: datetime
    files: list[Arrived]

    @property
    def time(self) -> Column:
        """When the load began, as a column."""
        return F.lit(self.loaded_at)


@dataclass(frozen=True)
class Loaded:
    """What a batch brought, in rows."""

    read: int = 0
    rejected: int = 0
    added: int = 0
    days: int = 0

    def note(self) -> str:
        """One line about it."""
        known = self.read - self.rejected - self.added
        return (
            f"{self.read:,} rows: {self.added:,} new, {known:,} known, {self.rejected:,} rejected"
            f" · {self.days:,} days"
        )


def load(lake: Lakehouse, folder: Path, reporter: Reporter) -> None:
    """Load the files of a folder that are new or changed; the others are not even opened."""
    with job_lock(lake, JOB):
        count, batches = files_to_load(lake, folder)
        if count == 0:
            reporter.say("Every file is loaded: there is nothing to do")
            return
        with recorded_run(lake, JOB, {"folder": str(folder)}) as run:
            keep_changes(lake, FACT_SALES_DAILY)
            for number, files in enumerate(batches):
                batch = Batch(run.id, number, run.started_at, files)
                names = f"{files[0].file.name} to {files[-1].file.name}"
                with reporter.step(f"Load {len(files):,} files, {names}") as step:
                    loaded = _load_batch(lake, batch)
                    step.note = loaded.note()
                _log.info("batch loaded", files=len(files), rows=loaded.read, added=loaded.added)
                _count(run, loaded)
        show_open(lake, reporter, SYSTEM, run.id)


def _load_batch(lake: Lakehouse, batch: Batch) -> Loaded:
    """Bronze, silver, quarantine, and the mark last."""
    readable = [arrived.file for arrived in batch.files if arrived.is_to_read]
    loaded, counts, broken = Loaded(), {}, _broken_files(lake, batch)
    if readable:
        rows = transaction_rows(lake.spark, readable)
        records = transaction_records(rows, load_id=batch.load_id, loaded_at=batch.time)
        records = computed_once(records)
        counts = {row.file_name: row for row in file_counts(records).collect()}
        loaded = _publish(lake, records)
        broken = broken.unionByName(broken_rules(records, rules=TRANSACTION_RULES))
    _quarantine(lake, batch, broken)
    marks = file_rows(lake, batch.files, counts, load_id=batch.load_id, loaded_at=batch.loaded_at)
    app = f"{SYSTEM}:{batch.load_id}"
    append_once(lake, RAW_TRANSACTION_FILES, marks, app=app, version=batch.number)
    return Loaded(
        read=sum(row.row_count for row in counts.values()),
        rejected=sum(row.rejected_count for row in counts.values()),
        added=loaded.added,
        days=loaded.days,
    )


def _publish(lake: Lakehouse, records: DataFrame) -> Loaded:
    """Add the rows to bronze and build their days in silver anew."""
    transactions = computed_once(raw_transactions(records))
    days = [row.date_key for row in transactions.select("date_key").distinct().collect()]
    if not days:
        return Loaded()
    added = merge(lake, RAW_TRANSACTIONS, transactions, unless_only=_ORIGIN, prune=True)
    touched = lake.read(RAW_TRANSACTIONS).where(on_days(days))
    daily = computed_once(fact_sales_daily(touched))
    merge(lake, FACT_SALES_DAILY, daily, prune=True)
    return Loaded(added=added.inserted, days=len(days))


def _broken_files(lake: Lakehouse, batch: Batch) -> DataFrame:
    files = file_records(lake, batch.files, load_id=batch.load_id, loaded_at=batch.loaded_at)
    return broken_rules(files, rules=FILE_RULES)


def _quarantine(lake: Lakehouse, batch: Batch, broken: DataFrame) -> None:
    """Keep what broke a rule; resolve what the files of the batch do not have any more."""
    names = [arrived.file.name for arrived in batch.files if arrived.known is None]
    found = quarantine_rows(broken, system=SYSTEM)
    looked_at = lake.read(QUARANTINE).where(F.col("source_key").isin(names))
    mended = mended_rows(looked_at, found, system=SYSTEM, at=batch.time)
    rows = computed_once(found.unionByName(mended))
    if not rows.isEmpty():
        keep(lake, rows)


def _count(run: Run, loaded: Loaded) -> None:
    run.rows_processed += loaded.read
    run.rows_inserted += loaded.added
