"""Which transaction files of a folder have still to be loaded, in batches of bounded size."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from lyceum.lakehouse import Lakehouse
from lyceum.model.files import Files
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES
from lyceum.systems.sales.source import UNREADABLE, Content, SalesFile, content_of, sales_files

BATCH_FILES, BATCH_BYTES = 500, 256_000_000
_FILE_RECORD = """
    source_key STRING, record_key STRING, position BIGINT, raw STRING, load_id STRING,
    seen_at TIMESTAMP, problem STRING, is_changed BOOLEAN
"""


@dataclass
class Counts:
    """How many rows a file has, and how many of them were rejected or broke any rule."""

    rows: int = 0
    rejected: int = 0
    broken: int = 0


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


@dataclass(frozen=True)
class Batch:
    """Some files of one load."""

    load_id: str
    number: int
    loaded_at: datetime
    files: list[Arrived]

    @property
    def names(self) -> str:
        """The first and the last name."""
        return f"{self.files[0].file.name} to {self.files[-1].file.name}"

    @property
    def readable(self) -> list[SalesFile]:
        """The files whose rows can be loaded."""
        return [arrived.file for arrived in self.files if arrived.is_to_read]

    def without(self, gone: set[str]) -> "Batch":
        """The batch; files of these names are unreadable, and tried again by the next load."""
        files = [replace(f, content=UNREADABLE) if f.file.name in gone else f for f in self.files]
        return replace(self, files=files)

    def records(self, lake: Lakehouse) -> DataFrame:
        """One row a file, fit for `FILE_RULES`."""
        rows = [
            (
                arrived.file.name,
                None,
                None,
                f"{arrived.content.hash} ({arrived.file.bytes} bytes)",
                self.load_id,
                self.loaded_at,
                arrived.content.problem,
                arrived.is_changed,
            )
            for arrived in self.files
        ]
        return lake.spark.createDataFrame(rows, _FILE_RECORD)

    def marks(self, lake: Lakehouse, counts: Mapping[str, Counts]) -> DataFrame:
        """Rows of the files table; a file that could not be opened has none and is tried again."""
        rows = [
            (
                arrived.file.name,
                arrived.content.hash,
                arrived.file.bytes,
                arrived.file.modified_at,
                *_counted(arrived, counts.get(arrived.file.name)),
                self.load_id,
                self.loaded_at,
            )
            for arrived in self.files
            if arrived.content.hash
        ]
        return lake.rows(RAW_TRANSACTION_FILES, rows)


class KnownFiles:
    """The files that were loaded; their number, not their size, is what this takes memory for."""

    def __init__(self, lake: Lakehouse, *, before: datetime | None = None) -> None:
        found = lake.read(RAW_TRANSACTION_FILES)
        if before is not None:
            found = found.where(F.col("loaded_at") < F.lit(before))
        rows = found.collect()
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


def _loaded_before(lake: Lakehouse, folder: Path, before: datetime) -> Iterable[Path]:
    """The files of a folder that were loaded, as they are, before an instant."""
    known = KnownFiles(lake, before=before)
    listed = sales_files(folder) if folder.is_dir() and any(folder.iterdir()) else []
    return [file.path for file in listed if known.has(file)]


def _adopt(lake: Lakehouse, path: Path, content: bytes) -> None:
    """Count a file as loaded with other content too; one that was not loaded is left alone."""
    listed = {file.path: file for file in sales_files(path.parent)}.get(path.absolute())
    if listed is None or not KnownFiles(lake).has(listed):
        return
    known = lake.read(RAW_TRANSACTION_FILES).where(
        (F.col("file_name") == listed.name)
        & (F.col("bytes") == listed.bytes)
        & (F.col("modified_at") == F.lit(listed.modified_at))
    )
    rewritten = known.withColumns(
        {
            "content_hash": F.lit(hashlib.sha256(content).hexdigest()),
            "bytes": F.lit(len(content)).cast("bigint"),
        }
    )
    lake.merge(RAW_TRANSACTION_FILES, rewritten)


LANDED_FILES = Files(
    "landing/sales",
    "transaction files of the shop",
    retention_days=548,
    old=_loaded_before,
    person=("CustomerID",),
    adopt=_adopt,
)


def batches_to_load(
    lake: Lakehouse, folder: Path, *, load_id: str, loaded_at: datetime
) -> Iterator[Batch]:
    """The files that are new or changed; each is read when its batch comes."""
    known = KnownFiles(lake)
    new = [file for file in sales_files(folder) if not known.has(file)]
    for number, files in enumerate(_batches(new)):
        yield Batch(load_id, number, loaded_at, [known.arrived(file) for file in files])


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
