"""The embedded engine: Sail computes, delta-rs writes; in this process, without Java."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from urllib.parse import quote

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError
from deltalake.table import TableMerger
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, MapType, StructField, StructType

from pocketlake import embedded_tables as tables
from pocketlake.conditions import Args, condition, name_of
from pocketlake.declaration import (
    Declaration,
    declared_types,
    quoted,
    required_columns,
    text_literal,
)
from pocketlake.embedded_tables import committed, opened, retried, writable
from pocketlake.engine import Place
from pocketlake.errors import DuplicateKeysError, OutsideSliceError
from pocketlake.streams import (
    Spool,
    Stream,
    arrow_schema,
    batches_of,
    interruptible,
    spooled,
)
from pocketlake.versions import Commit, Facts, Stale, Version, Written

_GONE, _HASH, _SIDE = "_is_gone", "_hash", "_side"
_OUTSIDE = re.compile(r"rows failed validation check")


class EmbeddedEngine:
    """Delta tables under a folder or in an object store."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self._attached: set[str] = set()
        self._guard = Lock()
        self._links = TemporaryDirectory(prefix="pocketlake-")

    def exists(self, place: Place) -> bool:
        """True if there is a Delta log at the place."""
        return tables.exists(place)

    def attach(self, place: Place) -> None:
        """A session's catalog knows only the tables that it was told of."""
        with self._guard:
            if place.name not in self._attached:
                location = self.address(place)
                folder = text_literal(tables.location(place).rpartition("/")[0])
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {place.schema} LOCATION {folder}")
                self.spark.sql(
                    f"CREATE TABLE IF NOT EXISTS {place.name} USING DELTA"
                    f" LOCATION {text_literal(location)}"
                )
                self._attached.add(place.name)

    def address(self, place: Place) -> str:
        """The location, or a link to it: Sail encodes a path with blanks or umlauts twice."""
        location = tables.location(place)
        if "://" in location or quote(location, safe="/+'") == location:
            return location
        link = Path(self._links.name, sha256(location.encode()).hexdigest())
        with suppress(FileExistsError):
            link.symlink_to(Path(location).absolute())
        return str(link)

    def ensure(self, table: Declaration, place: Place) -> None:
        """Create the table with plain, nullable columns, or evolve it."""
        types = declared_types(self.spark, table)
        tables.ensure(table, place, types, partial(self._read, place))

    def append(
        self, table: Declaration, place: Place, rows: DataFrame, once: tuple[str, int] | None
    ) -> bool:
        """Append the rows as they stream in."""
        target = writable(place)
        if once is not None:
            last = target.transaction_version(once[0])
            if last is not None and last >= once[1]:
                return False
        transactions = [Transaction(*once)] if once else None
        stream = self._stream(table, rows)
        write = partial(
            write_deltalake,
            target,
            stream.reader(),
            mode="append",
            commit_properties=CommitProperties(app_transactions=transactions),
        )
        committed(partial(stream.write, write))
        return True

    def merge(
        self,
        table: Declaration,
        place: Place,
        rows: DataFrame,
        *,
        unless_only: Sequence[str],
        delete: str | None,
        deleted: str | None,
        args: Args | None,
    ) -> Written:
        """Upsert the rows; they are computed once, into a file, before the table is touched."""
        types = declared_types(self.spark, table)
        all_types = types if deleted is None else _with_flag(types, deleted)
        with spooled(rows, all_types, required=required_columns(table)) as spool:
            if spool.rows == 0 and delete is None:
                return Written()
            self._refuse_duplicates(table, spool)
            compared = [n for n in types.names if n not in {*table.keys, *unless_only}]
            if deleted is not None:
                return retried(partial(_told, table, place, spool, compared, deleted))
            if delete is None:
                return retried(partial(_upsert, table, place, spool, compared))
            gone = condition(delete, args, dialect="spark", columns=types.names)
            return retried(partial(self._synchronise, table, place, spool, compared, gone))

    def _synchronise(
        self, table: Declaration, place: Place, spool: Spool, compared: Sequence[str], gone: str
    ) -> Written:
        """One try of a merge that deletes: only what differs is given to delta-rs.

        For rows that only the target has delta-rs joins all rows of both in memory: 9 GB for a
        million rows of twenty columns.
        """
        target = writable(place)
        if not target.file_uris():
            return _filled(target, spool)
        old = self._at(place, target.version()).select("*", F.expr(gone).alias(_GONE))
        rows = self._difference(table, spool, old, compared)
        types = _with_flag(declared_types(self.spark, table), _GONE)
        with spooled(rows, types) as difference:
            if not difference.rows:
                return Written()
            return _merged_and_deleted(target, table, difference, compared, _GONE)

    def _difference(
        self, table: Declaration, spool: Spool, old: DataFrame, compared: Sequence[str]
    ) -> DataFrame:
        """The rows that the table has otherwise or not at all, and the keys that are to go."""
        new = self.spark.read.parquet(str(spool.file))
        keys = [quoted(key) for key in table.keys]
        # With keys: where every column of a file is one value xxhash64 of Sail panics.
        of_row = hash_of(new.schema, [*table.keys, *compared]).alias(_HASH)
        sides = new.select(*keys, of_row, F.lit(1).alias(_SIDE), F.lit(False).alias(_GONE))
        sides = sides.unionAll(old.select(*keys, of_row, F.lit(2), _GONE))
        found = sides.groupBy(*keys).agg(
            (F.min(_HASH) == F.max(_HASH)).alias("is_same"),
            (F.min(_SIDE) == 1).alias("is_new"),
            (F.max(_SIDE) == 2).alias("is_old"),
            F.max(_GONE).alias(_GONE),
        )
        # A key that shares the hash of another one comes along as it was, and is not written.
        of_key = hash_of(new.schema, table.keys).alias(_HASH)
        other = found.where("is_new AND NOT (is_old AND is_same)").select(of_key).distinct()
        rows = new.select("*", of_key).join(other, on=_HASH, how="left_semi")
        names = [quoted(name) for name in new.columns]
        values = [
            F.lit(None).cast(field.dataType).alias(field.name)
            if field.name not in table.keys
            else F.col(quoted(field.name))
            for field in new.schema
        ]
        gone = found.where(f"NOT is_new AND {_GONE}").select(*values, F.lit(True))
        return rows.select(*names, F.lit(False).alias(_GONE)).unionAll(gone)

    def replace(
        self,
        table: Declaration,
        place: Place,
        rows: DataFrame,
        *,
        where: str | None,
        args: Args | None,
    ) -> None:
        """Replace a slice in one commit; a conflict with another writer is an error."""
        columns = declared_types(self.spark, table).names
        slice_ = condition(where or "true", args, dialect="datafusion", columns=columns)
        stream = self._stream(table, rows)
        try:
            _overwrite(writable(place), stream, slice_)
        except DeltaError as error:
            if where is None or not _OUTSIDE.search(str(error)):
                raise
            raise OutsideSliceError.of(table.name, where) from None

    def delete(self, table: Declaration, place: Place, *, where: str, args: Args | None) -> int:
        """Delete the rows; delta-rs commits even if there are none, so Sail looks first."""
        columns = declared_types(self.spark, table).names
        text = condition(where, args, dialect="spark", columns=columns)
        if self._read(place).where(text).isEmpty():
            return 0
        predicate = condition(where, args, dialect="datafusion", columns=columns)
        metrics = retried(lambda: interruptible(partial(writable(place).delete, predicate)))
        return int(metrics["num_deleted_rows"])

    def version(self, place: Place) -> Version:
        """The present version."""
        table = opened(place)
        return Version(str(table.metadata().id), table.version())

    def history(self, place: Place, limit: int) -> list[Commit]:
        """The latest commits, newest first."""
        return [
            Commit(entry["version"], _instant(entry["timestamp"]), entry["operation"])
            for entry in opened(place).history(limit)
        ]

    def facts(self, place: Place) -> Facts:
        """Size, files and last change, from the log alone."""
        table = opened(place)
        sizes = table.get_add_actions(flatten=True)["size_bytes"].to_pylist()
        last = table.history(1)[0]
        return Facts(sum(sizes), len(sizes), table.version(), _instant(last["timestamp"]))

    def restore(self, place: Place, version: int) -> None:
        """Make an earlier version the present one; its files must all be there."""
        retried(lambda: interruptible(partial(writable(place).restore, version)))

    def compact(self, place: Place, clustering: Sequence[str]) -> None:
        """Write small files together, by a space-filling curve through the clustering columns."""

        def optimize() -> object:
            optimizer = writable(place).optimize
            if clustering:
                return interruptible(partial(optimizer.z_order, list(clustering)))
            return interruptible(optimizer.compact)

        retried(optimize)

    def stale(self, place: Place, retain_hours: int) -> Stale:
        """What a vacuum would delete."""
        return tables.stale(place, retain_hours)

    def vacuum(self, place: Place, retain_hours: int) -> None:
        """Delete files that no version of the last hours needs, and the log of before."""
        interruptible(partial(tables.vacuum, place, retain_hours))

    def is_materialized(self, place: Place) -> bool:  # noqa: ARG002 - there is none here
        """False: a pipeline's views are plain tables here."""
        return False

    def _at(self, place: Place, version: int) -> DataFrame:
        self.attach(place)
        return self.spark.sql(f"SELECT * FROM {place.name} VERSION AS OF {version}")

    def _read(self, place: Place) -> DataFrame:
        self.attach(place)
        return self.spark.table(place.name)

    def _stream(self, table: Declaration, rows: DataFrame) -> Stream:
        types = declared_types(self.spark, table)
        batches = batches_of(rows, types, required=required_columns(table))
        return Stream(arrow_schema(types), batches)

    def _refuse_duplicates(self, table: Declaration, spool: Spool) -> None:
        """A merge inserts both of two new rows with one key, so it must not see them."""
        keys = [f"`{key}`" for key in table.keys]
        grouped = self.spark.read.parquet(str(spool.file)).groupBy(*keys).count()
        twice = grouped.where("count > 1").limit(1).collect()
        if twice:
            raise DuplicateKeysError.of(table.name, table.keys, twice[0]["count"])


def _upsert(table: Declaration, place: Place, spool: Spool, compared: Sequence[str]) -> Written:
    """One try of a merge, on the table as it is now."""
    target = writable(place)
    if not target.file_uris():
        return _filled(target, spool)
    stream = spool.stream()
    merging = _matching(target, table, stream, spool)
    if compared:
        merging = merging.when_matched_update_all(predicate=_differs(compared))
    merging = merging.when_not_matched_insert_all()
    return _written(stream.write(merging.execute))


def _told(
    table: Declaration, place: Place, spool: Spool, compared: Sequence[str], flag: str
) -> Written:
    """One try of a merge whose rows say themselves whether they are to go."""
    target = writable(place)
    if not target.file_uris():
        return _filled(target, spool.without(flag))
    return _merged_and_deleted(target, table, spool, compared, flag)


def _merged_and_deleted(
    target: DeltaTable, table: Declaration, spool: Spool, compared: Sequence[str], flag: str
) -> Written:
    """Upsert the rows, and delete those where the flag is true."""
    stream = spool.stream()
    values = {f'"{name}"': _s(name) for name in spool.schema.names if name != flag}
    kept = f"NOT {_s(flag)}"
    merging = _matching(target, table, stream, spool).when_matched_delete(predicate=_s(flag))
    if compared:
        changed = f"{kept} AND ({_differs(compared)})"
        merging = merging.when_matched_update(values, predicate=changed)
    merging = merging.when_not_matched_insert(values, predicate=kept)
    return _written(stream.write(merging.execute))


def _with_flag(types: StructType, flag: str) -> StructType:
    return StructType([*types.fields, StructField(flag, BooleanType())])


def _filled(target: DeltaTable, spool: Spool) -> Written:
    """Write to an empty table, on the very state that was empty: any other write is a conflict."""
    if spool.rows:
        _overwrite(target, spool.stream(), "true")
    return Written(inserted=spool.rows)


def _matching(target: DeltaTable, table: Declaration, stream: Stream, spool: Spool) -> TableMerger:
    """A merge by the keys, which passes over files by their ranges."""
    # DataFusion misreads IS NOT DISTINCT FROM beside AND without the parentheses.
    same = [f"({_t(key)} IS NOT DISTINCT FROM {_s(key)})" for key in table.keys]
    for key, (low, high) in spool.ranges(table.keys).items():
        same += [f"{_t(key)} >= {low}", f"{_t(key)} <= {high}"]
    predicate = " AND ".join(same)
    return target.merge(stream.reader(), predicate=predicate, source_alias="s", target_alias="t")


def _written(metrics: Mapping[str, object]) -> Written:
    counts = (f"num_target_rows_{what}" for what in ("inserted", "updated", "deleted"))
    return Written(*(int(str(metrics[name])) for name in counts))


def _overwrite(target: DeltaTable, stream: Stream, predicate: str) -> None:
    """Without a predicate delta-rs finds no conflict with other writers; `true` is one."""
    write = partial(write_deltalake, target, stream.reader(), mode="overwrite", predicate=predicate)
    committed(partial(stream.write, write))


def _differs(columns: Sequence[str]) -> str:
    return " OR ".join(f"({_t(name)} IS DISTINCT FROM {_s(name)})" for name in columns)


def hash_of(types: StructType, names: Sequence[str]) -> Column:
    """A hash of columns in which NULL counts; xxhash64 passes over it."""
    parts = []
    for name in names:
        column = F.col(quoted(name))
        is_plain = not isinstance(types[name].dataType, ArrayType | MapType | StructType)
        parts += [column if is_plain else F.to_json(column), column.isNull()]
    return F.xxhash64(*parts) if parts else F.lit(0).cast("bigint")


def _t(column: str) -> str:
    return name_of(column, "t", dialect="datafusion")


def _s(column: str) -> str:
    return name_of(column, "s", dialect="datafusion")


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
