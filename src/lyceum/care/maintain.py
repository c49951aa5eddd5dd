"""Maintenance: rows and files past retention go, small files are compacted, old ones vacuumed.

First it is planned, then the plan is done: a dry run says exactly what a run would do. Readers go
on: what they may still read is kept. A workspace compacts and vacuums by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.filesize import decimal

from lyceum.care.consumers import hours_needed
from lyceum.care.retention import Past, delete_past, files_past, rows_past
from lyceum.care.settings import CareSettings
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import declared, tables
from lyceum.model.table import Table
from lyceum.runs.locks import JOB_LOCKS
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from pocketlake import ConflictError, Declaration, Stale

JOB = "maintain"
SMALL_FILES, SMALL_BYTES = 10, 32 * 1024 * 1024
"""A table is compacted from so many files on that are smaller than that on average."""


@dataclass(frozen=True)
class Undeclared:
    """A table that is there and nobody has declared, such as a pipeline's own."""

    name: str
    columns: str = ""
    keys: tuple[str, ...] = ()
    comment: str = ""
    clustering: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    person: tuple[str, ...] = ()


@dataclass(frozen=True)
class TablePlan:
    """What one table needs."""

    table: Declaration
    rows_past: int = 0
    small_files: int = 0
    """Files that are to be written together; 0: none."""
    stale: Stale = field(default_factory=Stale)
    retain_hours: int = 0

    @property
    def is_nothing(self) -> bool:
        """True if the table is as it should be."""
        return not (self.rows_past or self.small_files) and self.stale.is_nothing


@dataclass(frozen=True)
class Maintenance:
    """What is asked for."""

    lake: Lakehouse
    reporter: Reporter
    names: Sequence[str] = ()
    """The tables; all and the files if empty."""
    dry_run: bool = False


def maintain(asked: Maintenance, *, now: datetime | None = None) -> None:
    """Do what tables and files need, or only say it; a table that is busy waits for the next time.

    Raises:
        UnknownTableError: A name is no table's.
    """
    lake, now = asked.lake, now or datetime.now(UTC)
    chosen = [declared(name) for name in asked.names]
    if asked.dry_run:
        _show(asked, *_planned(asked, chosen, now))
        return
    with Run.of(lake, JOB, {"tables": list(asked.names)}, reporter=asked.reporter) as run:
        plans, past = _planned(asked, chosen, now)
        if not (plans or past):
            _show(asked, plans, past)
            return
        with run.stage("maintain_tables", unit="tables", total=len(plans)) as stage:
            for plan in plans:
                _do(asked, plan, now)
                asked.reporter.advance(stage, 1)
        with run.stage("delete_files", unit="files") as stage:
            for file in (file for one in past for file in one.files):
                file.unlink(missing_ok=True)
                asked.reporter.advance(stage, 1)
        run.rows_deleted = sum(plan.rows_past for plan in plans)
        _show(asked, plans, past)


def _planned(
    asked: Maintenance, chosen: Sequence[Table], now: datetime
) -> tuple[list[TablePlan], list[Past]]:
    hours = asked.lake.config.of(CareSettings).history_hours
    found = chosen or present(asked.lake)
    plans = [_plan(asked.lake, table, hours, now) for table in found if asked.lake.exists(table)]
    past = [] if chosen else list(files_past(asked.lake, now))
    return [plan for plan in plans if not plan.is_nothing], past


def present(lake: Lakehouse) -> Iterator[Declaration]:
    """The declared tables, then what else is in the warehouse."""
    yield from tables()
    known = {(lake.config.schemas[table.layer], table.short_name) for table in tables()}
    for schema, name in lake.tables():
        if (schema, name) not in known:
            yield Undeclared(f"{schema}.{name}")


def _plan(lake: Lakehouse, table: Declaration, hours: int, now: datetime) -> TablePlan:
    if lake.is_materialized(table):
        return TablePlan(table)
    past = rows_past(lake, table, now) if isinstance(table, Table) else 0
    if lake.kind == "workspace":
        return TablePlan(table, past)
    facts, needed = lake.facts(table), hours_needed(lake, table, hours, now)
    # The turns of jobs are contested rows: a compaction in between would be a conflict.
    is_scattered = (
        facts is not None
        and table.name != JOB_LOCKS.name
        and facts.files >= SMALL_FILES
        and facts.bytes < facts.files * SMALL_BYTES
    )
    stale = lake.stale(table, retain_hours=needed)
    return TablePlan(table, past, facts.files if facts and is_scattered else 0, stale, needed)


def _do(asked: Maintenance, plan: TablePlan, now: datetime) -> None:
    lake = asked.lake
    try:
        if plan.rows_past and isinstance(plan.table, Table):
            delete_past(lake, plan.table, now)
        if plan.small_files:
            lake.compact(plan.table)
        if not plan.stale.is_nothing:
            lake.vacuum(plan.table, retain_hours=plan.retain_hours)
    except ConflictError:
        asked.reporter.say(f"{plan.table.name} is being written: the rest waits for the next time")


def _show(asked: Maintenance, plans: Sequence[TablePlan], past: Sequence[Past]) -> None:
    """What was done, or would be: a line a table and folder."""
    reporter = asked.reporter
    if asked.lake.kind == "workspace":
        reporter.say("Compaction and vacuum are left to predictive optimization")
    if not (plans or past):
        reporter.say("Nothing is to be done")
        return
    rows = [
        (
            plan.table.name,
            plan.rows_past,
            plan.small_files,
            plan.stale.files,
            decimal(plan.stale.bytes),
            plan.stale.log_files,
        )
        for plan in plans
    ]
    columns = ["table", "rows past", "files compacted", "files vacuumed", "gained", "commits cut"]
    title = "Would be done" if asked.dry_run else "Done"
    if rows:
        reporter.table(f"{title}: tables", columns, rows)
    files = [
        (p.declaration.folder, p.declaration.what, len(p.files), decimal(p.bytes)) for p in past
    ]
    if files:
        reporter.table(f"{title}: files deleted", ["folder", "what", "files", "gained"], files)
