"""The job `sales_load`: transaction files to bronze, the days that they touch to silver.

A batch of files counts as loaded when its mark is written, last. Until then the next run reads it
again, and every write of it gives the same rows twice over.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE, keep, show_open
from lyceum.quality.rules import broken_rules, is_open, mended_rows, quarantine_rows
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.sales.arrivals import Batch, Counts, batches_to_load
from lyceum.systems.sales.bronze import (
    FILE_RULES,
    RAW_TRANSACTION_FILES,
    RAW_TRANSACTIONS,
    TRANSACTION_RULES,
    file_counts,
    raw_transactions,
    transaction_records,
)
from lyceum.systems.sales.silver import FACT_SALES_DAILY, fact_sales_daily, on_days
from lyceum.systems.sales.source import left_alone, transaction_rows, write_rows

JOB = "sales_load"
SYSTEM = "sales"
_ORIGIN = ("_source_file", "_load_id", "_ingested_at")
_FEW = 5


def load(lake: Lakehouse, folder: Path, reporter: Reporter) -> None:
    """Load the files of a folder that are new or changed; the others are not even opened."""
    with Run.of(lake, JOB, {"folder": str(folder)}, reporter=reporter) as run:
        count = 0
        for batch in batches_to_load(lake, folder, load_id=run.id, loaded_at=run.started_at):
            title = f"Load {len(batch.files):,} files, {batch.names}"
            with run.stage("load_files", key=batch.names, title=title) as stage:
                stage.note = _load_batch(run, batch)
            count += 1
        _say_left_alone(folder, reporter)
        if count:
            show_open(lake, reporter, SYSTEM)
        else:
            reporter.say("Every file is loaded: there is nothing to do")


def _load_batch(run: Run, batch: Batch) -> str:
    """Bronze, silver, quarantine, and the mark last; says what it brought."""
    lake = run.lake
    with _records(lake, batch) as (records, gone):
        batch = batch.without(gone)
        broken = broken_rules(batch.records(lake), rules=FILE_RULES)
        counts, days = _counted(records)
        added = _publish(lake, records, days) if days else 0
        if any(count.broken for count in counts.values()):
            broken = broken.unionByName(broken_rules(records, rules=TRANSACTION_RULES))
        _quarantine(lake, batch, broken)
    once = (f"{SYSTEM}:{batch.load_id}", batch.number)
    lake.append(RAW_TRANSACTION_FILES, batch.marks(lake, counts), once=once)
    read = sum(count.rows for count in counts.values())
    rejected = sum(count.rejected for count in counts.values())
    run.rows_processed += read
    run.rows_inserted += added
    return (
        f"{read:,} rows: {added:,} new, {read - rejected - added:,} known, {rejected:,} rejected"
        f" · {len(days):,} days"
    )


@contextmanager
def _records(lake: Lakehouse, batch: Batch) -> Iterator[tuple[DataFrame, set[str]]]:
    """The rows of the files, which wait in a Parquet file while they are worked on.

    Beside them the names of files that could not be opened.
    """
    folder = lake.config.home / "spool" / "sales_load"
    # What a killed load left is in the way of nobody else: this process holds the job's lock.
    shutil.rmtree(folder, ignore_errors=True)
    unopened = write_rows(batch.readable, folder / "rows.parquet")
    rows = transaction_rows(lake.spark.read.parquet(str(folder)))
    loaded_at = F.lit(batch.loaded_at)
    try:
        yield transaction_records(rows, load_id=batch.load_id, loaded_at=loaded_at), unopened
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _counted(records: DataFrame) -> tuple[dict[str, Counts], list[int]]:
    """What every file has, and the days that rows are accepted for."""
    counts: dict[str, Counts] = defaultdict(Counts)
    days = set()
    for row in file_counts(records).collect():
        count = counts[row.file_name]
        count.rows += row.row_count
        count.rejected += row.rejected_count
        count.broken += row.broken_count
        if row.row_count > row.rejected_count:
            days.add(row.date_key)
    return counts, sorted(days)


def _publish(lake: Lakehouse, records: DataFrame, days: list[int]) -> int:
    """Add the rows to bronze, build their days in silver anew; how many rows bronze had not."""
    added = lake.merge(RAW_TRANSACTIONS, raw_transactions(records), unless_only=_ORIGIN)
    touched = lake.read(RAW_TRANSACTIONS).where(on_days(days))
    lake.merge(FACT_SALES_DAILY, fact_sales_daily(touched))
    return added.inserted


def _quarantine(lake: Lakehouse, batch: Batch, broken: DataFrame) -> None:
    """Keep what broke a rule; resolve what the files of the batch do not have any more."""
    names = [arrived.file.name for arrived in batch.files if arrived.known is None]
    rows = quarantine_rows(broken, system=SYSTEM)
    known = lake.read(QUARANTINE).where(F.col("source_key").isin(names))
    if not known.where(is_open(SYSTEM)).isEmpty():
        rows = rows.unionByName(mended_rows(known, rows, system=SYSTEM, at=F.lit(batch.loaded_at)))
    keep(lake, rows)


def _say_left_alone(folder: Path, reporter: Reporter) -> None:
    names = left_alone(folder)
    if names:
        more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
        shown = ", ".join(names[:_FEW])
        reporter.say(f"Left alone, as only *.csv files are loaded: {shown}{more}")
