"""The jobs `sync_dim_*`: what is new in the source, to bronze and the dimensions.

They are never skipped. One run extracts, updates the tables and leaves a row in the ledger for
each dimension; without news these rows are all that is written.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import keep, open_records
from lyceum.quality.rules import mended_rows
from lyceum.runs.ledger import record
from lyceum.runs.pipelines import full_name
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run, reason
from lyceum.systems.warehouse.broken import SOURCE_RULES, SYSTEM, broken_rows
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.job_extract import land_news
from lyceum.systems.warehouse.pipeline import SYNCS, TABLES, tables_of, update_tables
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES
from lyceum.systems.warehouse.updates import TableUpdate, Updated
from pocketlake import Written

JOB = "sync_dimensions"


class SyncFailedError(LyceumError):
    """Some dimensions or tables could not be brought up to date; the others were."""


@dataclass(frozen=True)
class SyncedDimension:
    """How a dimension fared."""

    job: str
    rows_processed: int = 0
    """Changes that were read."""
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    error: str | None = None


def sync_dimensions(
    lake: Lakehouse, reporter: Reporter, *, jobs: Collection[str] | None = None
) -> list[SyncedDimension]:
    """Sync all tables and dimensions, or those of some jobs.

    Raises:
        SourceDownError: The database does not answer; nothing was changed.
        SyncFailedError: Some tables failed; the others are up to date.
    """
    chosen = {job: SYNCS[job] for job in jobs or SYNCS}
    sources = SOURCE_TABLES if jobs is None else [d.source for d in chosen.values()]
    tables = TABLES if jobs is None else [t for d in chosen.values() for t in tables_of(d)]
    with Run.of(lake, JOB, {"jobs": sorted(chosen)}, reporter=reporter) as run:
        run.begin()
        try:
            synced = land_news(run, sources)
            with reporter.step("Update tables") as step:
                update = update_tables(lake, tables)
                step.note = _note(update)
        except BaseException as error:
            _record(run, [SyncedDimension(job, error=reason(error)) for job in chosen])
            raise
        with reporter.step("Merge quarantine") as step:
            step.note = str(_merge_quarantine(run, update))
        results = [_result(lake, job, update, synced.failures) for job in chosen]
        _record(run, results)
        failures = [*synced.failures.values()] + ([update.error] if update.error else [])
        if failures:
            raise SyncFailedError("; ".join(failures))
    return results


def _result(
    lake: Lakehouse, job: str, update: Updated, failures: Mapping[str, str]
) -> SyncedDimension:
    """What the update says of a dimension: its changes, and what they did to it."""
    dimension = SYNCS[job]
    names = [full_name(lake.config, table) for table in tables_of(dimension)]
    landed, kept, shown = (update.tables.get(name, TableUpdate()) for name in names)
    error = failures.get(dimension.source) or landed.error or kept.error or shown.error
    return SyncedDimension(job, landed.inserted, kept.inserted, kept.updated, kept.deleted, error)


def _merge_quarantine(run: Run, update: Updated) -> Written:
    """Keep what breaks a rule in the tables that changed, and resolve what no longer does."""
    names = {name: full_name(run.lake.config, BRONZE[name]) for name in SOURCE_RULES}
    unchanged = TableUpdate()
    changed = [s for s, name in names.items() if update.tables.get(name, unchanged).is_change]
    if not changed:
        return Written()
    tables = [(run.lake.read(BRONZE[name]), SOURCE_TABLES[name]) for name in changed]
    broken = reduce(DataFrame.unionByName, (broken_rows(*table) for table in tables))
    found = broken.withColumn("load_id", F.lit(run.id))
    looked_at = open_records(run.lake, SYSTEM).where(F.col("source_key").isin(changed))
    mended = mended_rows(looked_at, found, system=SYSTEM, at=F.lit(datetime.now(UTC)))
    return keep(run.lake, found.unionByName(mended))


def _record(run: Run, results: Collection[SyncedDimension]) -> None:
    """A row of the ledger for each dimension, in one commit."""
    rows = []
    for result in results:
        of_dimension = replace(
            run,
            id=uuid4().hex,
            job_name=result.job,
            parameters={"run": run.id},
            rows_processed=result.rows_processed,
            rows_inserted=result.inserted,
            rows_updated=result.updated,
            rows_deleted=result.deleted,
        )
        rows.append(of_dimension.row("FAILED" if result.error else "SUCCESS", result.error))
    record(run.lake, rows)


def _note(update: Updated) -> str:
    changed = sum(one.is_change for one in update.tables.values())
    return f"{changed} tables changed" if changed else "no change"
