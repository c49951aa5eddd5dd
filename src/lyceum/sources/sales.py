"""Reading the shop's transaction files: which there are, what is in them, their rows as text."""

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.errors import UsageError

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
_MALFORMED = "_malformed"
_SCHEMA = ", ".join(f"{name} STRING" for name in (*COLUMNS, _MALFORMED))
_CHUNK = 1 << 20
_GLOB = re.compile(r"([\\*?\[\]{},])")


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
        """The name within the folder."""
        return self.path.name


@dataclass(frozen=True)
class Content:
    """What a file holds: the hash of its bytes, and what makes it unusable as a whole."""

    hash: str
    """SHA-256; empty if the file cannot be read."""
    problem: str | None
    """Identifier of a rule over files; None if the rows can be read."""


def sales_files(folder: Path) -> list[SalesFile]:
    """The CSV files of a folder, by name."""
    found = sorted(p for p in folder.glob("*.csv") if p.is_file()) if folder.is_dir() else []
    if not found:
        what = "a folder without any" if folder.is_dir() else "no such folder"
        message = f"expected a folder with *.csv files, found {what}: {folder}"
        raise SalesFolderError(message)
    return [_listed(path) for path in found]


def content_of(file: SalesFile) -> Content:
    """Read a file once, in pieces, for its hash and for what a file must be."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8-sig")()
    problem, head = None, ""
    try:
        with file.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                if problem is None:
                    text, problem = _decoded(decoder, chunk)
                    head = head or text
        decoder.decode(b"", final=problem is None)
    except OSError:
        return Content("", "file_unreadable")
    except UnicodeDecodeError:
        problem = "file_not_utf8"
    return Content(digest.hexdigest(), problem or _header_problem(head))


def transaction_rows(spark: SparkSession, files: Iterable[SalesFile]) -> DataFrame:
    """Every row of the files: its eight columns as text, its file, and its text if malformed."""
    reader = spark.read.schema(_SCHEMA).options(
        header="true",
        multiLine="true",
        escape='"',
        emptyValue="",
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=_MALFORMED,
    )
    rows = reader.csv([_GLOB.sub(r"\\\1", str(file.path)) for file in files])
    return rows.select(
        _decoded_name(F.col("_metadata.file_name")).alias("_source_file"),
        F.col(_MALFORMED).alias("malformed"),
        F.struct(*COLUMNS).alias("csv"),
    )


def _decoded_name(encoded: Column) -> Column:
    """The name as the folder has it: Spark writes it as part of a URL, but a plus as it is."""
    return F.coalesce(F.try_url_decode(F.replace(encoded, F.lit("+"), F.lit("%2B"))), encoded)


def _listed(path: Path) -> SalesFile:
    facts = path.stat()
    modified_at = datetime.fromtimestamp(facts.st_mtime_ns // 1000 / 1_000_000, UTC)
    return SalesFile(path.resolve(), facts.st_size, modified_at)


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes) -> tuple[str, str | None]:
    try:
        return decoder.decode(chunk), None
    except UnicodeDecodeError:
        return "", "file_not_utf8"


def _header_problem(head: str) -> str | None:
    header = next(csv.reader(head.splitlines()[:1]), [])
    return None if tuple(name.strip() for name in header) == COLUMNS else "file_without_header"
