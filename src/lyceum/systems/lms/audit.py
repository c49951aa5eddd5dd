"""What an LMS load tells: its rows in the audit log, and its summary."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run, reason
from lyceum.systems.lms.bronze import LMS_EVENT_SESSION_DETAILS
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from lyceum.systems.lms.source.landing import Load

LMS_AUDIT_LOG = Table(
    name="ops.lms_audit_log",
    grain="one row per load and outcome; a load in which some events failed has two",
    keys=("table_name", "load_time", "load_status"),
    columns="""
        table_name STRING NOT NULL COMMENT 'The bronze table that was loaded',
        row_count BIGINT NOT NULL COMMENT 'Rows of the bronze table after the load; -1 on failure',
        load_time TIMESTAMP NOT NULL COMMENT 'When the outcome was known, UTC',
        load_status STRING NOT NULL COMMENT 'SUCCESS or FAILED',
        error_message STRING COMMENT 'What went wrong, for a person'
    """,
    cluster_by=(),
    retention_days=730,
    retention_column="load_time",
    personal=("error_message",),
    person=("error_message",),
)

_AUDITED = LMS_EVENT_SESSION_DETAILS.short_name


def failures_text(failures: Mapping[str, int]) -> str:
    """How many events failed, and how."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in failures.items())
    return f"{sum(failures.values())} events failed: {kinds}"


def audit_success(lake: Lakehouse, load: Load, failures: Mapping[str, int]) -> None:
    """Record that the load's data is in, and which events failed; once a load."""
    now = datetime.now(UTC)
    count = lake.read(LMS_EVENT_SESSION_DETAILS).count()
    rows: list[tuple[object, ...]] = [(_AUDITED, count, now, "SUCCESS", None)]
    if failures:
        rows.append((_AUDITED, -1, now, "FAILED", failures_text(failures)))
    lake.append(LMS_AUDIT_LOG, lake.rows(LMS_AUDIT_LOG, rows), once=(f"lms:{load.id}", 1))


@contextmanager
def audited_failure(run: Run) -> Iterator[None]:
    """Record what stops a load before its data is in."""
    try:
        yield
    except BaseException as error:
        row = (_AUDITED, -1, datetime.now(UTC), "FAILED", reason(error).splitlines()[0])
        rows = run.lake.rows(LMS_AUDIT_LOG, [row])
        run.lake.append(LMS_AUDIT_LOG, rows, once=(f"lms:{run.id}", 1))
        raise


def show_summary(lake: Lakehouse, reporter: Reporter, failures: Mapping[str, int]) -> None:
    """What the tables hold after a load."""
    is_removed = F.col("removed_at").isNotNull()
    sessions = lake.read(EVENT_SESSION_DETAILS).agg(F.count("*"), F.count_if(is_removed))
    count, removed = sessions.collect()[0]
    facts = {
        "events in bronze": lake.read(LMS_EVENT_SESSION_DETAILS).count(),
        "sessions in silver": count,
        "of them removed from the LMS": removed,
        "events that failed": failures_text(failures) if failures else "none",
    }
    reporter.result("LMS session details", facts)
