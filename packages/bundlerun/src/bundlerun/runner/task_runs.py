"""Runs of a bundle's jobs and of their tasks, as `run` executed them on a machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class _Declared:
    """A table as pocketlake wants it."""

    name: str
    columns: str
    keys: tuple[str, ...]
    comment: str
    clustering: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


TASK_RUNS = _Declared(
    name="ops.task_runs",
    comment="one row per attempt of a task of a run, and one of the run itself without a task_key",
    keys=("run_id", "repair_count", "task_key", "attempt"),
    columns="""
        run_id STRING NOT NULL COMMENT 'Run identifier',
        repair_count INT NOT NULL COMMENT 'Repair that the attempt belongs to; 0 is the first run',
        task_key STRING NOT NULL COMMENT 'Task, with the number of an iteration; empty: the run',
        attempt INT NOT NULL COMMENT 'Number of the attempt over all repairs; 0 if it was not run',
        job STRING NOT NULL COMMENT 'Job, by its key in the bundle',
        bundle STRING COMMENT 'Bundle of the job',
        target STRING COMMENT 'Target of the bundle',
        kind STRING COMMENT 'Kind of the task, such as python_wheel_task',
        state STRING NOT NULL COMMENT 'Result state as Lakeflow Jobs names it',
        parameters STRING COMMENT 'Parameters with their values, as JSON',
        started_at TIMESTAMP COMMENT 'Start, UTC; NULL if it was not run',
        ended_at TIMESTAMP COMMENT 'End, UTC',
        duration_ms BIGINT COMMENT 'Time taken, in milliseconds',
        error STRING COMMENT 'What went wrong, in one line',
        versions_read STRING COMMENT 'Delta version of each table at its first read, as JSON',
        versions_written STRING COMMENT 'Delta version of each table after its last write, as JSON',
        child_run_id STRING COMMENT 'Run of another job that the task started',
        parent_run_id STRING COMMENT 'Run whose task started this run',
        run_by STRING COMMENT 'User and host'
    """,
)
