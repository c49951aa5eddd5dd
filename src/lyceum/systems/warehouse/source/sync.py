"""A sync: what is new in the OLTP database, as Parquet files in the landing folder.

All tables are read as of one snapshot. A row is fresh if its transaction may not have been over
when the sync before looked; of those, what was landed just as it is stays out. Keys that are gone
are landed as deletes. A table that cannot be read fails alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import numpy as np

from lyceum.systems.warehouse.source import queries
from lyceum.systems.warehouse.source.catalog import Found, catalog, misfit
from lyceum.systems.warehouse.source.connection import Reader, Source
from lyceum.systems.warehouse.source.errors import QueryError, SourceTableError
from lyceum.systems.warehouse.source.files import Slice, TableFiles
from lyceum.systems.warehouse.source.known import Known
from lyceum.systems.warehouse.source.landing import Landing, State, TableState
from lyceum.systems.warehouse.source.tables import SourceTable

_ROWS_A_SLICE = 1_000_000
_MODULUS = 2**64
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class TableSync:
    """What a sync found in a table."""

    fresh: int = 0
    """Rows that were read."""
    landed: int = 0
    deleted: int = 0
    undeclared: tuple[str, ...] = ()
    """Columns that nobody declared; their values are kept in `_rescued`."""
    error: str | None = None


@dataclass(frozen=True)
class Synced:
    """What a sync did."""

    snapshot_at: datetime
    tables: Mapping[str, TableSync]

    @property
    def failures(self) -> dict[str, str]:
        """Why tables failed, by name."""
        return {name: table.error for name, table in self.tables.items() if table.error}


@dataclass(frozen=True)
class Probe:
    """A table as a snapshot shows it, before its rows are read."""

    table: SourceTable
    found: Found
    since: int | None
    rows: int
    key_sum: str
    fresh: int
    pages: int


@dataclass
class _Sync:
    reader: Reader
    landing: Landing
    schema: str
    state: State
    taken_at: datetime
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> str:
        return f"{self.taken_at:%Y%m%dT%H%M%S%f}Z"

    def attempt(self, work: Callable[[Item], Result], name: str, item: Item) -> Result | None:
        """Do the work; what is wrong with the table is noted."""
        try:
            return work(item)
        except SourceTableError as error:
            self.failed[name] = str(error)
        except QueryError as error:
            self.failed[name] = f"expected table {name} to be readable, found: {error}"
        return None


def sync(
    source: Source,
    landing: Landing,
    tables: Sequence[SourceTable],
    *,
    schema: str = "public",
    connections: int = 4,
) -> Synced:
    """Land what is new, and keep how far it was read; all of it or nothing.

    Raises:
        SourceDownError: The database is not there or went away; nothing was landed.
    """
    state = landing.opened()
    with source.snapshot() as reader, ThreadPoolExecutor(connections) as pool:
        work = _Sync(reader, landing, schema, state, _instant(reader.snapshot.taken_at, state))
        found = catalog(reader, schema)
        probes = _each(pool, work, tables, lambda t: t.name, partial(_probe, work, found))
        known = {p.table.name: _known(work, p) for p in probes if _has_news(work, p)}
        parts = [
            (probe, number, pages)
            for probe in probes
            for number, pages in enumerate(_slices(probe))
        ]
        slices = _each(
            pool, work, parts, lambda part: part[0].table.name, partial(_land, work, known)
        )
        whole = [probe for probe in probes if probe.table.name not in work.failed]
        finish = partial(_finish, work, known, slices)
        done = _each(pool, work, whole, lambda probe: probe.table.name, finish)
    return _committed(work, tables, done)


def _each(
    pool: ThreadPoolExecutor,
    work: _Sync,
    items: Iterable[Item],
    name: Callable[[Item], str],
    task: Callable[[Item], Result],
) -> list[Result]:
    """Do a task for each item side by side; those of tables that failed are left out."""
    results = pool.map(lambda item: work.attempt(task, name(item), item), items)
    return [result for result in results if result is not None]


def _instant(taken_at: datetime, state: State) -> datetime:
    """When the snapshot was taken; later than the one before, whatever the server's clock does."""
    if not state.snapshot_at:
        return taken_at.astimezone(UTC)
    before = datetime.fromisoformat(state.snapshot_at) + timedelta(microseconds=1)
    return max(taken_at.astimezone(UTC), before)


def _probe(work: _Sync, found: Mapping[str, Found], table: SourceTable) -> Probe:
    wrong = misfit(table, found.get(table.name), work.schema)
    if wrong:
        raise SourceTableError(wrong)
    here = found[table.name]
    since = _since(work, here, work.state.tables.get(table.name))
    [row] = work.reader.read(queries.probe(work.schema, table, since)).to_pylist()
    return Probe(table, here, since, **row)


def _since(work: _Sync, here: Found, state: TableState | None) -> int | None:
    """The horizon from which rows are fresh; None if all are."""
    now = work.reader.snapshot
    if state is None or (state.database, state.table_id) != (now.database, here.table_id):
        return None
    return state.horizon if queries.horizon_is_known(state.horizon, now.horizon) else None


def _has_news(work: _Sync, probe: Probe) -> bool:
    state = work.state.tables.get(probe.table.name)
    before = (state.rows, state.key_sum) if state else (0, "0")
    return probe.fresh > 0 or before != (probe.rows, probe.key_sum)


def _known(work: _Sync, probe: Probe) -> Known:
    return Known(work.landing.index(work.state.tables.get(probe.table.name)))


def _slices(probe: Probe) -> list[tuple[int, int | None] | None]:
    """Ranges of pages that are read side by side; one without bounds if there are few rows."""
    if probe.fresh == 0:
        return []
    count = min(-(-probe.fresh // _ROWS_A_SLICE), max(probe.pages, 1))
    if count == 1:
        return [None]
    bounds = [probe.pages * number // count for number in range(count)]
    return list(zip(bounds, [*bounds[1:], None], strict=True))


def _land(
    work: _Sync,
    known: Mapping[str, Known],
    part: tuple[Probe, int, tuple[int, int | None] | None],
) -> Slice:
    probe, number, pages = part
    query = queries.rows(
        work.schema,
        probe.table,
        probe.since,
        pages=pages,
        has_undeclared=bool(probe.found.undeclared(probe.table)),
        taken_at=work.taken_at,
    )
    files = TableFiles(work.landing, probe.table, work.taken_at)
    with work.reader.connection() as connection:
        return files.land_slice(number, connection.batches(query), known[probe.table.name])


def _finish(
    work: _Sync, known: Mapping[str, Known], slices: Sequence[Slice], probe: Probe
) -> tuple[str, TableSync, TableState, list[str]]:
    """The deletes of a table, its new index, and how far it is read now."""
    table, before = probe.table, work.state.tables.get(probe.table.name)
    mine = [one for one in slices if one.table == table.name and one.file]
    landed = [str(one.file) for one in mine]
    index, deleted = before.index if before else None, 0
    if table.name in known:
        files, keys = TableFiles(work.landing, table, work.taken_at), known[table.name]
        gone = _gone(work, probe, keys, mine)
        deleted = len(gone)
        if deleted:
            landed.append(files.land_deletes(keys, gone))
        if landed:
            index = files.write_index(keys, gone, mine)
    now = work.reader.snapshot
    state = TableState(
        now.database, probe.found.table_id, now.horizon, probe.rows, probe.key_sum, index
    )
    rows = sum(one.landed for one in mine)
    result = TableSync(probe.fresh, rows, deleted, probe.found.undeclared(table))
    return table.name, result, state, landed


def _gone(work: _Sync, probe: Probe, known: Known, slices: Sequence[Slice]) -> np.ndarray:
    """Hashes of the keys that are gone; asked for if number and sum of keys say that some are."""
    fresh = np.concatenate([known.keys, *(one.keys for one in slices)])
    expected = np.unique(fresh)
    with np.errstate(over="ignore"):
        total = int(expected.sum(dtype="int64")) % _MODULUS
    if (len(expected), total) == (probe.rows, int(probe.key_sum) % _MODULUS):
        return np.empty(0, "int64")
    present = work.reader.read(queries.key_hashes(work.schema, probe.table))
    return known.gone(present["_key_hash"].to_numpy())


def _committed(
    work: _Sync,
    tables: Sequence[SourceTable],
    done: Sequence[tuple[str, TableSync, TableState, list[str]]],
) -> Synced:
    states = {**work.state.tables, **{name: state for name, _, state, _ in done}}
    landed = [file for _, _, _, files in done for file in files]
    work.landing.commit(State(work.taken_at.isoformat(), states, landed))
    results = {name: result for name, result, _, _ in done}
    for table in tables:
        if table.name in work.failed:
            results[table.name] = TableSync(error=work.failed[table.name])
    return Synced(work.taken_at, results)
