"""Replay of the LMS's quarantine: parse bronze again, then fetch what could not be fetched."""

from datetime import UTC, datetime
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.lms import EVENT_NOT_FETCHED, LMS_EVENT_SESSION_DETAILS
from lyceum.jobs.lms_publish import SYSTEM
from lyceum.jobs.lms_session_details import JOB, LmsJob, retry_failed
from lyceum.ops.ledger import recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.quarantine import QUARANTINE, keep, open_records
from lyceum.ops.reporter import Reporter
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.silver.lms import (
    EVENT_SESSION_DETAILS,
    EVENT_SESSION_PRODUCTS,
    SESSION_RULES,
    event_session_details,
    event_session_products,
    removed,
    session_records,
)
from lyceum.sources.lms.fields import LmsFields
from lyceum.storage import Lakehouse, Written, computed_once, merge, side_by_side
from lyceum.table import Table


def replay_lms(lake: Lakehouse, reporter: Reporter) -> None:
    """Mend what the present rules and field settings can, then retry the failed events."""
    fields = lake.config.lms_fields()
    with (
        job_lock(lake, JOB),
        recorded_run(lake, JOB, {"scope": "replay"}) as run,
        reporter.step("Parse the payloads again") as step,
    ):
        sessions = parse_again(lake, fields)
        run.rows_inserted, run.rows_updated = sessions.inserted, sessions.updated
        step.note = f"sessions: {sessions.inserted:,} new, {sessions.updated:,} changed"
    if not open_records(lake, SYSTEM, rule=EVENT_NOT_FETCHED).isEmpty():
        config = lake.config
        retry_failed(LmsJob(lake, config.lms(), fields, config.lms_thresholds(), reporter))


def parse_again(lake: Lakehouse, fields: LmsFields) -> Written:
    """Parse all payloads of bronze anew into silver and quarantine; returns what sessions changed.

    All of them, as a session that two events claim belongs to one of them only.
    """
    payloads, at = lake.read(LMS_EVENT_SESSION_DETAILS), F.lit(datetime.now(UTC))
    records = computed_once(session_records(payloads, fields=fields))
    details, products = event_session_details(records), event_session_products(records)
    sessions, _, _ = side_by_side(
        lake.spark,
        partial(_merge_marked, lake, EVENT_SESSION_DETAILS, details, records, at),
        partial(_merge_marked, lake, EVENT_SESSION_PRODUCTS, products, records, at),
        partial(_requarantine, lake, records, at),
    )
    return sessions


def _requarantine(lake: Lakehouse, records: DataFrame, at: Column) -> Written:
    """Keep what breaks a rule now, resolve what breaks none any more."""
    found = quarantine_rows(broken_rules(records, rules=SESSION_RULES), system=SYSTEM)
    looked_at = lake.read(QUARANTINE).where(F.col("rule").isin([r.id for r in SESSION_RULES]))
    mended = mended_rows(looked_at, found, system=SYSTEM, at=at)
    return keep(lake, found.unionByName(mended))


def _merge_marked(
    lake: Lakehouse, table: Table, found: DataFrame, records: DataFrame, at: Column
) -> Written:
    """Merge what was found, and mark as removed what its event's payload no longer gives."""
    listless = records.where(~F.col("has_session_list")).select("event_id")
    parsed = lake.read(LMS_EVENT_SESSION_DETAILS).select("event_id")
    parsed = parsed.join(listless, on="event_id", how="left_anti")
    known = lake.read(table).join(parsed, on="event_id", how="left_semi")
    gone = removed(known, found, keys=table.keys, removed_at=at)
    rows = found.unionByName(gone.select(*found.columns))
    return merge(lake, table, rows, unless_only=("updated_at",))
