"""Which transaction files of a folder have still to be loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.types import Row

from lyceum.lakehouse import Lakehouse
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES
from lyceum.systems.sales.job_records import Counts
from lyceum.systems.sales.source import Content, SalesFile, content_of, sales_files

BATCH_FILES, BATCH_BYTES = 500, 256_000_000
_FILE_RECORD = """
    source_key STRING, record_key STRING, position BIGINT, raw STRING, load_id STRING,
    seen_at TIMESTAMP, problem STRING, is_changed BOOLEAN
"""


@dataclass(frozen=True)
class Arrived:
    """A file that is not loaded as it lies in the folder now."""

    file: SalesFile
    content: Content
    known: Row | None
    """The row of the files table with the same name and content, if just the time is new."""
    is_changed: bool
    """Other content was loaded under the same name."""

    @property
    def is_to_read(self) -> bool:
        """True if rows of the file can be loaded."""
        return self.known is None and self.content.problem is None


class KnownFiles:
    """The files that were loaded; their number, not their size, is what this takes memory for."""

    def __init__(self, lake: Lakehouse) -> None:
        rows = lake.read(RAW_TRANSACTION_FILES).collect()
        self._listings = {_listing(row.file_name, row.bytes, row.modified_at) for row in rows}
        self._contents = {(row.file_name, row.content_hash): row for row in rows}
        self._names = {row.file_name for row in rows}

    def has(self, file: SalesFile) -> bool:
        """True if name, size and time are those of a loaded file: it is not opened then."""
        return _listing(file.name, file.bytes, file.modified_at) in self._listings

    def arrived(self, file: SalesFile) -> Arrived:
        """What is new about a file; reads it."""
        content = content_of(file)
        known = self._contents.get((file.name, content.hash))
        return Arrived(file, content, known, known is None and file.name in self._names)


def files_to_load(lake: Lakehouse, folder: Path) -> tuple[int, Iterator[list[Arrived]]]:
    """How many files are to be loaded, and they in batches of bounded size."""
    known = KnownFiles(lake)
    new = [file for file in sales_files(folder) if not known.has(file)]
    return len(new), ([known.arrived(file) for file in batch] for batch in _batches(new))


def file_records(
    lake: Lakehouse, batch: list[Arrived], *, load_id: str, loaded_at: datetime
) -> DataFrame:
    """One row a file, fit for `FILE_RULES`."""
    rows = [
        (
            arrived.file.name,
            None,
            None,
            f"{arrived.content.hash} ({arrived.file.bytes} bytes)",
            load_id,
            loaded_at,
            arrived.content.problem,
            arrived.is_changed,
        )
        for arrived in batch
    ]
    return lake.spark.createDataFrame(rows, _FILE_RECORD)


def file_rows(
    lake: Lakehouse,
    batch: list[Arrived],
    counts: Mapping[str, Counts],
    *,
    load_id: str,
    loaded_at: datetime,
) -> DataFrame:
    """Rows of the files table; a file that could not be opened is tried again by the next load."""
    rows = [
        (
            arrived.file.name,
            arrived.content.hash,
            arrived.file.bytes,
            arrived.file.modified_at,
            *_counted(arrived, counts.get(arrived.file.name)),
            load_id,
            loaded_at,
        )
        for arrived in batch
        if arrived.content.hash
    ]
    return lake.rows(RAW_TRANSACTION_FILES, rows)


def _listing(name: str, size: int, modified_at: datetime) -> tuple[str, int, datetime]:
    return name, size, modified_at.astimezone(UTC)


def _batches(files: list[SalesFile]) -> Iterator[list[SalesFile]]:
    """Files in their order, so many at once that a crash costs little and a commit is worth it."""
    batch: list[SalesFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.bytes
    if batch:
        yield batch


def _counted(arrived: Arrived, counts: Counts | None) -> tuple[int, int]:
    if counts is not None:
        return counts.rows, counts.rejected
    known = arrived.known
    return (known.row_count, known.rejected_count) if known else (0, 0)
