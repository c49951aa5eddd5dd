"""The event pipeline on one machine: from delivered files to silver, gold and quarantine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.errors import UsageError
from lyceum.gold.event_kpis import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.jobs.events_files import (
    Pending,
    Preparation,
    delivered_keys,
    file_id,
    ingest,
    ingest_anew,
    pending_files,
    prepare_files,
    source_names,
)
from lyceum.jobs.events_publish import (
    OUTPUTS,
    publish_events,
    publish_kpis,
    publish_participants,
    quarantine,
)
from lyceum.jobs.events_scope import SYSTEM, Scope
from lyceum.ops.landing import Published, published, record_publication
from lyceum.ops.ledger import Run, recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.quarantine import QUARANTINE, open_records, show_open
from lyceum.ops.reporter import Reporter
from lyceum.sources.landing import (
    BRANDS,
    ENTITIES,
    EVENTS,
    INDICATIONS,
    MDM,
    PARTICIPANTS,
    Delivery,
    deliveries,
)
from lyceum.storage import Lakehouse, Written, computed_once, side_by_side
from lyceum.storage.versions import latest_version
from lyceum.table import Table

JOB = "events_daily"
TABLES = (*LANDING_TABLES.values(), *OUTPUTS)
_WRITTEN_LAST = (QUARANTINE.name, EVENT_PERFORMANCE_KPI.name, PRODUCT_PERFORMANCE_KPI.name)


class RefreshError(UsageError):
    """A table to refresh is none of the pipeline's."""


@dataclass(frozen=True)
class EventsJob:
    """What every command of the event pipeline works with."""

    lake: Lakehouse
    landing: Path
    reporter: Reporter

    @property
    def home(self) -> Path:
        """Where prepared files and unreadable ones are kept."""
        return self.lake.config.home


@dataclass(frozen=True)
class _Work:
    """What a run has to do."""

    prepared: Preparation
    pending: Pending
    before: Published
    anew: Sequence[Table]
    """Tables to compute from all that there is."""


def run(
    job: EventsJob,
    *,
    full_refresh: bool = False,
    refresh: Sequence[str] = (),
    known: Published | None = None,
) -> Published:
    """Bring what was delivered to silver and gold, only what it can change.

    A full refresh computes every table again from all files that were ever accepted, `refresh`
    the named tables. Whatever was killed, or written by anybody else, is found by the tables'
    versions and computed again. What an earlier run returned spares this one a query.
    """
    anew = _tables_to_refresh(refresh) if not full_refresh else list(TABLES)
    with job_lock(job.lake, JOB):
        prepared = prepare_files(job.landing, job.home, job.reporter)
        before = published(job.lake, known)
        pending = pending_files(job.home, before.files)
        if not pending and not anew:
            job.reporter.say("Nothing new was delivered: the tables stay as they are")
            return before
        parameters = {"full_refresh": full_refresh, "refresh": list(refresh)}
        with recorded_run(job.lake, JOB, parameters) as run:
            return _publish(job, run, _Work(prepared, pending, before, anew))


def watch(
    job: EventsJob, *, seconds: float, full_refresh: bool = False, refresh: Sequence[str] = ()
) -> None:
    """Run, then run again whenever the landing folder has changed, looked at every `seconds`.

    Ctrl-C between two runs ends it. The session stays, which halves what a small delivery costs.
    """
    seen = deliveries(job.landing, settling=0)
    known = run(job, full_refresh=full_refresh, refresh=refresh)
    while (found := _awaited(job, seen, seconds)) is not None:
        seen = found
        known = run(job, known=known)


def _awaited(job: EventsJob, seen: list[Delivery], seconds: float) -> list[Delivery] | None:
    """What is in the landing folder as soon as that is other than what was seen; None at Ctrl-C."""
    try:
        job.reporter.say(f"Watching {job.landing} for deliveries; Ctrl-C ends it")
        while (found := deliveries(job.landing, settling=0)) == seen:
            time.sleep(seconds)
    except KeyboardInterrupt:
        return None
    return found


def _tables_to_refresh(names: Sequence[str]) -> list[Table]:
    known = {name: table for table in TABLES for name in (table.name, table.short_name)}
    for name in names:
        if name not in known:
            listed = ", ".join(table.name for table in TABLES)
            message = f"expected a table of the event pipeline, found {name!r}: one of {listed}"
            raise RefreshError(message)
    return [known[name] for name in names]


def _publish(job: EventsJob, run: Run, work: _Work) -> Published:
    lake, reporter, pending = job.lake, job.reporter, work.pending
    is_continued = bool(work.before.versions) and work.before.versions == versions(lake)
    with reporter.step("Append to bronze") as step:
        entities = [e for e in ENTITIES if LANDING_TABLES[e.name] in work.anew]
        ingest_anew(lake, job.home, entities)
        rest = {entity: files for entity, files in pending.items() if entity not in entities}
        ingest(lake, rest, may_be_there=not is_continued)
        step.note = f"{sum(map(len, pending.values())):,} files"
    is_complete = bool(work.anew) or not is_continued
    quarantined = computed_once(open_records(lake, SYSTEM))
    if is_complete:
        scope = Scope(None, None, quarantined)
    else:
        scope = Scope(source_names(pending), delivered_keys(lake, pending), quarantined)
    counts = _publish_tables(job, run, scope)
    ids = [file_id(file) for found in pending.values() for file in found]
    after = record_publication(lake, run.id, work.before, files=ids, versions=versions(lake))
    run.rows_processed = work.prepared.rows
    run.rows_inserted = sum(written.inserted for written in counts.values())
    run.rows_updated = sum(written.updated for written in counts.values())
    run.rows_deleted = sum(written.deleted for written in counts.values())
    _show(job, work.prepared, counts)
    return after


def _publish_tables(job: EventsJob, run: Run, scope: Scope) -> dict[str, Written]:
    """Silver, quarantine and gold, in this order: what the one reads the other has written."""
    lake, reporter = job.lake, job.reporter
    counts: dict[str, Written] = {}
    events = participants = None
    if scope.has(EVENTS, BRANDS, INDICATIONS):
        with reporter.step("Merge events") as step:
            events, counts["silver.lm_events"] = publish_events(lake, scope)
            step.note = _note(counts["silver.lm_events"])
    if scope.has(EVENTS, PARTICIPANTS, MDM):
        with reporter.step("Merge participants") as step:
            participants, counts["silver.lm_participants"] = publish_participants(lake, scope)
            step.note = _note(counts["silver.lm_participants"])
    with reporter.step("Merge quarantine and key figures") as step:
        merge_quarantine = partial(
            quarantine,
            lake,
            scope,
            events=events,
            participants=participants,
            run_id=run.id,
            at=F.lit(datetime.now(UTC)),
        )
        # Neither reads what the other writes.
        quarantined, figures = side_by_side(
            lake.spark, lambda: (merge_quarantine(),), partial(publish_kpis, lake)
        )
        last = dict(zip(_WRITTEN_LAST, (*quarantined, *figures), strict=True))
        step.note = " · ".join(map(_note, last.values()))
    return counts | last


def versions(lake: Lakehouse) -> dict[str, int]:
    """The present version of every table of the pipeline."""
    return {table.name: latest_version(lake, table) for table in TABLES}


def _note(written: Written) -> str:
    changes = ((written.inserted, "new"), (written.updated, "changed"), (written.deleted, "gone"))
    return ", ".join(f"{count:,} {what}" for count, what in changes if count) or "no change"


def _show(job: EventsJob, prepared: Preparation, counts: dict[str, Written]) -> None:
    facts = {
        "files prepared": prepared.files,
        "of them unreadable": prepared.unreadable,
        "rows": prepared.rows,
        "malformed rows": prepared.malformed,
    }
    changes = {name: _note(written) for name, written in counts.items()}
    job.reporter.result("Event pipeline", {**facts, **changes})
    show_open(job.lake, job.reporter, SYSTEM)
