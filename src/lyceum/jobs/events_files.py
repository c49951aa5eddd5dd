"""The file half of the event pipeline: deliveries are prepared, and go to bronze once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.ops.reporter import Reporter
from lyceum.silver.deliveries import named_records
from lyceum.sources.landing import ENTITIES, Entity, Folders, deliveries, prepare, source_name
from lyceum.storage import Lakehouse, append, computed_once, replace, side_by_side

Pending = Mapping[Entity, Sequence[Path]]
"""Prepared files by entity; entities without any are left out."""


@dataclass(frozen=True)
class Preparation:
    """What became of the files that were delivered since the last run."""

    files: int
    rows: int
    malformed: int
    unreadable: int


def prepare_files(landing: Path, home: Path, reporter: Reporter) -> Preparation:
    """Prepare what was delivered and is not prepared yet; set aside what nobody can read."""
    counts: Counter[str] = Counter()
    with reporter.step("Prepare files", unit="rows") as step:
        found = deliveries(landing)
        for prepared in prepare(found, Folders(home), ingested_at=datetime.now(UTC)):
            counts["files"] += 1
            counts["rows"] += prepared.rows
            counts["malformed"] += prepared.malformed
            counts["unreadable"] += prepared.problem is not None
            reporter.advance(step, prepared.rows)
            if prepared.problem is not None:
                reporter.say(
                    f"{prepared.entity.name}/{prepared.name} set aside: {prepared.problem}"
                )
        step.note = f"{counts['files']:,} new files"
    return Preparation(*(counts[n] for n in ("files", "rows", "malformed", "unreadable")))


def pending_files(home: Path, known: frozenset[str]) -> Pending:
    """The prepared files that no publication knows."""
    found = {
        entity: [
            file
            for file in sorted(Folders(home).prepared(entity).glob("*.parquet"))
            if not file.name.startswith(".") and file_id(file) not in known
        ]
        for entity in ENTITIES
    }
    return {entity: files for entity, files in found.items() if files}


def file_id(file: Path) -> str:
    """What a publication knows a prepared file by."""
    return f"{file.parent.name}/{file.name}"


def source_names(pending: Pending) -> dict[Entity, list[str]]:
    """The names under which the prepared files were delivered, each once."""
    found = {
        entity: sorted({name for file in files if (name := source_name(file)) is not None})
        for entity, files in pending.items()
    }
    return {entity: names for entity, names in found.items() if names}


def delivered_keys(lake: Lakehouse, pending: Pending) -> DataFrame:
    """`entity` and standardised `record_key` of every row of the files; NULL where it has none."""
    found = [
        _prepared_rows(lake, entity, files)
        .transform(named_records, entity=entity)
        .select(F.lit(entity.name).alias("entity"), "record_key")
        for entity, files in pending.items()
    ]
    return computed_once(reduce(DataFrame.unionByName, found))


def ingest(lake: Lakehouse, pending: Pending, *, may_be_there: bool) -> None:
    """Append the prepared files to bronze, those left out that it has already.

    It can only have some if the last run did not come to its end or another engine ran meanwhile.
    """
    appends = [
        partial(_append_new, lake, entity, files, may_be_there=may_be_there)
        for entity, files in pending.items()
    ]
    side_by_side(lake.spark, *appends, at_once=2)


def _append_new(
    lake: Lakehouse, entity: Entity, files: Sequence[Path], *, may_be_there: bool
) -> None:
    table = LANDING_TABLES[entity.name]
    rows = _prepared_rows(lake, entity, files)
    if may_be_there:
        same_file = ["_source_file", "_source_modified_at"]
        known = F.broadcast(lake.read(table).select(*same_file).distinct())
        rows = rows.join(known, on=same_file, how="left_anti").select(*rows.columns)
        if rows.isEmpty():
            return
    append(lake, table, rows)


def ingest_anew(lake: Lakehouse, home: Path, entities: Sequence[Entity]) -> None:
    """Make bronze what all prepared files hold."""
    every = pending_files(home, frozenset())
    for entity in entities:
        table = LANDING_TABLES[entity.name]
        files = every.get(entity, [])
        rows = _prepared_rows(lake, entity, files) if files else lake.read(table).limit(0)
        replace(lake, table, rows)


def _prepared_rows(lake: Lakehouse, entity: Entity, files: Sequence[Path]) -> DataFrame:
    reader = lake.spark.read.schema(LANDING_TABLES[entity.name].columns)
    return reader.parquet(*map(str, files))
