"""The job `lms_session_details`: the LMS's events and their sessions, from the API to silver."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import functions as F

from lyceum.bronze.lms import (
    EVENT_NOT_FETCHED,
    LMS_EVENT_SESSION_DETAILS,
    LMS_LOAD_DETAILS,
    LMS_LOAD_EVENTS,
    LMS_LOAD_PAGES,
    failed_events,
    fetched_payloads,
)
from lyceum.errors import LyceumError
from lyceum.jobs.lms_fetch import (
    EventsListError,
    LmsOutageError,
    Load,
    fetch_details,
    fetched_event,
    list_events,
    load_source,
    resumable_load,
    stage_events,
)
from lyceum.jobs.lms_publish import (
    SYSTEM,
    SilverChanges,
    publish_bronze,
    publish_silver,
    quarantine_failures,
)
from lyceum.ops.audit import LMS_AUDIT_LOG
from lyceum.ops.circuits import guarded
from lyceum.ops.ledger import Run, reason, recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.quarantine import open_records, show_open
from lyceum.ops.reporter import Reporter
from lyceum.quality.expectations import preload
from lyceum.quality.lms import check_lms
from lyceum.quality.results import CheckResult, gate
from lyceum.quality.rules import broken_rules
from lyceum.quality.thresholds import LmsThresholds
from lyceum.silver.lms import (
    EVENT_SESSION_DETAILS,
    SESSION_RULES,
    event_session_details,
    session_records,
)
from lyceum.sources.lms.fields import LmsFields
from lyceum.sources.lms.settings import LmsSettings
from lyceum.storage import Lakehouse, append_once, clear, side_by_side

JOB = "lms_session_details"
_AUDITED = LMS_EVENT_SESSION_DETAILS.short_name


class NothingFetchedError(LyceumError):
    """Every event of a load failed; the tables stay as they were."""


@dataclass(frozen=True)
class LmsJob:
    """What every LMS command works with."""

    lake: Lakehouse
    settings: LmsSettings
    fields: LmsFields
    thresholds: LmsThresholds
    reporter: Reporter


def load(job: LmsJob, *, since: str | None = None, restart: bool = False) -> None:
    """Load all events, or those updated since a time, into bronze and silver.

    An unfinished load of the same kind is continued. Raises QualityGateError after the data is
    in if a critical expectation fails.
    """
    wanted = Load("since" if since else "complete", load_source(job.settings, since))
    _run(job, wanted, stage=lambda this: _list_events(job, this, since), restart=restart)


def retry_failed(job: LmsJob) -> None:
    """Fetch just the events that earlier loads could not fetch."""
    wanted = Load("retry", load_source(job.settings, None))
    _run(job, wanted, stage=partial(_stage_failed, job), restart=False)


def get(job: LmsJob, event_id: str) -> None:
    """Fetch one event, show its sessions as silver would have them; no table is changed."""
    staged = fetched_event(job.lake, job.settings, event_id)
    failed = failed_events(staged).collect()
    if failed:
        message = f"event {event_id} was not fetched: {failed[0].error_message}"
        raise LyceumError(message)
    records = session_records(fetched_payloads(staged), fields=job.fields)
    sessions = event_session_details(records).drop("updated_at", "removed_at", "event_id")
    job.reporter.table(f"Sessions of {event_id}", sessions.columns, sessions.collect())
    broken = broken_rules(records, rules=SESSION_RULES).select("severity", "rule", "record_key")
    if not broken.isEmpty():
        job.reporter.table("Broken rules", broken.columns, broken.collect())


def _run(job: LmsJob, wanted: Load, *, stage: Callable[[Load], int], restart: bool) -> None:
    """Go on with the unfinished load, or stage the wanted one; then fetch and publish it."""
    parameters = {"scope": wanted.scope, "source": wanted.source}
    with job_lock(job.lake, JOB), recorded_run(job.lake, JOB, parameters) as run:
        found = resumable_load(job.lake, wanted, restart=restart)
        this = found or wanted
        with _audited_failure(job, this, run), _circuit(job):
            if found is None and stage(this) == 0:
                return
            results = _fetch_and_publish(job, this, run)
        gate(results)


def _list_events(job: LmsJob, load: Load, since: str | None) -> int:
    """Stage the events to fetch and return their number; an empty list never empties the tables."""
    lake, reporter = job.lake, job.reporter
    count = list_events(lake, load, job.settings, job.fields, since=since, reporter=reporter)
    if count == 0:
        known = lake.read(LMS_EVENT_SESSION_DETAILS).count()
        if known and not since:
            message = f"expected the LMS to list events, found none, but {known} are known here"
            raise EventsListError(message)
        reporter.say("The LMS lists no event: there is nothing to load")
    return count


def _stage_failed(job: LmsJob, load: Load) -> int:
    failed = open_records(job.lake, SYSTEM, rule=EVENT_NOT_FETCHED)
    event_ids = failed.select(F.col("source_key").alias("event_id"))
    clear(job.lake, LMS_LOAD_PAGES)
    clear(job.lake, LMS_LOAD_DETAILS)
    count = stage_events(job.lake, load, job.settings, event_ids)
    if count == 0:
        job.reporter.say("No event has failed: there is nothing to retry")
    return count


def _fetch_and_publish(job: LmsJob, load: Load, run: Run) -> list[CheckResult]:
    lake, reporter = job.lake, job.reporter
    preload()
    fetch_details(lake, load, job.settings, reporter=reporter)
    fetched, failures = _outcome(lake)
    if failures and not fetched:
        quarantine_failures(lake)
        _finish(lake)
        raise NothingFetchedError(_failure_message(failures))
    with reporter.step("Publish bronze", unit="events") as step:
        publish_bronze(lake, load)
        step.done = fetched
    with reporter.step("Merge silver and quarantine") as step:
        changes = publish_silver(lake, load, job.fields)
        step.note = _note(changes)
    _audit(lake, load, failures)
    run.rows_processed = fetched
    run.rows_inserted = changes.sessions.inserted
    run.rows_updated = changes.sessions.updated
    with reporter.step("Check quality") as step:
        results = check_lms(
            lake,
            load_id=load.id,
            checked_at=datetime.now(UTC),
            fields=job.fields,
            thresholds=job.thresholds,
        )
        passed = sum(result.passed for result in results)
        step.note = f"{passed} of {len(results)} expectations met"
    _finish(lake)
    _show_summary(job, load, failures)
    return results


def _outcome(lake: Lakehouse) -> tuple[int, dict[str, int]]:
    """How many events of the load were fetched, and how many failed, by kind."""
    details = lake.read(LMS_LOAD_DETAILS)
    failed = failed_events(details).groupBy("error_kind").count().orderBy("error_kind").collect()
    failures = {row.error_kind: row["count"] for row in failed}
    return details.count() - sum(failures.values()), failures


def _note(changes: SilverChanges) -> str:
    sessions, quarantined = changes.sessions, changes.quarantine
    if sessions.is_nothing and changes.products.is_nothing and quarantined.is_nothing:
        return "no change, nothing written"
    return (
        f"sessions: {sessions.inserted:,} new, {sessions.updated:,} changed"
        f" · quarantine: {quarantined.inserted:,} new, {quarantined.updated:,} changed"
    )


def _failure_message(failures: dict[str, int]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in failures.items())
    return f"{sum(failures.values())} events failed: {kinds}"


def _audit(lake: Lakehouse, load: Load, failures: dict[str, int]) -> None:
    now = datetime.now(UTC)
    count = lake.read(LMS_EVENT_SESSION_DETAILS).count()
    rows: list[tuple[object, ...]] = [(_AUDITED, count, now, "SUCCESS", None)]
    if failures:
        rows.append((_AUDITED, -1, now, "FAILED", _failure_message(failures)))
    _write_audit(lake, rows, app=f"lms:{load.id}")


def _write_audit(lake: Lakehouse, rows: list[tuple[object, ...]], *, app: str) -> None:
    frame = lake.spark.createDataFrame(rows, LMS_AUDIT_LOG.columns)
    append_once(lake, LMS_AUDIT_LOG, frame, app=app, version=1)


def _finish(lake: Lakehouse) -> None:
    """The load is over as soon as its events are no longer staged."""
    clear(lake, LMS_LOAD_EVENTS)
    side_by_side(lake.spark, *(partial(clear, lake, t) for t in (LMS_LOAD_DETAILS, LMS_LOAD_PAGES)))


def _circuit(job: LmsJob) -> AbstractContextManager[None]:
    """What keeps a load away from an LMS that was out of order several loads in a row."""
    return guarded(job.lake, f"lms at {job.settings.base_url}", is_outage=_is_outage)


def _is_outage(error: BaseException) -> bool:
    """A conflict in a table may pass too, but says nothing about the LMS."""
    return isinstance(error, LmsOutageError) and error.is_transient


@contextmanager
def _audited_failure(job: LmsJob, load: Load, run: Run) -> Iterator[None]:
    """What stops a load before its data is in goes to the audit log as it is."""
    try:
        yield
    except BaseException as error:
        row = (_AUDITED, -1, datetime.now(UTC), "FAILED", reason(error).splitlines()[0])
        _write_audit(job.lake, [row], app=f"lms:{load.id}:{run.id}")
        raise


def _show_summary(job: LmsJob, load: Load, failures: dict[str, int]) -> None:
    lake = job.lake
    sessions = lake.read(EVENT_SESSION_DETAILS)
    is_removed = F.col("removed_at").isNotNull()
    counts = sessions.agg(F.count("*"), F.count_if(is_removed)).collect()[0]
    job.reporter.result(
        "LMS session details",
        {
            "events in bronze": lake.read(LMS_EVENT_SESSION_DETAILS).count(),
            "sessions in silver": counts[0],
            "of them removed from the LMS": counts[1],
            "events that failed": _failure_message(failures) if failures else "none",
        },
    )
    show_open(lake, job.reporter, SYSTEM, load.id)
