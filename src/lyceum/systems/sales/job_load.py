"""The job `sales_load`: transaction files to bronze, the days that they touch to silver.

A batch of files counts as loaded when its mark is written, last. Until then the next run reads it
again, and every write of it gives the same rows twice over.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE, keep, show_open
from lyceum.quality.rules import broken_rules, is_open, mended_rows, quarantine_rows
from lyceum.runs.logs import get_logger
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.sales.bronze import (
    FILE_RULES,
    RAW_TRANSACTION_FILES,
    RAW_TRANSACTIONS,
    TRANSACTION_RULES,
    raw_transactions,
)
from lyceum.systems.sales.job_files import Arrived, file_records, file_rows, files_to_load
from lyceum.systems.sales.job_records import counted, records_of
from lyceum.systems.sales.silver import FACT_SALES_DAILY, fact_sales_daily, on_days
from lyceum.systems.sales.source import UNREADABLE, SalesFile, left_alone

JOB = "sales_load"
SYSTEM = "sales"
_log = get_logger(__name__)
_ORIGIN = ("_source_file", "_load_id", "_ingested_at")
_FEW = 5


@dataclass(frozen=True)
class Batch:
    """Some files of one load."""

    load_id: str
    number: int
    loaded_at: datetime
    files: list[Arrived]

    @property
    def readable(self) -> list[SalesFile]:
        """The files whose rows can be loaded."""
        return [arrived.file for arrived in self.files if arrived.is_to_read]

    def without(self, gone: set[str]) -> "Batch":
        """The batch; files of these names are unreadable, and tried again by the next load."""
        files = [replace(f, content=UNREADABLE) if f.file.name in gone else f for f in self.files]
        return replace(self, files=files)

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
    with Run.of(lake, JOB, {"folder": str(folder)}, reporter=reporter) as run:
        count, batches = files_to_load(lake, folder)
        _say_left_alone(folder, reporter)
        if count == 0:
            reporter.say("Every file is loaded: there is nothing to do")
            return
        for number, files in enumerate(batches):
            batch = Batch(run.id, number, run.started_at, files)
            names = f"{files[0].file.name} to {files[-1].file.name}"
            title = f"Load {len(files):,} files, {names}"
            with run.stage("load_files", key=names, title=title) as stage:
                loaded = _load_batch(lake, batch)
                stage.note = loaded.note()
            _log.info("batch loaded", files=len(files), rows=loaded.read, added=loaded.added)
            _count(run, loaded)
        show_open(lake, reporter, SYSTEM)


def _load_batch(lake: Lakehouse, batch: Batch) -> Loaded:
    """Bronze, silver, quarantine, and the mark last."""
    at = batch.time
    with records_of(lake, batch.readable, load_id=batch.load_id, loaded_at=at) as (records, gone):
        batch = batch.without(gone)
        broken = _broken_files(lake, batch)
        counts, days = counted(records)
        added = _publish(lake, records, days) if days else 0
        if any(count.broken for count in counts.values()):
            broken = broken.unionByName(broken_rules(records, rules=TRANSACTION_RULES))
        _quarantine(lake, batch, broken)
    marks = file_rows(lake, batch.files, counts, load_id=batch.load_id, loaded_at=batch.loaded_at)
    lake.append(RAW_TRANSACTION_FILES, marks, once=(f"{SYSTEM}:{batch.load_id}", batch.number))
    return Loaded(
        read=sum(count.rows for count in counts.values()),
        rejected=sum(count.rejected for count in counts.values()),
        added=added,
        days=len(days),
    )


def _publish(lake: Lakehouse, records: DataFrame, days: list[int]) -> int:
    """Add the rows to bronze, build their days in silver anew; how many rows bronze had not."""
    added = lake.merge(RAW_TRANSACTIONS, raw_transactions(records), unless_only=_ORIGIN)
    touched = lake.read(RAW_TRANSACTIONS).where(on_days(days))
    lake.merge(FACT_SALES_DAILY, fact_sales_daily(touched))
    return added.inserted


def _broken_files(lake: Lakehouse, batch: Batch) -> DataFrame:
    files = file_records(lake, batch.files, load_id=batch.load_id, loaded_at=batch.loaded_at)
    return broken_rules(files, rules=FILE_RULES)


def _quarantine(lake: Lakehouse, batch: Batch, broken: DataFrame) -> None:
    """Keep what broke a rule; resolve what the files of the batch do not have any more."""
    names = [arrived.file.name for arrived in batch.files if arrived.known is None]
    rows = quarantine_rows(broken, system=SYSTEM)
    known = lake.read(QUARANTINE).where(F.col("source_key").isin(names))
    if not known.where(is_open(SYSTEM)).isEmpty():
        rows = rows.unionByName(mended_rows(known, rows, system=SYSTEM, at=batch.time))
    keep(lake, rows)


def _say_left_alone(folder: Path, reporter: Reporter) -> None:
    names = left_alone(folder)
    if names:
        more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
        shown = ", ".join(names[:_FEW])
        reporter.say(f"Left alone, as only *.csv files are loaded: {shown}{more}")


def _count(run: Run, loaded: Loaded) -> None:
    run.rows_processed += loaded.read
    run.rows_inserted += loaded.added
