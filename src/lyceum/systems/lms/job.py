"""The job `lms_session_details`: the LMS's events and their sessions, from the API to silver."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import open_records
from lyceum.quality.results import CheckResult, gate
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.lms.bronze import EVENT_NOT_FETCHED, LMS_EVENT_SESSION_DETAILS, failed_events
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.job_fetch import (
    EventsListError,
    fetch_details,
    landed_answers,
    landed_pages,
    list_events,
    load_source,
    opened,
)
from lyceum.systems.lms.job_publish import (
    SYSTEM,
    Landed,
    publish_bronze,
    publish_silver,
    quarantine_failures,
)
from lyceum.systems.lms.report import (
    audit_success,
    audited_failure,
    changes_text,
    failures_text,
    show_summary,
)
from lyceum.systems.lms.settings import LmsSettings, LmsThresholds
from lyceum.systems.lms.source.landing import Load, LoadFolder
from lyceum.systems.lms.suite import check_lms

JOB = "lms_session_details"


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
    _run(job, wanted, plan=partial(_list_events, job, since), restart=restart)


def retry_failed(job: LmsJob) -> None:
    """Fetch just the events that earlier loads could not fetch."""
    wanted = Load("retry", load_source(job.settings, None))
    _run(job, wanted, plan=partial(_plan_failed, job), restart=False)


def _run(job: LmsJob, wanted: Load, *, plan: Callable[[LoadFolder], int], restart: bool) -> None:
    """Go on with the unfinished load, or plan the wanted one; then fetch and publish it."""
    parameters = {"scope": wanted.scope, "source": wanted.source}
    with Run.of(job.lake, JOB, parameters, reporter=job.reporter) as run:
        run.begin()
        folder = opened(job.lake.config.home / "landing" / "lms", wanted, restart=restart)
        with audited_failure(job.lake, folder.load, run):
            has_events = folder.is_planned or plan(folder) > 0
            results = _fetch_and_publish(job, folder, run) if has_events else []
            folder.drop()
        gate(results)


def _list_events(job: LmsJob, since: str | None, folder: LoadFolder) -> int:
    """Plan the listed events and return their number; an empty list never empties the tables."""
    lake, reporter = job.lake, job.reporter
    count = list_events(
        lake.spark, folder, job.settings, job.fields, since=since, reporter=reporter
    )
    if count == 0:
        known = lake.read(LMS_EVENT_SESSION_DETAILS).count()
        if known and not since:
            message = f"expected the LMS to list events, found none, but {known} are known here"
            raise EventsListError(message)
        reporter.say("The LMS lists no event: there is nothing to load")
    return count


def _plan_failed(job: LmsJob, folder: LoadFolder) -> int:
    failed = open_records(job.lake, SYSTEM, rule=EVENT_NOT_FETCHED).orderBy("source_key")
    count = folder.plan(row.source_key for row in failed.collect())
    if count == 0:
        job.reporter.say("No event has failed: there is nothing to retry")
    return count


def _fetch_and_publish(job: LmsJob, folder: LoadFolder, run: Run) -> list[CheckResult]:
    lake, reporter = job.lake, job.reporter
    fetch_details(folder, job.settings, reporter=reporter)
    pages, answers = landed_pages(lake.spark, folder), landed_answers(lake.spark, folder)
    landed = Landed(folder.load, pages, answers, folder.path)
    kinds = failed_events(answers).groupBy("error_kind").count().orderBy("error_kind").collect()
    failures = {row.error_kind: row["count"] for row in kinds}
    fetched = folder.answered - sum(failures.values())
    if failures and not fetched:
        quarantine_failures(lake, landed)
        folder.drop()
        raise NothingFetchedError(failures_text(failures))
    with reporter.step("Publish bronze", unit="events") as step:
        publish_bronze(lake, landed)
        step.done = fetched
    with reporter.step("Merge silver and quarantine") as step:
        changes = publish_silver(lake, landed, job.fields)
        step.note = changes_text(changes)
    audit_success(lake, folder.load, failures)
    run.rows_processed = fetched
    run.rows_inserted = changes.sessions.inserted
    run.rows_updated = changes.sessions.updated
    with reporter.step("Check quality") as step:
        results = check_lms(
            lake,
            load_id=folder.load.id,
            checked_at=datetime.now(UTC),
            fields=job.fields,
            thresholds=job.thresholds,
        )
        step.note = f"{sum(r.passed for r in results)} of {len(results)} expectations met"
    show_summary(lake, reporter, folder.load, failures)
    return results
