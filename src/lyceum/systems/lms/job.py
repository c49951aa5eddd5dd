"""The job `lms_session_details`: the LMS's events and their sessions, from the API to silver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import open_records, show_open
from lyceum.quality.results import CheckResult, gate
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.lms import audit
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
    quarantine_failures,
)
from lyceum.systems.lms.job_silver import publish_silver
from lyceum.systems.lms.settings import LmsFieldSettings, LmsSettings, LmsThresholds
from lyceum.systems.lms.source.landing import Load, LoadFolder, Scope
from lyceum.systems.lms.suite import check_lms

JOB = "lms_session_details"


class NothingFetchedError(LyceumError):
    """Every event of a load failed; the tables stay as they were."""


@dataclass(frozen=True)
class LmsJob:
    """What every LMS command works with; settings are read when asked for, or SettingsError."""

    lake: Lakehouse
    reporter: Reporter
    given: Mapping[str, object] = field(default_factory=dict)
    """Settings of LmsSettings that come before the environment's."""

    @cached_property
    def settings(self) -> LmsSettings:
        """How to call the LMS."""
        return self.lake.config.of(LmsSettings, **self.given)

    @cached_property
    def fields(self) -> LmsFields:
        """Where the payloads have what."""
        return self.lake.config.of(LmsFieldSettings)

    @cached_property
    def thresholds(self) -> LmsThresholds:
        """What the data must pass."""
        return self.lake.config.of(LmsThresholds)


def load(job: LmsJob, *, since: str | None = None, restart: bool = False) -> None:
    """Load all events, or those updated since a time, into bronze and silver.

    An unfinished load of the same kind is continued. Raises QualityGateError after the data is
    in if a critical expectation fails.
    """
    _load(job, "since" if since else "complete", since, restart=restart)


def retry_failed(job: LmsJob) -> None:
    """Fetch just the events that earlier loads could not fetch."""
    _load(job, "retry", None, restart=False)


def _load(job: LmsJob, scope: Scope, since: str | None, *, restart: bool) -> None:
    """Go on with the unfinished load, or plan the wanted one; then fetch and publish it."""
    parameters = {"scope": scope, "since": since}
    with Run.of(job.lake, JOB, parameters, reporter=job.reporter) as run:
        run.begin()
        with audit.audited_failure(run):
            _ = job.settings, job.fields, job.thresholds  # before anything is called
            wanted = Load(scope, load_source(job.settings, since))
            folder = opened(job.lake.config.landing / "lms", wanted, restart=restart)
            has_events = folder.is_planned or _plan(job, run, folder, since) > 0
            results = _fetch_and_publish(job, folder, run) if has_events else []
            folder.drop()
        gate(results)


def _plan(job: LmsJob, run: Run, folder: LoadFolder, since: str | None) -> int:
    """Plan the events to fetch and return their number; an empty list never empties the tables."""
    if folder.load.scope == "retry":
        return _plan_failed(job, folder)
    count = list_events(run, folder, job.settings, job.fields, since=since)
    if count == 0:
        known = job.lake.read(LMS_EVENT_SESSION_DETAILS).count()
        if known and not since:
            message = f"expected the LMS to list events, found none, but {known} are known here"
            raise EventsListError(message)
        run.reporter.say("The LMS lists no event: there is nothing to load")
    return count


def _plan_failed(job: LmsJob, folder: LoadFolder) -> int:
    failed = open_records(job.lake, SYSTEM, rule=EVENT_NOT_FETCHED).orderBy("source_key")
    if (count := folder.plan(row.source_key for row in failed.collect())) == 0:
        job.reporter.say("No event has failed: there is nothing to retry")
    return count


def _fetch_and_publish(job: LmsJob, folder: LoadFolder, run: Run) -> list[CheckResult]:
    lake = job.lake
    fetch_details(run, folder, job.settings)
    pages, answers = landed_pages(lake.spark, folder), landed_answers(lake.spark, folder)
    landed = Landed(folder.load, pages, answers, folder.path)
    failed = failed_events(answers).groupBy("error_kind").count().orderBy("error_kind")
    failures = {row.error_kind: row["count"] for row in failed.collect()}
    run.rows_processed = folder.answered - sum(failures.values())
    if failures and not run.rows_processed:
        quarantine_failures(lake, landed)
        folder.drop()
        raise NothingFetchedError(audit.failures_text(failures))
    with run.stage("publish_bronze", unit="events") as stage:
        publish_bronze(lake, landed)
        stage.done = run.rows_processed
    with run.stage("merge_silver_and_quarantine") as stage:
        changes = publish_silver(lake, landed, job.fields)
        stage.note = f"sessions: {changes.sessions} · quarantine: {changes.quarantine}"
        run.count(changes.sessions)
    audit.audit_success(lake, folder.load, failures)
    with run.stage("check_quality") as stage:
        results = check_lms(
            lake,
            load_id=folder.load.id,
            checked_at=datetime.now(UTC),
            fields=job.fields,
            thresholds=job.thresholds,
        )
        stage.note = f"{sum(r.passed for r in results)} of {len(results)} expectations met"
    audit.show_summary(lake, job.reporter, failures)
    show_open(lake, job.reporter, SYSTEM)
    return results
