"""The files that a sync stages: fresh rows, deletes, and the index of what was landed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.systems.warehouse.source.known import KEY_HASH, Known, entries
from lyceum.systems.warehouse.source.landing import Landing, index_name
from lyceum.systems.warehouse.source.tables import SourceTable


@dataclass(frozen=True)
class Slice:
    """The fresh rows of some pages of a table."""

    table: str
    file: str | None
    """Staged file; None if every row was landed before."""
    entries: Path
    landed: int
    keys: np.ndarray
    """Hashes of the keys of the landed rows."""


class TableFiles:
    """What a sync stages of one table."""

    def __init__(self, landing: Landing, table: SourceTable, taken_at: datetime) -> None:
        self._landing = landing
        self._table = table
        self._taken_at = taken_at
        self._stamp = f"{taken_at:%Y%m%dT%H%M%S%f}Z"

    def land_slice(self, number: int, batches: Iterator[pa.RecordBatch], known: Known) -> Slice:
        """Stage the rows that were not landed just as they are, and their entries of the index."""
        name = self._table.name
        file = f"{name}/{self._stamp}-{number:03}.parquet"
        aside = self._landing.staged(f"entries/{name}-{number:03}.parquet")
        keys: list[np.ndarray] = []
        with _Writer(self._landing.staged(file)) as rows, _Writer(aside) as index:
            for batch in batches:
                new = batch.filter(pa.array(~known.is_same(batch)))
                if new.num_rows:
                    rows.write(_as_landed(self._table, new))
                    index.write(entries(self._table, new))
                    keys.append(new.column(KEY_HASH).to_numpy())
        hashes = np.concatenate(keys) if keys else np.empty(0, "int64")
        return Slice(name, file if keys else None, aside, len(hashes), hashes)

    def land_deletes(self, known: Known, gone: np.ndarray) -> str:
        """Stage a row for each key that is gone: its key, and that it is deleted."""
        file = f"{self._table.name}/{self._stamp}-deleted.parquet"
        with _Writer(self._landing.staged(file)) as writer:
            for batch in known.rows(gone):
                if batch.num_rows:
                    writer.write(_deleted(self._table, self._taken_at, batch))
        return file

    def write_index(self, known: Known, gone: np.ndarray, slices: Sequence[Slice]) -> str:
        """Stage the index as it is after the sync."""
        changed = np.concatenate([gone, *(one.keys for one in slices)])
        name = index_name(self._table.name, self._stamp)
        known.write(self._landing.staged(name), changed, _added(slices))
        return name


def _added(slices: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
    for one in slices:
        if one.file:
            with pq.ParquetFile(one.entries) as file:
                yield from file.iter_batches()


def _as_landed(table: SourceTable, batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch]).select(table.schema.names).cast(table.schema)


def _deleted(table: SourceTable, taken_at: datetime, batch: pa.RecordBatch) -> pa.Table:
    """Rows of which only the key is known."""
    size = batch.num_rows
    constants = {
        "updated_at": taken_at,
        "_snapshot_at": taken_at,
        "_is_deleted": True,
        "_row_hash": 0,
    }
    columns = [
        batch.column(field.name)
        if field.name in table.keys
        else pa.array([constants.get(field.name)] * size, field.type)
        for field in table.schema
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


class _Writer:
    """A Parquet file that is there only if a row was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, rows: pa.Table | pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, rows.schema, compression="zstd")
        if isinstance(rows, pa.RecordBatch):
            self._writer.write_batch(rows)
        else:
            self._writer.write_table(rows)
