"""Spark as the engine: on one machine through a Spark Connect server, or in a workspace."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from operator import and_, or_
from pathlib import Path
from uuid import uuid4

from filelock import FileLock
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StructField

from pocketlake import spark_tables as tables
from pocketlake.conditions import Args, condition
from pocketlake.declaration import (
    Declaration,
    declared_columns,
    declared_types,
    quoted,
    required_columns,
)
from pocketlake.engine import Place
from pocketlake.errors import (
    ConflictError,
    DuplicateKeysError,
    MisfitError,
    NotNullError,
    OutsideSliceError,
)
from pocketlake.versions import Commit, Facts, Stale, Version, Written

_CONFLICT = re.compile(r"DELTA_CONCURRENT_|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED")
_OUTSIDE = re.compile(r"DELTA_REPLACE_WHERE_MISMATCH|DELTA_VIOLATE_CONSTRAINT_WITH_VALUES")
_MISFIT = re.compile(
    r"CAST_INVALID_INPUT|CAST_OVERFLOW|NUMERIC_VALUE_OUT_OF_RANGE|INCOMPATIBLE_DATA_FOR_TABLE"
    r"|DELTA_FAILED_TO_MERGE_FIELDS|DATATYPE_MISMATCH"
)
_NULL = re.compile(r"expected a value in (\S+), found NULL")
_SOURCE, _TARGET, _IS_THERE = "source", "target", "__is_there"


class SparkEngine:
    """Delta tables by Spark's own SQL and DataFrame writers."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def exists(self, place: Place) -> bool:
        """True if the catalog has the table, or its folder has a Delta log."""
        return tables.exists(self.spark, place)

    def attach(self, place: Place) -> None:
        """Make the table known to the session by its name."""
        tables.attach(self.spark, place)

    def address(self, place: Place) -> str | None:
        """The location."""
        return place.location

    def ensure(self, table: Declaration, place: Place) -> None:
        """Create the table or evolve it; managed ones get their NOT NULLs and clustering."""
        types = declared_types(self.spark, table)
        with _locked(place):
            tables.ensure(self.spark, table, place, types)

    def append(
        self, table: Declaration, place: Place, rows: DataFrame, once: tuple[str, int] | None
    ) -> bool:
        """Append; Delta itself leaves out a version of an application that it has."""
        writer = _checked(table, rows).writeTo(place.name)
        if once is not None:
            writer = writer.option("txnAppId", once[0]).option("txnVersion", str(once[1]))
        with self._writing(table, place):
            before = None if once is None else self._last(place).version
            writer.append()
            return before is None or self._last(place).version != before

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
        """Upsert by MERGE; nothing is committed if nothing changes."""
        types = declared_types(self.spark, table)
        differs = _differs([f for f in types if f.name not in {*table.keys, *unless_only}])
        gone = None
        if delete is not None:
            gone = condition(delete, args, dialect="spark", columns=types.names, alias=_TARGET)
        with self._writing(table, place), _named(_checked(table, rows, deleted)) as source:
            self._refuse_duplicates(table, source)
            if not self._changes(table, place, source, differs=differs, gone=gone, deleted=deleted):
                return Written()
            statement = _merge_statement(
                table, place, source, differs=differs, gone=gone, deleted=deleted
            )
            return _written(self.spark.sql(statement).collect()[0])

    def replace(
        self,
        table: Declaration,
        place: Place,
        rows: DataFrame,
        *,
        where: str | None,
        args: Args | None,
    ) -> None:
        """Replace a slice in one commit."""
        names = declared_types(self.spark, table).names
        slice_ = condition(where or "true", args, dialect="spark", columns=names)
        writer = _checked(table, rows).write.format("delta").mode("overwrite")
        with self._writing(table, place, where):
            writer.option("replaceWhere", slice_).saveAsTable(place.name)

    def delete(self, table: Declaration, place: Place, *, where: str, args: Args | None) -> int:
        """Delete the rows; without any nothing is committed."""
        names = declared_types(self.spark, table).names
        text = condition(where, args, dialect="spark", columns=names)
        with self._writing(table, place):
            count = self.spark.table(place.name).where(text).count()
            if count:
                self.spark.sql(f"DELETE FROM {place.name} WHERE {text}")
            return count

    def version(self, place: Place) -> Version:
        """The present version."""
        self.attach(place)
        return Version(str(self._detail(place).id), int(self._last(place).version))

    def history(self, place: Place, limit: int) -> list[Commit]:
        """The latest commits, newest first."""
        self.attach(place)
        rows = self.spark.sql(f"DESCRIBE HISTORY {place.name} LIMIT {int(limit)}").collect()
        return [Commit(r.version, _utc(r.timestamp), r.operation) for r in rows]

    def facts(self, place: Place) -> Facts:
        """Size, files and last change."""
        self.attach(place)
        detail, last = self._detail(place), self._last(place)
        return Facts(detail.sizeInBytes, detail.numFiles, last.version, _utc(last.timestamp))

    def restore(self, place: Place, version: int) -> None:
        """Make an earlier version the present one."""
        self.attach(place)
        with _locked(place):
            self.spark.sql(f"RESTORE TABLE {place.name} TO VERSION AS OF {int(version)}").collect()

    def compact(self, place: Place, clustering: Sequence[str]) -> None:
        """Write small files together; a managed table is clustered as its DDL says."""
        self.attach(place)
        order = ""
        if clustering and place.location is not None:
            order = f" ZORDER BY ({', '.join(quoted(name) for name in clustering)})"
        with _locked(place):
            self.spark.sql(f"OPTIMIZE {place.name}{order}")

    def stale(self, place: Place, retain_hours: int) -> Stale:
        """What a vacuum would delete; Delta cuts the log by itself."""
        self.attach(place)
        command = f"VACUUM {place.name} RETAIN {int(retain_hours)} HOURS DRY RUN"
        paths = [Path(row[0].removeprefix("file:")) for row in self.spark.sql(command).collect()]
        return Stale(len(paths), sum(path.stat().st_size for path in paths if path.is_file()))

    def vacuum(self, place: Place, retain_hours: int) -> None:
        """Delete files that no version of the last hours needs."""
        self.attach(place)
        with _locked(place):
            self.spark.sql(f"VACUUM {place.name} RETAIN {int(retain_hours)} HOURS")

    def is_materialized(self, place: Place) -> bool:
        """True for a materialized view of Unity Catalog."""
        if place.location is not None:
            return False
        return self.spark.catalog.getTable(place.name).tableType == "MATERIALIZED_VIEW"

    @contextmanager
    def _writing(
        self, table: Declaration, place: Place, where: str | None = None
    ) -> Iterator[None]:
        self.attach(place)
        with _locked(place), _errors(table, where):
            yield

    def _changes(
        self,
        table: Declaration,
        place: Place,
        source: str,
        *,
        differs: str | None,
        gone: str | None,
        deleted: str | None,
    ) -> bool:
        """True if the merge would change a row: MERGE commits a version even if it does not."""
        there = self.spark.table(place.name).withColumn(_IS_THERE, F.lit(1)).alias(_TARGET)
        new = self.spark.table(source).withColumn(_IS_THERE, F.lit(1)).alias(_SOURCE)
        is_old, is_new = (F.col(f"{alias}.{_IS_THERE}").isNotNull() for alias in (_TARGET, _SOURCE))
        if deleted is None:
            changed = [~is_old]
        else:
            is_deleted = F.col(f"{_SOURCE}.`{deleted}`")
            changed = [~is_old & ~is_deleted, is_old & is_deleted]
        if differs is not None:
            changed.append(is_old & is_new & F.expr(differs))
        if gone is not None:
            changed.append(~is_new & F.expr(gone))
        joined = there.join(new, _same_keys(table), "full" if gone is not None else "right")
        return not joined.where(reduce(or_, changed)).isEmpty()

    def _refuse_duplicates(self, table: Declaration, source: str) -> None:
        grouped = self.spark.table(source).groupBy(*(f"`{key}`" for key in table.keys)).count()
        twice = grouped.where("count > 1").limit(1).collect()
        if twice:
            raise DuplicateKeysError.of(table.name, table.keys, twice[0]["count"])

    def _detail(self, place: Place) -> Row:
        return self.spark.sql(f"DESCRIBE DETAIL {place.name}").collect()[0]

    def _last(self, place: Place) -> Row:
        return self.spark.sql(f"DESCRIBE HISTORY {place.name} LIMIT 1").collect()[0]


def _checked(table: Declaration, rows: DataFrame, *more: str | None) -> DataFrame:
    """The rows, of which one with a NULL where none may be stops the write."""
    required = required_columns(table)
    names = [column.name for column in declared_columns(table.columns)]
    names += [name for name in more if name is not None]
    return rows.select(*(_required(n) if n in required else F.col(f"`{n}`") for n in names))


def _required(name: str) -> Column:
    column = F.col(f"`{name}`")
    raised = F.raise_error(str(NotNullError.of(name)))
    return F.when(column.isNull(), raised).otherwise(column).alias(name)


def _same_keys(table: Declaration) -> Column:
    pairs = (F.col(f"{_SOURCE}.`{k}`").eqNullSafe(F.col(f"{_TARGET}.`{k}`")) for k in table.keys)
    return reduce(and_, pairs)


def _differs(fields: Sequence[StructField]) -> str | None:
    pairs = ((_comparable(_SOURCE, field), _comparable(_TARGET, field)) for field in fields)
    return " OR ".join(f"NOT ({new} <=> {old})" for new, old in pairs) or None


def _comparable(alias: str, field: StructField) -> str:
    column = f"{alias}.`{field.name}`"
    # Spark compares no maps, and they have no order.
    is_map = isinstance(field.dataType, MapType)
    return f"sort_array(map_entries({column}))" if is_map else column


def _merge_statement(
    table: Declaration,
    place: Place,
    source: str,
    *,
    differs: str | None,
    gone: str | None,
    deleted: str | None,
) -> str:
    """MERGE as SQL: as a DataFrame writer it has no alias for its target, and no counts."""
    same = " AND ".join(f"{_SOURCE}.`{k}` <=> {_TARGET}.`{k}`" for k in table.keys)
    parts = [f"MERGE INTO {place.name} AS {_TARGET} USING `{source}` AS {_SOURCE} ON {same}"]
    is_new = "" if deleted is None else f" AND NOT {_SOURCE}.`{deleted}`"
    if deleted is not None:
        parts.append(f"WHEN MATCHED AND {_SOURCE}.`{deleted}` THEN DELETE")
    if differs is not None:
        parts.append(f"WHEN MATCHED AND ({differs}) THEN UPDATE SET *")
    parts.append(f"WHEN NOT MATCHED{is_new} THEN INSERT *")
    if gone is not None:
        parts.append(f"WHEN NOT MATCHED BY SOURCE AND ({gone}) THEN DELETE")
    return " ".join(parts)


@contextmanager
def _named(rows: DataFrame) -> Iterator[str]:
    """The rows under a name for SQL, for as long as the context lives."""
    name = f"pocketlake_{uuid4().hex}"
    rows.createOrReplaceTempView(name)
    try:
        yield name
    finally:
        rows.sparkSession.catalog.dropTempView(name)


def _written(counts: Row) -> Written:
    return Written(
        inserted=counts.num_inserted_rows,
        updated=counts.num_updated_rows,
        deleted=counts.num_deleted_rows,
    )


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """Spark's log store on a local disk lets two processes write one version: a lock does not."""
    if place.location is None or "://" in place.location:
        yield
        return
    file = Path(f"{place.location}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file):
        yield


@contextmanager
def _errors(table: Declaration, where: str | None = None) -> Iterator[None]:
    """Spark tells by text what went wrong: here it becomes an error of its own.

    Its texts show rows, which may hold personal data: they are not passed on.
    """
    try:
        yield
    except PySparkException as error:
        text = str(error)
        # The text of an analysis holds the plan, and in it each message that might be raised.
        if not isinstance(error, AnalysisException) and (found := _NULL.search(text)):
            raise NotNullError.of(found[1]) from None
        if where is not None and _OUTSIDE.search(text):
            raise OutsideSliceError.of(table.name, where) from None
        if _MISFIT.search(text):
            message = (
                f"expected values that fit the columns of {table.name}, found one that does not"
            )
            raise MisfitError(message) from None
        if _CONFLICT.search(text):
            raise ConflictError from error
        raise


def _utc(value: datetime) -> datetime:
    """What the client gives is local to this process, without a zone."""
    return value.astimezone(UTC)
