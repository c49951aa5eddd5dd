"""Replay of the LMS's quarantine: parse bronze again, then fetch what could not be fetched."""

from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.quarantine import QUARANTINE, keep, open_records
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.lms.bronze import EVENT_NOT_FETCHED, LMS_EVENT_SESSION_DETAILS
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.job import JOB, LmsJob, retry_failed
from lyceum.systems.lms.job_publish import SYSTEM
from lyceum.systems.lms.job_silver import merge_with_removed
from lyceum.systems.lms.settings import LmsFieldSettings
from lyceum.systems.lms.silver import (
    EVENT_SESSION_DETAILS,
    EVENT_SESSION_PRODUCTS,
    SESSION_RULES,
    event_session_details,
    event_session_products,
    session_records,
)
from pocketlake import Written


def replay_lms(lake: Lakehouse, reporter: Reporter) -> None:
    """Mend what the present rules and field settings can, then retry the failed events."""
    with (
        Run.of(lake, JOB, {"scope": "replay"}, reporter=reporter) as run,
        run.stage("parse_again", title="Parse the payloads again") as step,
    ):
        sessions = parse_again(lake, lake.config.of(LmsFieldSettings))
        run.count(sessions)
        step.note = f"sessions: {sessions}"
    if not open_records(lake, SYSTEM, rule=EVENT_NOT_FETCHED).isEmpty():
        retry_failed(LmsJob(lake, reporter))


def parse_again(lake: Lakehouse, fields: LmsFields) -> Written:
    """Parse all payloads of bronze anew into silver and quarantine; returns what sessions changed.

    All of them, as a session that two events claim belongs to one of them only.
    """
    payloads, at = lake.read(LMS_EVENT_SESSION_DETAILS), F.lit(datetime.now(UTC))
    records = session_records(payloads, fields=fields)

    def merge_marked(table: Table, found: DataFrame) -> Written:
        known = lake.read(table).join(payloads.select("event_id"), on="event_id", how="left_semi")
        return merge_with_removed(lake, table, found, known=known, records=records, removed_at=at)

    sessions = merge_marked(EVENT_SESSION_DETAILS, event_session_details(records))
    merge_marked(EVENT_SESSION_PRODUCTS, event_session_products(records))
    found = quarantine_rows(broken_rules(records, rules=SESSION_RULES), system=SYSTEM)
    looked_at = lake.read(QUARANTINE).where(F.col("rule").isin([r.id for r in SESSION_RULES]))
    keep(lake, found.unionByName(mended_rows(looked_at, found, system=SYSTEM, at=at)))
    return sessions
