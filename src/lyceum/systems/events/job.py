"""The event pipeline on one machine: files are prepared, tables updated, the quarantine merged.

In a workspace these are three tasks of a job, and the one in the middle is a pipeline of Lakeflow.
Each can be killed and repeated: a file is prepared once, a checkpoint knows what bronze has, and
everything after it is computed from what stands in its source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.quarantine import QUARANTINE, show_open
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.events.bronze import LANDING_TABLES
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.systems.events.job_files import Preparation, prepare_files
from lyceum.systems.events.job_quarantine import merge_quarantine
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES, SYSTEM
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from pocketlake import Written

if TYPE_CHECKING:
    from bundlerun.pipelines import Update

JOB = "events_daily"
TABLES = (
    *LANDING_TABLES.values(),
    LM_EVENTS,
    LM_PARTICIPANTS,
    LM_BROKEN_RULES,
    EVENT_PERFORMANCE_KPI,
    PRODUCT_PERFORMANCE_KPI,
)
_REPORTED = (LM_EVENTS, LM_PARTICIPANTS, EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI)


class RefreshError(UsageError):
    """A table to refresh is none of the pipeline's."""


@dataclass(frozen=True)
class EventsJob:
    """What every command of the event pipeline works with."""

    lake: Lakehouse
    landing: Path
    reporter: Reporter


def run(job: EventsJob, *, full_refresh: bool = False, refresh: Sequence[str] = ()) -> None:
    """Bring what was delivered to silver, gold and quarantine.

    A full refresh computes every table again from all files that were ever accepted, `refresh`
    the named tables.
    """
    anew = TABLES if full_refresh else _tables_to_refresh(refresh)
    parameters = {"full_refresh": full_refresh, "refresh": list(refresh)}
    with Run.of(job.lake, JOB, parameters, reporter=job.reporter) as recorded:
        recorded.begin()
        prepared = prepare_files(job.landing, job.lake.config.home, job.reporter)
        with job.reporter.step("Update tables") as step:
            update = _updated(job.lake, anew)
            written = _written(job.lake, update)
            step.note = f"{sum(not w.is_nothing for w in written.values())} of {len(TABLES)} tables"
        with job.reporter.step("Merge quarantine") as step:
            written[QUARANTINE.name] = merge_quarantine(job.lake, recorded.id)
            step.note = note(written[QUARANTINE.name])
        _count(recorded, prepared, written)
        _show(job, prepared, written)


def note(written: Written) -> str:
    """What a write did, for a person."""
    changes = ((written.inserted, "new"), (written.updated, "changed"), (written.deleted, "gone"))
    return ", ".join(f"{count:,} {what}" for count, what in changes if count) or "no change"


def _tables_to_refresh(names: Sequence[str]) -> list[Table]:
    known = {name: table for table in TABLES for name in (table.name, table.short_name)}
    for name in names:
        if name not in known:
            listed = ", ".join(table.name for table in TABLES)
            message = f"expected a table of the event pipeline, found {name!r}: one of {listed}"
            raise RefreshError(message)
    return [known[name] for name in names]


def _updated(lake: Lakehouse, anew: Sequence[Table]) -> "Update":
    """Update all tables, those of `anew` from all there is."""
    from lyceum.systems.events.pipeline import event_pipeline, full_name, update_pipeline

    full_names = {table.name: full_name(lake.config, table) for table in TABLES}
    update = update_pipeline(
        lake,
        event_pipeline(lake.config),
        TABLES,
        full_refresh=[full_names[table.name] for table in anew],
        refresh=list(full_names.values()),
    )
    if update.failure is not None:
        raise update.failure
    return update


def _written(lake: Lakehouse, update: "Update") -> dict[str, Written]:
    """What the update wrote, by declared name."""
    from lyceum.systems.events.pipeline import full_name

    names = {full_name(lake.config, table): table.name for table in TABLES}
    return {
        names[flow.dataset]: Written(
            flow.outcome.inserted, flow.outcome.updated, flow.outcome.deleted
        )
        for flow in update.flows
        if flow.dataset in names
    }


def _count(run: Run, prepared: Preparation, written: Mapping[str, Written]) -> None:
    """Tell the ledger."""
    reported = [written[table.name] for table in (*_REPORTED, QUARANTINE)]
    run.rows_processed = prepared.rows
    run.rows_inserted = sum(w.inserted for w in reported)
    run.rows_updated = sum(w.updated for w in reported)
    run.rows_deleted = sum(w.deleted for w in reported)


def _show(job: EventsJob, prepared: Preparation, written: Mapping[str, Written]) -> None:
    if not prepared.files and all(w.is_nothing for w in written.values()):
        job.reporter.say("Nothing new was delivered: the tables stay as they are")
        return
    facts = {
        "files prepared": prepared.files,
        "of them unreadable": prepared.unreadable,
        "rows": prepared.rows,
        "malformed rows": prepared.malformed,
    }
    changes = {table.name: note(written[table.name]) for table in (*_REPORTED, QUARANTINE)}
    job.reporter.result("Event pipeline", {**facts, **changes})
    show_open(job.lake, job.reporter, SYSTEM)
