"""Reading the shop's transaction files: which there are, what is in them, their rows as text."""

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.files.lines import LINE, MALFORMED, as_text, tables

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
_CHUNK = 1 << 20
_LINE_END = re.compile(r"\r\n|\r|\n")
_FILE = "_source_file"
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in COLUMNS),
        (LINE, pa.int64()),
        (MALFORMED, pa.string()),
        (_FILE, pa.string()),
    ]
)


class SalesFolderError(UsageError):
    """The folder to load has no transaction files."""


@dataclass(frozen=True)
class SalesFile:
    """A transaction file as the folder lists it."""

    path: Path
    bytes: int
    modified_at: datetime

    @property
    def name(self) -> str:
        """The name within the folder; bytes of it that are no UTF-8 as backslash and number."""
        return as_text(self.path.name)


@dataclass(frozen=True)
class Content:
    """What a file holds: the hash of its bytes, and what makes it unusable as a whole."""

    hash: str
    """SHA-256; empty if the file cannot be read."""
    problem: str | None
    """Identifier of a rule over files; None if the rows can be read."""


UNREADABLE = Content("", "file_unreadable")


def sales_files(folder: Path) -> list[SalesFile]:
    """The CSV files of a folder, by name; neither case nor a leading `_` or `.` matters."""
    is_folder = os.path.isdir(folder)  # noqa: PTH112 - False for what no path can be, too
    found = sorted(p for p in folder.iterdir() if _is_csv(p)) if is_folder else []
    if not found:
        what = "a folder without any" if is_folder else "no such folder"
        message = f"expected a folder with *.csv files, found {what}: {folder}"
        raise SalesFolderError(message)
    return [_listed(path) for path in found]


def left_alone(folder: Path) -> list[str]:
    """The names in a folder that no load reads, because they are no CSV files."""
    return sorted(as_text(path.name) for path in folder.iterdir() if not _is_csv(path))


def content_of(file: SalesFile) -> Content:
    """Read a file once, in pieces, for its hash; its first line must be the header."""
    digest = hashlib.sha256()
    try:
        with file.path.open("rb") as stream:
            head = chunk = stream.read(_CHUNK)
            while chunk:
                digest.update(chunk)
                chunk = stream.read(_CHUNK)
    except OSError:
        return UNREADABLE
    return Content(digest.hexdigest(), _header_problem(head.decode("utf-8-sig", "replace")))


def write_rows(files: Iterable[SalesFile], target: Path) -> set[str]:
    """Every record of the files and every line that is none, as text, in one Parquet file.

    Returns:
        The names of files that could not be opened: gone, perhaps, since their content was read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unopened = set()
    with pq.ParquetWriter(target, _SCHEMA, compression="lz4") as parquet:
        for file in files:
            try:
                # Bytes that are not UTF-8 spoil their line, not the file.
                text = file.path.open(encoding="utf-8-sig", errors="surrogateescape")
            except OSError:
                unopened.add(file.name)
                continue
            with text as lines:
                next(lines, None)
                for table in tables(lines, COLUMNS, first=2):
                    name = pa.repeat(pa.scalar(file.name, pa.string()), table.num_rows)
                    parquet.write_table(table.append_column(_FILE, name))
    return unopened


def transaction_rows(written: DataFrame) -> DataFrame:
    """What `write_rows` wrote: eight columns as text, file, line, and the text if malformed."""
    return written.select(
        _FILE,
        F.col(LINE).alias("line"),
        F.col(MALFORMED).alias("malformed"),
        F.struct(*COLUMNS).alias("csv"),
    )


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith(".csv") and path.is_file()


def _listed(path: Path) -> SalesFile:
    try:
        facts = path.stat()
    except OSError:
        # Gone since the folder was listed: whoever opens it finds that it is unreadable.
        return SalesFile(path.absolute(), 0, datetime.fromtimestamp(0, UTC))
    modified_at = datetime.fromtimestamp(facts.st_mtime_ns // 1000 / 1_000_000, UTC)
    return SalesFile(path.absolute(), facts.st_size, modified_at)


def _header_problem(head: str) -> str | None:
    try:
        header = next(csv.reader([_LINE_END.split(head, maxsplit=1)[0]]), [])
    except csv.Error:
        header = []
    return None if tuple(name.strip() for name in header) == COLUMNS else "file_without_header"
