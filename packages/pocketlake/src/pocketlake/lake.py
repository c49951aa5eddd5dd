"""Lake: declared Delta tables under one warehouse or catalog, read and written by declaration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from pyspark.sql import DataFrame, SparkSession

from pocketlake.added import added_files
from pocketlake.conditions import Args
from pocketlake.declaration import Declaration, declared_types, fitting, quoted
from pocketlake.engine import Engine, Place
from pocketlake.labels import labels, tell
from pocketlake.observe import reached
from pocketlake.sessions import CATALOG, Kind
from pocketlake.versions import Commit, Facts, Stale, Version, Written


class Lake:
    """The tables of one warehouse; every write is idempotent or one commit.

    Args:
        spark: The session that computes.
        kind: The engine behind the session.
        warehouse: Folder or `s3://` address of the tables; None where the catalog manages them.
        catalog: First part of every table's name.
        schemas: What a schema of a declaration is really called, where that differs.
    """

    def __init__(
        self,
        spark: SparkSession,
        *,
        kind: Kind,
        warehouse: str | None,
        catalog: str = CATALOG,
        schemas: Mapping[str, str] | None = None,
    ) -> None:
        self.spark = spark
        self.kind = kind
        self.warehouse = warehouse
        if warehouse is not None and "://" not in warehouse:
            self.warehouse = str(Path(warehouse).absolute())
        self.catalog = catalog
        self._schemas = dict(schemas or {})
        self._engine = self._started_engine()
        self._ensured: set[tuple[str, str]] = set()
        self._guard = RLock()

    def name(self, table: Declaration) -> str:
        """The table's quoted three-level name."""
        return self._place(table).name

    def location(self, table: Declaration) -> str | None:
        """Where the table's files are; None if the catalog manages it."""
        return self._place(table).location

    def exists(self, table: Declaration) -> bool:
        """True if the table is there."""
        return self._engine.exists(self._place(table))

    def ensure(self, *tables: Declaration) -> None:
        """Create what is absent and evolve what has an older declaration."""
        for table in tables:
            key = (table.name, table.columns)
            with self._guard:
                if key not in self._ensured:
                    place = self._place(table)
                    self._engine.ensure(table, place)
                    if self.kind == "workspace":
                        tell(self.spark, table, place, self.labels(table))
                    self._ensured.add(key)

    def labels(self, table: Declaration) -> list[str]:
        """The statements by which a workspace's catalog learns of keys and personal columns."""
        return labels(table, self._place(table))

    def read(self, table: Declaration, *, version: int | None = None) -> DataFrame:
        """The rows, now or at a version; of an absent table none, in the declared columns."""
        place = self._place(table)
        if not self._engine.exists(place):
            return self.rows(table, [])
        self._engine.attach(place)
        reached("read", table.name)
        if version is None:
            return self.spark.table(place.name)
        return self.spark.sql(f"SELECT * FROM {place.name} VERSION AS OF {int(version)}")

    def added(
        self, table: Declaration, *, since: int, until: int, skip_changes: bool = False
    ) -> DataFrame | None:
        """The rows that the versions after `since`, up to `until`, appended, from their files.

        Args:
            table: The table.
            since: A version that does not count.
            until: The last version that does.
            skip_changes: Leave out versions that removed rows too, instead of answering None.

        Returns:
            None if a version changed or removed rows, or the table's log does not tell.
        """
        place = self._place(table)
        files = added_files(self._engine.address(place), since, until, skip_changes=skip_changes)
        if files is None:
            return None
        columns = self.read(table, version=until).schema
        if not files:
            return self.spark.createDataFrame([], columns)
        return self.spark.read.schema(columns).parquet(*files)

    def rows(self, table: Declaration, rows: Iterable[object]) -> DataFrame:
        """A few local rows in the declared columns: tuples in their order, or mappings."""
        types = declared_types(self.spark, table)
        as_tuples = [
            tuple(row.get(name) for name in types.names) if isinstance(row, Mapping) else row
            for row in rows
        ]
        return self.spark.createDataFrame(as_tuples, types)

    def staged(self, rows: DataFrame, folder: str | Path) -> DataFrame:
        """The rows from Parquet files in a folder, which is replaced: computed once, read often."""
        schema = rows.schema
        rows.write.mode("overwrite").parquet(str(folder))
        if not any(Path(folder).rglob("*.parquet")):
            return self.spark.createDataFrame([], schema)
        return self.spark.read.schema(schema).parquet(str(folder))

    def append(
        self, table: Declaration, rows: DataFrame, *, once: tuple[str, int] | None = None
    ) -> bool:
        """Append the rows.

        Args:
            table: The table; it is created or evolved first.
            rows: Rows with at least the declared columns.
            once: An application and its version: what has that version, or a later one, of the
                application is not appended again.

        Returns:
            False if the version was there.

        Raises:
            NotNullError: A row has no value in a NOT NULL column.
        """
        with self._writing(table) as place:
            return self._engine.append(table, place, fitting(table, rows), once)

    def merge(
        self,
        table: Declaration,
        rows: DataFrame,
        *,
        unless_only: Sequence[str] = (),
        delete: str | None = None,
        deleted: str | None = None,
        args: Args | None = None,
    ) -> Written:
        """Upsert by the table's keys, NULL being a value; without a change nothing is committed.

        Args:
            table: The table; it is created or evolved first.
            rows: Rows with at least the declared columns, one a key.
            unless_only: A row that differs in these columns alone is as it was.
            delete: Rows of the table that match and whose key is not among `rows` are deleted;
                `true` makes the table exactly `rows`.
            deleted: A column of `rows` that the table does not have, true or false: where it is
                true the row of that key is deleted.
            args: Values of the `:name`s in `delete`.

        Raises:
            DuplicateKeysError: Two rows have one key.
            NotNullError: A row has no value in a NOT NULL column.
            ConflictError: Other writers were faster, several times.
        """
        with self._writing(table) as place:
            return self._engine.merge(
                table,
                place,
                fitting(table, rows, deleted),
                unless_only=unless_only,
                delete=delete,
                deleted=deleted,
                args=args,
            )

    def replace(
        self,
        table: Declaration,
        rows: DataFrame,
        *,
        where: str | None = None,
        args: Args | None = None,
    ) -> None:
        """Replace the rows that match `where`, all if None, in one commit.

        Rows of the table where the condition is NULL stay.

        Raises:
            OutsideSliceError: A new row does not match.
            ConflictError: Another writer was faster.
        """
        with self._writing(table) as place:
            self._engine.replace(table, place, fitting(table, rows), where=where, args=args)

    def delete(self, table: Declaration, *, where: str, args: Args | None = None) -> int:
        """Delete the rows that match and return their number; without any nothing is committed."""
        if not self.exists(table):
            return 0
        with self._writing(table) as place:
            return self._engine.delete(table, place, where=where, args=args)

    def version(self, table: Declaration) -> Version | None:
        """The present version; None if the table is absent."""
        place = self._place(table)
        return self._engine.version(place) if self._engine.exists(place) else None

    def history(self, table: Declaration, *, limit: int) -> list[Commit]:
        """The latest commits, newest first."""
        return self._engine.history(self._place(table), limit)

    def facts(self, table: Declaration) -> Facts:
        """Size, files and last change; not of a materialized view, which tells nobody."""
        return self._engine.facts(self._place(table))

    def restore(self, table: Declaration, *, version: int) -> None:
        """Make an earlier version the present one, as a new commit."""
        reached("writing", table.name)
        self._engine.restore(self._place(table), version)
        reached("written", table.name)

    def compact(self, table: Declaration) -> None:
        """Write small files together, clustered as declared; readers and appends go on.

        Raises:
            ConflictError: Other writers were faster, several times.
        """
        reached("compacting", table.name)
        self._engine.compact(self._place(table), table.clustering)
        reached("compacted", table.name)

    def stale(self, table: Declaration, *, retain_hours: int = 168) -> Stale:
        """What a vacuum would delete."""
        return self._engine.stale(self._place(table), retain_hours)

    def vacuum(self, table: Declaration, *, retain_hours: int = 168) -> None:
        """Delete files that no version of the last hours needs, and the log of before."""
        reached("vacuuming", table.name)
        self._engine.vacuum(self._place(table), retain_hours)
        reached("vacuumed", table.name)

    def is_materialized(self, table: Declaration) -> bool:
        """True for a materialized view of a workspace, which its pipeline alone may write."""
        return self._engine.is_materialized(self._place(table))

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every table, sorted; on an object store nobody lists them.

        Where the catalog manages them, they are those of the schemas that this lake was given.
        """
        if self.warehouse is None:
            return sorted(
                pair for schema in self._schemas.values() for pair in self._listed(schema)
            )
        if "://" in self.warehouse:
            return []
        logs = Path(self.warehouse).glob("*/*/_delta_log")
        return sorted((log.parent.parent.name, log.parent.name) for log in logs)

    def _listed(self, schema: str) -> Iterator[tuple[str, str]]:
        for row in self.spark.sql(f"SHOW TABLES IN {quoted(self.catalog, schema)}").collect():
            # Temporary views are of no schema.
            if row.namespace:
                yield schema, row.tableName

    def attach(self, tables: Iterable[tuple[str, str]]) -> None:
        """Make tables known to the session by name, whether declared or not."""
        for schema, short_name in tables:
            self._engine.attach(self._at(schema, short_name))

    @contextmanager
    def _writing(self, table: Declaration) -> Iterator[Place]:
        place = self._place(table)
        self.ensure(table)
        reached("writing", table.name)
        yield place
        reached("written", table.name)

    def _place(self, table: Declaration) -> Place:
        schema, _, short_name = table.name.partition(".")
        return self._at(self._schemas.get(schema, schema), short_name)

    def _at(self, schema: str, short_name: str) -> Place:
        name = quoted(self.catalog, schema, short_name)
        if self.warehouse is None:
            return Place(name, None)
        return Place(name, f"{self.warehouse.rstrip('/')}/{schema}/{short_name}")

    def _started_engine(self) -> Engine:
        if self.kind == "embedded":
            from pocketlake.embedded import EmbeddedEngine

            return EmbeddedEngine(self.spark)
        from pocketlake.spark import SparkEngine

        return SparkEngine(self.spark)
