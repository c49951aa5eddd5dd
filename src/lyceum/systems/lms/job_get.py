"""One event of the LMS as silver would have it, without any table."""

from lyceum.errors import LyceumError
from lyceum.quality.rules import broken_rules
from lyceum.systems.lms.bronze import ANSWER_COLUMNS, failed_events, fetched_payloads
from lyceum.systems.lms.job import LmsJob
from lyceum.systems.lms.job_fetch import refusals_explained
from lyceum.systems.lms.silver import SESSION_RULES, event_session_details, session_records
from lyceum.systems.lms.source.fetch import answer_row, with_lms


def get(job: LmsJob, event_id: str) -> None:
    """Fetch one event, show its sessions as silver would have them; no table is changed."""
    with refusals_explained():
        fetched = with_lms(job.settings, lambda client: client.fetch(event_id))
    row = tuple(answer_row("", fetched).values())
    answer = job.lake.spark.createDataFrame([row], ANSWER_COLUMNS)
    failed = failed_events(answer).collect()
    if failed:
        message = f"event {event_id} was not fetched: {failed[0].error_message}"
        raise LyceumError(message)
    records = session_records(fetched_payloads(answer), fields=job.fields)
    sessions = event_session_details(records).drop("updated_at", "removed_at", "event_id")
    job.reporter.table(f"Sessions of {event_id}", sessions.columns, sessions.collect())
    broken = broken_rules(records, rules=SESSION_RULES).select("severity", "rule", "record_key")
    if not broken.isEmpty():
        job.reporter.table("Broken rules", broken.columns, broken.collect())
