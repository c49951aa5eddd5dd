"""What an LMS load tells: its rows in the audit log, and its summary."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import show_open
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run, reason
from lyceum.systems.lms.audit import LMS_AUDIT_LOG
from lyceum.systems.lms.bronze import LMS_EVENT_SESSION_DETAILS
from lyceum.systems.lms.job_publish import SYSTEM, SilverChanges
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from lyceum.systems.lms.source.landing import Load

_AUDITED = LMS_EVENT_SESSION_DETAILS.short_name


def changes_text(changes: SilverChanges) -> str:
    """What a load changed, in a line."""
    sessions, quarantined = changes.sessions, changes.quarantine
    if sessions.is_nothing and changes.products.is_nothing and quarantined.is_nothing:
        return "no change, nothing written"
    return (
        f"sessions: {sessions.inserted:,} new, {sessions.updated:,} changed"
        f" · quarantine: {quarantined.inserted:,} new, {quarantined.updated:,} changed"
    )


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
def audited_failure(lake: Lakehouse, load: Load, run: Run) -> Iterator[None]:
    """Record what stops a load before its data is in."""
    try:
        yield
    except BaseException as error:
        row = (_AUDITED, -1, datetime.now(UTC), "FAILED", reason(error).splitlines()[0])
        once = (f"lms:{load.id}:{run.id}", 1)
        lake.append(LMS_AUDIT_LOG, lake.rows(LMS_AUDIT_LOG, [row]), once=once)
        raise


def show_summary(
    lake: Lakehouse, reporter: Reporter, load: Load, failures: Mapping[str, int]
) -> None:
    """What the tables hold after the load, and what it left in quarantine."""
    is_removed = F.col("removed_at").isNotNull()
    sessions = lake.read(EVENT_SESSION_DETAILS).agg(F.count("*"), F.count_if(is_removed))
    count, removed = sessions.collect()[0]
    reporter.result(
        "LMS session details",
        {
            "events in bronze": lake.read(LMS_EVENT_SESSION_DETAILS).count(),
            "sessions in silver": count,
            "of them removed from the LMS": removed,
            "events that failed": failures_text(failures) if failures else "none",
        },
    )
    show_open(lake, reporter, SYSTEM, load.id)
