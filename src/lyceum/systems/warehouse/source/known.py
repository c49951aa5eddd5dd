"""What of a table was landed: a hash of each key, the hash of its row, and the key itself."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.systems.warehouse.source.tables import SourceTable

KEY_HASH, ROW_HASH = "_key_hash", "_row_hash"
_ROWS = 100_000


class Known:
    """The keys of a table that were landed and not deleted; 16 bytes of memory a key."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.keys = self.hashes = np.empty(0, "int64")
        if file is not None:
            table = pq.read_table(file, columns=[KEY_HASH, ROW_HASH])
            keys = table[KEY_HASH].to_numpy()
            order = np.argsort(keys, kind="stable")
            self.keys, self.hashes = keys[order], table[ROW_HASH].to_numpy()[order]

    def is_same(self, batch: pa.RecordBatch) -> np.ndarray:
        """True for each row that was landed just as it is."""
        at = self._places(_integers(batch, KEY_HASH))
        same_key = self.keys[at] == _integers(batch, KEY_HASH) if len(self.keys) else at < 0
        same_row = self.hashes[at] == _integers(batch, ROW_HASH) if len(self.keys) else at < 0
        return same_key & same_row

    def gone(self, present: np.ndarray) -> np.ndarray:
        """The hashes of keys that were landed and are not present any more."""
        return np.setdiff1d(self.keys, present)

    def rows(self, hashes: np.ndarray | None = None) -> Iterator[pa.RecordBatch]:
        """The entries, or those of some hashes, some at a time."""
        if self._file is not None:
            with pq.ParquetFile(self._file) as file:
                for batch in file.iter_batches(_ROWS):
                    yield batch if hashes is None else _where(batch, hashes, is_in=True)

    def write(self, target: Path, changed: np.ndarray, added: Iterator[pa.RecordBatch]) -> None:
        """Write the entries anew: without the keys that changed or went, with those added."""
        writer: pq.ParquetWriter | None = None
        try:
            for batch in self._entries(changed, added):
                writer = writer or pq.ParquetWriter(target, batch.schema, compression="zstd")
                writer.write_batch(batch)
        finally:
            if writer is not None:
                writer.close()

    def _entries(
        self, changed: np.ndarray, added: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        for batch in self.rows():
            yield _where(batch, changed, is_in=False)
        yield from added

    def _places(self, keys: np.ndarray) -> np.ndarray:
        last = max(len(self.keys) - 1, 0)
        return np.minimum(np.searchsorted(self.keys, keys), last)


def entries(table: SourceTable, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The entries of landed rows."""
    return batch.select([*table.keys, KEY_HASH, ROW_HASH])


def _where(batch: pa.RecordBatch, hashes: np.ndarray, *, is_in: bool) -> pa.RecordBatch:
    found = np.isin(_integers(batch, KEY_HASH), hashes)
    return batch.filter(pa.array(found if is_in else ~found))


def _integers(batch: pa.RecordBatch, column: str) -> np.ndarray:
    return np.asarray(batch.column(column))
