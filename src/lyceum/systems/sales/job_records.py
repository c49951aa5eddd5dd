"""The rows of transaction files as records to work on, and what they amount to."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame

from lyceum.lakehouse import Lakehouse
from lyceum.systems.sales.bronze import file_counts, transaction_records
from lyceum.systems.sales.source import SalesFile, transaction_rows, write_rows


@dataclass
class Counts:
    """How many rows a file has, and how many of them were rejected or broke any rule."""

    rows: int = 0
    rejected: int = 0
    broken: int = 0


@contextmanager
def records_of(
    lake: Lakehouse, files: list[SalesFile], *, load_id: str, loaded_at: Column
) -> Iterator[tuple[DataFrame, set[str]]]:
    """The rows of the files, which wait in a Parquet file while they are worked on.

    Beside them the names of files that could not be opened.
    """
    folder = lake.config.home / "spool" / "sales_load"
    # What a killed load left is in the way of nobody else: this process holds the job's lock.
    shutil.rmtree(folder, ignore_errors=True)
    unopened = write_rows(files, folder / "rows.parquet")
    rows = transaction_rows(lake.spark.read.parquet(str(folder)))
    try:
        yield transaction_records(rows, load_id=load_id, loaded_at=loaded_at), unopened
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def counted(records: DataFrame) -> tuple[dict[str, Counts], list[int]]:
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
