"""Rows on their way from Spark Connect to delta-rs, batch by batch and checked."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Full, Queue
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from pocketlake.errors import MisfitError, NotNullError

T = TypeVar("T")

Batches = Iterator[pa.RecordBatch]

_PATIENCE = 0.5
"""Seconds that a stopped writer has to end by itself."""
_LOOK = 0.1
"""Seconds between two looks whether the writer still runs."""


@dataclass(frozen=True)
class Spool:
    """The rows of a frame in a file: computed once, read as often as it takes."""

    file: Path
    rows: int
    schema: pa.Schema
    flag: str | None = None
    """A column that is left out, and with it the rows where it is true."""

    def stream(self) -> "Stream":
        """The rows again, in constant memory."""
        return Stream(self.schema, self._batches())

    def _batches(self) -> Batches:
        with pq.ParquetFile(self.file) as parquet:
            for batch in parquet.iter_batches():
                if self.flag is None:
                    yield batch
                else:
                    kept = batch.filter(pc.invert(batch.column(self.flag)))
                    yield kept.drop_columns([self.flag])

    def without(self, flag: str) -> "Spool":
        """The rows where the flag is false, without it."""
        with pq.ParquetFile(self.file) as parquet:
            flags = (batch.column(0) for batch in parquet.iter_batches(columns=[flag]))
            rows = sum(len(part) - part.true_count for part in flags)
        schema = self.schema.remove(self.schema.get_field_index(flag))
        return replace(self, rows=rows, schema=schema, flag=flag)

    def ranges(self, columns: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The least and the greatest value of those columns that are whole numbers, never NULL."""
        with pq.ParquetFile(self.file) as parquet:
            groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
            chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
            whole = [c for c in columns if pa.types.is_integer(parquet.schema_arrow.field(c).type)]
        found = {}
        for name in whole:
            stats = [chunk.statistics for chunk in chunks if chunk.path_in_schema == name]
            if stats and all(s and s.has_min_max and s.null_count == 0 for s in stats):
                found[name] = min(s.min for s in stats), max(s.max for s in stats)
        return found


class Stream:
    """Batches that this thread computes and another one writes.

    So Ctrl-C and an error of the query arise here, where the caller is, and the writer is told
    to end. In Rust it would hold the first back and wrap the second.
    """

    def __init__(self, schema: pa.Schema, batches: Batches) -> None:
        self._schema, self._batches = schema, batches
        self._queue: Queue[pa.RecordBatch | None] = Queue(maxsize=2)
        self._stopped = threading.Event()

    def reader(self) -> pa.RecordBatchReader:
        """What delta-rs reads."""
        return pa.RecordBatchReader.from_batches(self._schema, self._pulled())

    def write(self, action: Callable[[], T]) -> T:
        """The result of the action, which reads the reader; on an error nothing is committed."""
        writer = in_thread(action)
        try:
            for batch in self._batches:
                if not self._pushed(batch, writer):
                    break
            self._pushed(None, writer)
            return writer.result()
        except BaseException:
            self._stopped.set()
            with suppress(Full):
                self._queue.put_nowait(None)
            wait([writer], _PATIENCE)
            raise

    def _pushed(self, batch: pa.RecordBatch | None, writer: "Future[T]") -> bool:
        """True once there was room; False if the writer has ended before."""
        while not writer.done():
            try:
                self._queue.put(batch, timeout=_LOOK)
            except Full:
                continue
            return True
        return False

    def _pulled(self) -> Batches:
        while (batch := self._queue.get()) is not None and not self._stopped.is_set():
            yield batch
        if self._stopped.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """The batches ended early; the thread that computes them knows why."""


def interruptible(action: Callable[[], T]) -> T:
    """The result of the action, in which Ctrl-C gets through: Rust would hold it back."""
    return in_thread(action).result()


def in_thread(action: Callable[[], T]) -> "Future[T]":
    """The action's result to be, from a thread that does not hold the end of the process back."""
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(action())
        except BaseException as error:  # noqa: BLE001
            done.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return done


def arrow_schema(types: StructType) -> pa.Schema:
    """The Arrow schema of columns, every one nullable, with their metadata."""
    fields = [
        field.with_nullable(True).with_metadata(types[field.name].metadata or None)
        for field in to_arrow_schema(types)
    ]
    return pa.schema(fields)


def batches_of(frame: DataFrame, types: StructType, *, required: Collection[str] = ()) -> Batches:
    """The rows of a frame of these columns as record batches; NULL where required is refused."""
    wanted = arrow_schema(types)
    # `toArrow` would hold all rows: only the client of Spark Connect gives them as they come.
    session: Any = frame.sparkSession
    plan = cast("Any", frame)._plan.to_proto(session.client)  # noqa: SLF001
    # It yields a schema first, then tables.
    for part in session.client.to_table_as_iterator(plan, {}):
        if isinstance(part, pa.Table):
            for name in required:
                if part.column(name).null_count:
                    raise NotNullError.of(name)
            yield from _typed(part, wanted).to_batches()


def _typed(part: pa.Table, wanted: pa.Schema) -> pa.Table:
    try:
        return part.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # The error shows a value, which may be personal data: it is not passed on.
        pairs = zip(part.schema, wanted, strict=True)
        named = [f"{a.name} {b.type} (found {a.type})" for a, b in pairs if a.type != b.type]
        message = f"expected values that fit {', '.join(named)}, found one that does not"
        raise MisfitError(message) from None


@contextmanager
def spooled(
    frame: DataFrame, types: StructType, *, required: Collection[str] = ()
) -> Iterator[Spool]:
    """The rows of the frame in a file that lives as long as the context."""
    with TemporaryDirectory(prefix="pocketlake-") as folder:
        file = Path(folder, "rows.parquet")
        rows = 0
        schema = arrow_schema(types)
        with pq.ParquetWriter(file, schema, compression="lz4") as parquet:
            for batch in batches_of(frame, types, required=required):
                parquet.write_batch(batch)
                rows += batch.num_rows
        yield Spool(file, rows, schema)
