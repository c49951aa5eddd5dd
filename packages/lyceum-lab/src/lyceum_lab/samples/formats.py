"""The formats in which sample files arrive; each sink takes columns and writes them at once."""

import csv
import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from lyceum_lab.samples.dirt import Row

Columns = dict[str, list[object]]

_TYPES = {
    "attended": pa.bool_(),
    "event_date": pa.date32(),
    "modified_date": pa.timestamp("us"),
    "oasis_modified_date": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Format:
    """How a source system writes a table."""

    extension: str
    encoding: str = "utf-8"
    delimiter: str = ","
    words: tuple[object, object] = ("true", "false")
    """What stands for true and for false."""
    header: Callable[[str], str] = str
    line_end: str = "\n"
    has_zone: bool = False
    """True if times end in Z."""

    @property
    def is_typed(self) -> bool:
        """True if a cell cannot hold what is not of its type."""
        return self.extension == "parquet"


FORMATS = {
    "comma": Format("csv.gz", words=("Y", "N"), header=str.title),
    "windows": Format("csv", "cp1252", ";", ("1", "0"), str.upper, "\r\n"),
    "utf16": Format("csv", "utf-16", "\t", ("yes", "no")),
    "pipe": Format("csv", "utf-8-sig", "|", ("TRUE", "FALSE"), has_zone=True),
    "jsonl": Format("jsonl.gz", words=(True, False), has_zone=True),
    "parquet": Format("parquet", words=(True, False)),
    "plain": Format("csv"),
}


class Sink(ABC):
    """An open file that takes rows by the column."""

    @abstractmethod
    def write(self, columns: Columns) -> None:
        """Write rows; every call has the same columns."""

    @abstractmethod
    def write_ragged(self, row: Row) -> None:
        """Write a row that is cut off or too long, where the format can hold one."""


class CsvSink(Sink):
    """Delimited text with a header."""

    def __init__(self, file: IO[str], form: Format) -> None:
        self._format = form
        self._has_header = False
        self._writer = csv.writer(file, delimiter=form.delimiter, lineterminator=form.line_end)

    def write(self, columns: Columns) -> None:
        """Write rows, before the first of them the header."""
        if not self._has_header:
            self._writer.writerow(map(self._format.header, columns))
            self._has_header = True
        self._writer.writerows(zip(*columns.values(), strict=True))

    def write_ragged(self, row: Row) -> None:
        """Write a row with one cell too few, or with two too many."""
        cells = list(row.values())
        self._writer.writerow(cells[:-1] if len(str(cells[0])) % 2 else [*cells, "", "more"])


class JsonSink(Sink):
    """One JSON object a line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, columns: Columns) -> None:
        """Write rows."""
        for row in zip(*columns.values(), strict=True):
            self._file.write(f"{_json(dict(zip(columns, row, strict=True)))}\n")

    def write_ragged(self, row: Row) -> None:
        """Write the first half of a row."""
        text = _json(row)
        self._file.write(f"{text[: len(text) // 2]}\n")


class ParquetSink(Sink):
    """Typed columns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, columns: Columns) -> None:
        """Write a row group."""
        arrays = {name: pa.array(values) for name, values in columns.items()}
        table = pa.table({n: a.cast(_TYPES.get(n, pa.string())) for n, a in arrays.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)

    def write_ragged(self, row: Row) -> None:
        """Write nothing: Parquet has no such rows."""

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def opened(path: Path, form: Format) -> Iterator[Sink]:
    """A sink on a new file."""
    if form.is_typed:
        parquet = ParquetSink(path)
        yield parquet
        parquet.close()
        return
    with path.open("wb") as raw, _compressed(raw, form) as binary:
        # csv gives characters that an encoding lacks a chance to be noticed: strict.
        text = TextIOWrapper(binary, encoding=form.encoding, newline="")
        yield JsonSink(text) if "jsonl" in form.extension else CsvSink(text, form)
        text.flush()
        text.detach()


@contextmanager
def _compressed(raw: IO[bytes], form: Format) -> Iterator[IO[bytes]]:
    if not form.extension.endswith(".gz"):
        yield raw
        return
    # No name and no time in it: the same content gives the same bytes.
    with gzip.GzipFile("", "wb", 1, raw, 0) as packed:
        yield cast("IO[bytes]", packed)


def _json(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False)
