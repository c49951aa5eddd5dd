"""The embedded engine: Sail computes, delta-rs writes; in this process, without Java."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from urllib.parse import quote

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from pocketlake import embedded_tables as tables
from pocketlake.conditions import Args, condition, name_of
from pocketlake.declaration import Declaration, declared_types, required_columns, text_literal
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
from pocketlake.versions import Commit, Facts, Version, Written

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
                location = self._address(place)
                folder = text_literal(tables.location(place).rpartition("/")[0])
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {place.schema} LOCATION {folder}")
                self.spark.sql(
                    f"CREATE TABLE IF NOT EXISTS {place.name} USING DELTA"
                    f" LOCATION {text_literal(location)}"
                )
                self._attached.add(place.name)

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
        args: Args | None,
    ) -> Written:
        """Upsert the rows; they are computed once, into a file, before the table is touched."""
        types = declared_types(self.spark, table)
        with spooled(rows, types, required=required_columns(table)) as spool:
            if spool.rows == 0 and delete is None:
                return Written()
            self._refuse_duplicates(table, spool)
            differs = _differs([n for n in types.names if n not in {*table.keys, *unless_only}])
            gone = None if delete is None else _of_target(delete, args, types)
            return retried(partial(_merge, table, place, spool, differs=differs, gone=gone))

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

    def compact(self, place: Place) -> None:
        """Write small files together."""
        retried(lambda: interruptible(writable(place).optimize.compact))

    def vacuum(self, place: Place, retain_hours: int) -> None:
        """Delete files that no version of the last hours needs."""
        table = writable(place)
        interruptible(
            partial(table.vacuum, retain_hours, dry_run=False, enforce_retention_duration=False)
        )

    def _read(self, place: Place) -> DataFrame:
        self.attach(place)
        return self.spark.table(place.name)

    def _address(self, place: Place) -> str:
        """The location, or a link to it: Sail encodes a path with blanks or umlauts twice."""
        location = tables.location(place)
        if "://" in location or quote(location, safe="/+'") == location:
            return location
        link = Path(self._links.name, sha256(location.encode()).hexdigest())
        link.symlink_to(Path(location).absolute())
        return str(link)

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


def _merge(
    table: Declaration,
    place: Place,
    spool: Spool,
    *,
    differs: str | None,
    gone: str | None,
) -> Written:
    """One try of a merge, on the table as it is now."""
    target = writable(place)
    if not target.file_uris():
        if spool.rows:
            # On the very state that was empty: whoever has written since is a conflict.
            _overwrite(target, spool.stream(), "true")
        return Written(inserted=spool.rows)
    stream = spool.stream()
    same = _same_keys(table)
    if gone is None:
        # By these delta-rs passes over files; what is to be deleted may be in any of them.
        ranges = spool.ranges(table.keys).items()
        same += "".join(f" AND {_t(k)} >= {low} AND {_t(k)} <= {high}" for k, (low, high) in ranges)
    merging = target.merge(stream.reader(), predicate=same, source_alias="s", target_alias="t")
    if differs is not None:
        merging = merging.when_matched_update_all(predicate=differs)
    merging = merging.when_not_matched_insert_all()
    if gone is not None:
        merging = merging.when_not_matched_by_source_delete(predicate=gone)
    metrics = stream.write(merging.execute)
    return Written(
        inserted=int(metrics["num_target_rows_inserted"]),
        updated=int(metrics["num_target_rows_updated"]),
        deleted=int(metrics["num_target_rows_deleted"]),
    )


def _overwrite(target: DeltaTable, stream: Stream, predicate: str) -> None:
    """Without a predicate delta-rs finds no conflict with other writers; `true` is one."""
    write = partial(write_deltalake, target, stream.reader(), mode="overwrite", predicate=predicate)
    committed(partial(stream.write, write))


def _same_keys(table: Declaration) -> str:
    # DataFusion misreads IS NOT DISTINCT FROM beside AND without the parentheses.
    return " AND ".join(f"({_t(key)} IS NOT DISTINCT FROM {_s(key)})" for key in table.keys)


def _differs(columns: Sequence[str]) -> str | None:
    return " OR ".join(f"({_t(name)} IS DISTINCT FROM {_s(name)})" for name in columns) or None


def _t(column: str) -> str:
    return name_of(column, "t", dialect="datafusion")


def _s(column: str) -> str:
    return name_of(column, "s", dialect="datafusion")


def _of_target(text: str, args: Args | None, types: StructType) -> str:
    return condition(text, args, dialect="datafusion", columns=types.names, alias="t")


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
