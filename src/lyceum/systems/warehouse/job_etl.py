"""What `lyceum etl` does: syncs and builds one after another, and what a person sees of them."""

from collections import Counter
from collections.abc import Iterable

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.operations.health import named_query
from lyceum.runs.reporter import Reporter
from lyceum.systems.warehouse import etl
from lyceum.systems.warehouse.job_dimensions import JOB as SYNC
from lyceum.systems.warehouse.job_dimensions import SyncedDimension
from lyceum.systems.warehouse.job_extract import JOB as EXTRACT
from lyceum.systems.warehouse.job_facts import BuiltDay


def run_pipeline(
    lake: Lakehouse, reporter: Reporter, day: str, *, force: bool, repair: bool
) -> None:
    """Sync, build a day, and build or list the days that later changes concern."""
    sync(lake, reporter)
    build(lake, reporter, day, force=force, repair=repair)


def sync(lake: Lakehouse, reporter: Reporter) -> None:
    """Bring bronze and the dimensions up to date, and say what changed."""
    _show_dimensions(etl.run_all_dimension_syncs(lake=lake, reporter=reporter), reporter)


def build(lake: Lakehouse, reporter: Reporter, day: str, *, force: bool, repair: bool) -> None:
    """Build a day of all fact tables, and build or list the days that later changes concern."""
    target = etl.parse_date(day) if day else etl.yesterday()
    built = etl.run_all_fact_builds(target, force, lake=lake, reporter=reporter)
    if repair:
        built += etl.repair(lake=lake, reporter=reporter)
    _show_days(built, reporter)
    if not repair:
        _show_stale(lake, reporter)


def repair(lake: Lakehouse, reporter: Reporter) -> None:
    """Build again the days that are not right any more."""
    built = etl.repair(lake=lake, reporter=reporter)
    if built:
        _show_days(built, reporter)
    else:
        reporter.say("Every built day is right: there is nothing to do")


def run_one(lake: Lakehouse, reporter: Reporter, job: str, day: str, *, force: bool) -> None:
    """Run one job and say what it did."""
    target = etl.parse_date(day) if day else None
    done = etl.run_job(job, target, force, lake=lake, reporter=reporter)
    if isinstance(done, BuiltDay):
        _show_days([done], reporter)
    else:
        _show_dimensions([done], reporter)


def backfill(lake: Lakehouse, reporter: Reporter, start: str, end: str, *, force: bool) -> int:
    """Sync, build the days, show a table of them; 1 if any failed."""
    first, last = etl.parse_date(start), etl.parse_date(end)
    days = list(etl.date_range(first, last))
    sync(lake, reporter)
    built = etl.backfill(first, last, force, lake=lake, reporter=reporter)
    rows = []
    for day in days:
        of_day = [one for one in built if one.day == day]
        counts = Counter(one.status for one in of_day)
        errors = "; ".join(f"{one.job}: {one.error}" for one in of_day if one.error)
        states = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        rows.append((day, sum(one.rows_processed for one in of_day), states, errors or None))
    reporter.table("Days", ["day", "rows", "tables", "error"], rows)
    return int(any(one.status == "FAILED" for one in built))


def show_status(lake: Lakehouse, reporter: Reporter) -> None:
    """The latest runs of the warehouse, and the days that should be built again."""
    latest = named_query(lake, "recent_job_runs")
    rows = latest.where(F.col("job_name").isin(EXTRACT, SYNC, *etl.JOBS)).collect()
    if not rows:
        reporter.say("Nothing has been run yet: `lyceum etl run` does it")
        return
    reporter.table("Latest runs", latest.columns, [tuple(row) for row in rows])
    _show_stale(lake, reporter)


def _show_dimensions(done: Iterable[SyncedDimension], reporter: Reporter) -> None:
    rows = [(d.job, d.rows_processed, d.inserted, d.updated, d.deleted) for d in done]
    if any(any(counts) for _, *counts in rows):
        columns = ["job", "changes", "new", "changed", "gone"]
        reporter.table("Dimensions", columns, rows)


def _show_days(built: Iterable[BuiltDay], reporter: Reporter) -> None:
    rows = [(b.job, b.day, b.status, b.rows_processed, b.unknown, b.error) for b in built]
    columns = ["job", "day", "status", "rows", "unknown members", "error"]
    reporter.table("Facts", columns, rows)


def _show_stale(lake: Lakehouse, reporter: Reporter) -> None:
    found = etl.stale(lake=lake)
    rows = [(job, one.day, one.reason) for job, days in found.items() for one in days]
    if rows:
        reporter.table("To be built again, by --repair", ["job", "day", "because"], rows)
