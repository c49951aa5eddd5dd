"""The run ledger: every run of every job as append-only events, the latest state as a view."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table, View
from lyceum.runs.locks import is_running_here

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
        parameters STRING COMMENT 'Parameters of the run, as JSON',
        job_run_id STRING COMMENT 'Run of the workspace job that started it; NULL without one',
        task_run_id STRING COMMENT 'Run of the task in it; NULL without one'
    """,
    cluster_by=(),
    retention_days=730,
    retention_column="recorded_at",
    personal=("error_message", "parameters"),
    person=("error_message", "parameters"),
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


def record(lake: Lakehouse, rows: Iterable[dict[str, object]]) -> None:
    """Append states of runs in one commit."""
    lake.append(ETL_JOB_RUNS, lake.rows(ETL_JOB_RUNS, rows))


def latest_states(lake: Lakehouse, job_name: str) -> list[Row]:
    """The latest state of every run of a job, in the order in which they were reached."""
    events = lake.read(ETL_JOB_RUNS).where(F.col("job_name") == job_name)
    latest = events.groupBy("id").agg(F.max_by(F.struct("*"), "recorded_at").alias("latest"))
    return latest.select("latest.*").orderBy("recorded_at").collect()


def job_status(lake: Lakehouse) -> DataFrame:
    """The latest state of every run; one that is RUNNING but whose process is gone is DIED.

    The job's next run records it. Where there are no file locks the ledger is believed.
    """
    states = lake.view(ETL_JOB_STATUS)
    running = states.where("status = 'RUNNING'").select("job_name").distinct().collect()
    idle = [row.job_name for row in running if not is_running_here(lake, row.job_name)]
    has_died = (F.col("status") == "RUNNING") & F.col("job_name").isin(idle)
    return states.withColumn("status", F.when(has_died, "DIED").otherwise(F.col("status")))


def has_succeeded(lake: Lakehouse, job_name: str, target_date: date) -> bool:
    """True if a run of the job has built that day."""
    of_day = (F.col("job_name") == job_name) & (F.col("target_date") == F.lit(target_date))
    return not lake.read(ETL_JOB_RUNS).where(of_day & (F.col("status") == "SUCCESS")).isEmpty()
