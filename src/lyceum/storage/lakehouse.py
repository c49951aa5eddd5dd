"""Lakehouse: a Spark session plus the configuration that says where tables are."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock

from filelock import FileLock
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from lyceum.config import Config
from lyceum.local_disk import bytes_on_disk, is_untouched, tables_on_disk
from lyceum.storage.observe import reached
from lyceum.storage.schema import evolve
from lyceum.table import Table, View, quoted, text_literal

_log = logging.getLogger(__name__)


def computed_once(frame: DataFrame) -> DataFrame:
    """The frame without its history, which every query on it would compute again.

    Serverless compute cannot keep it and says so; there the queries compute it again.
    """
    try:
        return frame.localCheckpoint()
    except PySparkException:
        return frame


class _ProcessLock:
    """A file lock that a process holds as long as one of its threads does."""

    def __init__(self, file: Path) -> None:
        self._file = FileLock(file, thread_local=False)
        self._guard = Lock()

    def acquire(self) -> None:
        with self._guard:
            self._file.acquire()

    def release(self) -> None:
        with self._guard:
            self._file.release()


class Lakehouse:
    """The declared tables of one catalog: created, attached and read by their declaration."""

    def __init__(self, spark: SparkSession, config: Config) -> None:
        self.spark = spark
        self.config = config
        self._ensured: set[str] = set()
        self._guards: defaultdict[str, RLock] = defaultdict(RLock)
        self._locks: dict[str, _ProcessLock] = {}

    def name(self, table: Table) -> str:
        """The table's full, quoted name."""
        return self.config.full_name(table)

    def ensure(self, *tables: Table) -> None:
        """Create what is absent, attach what is on disk, evolve what has an older declaration."""
        for table in tables:
            with self._guards[table.name]:
                if table.name not in self._ensured:
                    with self.locked(table):
                        self._ensure_one(table)
                    self._ensured.add(table.name)

    def read(self, table: Table) -> DataFrame:
        """The table's rows; an absent table is created and read as empty."""
        self.ensure(table)
        reached("read", table.name)
        return self.spark.table(self.name(table))

    def view(self, view: View) -> DataFrame:
        """The view's rows; the view is defined anew, so that a changed declaration counts."""
        self.ensure(view.base)
        name = quoted(self.config.catalog, self.config.schemas[view.layer], view.short_name)
        query = view.query.format(base=self.name(view.base))
        comment = text_literal(view.comment)
        self._create_schema(self.config.schemas[view.layer])
        self.spark.sql(f"CREATE OR REPLACE VIEW {name} COMMENT {comment} AS {query}")
        return self.spark.table(name)

    def attach(self, tables: Iterable[tuple[str, str]]) -> None:
        """Make tables that lie under the local warehouse known to this session by their name."""
        for schema, short_name in tables:
            full_name = quoted(self.config.catalog, schema, short_name)
            if not self.spark.catalog.tableExists(full_name):
                self._create_schema(schema)
                location = f"{self.config.warehouse}/{schema}/{short_name}"
                self.spark.catalog.createTable(full_name, path=location, source="delta")

    def tables_on_disk(self) -> list[tuple[str, str]]:
        """Schema and name of every Delta table under a local warehouse, sorted."""
        return tables_on_disk(self.config)

    def is_untouched(self, table: Table) -> bool:
        """True if the table is known to have had no row ever, which costs no query."""
        self.ensure(table)
        return is_untouched(self.config, self.config.schemas[table.layer], table.short_name)

    def most_bytes(self, table: Table) -> int | None:
        """What the table's files have at most, which costs no query; None if that is not known."""
        return bytes_on_disk(self.config, self.config.schemas[table.layer], table.short_name)

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Write the table alone; tell the log, and who listens, that its rows may change now."""
        with self.locked(table):
            reached("writing", table.name)
            started = time.monotonic()
            yield
            reached("written", table.name)
        if table.layer != "ops":
            milliseconds = int((time.monotonic() - started) * 1000)
            _log.info("written", extra={"table": table.name, "duration_ms": milliseconds})

    @contextmanager
    def locked(self, table: Table) -> Iterator[None]:
        """Keep other processes from writing the table meanwhile.

        Delta's log on a local disk is only safe inside one JVM; threads of this process share it.
        """
        if not self.config.is_local_disk:
            yield
            return
        lock = self._lock(table)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @cached_property
    def locks_folder(self) -> Path:
        """Where the lock files are; they are empty and may be deleted when nothing runs."""
        self.config.locks.mkdir(parents=True, exist_ok=True)
        return self.config.locks

    def _lock(self, table: Table) -> "_ProcessLock":
        with self._guards[""]:
            if table.name not in self._locks:
                schema = self.config.schemas[table.layer]
                file = self.locks_folder / f"{schema}.{table.short_name}.lock"
                self._locks[table.name] = _ProcessLock(file)
            return self._locks[table.name]

    def _ensure_one(self, table: Table) -> None:
        name, location = self.name(table), self.config.location(table)
        self._create_schema(self.config.schemas[table.layer])
        if not self.spark.catalog.tableExists(name):
            if location is None or not self._is_delta(location):
                self.spark.sql(table.create_statement(name, location))
                return
            self.spark.catalog.createTable(name, path=location, source="delta")
        evolve(self.spark, table, name)

    def _create_schema(self, schema: str) -> None:
        self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.config.catalog, schema)}")

    def _is_delta(self, location: str) -> bool:
        if self.config.is_local_disk:
            return (Path(location) / "_delta_log").is_dir()
        from pyspark.errors import AnalysisException

        try:
            self.spark.read.format("delta").load(location)
        except AnalysisException:
            return False
        return True
