"""An outbox: rows for an ops table, safe in a local file at once, appended to Delta in batches.

A Delta append takes seconds, a row in SQLite a fraction of a millisecond, and checkpoints and logs
may cost 3% of a run. So a batch is appended when the runs since the last one were long enough to
pay for it, and before somebody reads; a kill loses nothing, the rows wait for the next batch. Where
no disk of ours outlives the process, the outbox is in memory and its owner appends as it goes.
"""

import json
import logging
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import RLock

from pyspark.sql import functions as F

from lyceum.config import Config
from lyceum.storage import Lakehouse, append_once
from lyceum.table import Table

SHARE = 0.01
"""The part of the runs' time that one outbox may take for its appends; there are two of them."""
_FIRST_COST = 3.0
_log = logging.getLogger(__name__)

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY AUTOINCREMENT, row TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class _Batch:
    app: str
    last: int
    rows: list[tuple[str]]


class Outbox:
    """The rows on their way to one table, and notes that change in the same transaction."""

    def __init__(self, table: Table, file: Path | None, *, survives_power_loss: bool) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self.table = table
        # Logging waits for the first of these locks, so it is never held while Spark works.
        self._guard, self._landing = RLock(), RLock()
        self._database = sqlite3.connect(
            file or ":memory:", timeout=60, check_same_thread=False, isolation_level=None
        )
        self._run("PRAGMA journal_mode = WAL")
        self._run(f"PRAGMA synchronous = {'FULL' if survives_power_loss else 'NORMAL'}")
        self._database.executescript(_SCHEMA)
        self._run("INSERT OR IGNORE INTO note VALUES ('app', ?)", uuid.uuid4().hex)

    def put(
        self, rows: Iterable[Mapping[str, object]], notes: Mapping[str, object | None] | None = None
    ) -> None:
        """Keep rows and set notes, all or nothing; a note that is None is dropped."""
        texts = [(json.dumps(row, default=str),) for row in rows]
        with self._transaction():
            self._database.executemany("INSERT INTO entry (row) VALUES (?)", texts)
            for name, value in (notes or {}).items():
                self._set(name, value)

    def note(self, name: str) -> object:
        """The note of that name, None if there is none."""
        with self._guard:
            found = self._run("SELECT value FROM note WHERE name = ?", name).fetchone()
        return json.loads(found[0]) if found and name != "app" else None

    @property
    def waiting(self) -> int:
        """How many rows are not in the table yet."""
        with self._guard:
            return int(self._run("SELECT count(*) FROM entry").fetchone()[0])

    def earn(self, seconds: float) -> bool:
        """Count the time of a run; true when it is long enough to pay for a batch."""
        with self._transaction():
            earned = self._number("earned", 0.0) + seconds
            self._set("earned", earned)
            return self._number("cost", _FIRST_COST) <= SHARE * earned

    def land(self, lake: Lakehouse) -> int:
        """Append what is waiting, each row once however often this is killed; returns the rows."""
        if not self.waiting:
            return 0
        lake.ensure(self.table)
        landed = 0
        with self._landing, lake.locked(self.table):
            while batch := self._batch():
                started = time.monotonic()
                self._append(lake, batch)
                self._forget(batch, cost=time.monotonic() - started)
                landed += len(batch.rows)
        return landed

    def _batch(self) -> _Batch | None:
        """The rows up to a mark that is kept first: a killed batch is tried again unchanged."""
        with self._transaction():
            last = self.note("landing") or self._run("SELECT max(id) FROM entry").fetchone()[0]
            if last is None:
                return None
            self._set("landing", last)
            rows = self._run("SELECT row FROM entry WHERE id <= ? ORDER BY id", last).fetchall()
            app = self._run("SELECT value FROM note WHERE name = 'app'").fetchone()[0]
        return _Batch(f"outbox:{app}", int(str(last)), rows)

    def _append(self, lake: Lakehouse, batch: _Batch) -> None:
        texts = lake.spark.createDataFrame(batch.rows, "row STRING").coalesce(1)
        rows = texts.select(F.from_json("row", self.table.columns).alias("row")).select("row.*")
        append_once(lake, self.table, rows, app=batch.app, version=batch.last)

    def _forget(self, batch: _Batch, *, cost: float) -> None:
        with self._transaction():
            self._run("DELETE FROM entry WHERE id <= ?", batch.last)
            for name, value in {"landing": None, "cost": cost, "earned": 0}.items():
                self._set(name, value)

    def _number(self, name: str, otherwise: float) -> float:
        found = self.note(name)
        return otherwise if found is None else float(str(found))

    def _set(self, name: str, value: object | None) -> None:
        if value is None:
            self._run("DELETE FROM note WHERE name = ?", name)
        else:
            text = json.dumps(value, default=str)
            self._run("INSERT OR REPLACE INTO note VALUES (?, ?)", name, text)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guard, self._database:
            self._run("BEGIN IMMEDIATE")
            yield

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._database.execute(statement, values)


def outbox(config: Config, table: Table, *, survives_power_loss: bool = False) -> Outbox:
    """The outbox of a table: beside its warehouse, or in memory where no disk of ours lasts."""
    name = f"{config.schemas[table.layer]}.{table.short_name}.db"
    file = Path(str(config.warehouse)) / "_outbox" / name if config.is_local_disk else None
    return _opened(table, file, config.home, survives_power_loss)


def settle(lake: Lakehouse, waiting: Outbox, *, seconds: float) -> None:
    """Append what the time of the runs has paid for, in a workspace all; a failure can wait."""
    try:
        if waiting.earn(seconds) or not lake.config.is_local_disk:
            waiting.land(lake)
    except Exception as error:  # noqa: BLE001 - the data is in; these rows go with the next batch
        reason = {"table": waiting.table.name, "reason": str(error)}
        _log.warning("checkpoints and logs wait", extra=reason)


@cache
def _opened(table: Table, file: Path | None, _home: Path, survives_power_loss: bool) -> Outbox:  # noqa: FBT001
    return Outbox(table, file, survives_power_loss=survives_power_loss)
