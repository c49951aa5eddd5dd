"""Tables of the embedded engine: opened, created and evolved by delta-rs."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from pocketlake.declaration import (
    NOT_NULL,
    Declaration,
    declared_field,
    declared_schema,
    required_fields,
    selected,
)
from pocketlake.engine import Place
from pocketlake.errors import ConflictError, UnsupportedTableError
from pocketlake.evolution import Changes, Present, changes
from pocketlake.streams import Stream, arrow_schema, batches_of
from pocketlake.versions import Stale

T = TypeVar("T")

_TRIES = 5
_LOG_RETENTION = "delta.logRetentionDuration"
_WRITABLE = frozenset({"appendOnly", "checkConstraints", "invariants", "timestampNtz"})
_PLAIN_WRITER = 4
"""The last version of Delta's protocol whose features have no names and change no file."""


def location(place: Place) -> str:
    """Where the files are; the embedded engine has no managed tables."""
    if place.location is None:
        message = (
            f"expected a warehouse for {place.name}, found none: the embedded engine needs one"
        )
        raise UnsupportedTableError(message)
    return place.location


def exists(place: Place) -> bool:
    """True if there is a Delta log at the place."""
    return DeltaTable.is_deltatable(location(place))


def opened(place: Place) -> DeltaTable:
    """The table as it is now, to be asked."""
    return DeltaTable(location(place))


def writable(place: Place) -> DeltaTable:
    """The table as it is now, to be written; one with a feature of another engine is refused."""
    table = opened(place)
    protocol = table.protocol()
    named = {*(protocol.writer_features or ()), *(protocol.reader_features or ())}
    features = sorted(named - _WRITABLE)
    if not named and protocol.min_writer_version > _PLAIN_WRITER:
        features = [f"version {protocol.min_writer_version} of the protocol"]
    if features:
        message = f"expected a plain Delta table at {place.location}, found {', '.join(features)}"
        raise UnsupportedTableError(f"{message}: only Spark can write it")
    return table


def ensure(
    table: Declaration, place: Place, types: StructType, read: Callable[[], DataFrame]
) -> None:
    """Create the table with plain, nullable columns, or evolve it."""
    schema = declared_schema(table, types)
    if not exists(place):
        _create(table, place, schema)
    present = _present(opened(place))
    found = changes(table, types, present)
    if found.widened:
        _rewrite(place, selected(read(), present.columns, schema), schema)
    elif not found.is_none:
        _alter(place, found)


def retried(action: Callable[[], T]) -> T:
    """The result of a write that may lose against another one, which then counts as earlier."""
    for _ in range(_TRIES - 1):
        try:
            return committed(action)
        except ConflictError:
            continue
    return committed(action)


def committed(action: Callable[[], T]) -> T:
    """The result of a write; another writer in between is a conflict."""
    try:
        return action()
    except CommitFailedError as error:
        raise ConflictError from error


def stale(place: Place, retain_hours: int) -> Stale:
    """What `vacuum` would delete; sizes and old logs are known on a disk alone."""
    table = opened(place)
    names = table.vacuum(retain_hours, dry_run=True, enforce_retention_duration=False)
    if "://" in location(place):
        return Stale(len(names))
    # delta-rs lists what it has deleted before, too.
    files = [file for name in names if (file := Path(location(place), name)).exists()]
    logs = _old_logs(place, table.version(), retain_hours)
    return Stale(len(files), sum(file.stat().st_size for file in files), len(logs))


def vacuum(place: Place, retain_hours: int) -> None:
    """Delete what is stale; the log of before is cut where a checkpoint has it.

    Old commits tell the least and the greatest value of files that are gone.
    """
    if stale(place, retain_hours).files:
        writable(place).vacuum(retain_hours, dry_run=False, enforce_retention_duration=False)
    if _old_logs(place, opened(place).version(), retain_hours):
        _cut_log(place, retain_hours)


def _cut_log(place: Place, retain_hours: int) -> None:
    """delta-rs cuts a log by the retention that the table says, and only before a checkpoint."""
    table = writable(place)
    wanted = f"interval {retain_hours} hours"
    if table.metadata().configuration.get(_LOG_RETENTION) != wanted:
        committed(partial(table.alter.set_table_properties, {_LOG_RETENTION: wanted}))
        table = writable(place)
    table.create_checkpoint()
    table.cleanup_metadata()


def _old_logs(place: Place, version: int, retain_hours: int) -> list[Path]:
    """Commits older than the hours, but for the present one."""
    before = time.time() - retain_hours * 3600
    commits = Path(location(place), "_delta_log").glob("[0-9]*.json")
    return [c for c in commits if int(c.stem) < version and c.stat().st_mtime < before]


def _create(table: Declaration, place: Place, schema: StructType) -> None:
    create = partial(
        DeltaTable.create,
        location(place),
        Schema.from_json(schema.json()),
        mode="ignore",
        description=table.comment,
    )
    try:
        create()
    except DeltaError:
        # Another process was faster: what it made is compared with the declaration next.
        if not exists(place):
            raise


def _present(table: DeltaTable) -> Present:
    columns = StructType.fromJson(json.loads(table.schema().to_json()))
    return Present(columns, required_fields(columns))


def _alter(place: Place, found: Changes) -> None:
    if found.added:
        fields = [
            Field.from_json(declared_field(column, kind).json()) for column, kind in found.added
        ]
        committed(partial(writable(place).alter.add_columns, fields))
    for column in found.commented:
        _annotate(place, column.name, {"comment": column.comment})
    for name in found.relaxed:
        # delta-rs cannot remove a key of the metadata.
        _annotate(place, name, {NOT_NULL: ""})


def _annotate(place: Place, column: str, metadata: dict[str, str]) -> None:
    committed(partial(writable(place).alter.set_column_metadata, column, metadata))


def _rewrite(place: Place, rows: DataFrame, schema: StructType) -> None:
    """delta-rs widens no type: the table is written anew as declared, under its id."""
    stream = Stream(arrow_schema(schema), batches_of(rows, schema))
    table = writable(place)

    def write() -> None:
        write_deltalake(table, stream.reader(), mode="overwrite", schema_mode="overwrite")

    committed(partial(stream.write, write))
