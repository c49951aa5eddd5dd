"""The run ledger: every run of every job as append-only events, the latest state as a view."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table, View
from lyceum.redaction import redacted
from lyceum.runs.logs import append_logs, correlated, get_logger, open_logs
from lyceum.settings import user_at_host

_log = get_logger(__name__)

Status = Literal["RUNNING", "SUCCESS", "FAILED", "SKIPPED"]

ETL_JOB_RUNS = Table(
    name="ops.etl_job_runs",
    grain="one row per change of state of a run; etl_job_status has the latest",
    keys=("id", "recorded_at"),
    columns="""
        id STRING NOT NULL COMMENT 'Run identifier',
        job_name STRING NOT NULL COMMENT 'Job, such as lms_session_details',
        run_date DATE NOT NULL COMMENT 'Day on which it ran, UTC',
        target_date DATE COMMENT 'Day whose data it built, where the job works by the day',
        status STRING NOT NULL COMMENT 'RUNNING, SUCCESS, FAILED or SKIPPED',
        rows_processed BIGINT COMMENT 'Rows read from the source',
        rows_inserted BIGINT COMMENT 'Rows inserted',
        rows_updated BIGINT COMMENT 'Rows updated',
        rows_deleted BIGINT COMMENT 'Rows deleted',
        duration_ms BIGINT COMMENT 'Time taken, in milliseconds',
        error_message STRING COMMENT 'What went wrong, for a person',
        started_at TIMESTAMP NOT NULL COMMENT 'Start of the run, UTC',
        completed_at TIMESTAMP COMMENT 'End of the run, UTC; NULL while it runs',
        recorded_at TIMESTAMP NOT NULL COMMENT 'When this state was recorded, UTC',
        run_by STRING COMMENT 'User and host',
        parameters STRING COMMENT 'Parameters of the run, as JSON'
    """,
    cluster_by=(),
    retention_days=730,
)

ETL_JOB_STATUS = View(
    name="ops.etl_job_status",
    comment="the latest state of every run",
    base=ETL_JOB_RUNS,
    query="""
        SELECT latest.* FROM (
            SELECT max_by(struct(*), recorded_at) AS latest FROM {base} GROUP BY id
        )
    """,
)


@dataclass
class Run:
    """A run under way; what it counts goes to the ledger when it ends."""

    job_name: str
    parameters: Mapping[str, object]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows_processed: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0


@contextmanager
def recorded_run(
    lake: Lakehouse, job_name: str, parameters: Mapping[str, object], *, run_id: str | None = None
) -> Iterator[Run]:
    """Record a run's start and its end; an exception ends it as FAILED and is raised on.

    What is logged meanwhile, and Spark's jobs, carry the run's id: a new one if none is given.
    To be called by the holder of the job's lock: a run that still shows RUNNING is then dead.
    """
    open_logs(lake.config)
    run = Run(job_name, parameters, run_id or uuid.uuid4().hex)
    dead = [_event(r, "FAILED", error=_taken_over(run)) for r in _dead_runs(lake, job_name)]
    _record(lake, [*dead, _event(run, "RUNNING")])
    try:
        with correlated(lake.spark, job_name, run.id):
            _log.info("run started", job=job_name, parameters=dict(parameters))
            yield from _recorded(lake, run)
    finally:
        append_logs(lake)


def _recorded(lake: Lakehouse, run: Run) -> Iterator[Run]:
    try:
        yield run
    except BaseException as error:
        told = reason(error)
        _log.error("run failed", job=run.job_name, reason=told)
        _record(lake, [_event(run, "FAILED", error=told)])
        raise
    _log.info("run ended", job=run.job_name, rows=run.rows_processed)
    _record(lake, [_event(run, "SUCCESS")])


def reason(error: BaseException) -> str:
    """Why a run ended, for a person and without secrets."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(redacted(str(error).strip() or type(error).__name__))


def _dead_runs(lake: Lakehouse, job_name: str) -> list[Run]:
    """The last run of the job, if it shows RUNNING: each run ends the one before it."""
    events = lake.read(ETL_JOB_RUNS).where(F.col("job_name") == job_name)
    found = events.orderBy(F.desc("recorded_at")).limit(1).where("status = 'RUNNING'").collect()
    return [
        Run(job_name, json.loads(row.parameters), row.id, row.started_at.astimezone(UTC))
        for row in found
    ]


def _taken_over(run: Run) -> str:
    return f"its process died; found by run {run.id}"


def _event(run: Run, status: Status, error: str | None = None) -> dict[str, object]:
    now = datetime.now(UTC)
    ended = None if status == "RUNNING" else now
    return {
        "id": run.id,
        "job_name": run.job_name,
        "run_date": run.started_at.date(),
        "status": status,
        "rows_processed": run.rows_processed,
        "rows_inserted": run.rows_inserted,
        "rows_updated": run.rows_updated,
        "rows_deleted": run.rows_deleted,
        "duration_ms": ended and int((ended - run.started_at).total_seconds() * 1000),
        "error_message": error,
        "started_at": run.started_at,
        "completed_at": ended,
        "recorded_at": now,
        "run_by": user_at_host(),
        "parameters": json.dumps(dict(run.parameters), default=str),
    }


def _record(lake: Lakehouse, events: list[dict[str, object]]) -> None:
    lake.append(ETL_JOB_RUNS, lake.rows(ETL_JOB_RUNS, events))
