"""AUTO CDC: a batch of changes brought into its target, whatever was applied before.

What the target cannot tell stands in a table beside it: of type 1 the last sequence of each key,
of type 2 the changes behind a version and the deletes that end none. Both writes may be repeated:
a batch that died between them is applied again, and ends as if it had been applied once.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StructField, StructType, TimestampType

from bundlerun.pipelines.changes import DELETED, SEQUENCE, START, Target
from bundlerun.pipelines.errors import PipelineError
from bundlerun.pipelines.graph import Node
from bundlerun.pipelines.history import IS_LAST, latest, marked, matched, to_hide, told_by, versions
from bundlerun.pipelines.stored import Stored, ddl
from bundlerun.pipelines.work import Work
from pocketlake import Written

RETENTION = "pipelines.cdc.tombstoneGCThresholdInSeconds"
"""Property of a target: seconds that a delete is kept for changes that come late."""
_TWO_DAYS = 172_800
_NOTED, _GONE = "__noted_at", "__is_gone"


def apply_changes(work: Work, node: Node, changes: DataFrame, *, anew: bool) -> Written:
    """Bring changes into the target of the node; alone there if anew.

    Raises:
        PipelineError: A change has no sequence; nothing was written.
    """
    target = node.target
    assert target is not None  # noqa: S101 - the caller asked
    table = replace(work.stored(node.dataset.name), keys=target.row_keys)
    changes = work.staged(f"{table.name}.changes", _typed(node, target, changes))
    _refuse_without_sequence(table, changes)
    storage = _storage(table, target, changes.schema)
    work.lake.ensure(table, storage)
    write = _write_latest if target.scd_type == 1 else _write_versions
    written = write(work, table, storage, changes, target=target, anew=anew)
    _forget(work, node, storage)
    return written


def _write_latest(
    work: Work, table: Stored, storage: Stored, changes: DataFrame, *, target: Target, anew: bool
) -> Written:
    """Type 1: the target first; as long as the storage is older, the batch wins again."""
    if not anew:
        changes = changes.unionByName(_known_latest(work, table, storage, changes, target))
    found = work.staged(f"{table.name}.latest", latest(changes, target))
    kept = found.where(~F.col(DELETED))
    noted = found.select(*_names((*target.keys, SEQUENCE, DELETED)), _noted().alias(_NOTED))
    if anew:
        work.lake.replace(table, kept)
        work.lake.replace(storage, noted)
        return Written(inserted=kept.count())
    there = work.lake.read(table)
    gone = matched(there, found.where(DELETED), target.keys, "left_semi")
    written = _merged(work, table, kept.select(*_names(there.columns)), gone)
    work.lake.merge(storage, noted, unless_only=[_NOTED])
    return written


def _known_latest(
    work: Work, table: Stored, storage: Stored, changes: DataFrame, target: Target
) -> DataFrame:
    """The last change of the batch's keys before it; a row that others deleted is a delete."""
    noted = matched(work.lake.read(storage), changes, target.keys, "left_semi")
    there = work.lake.read(table).withColumn(_GONE, F.lit(False))
    kept = (*target.values, _GONE)
    known = matched(noted.drop(_NOTED), there, target.keys, "left", kept=kept)
    is_deleted = F.col(DELETED) | F.coalesce(_GONE, F.lit(True))
    return known.withColumn(DELETED, is_deleted).drop(_GONE)


def _write_versions(
    work: Work, table: Stored, storage: Stored, changes: DataFrame, *, target: Target, anew: bool
) -> Written:
    """Type 2: the storage first; with it the old target tells all changes of before."""
    there, hidden = work.lake.read(table), work.lake.read(storage)
    if anew:
        there, hidden = there.limit(0), hidden.limit(0)
    else:
        there = matched(there, changes, target.keys, "left_semi")
        hidden = matched(hidden, changes, target.keys, "left_semi")
        there = work.staged(f"{table.name}.before", there)
        hidden = work.staged(f"{table.name}.hidden", hidden)
        known = hidden.select(*_names(changes.columns))
        changes = changes.unionByName(known).unionByName(told_by(there, hidden, target))
    found = work.staged(f"{table.name}.marked", marked(changes, hidden, target))
    hide = to_hide(found, target).withColumn(_NOTED, _noted())
    now = versions(found, target).select(*_names(there.columns))
    if anew:
        work.lake.replace(storage, hide)
        work.lake.replace(table, now)
        return Written(inserted=now.count())
    work.lake.merge(storage, hide, unless_only=[_NOTED])
    now = work.staged(f"{table.name}.versions", now)
    return _merged(work, table, now, matched(there, now, target.row_keys, "left_anti"))


def _merged(work: Work, table: Stored, rows: DataFrame, gone: DataFrame) -> Written:
    """Upsert the rows, and delete those that are gone, in one commit."""
    told = rows.withColumn(_GONE, F.lit(False)).unionByName(gone.withColumn(_GONE, F.lit(True)))
    return work.lake.merge(table, told, deleted=_GONE)


def _storage(table: Stored, target: Target, changes: StructType) -> Stored:
    """The table beside a target."""
    schema, _, name = table.name.rpartition(".")
    columns = [changes[name] for name in target.keys]
    if target.scd_type == 2:
        columns += [changes[name] for name in target.values]
    columns += [changes[SEQUENCE], changes[DELETED]]
    if target.scd_type == 2:
        columns.append(StructField(IS_LAST, BooleanType()))
    columns.append(StructField(_NOTED, TimestampType()))
    keys = target.keys if target.scd_type == 1 else (*target.keys, SEQUENCE)
    return Stored(
        f"{schema}.__apply_changes_storage_{name}",
        ddl(StructType(columns)),
        keys,
        f"what AUTO CDC must know of {table.name} and its rows do not tell",
    )


def _forget(work: Work, node: Node, storage: Stored) -> None:
    """Remove what is older than the retention: deletes, and of type 2 what lies in a version.

    The last change of a version stays: without it a late change could outlive it.
    """
    seconds = int(node.dataset.properties.get(RETENTION, _TWO_DAYS))
    old = f"`{_NOTED}` < :since"
    which = DELETED if START not in node.schema.names else f"NOT `{IS_LAST}`"
    since = datetime.now(UTC) - timedelta(seconds=seconds)
    work.lake.delete(storage, where=f"{which} AND {old}", args={"since": since})


def _typed(node: Node, target: Target, changes: DataFrame) -> DataFrame:
    """The changes in the types of the table, which may be declared."""
    columns = (*target.keys, *target.values)
    typed = [F.col(f"`{name}`").cast(node.schema[name].dataType).alias(name) for name in columns]
    sequence = F.col(SEQUENCE)
    if target.scd_type == 2:
        sequence = sequence.cast(node.schema[START].dataType).alias(SEQUENCE)
    return changes.select(*typed, sequence, DELETED)


def _refuse_without_sequence(table: Stored, changes: DataFrame) -> None:
    count = changes.where(F.col(SEQUENCE).isNull()).count()
    if count:
        message = f"expected a sequence in every change of {table.name}"
        raise PipelineError(f"{message}, found {count:,} without: drop them by an expectation")


def _noted() -> Column:
    return F.lit(datetime.now(UTC)).cast("timestamp")


def _names(names: Iterable[str]) -> list[Column]:
    return [F.col(f"`{name}`") for name in names]
