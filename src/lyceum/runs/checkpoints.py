"""Checkpoints: which stages of its runs a job has begun and completed."""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table, View
from lyceum.runs.reporter import Step
from pocketlake.redaction import redacted

Status = Literal["pending", "in_progress", "completed", "failed"]
NO_KEY = "stage"

PIPELINE_CHECKPOINT = Table(
    name="ops.pipeline_checkpoint",
    grain="one row per change of state of a stage; pipeline_stage_status has the latest",
    keys=("id",),
    columns="""
        id STRING NOT NULL COMMENT 'Identifier of this change of state',
        pipeline_name STRING NOT NULL COMMENT 'Job, such as sales_performance',
        run_id STRING NOT NULL COMMENT 'Run identifier; a run that is resumed keeps it',
        stage STRING NOT NULL COMMENT 'Stage of the job',
        checkpoint_key STRING NOT NULL COMMENT 'What of the stage it is about, such as a month',
        checkpoint_value STRING COMMENT 'What came of it, such as the rows written',
        status STRING NOT NULL COMMENT 'pending, in_progress, completed or failed',
        start_time TIMESTAMP COMMENT 'Start of the stage, UTC; NULL while it is pending',
        end_time TIMESTAMP COMMENT 'End of the stage, UTC; NULL before that',
        duration_ms BIGINT COMMENT 'Time taken, in milliseconds',
        metadata STRING COMMENT 'Everything else, as JSON, such as the error of a failure',
        updated_at TIMESTAMP NOT NULL COMMENT 'When this state was reached, UTC'
    """,
    cluster_by=(),
    retention_days=90,
    retention_column="updated_at",
    personal=("checkpoint_value", "metadata"),
    person=("checkpoint_value", "metadata"),
)

PIPELINE_STAGE_STATUS = View(
    name="ops.pipeline_stage_status",
    comment="the latest state of every stage of every run",
    base=PIPELINE_CHECKPOINT,
    query="""
        SELECT latest.* FROM (
            SELECT max_by(struct(*), updated_at) AS latest FROM {base}
            GROUP BY run_id, stage, checkpoint_key
        )
    """,
)


@dataclass
class Stage(Step):
    """A stage under way; `note` says what came of it, `metadata` what else is worth keeping."""

    key: str = NO_KEY
    is_done: bool = False
    """It was completed before the run was interrupted: there is nothing to do."""
    metadata: dict[str, object] = field(default_factory=dict)
    started_at: datetime | None = None

    @property
    def milliseconds(self) -> int:
        """Time since the start of the stage."""
        return int((time.monotonic() - self.started) * 1000)

    def row(self, job_name: str, run_id: str, status: Status) -> dict[str, object]:
        """The checkpoint of the stage as it is now."""
        now = datetime.now(UTC)
        is_over = status in ("completed", "failed")
        return {
            "id": uuid.uuid4().hex,
            "pipeline_name": job_name,
            "run_id": run_id,
            "stage": self.name,
            "checkpoint_key": self.key,
            "checkpoint_value": redacted(self.note or None),
            "status": status,
            "start_time": self.started_at,
            "end_time": now if is_over else None,
            "duration_ms": self.milliseconds if is_over else None,
            "metadata": json.dumps(redacted(self.metadata), default=str) if self.metadata else None,
            "updated_at": now,
        }


def write_checkpoints(lake: Lakehouse, rows: Iterable[dict[str, object]]) -> None:
    """Append checkpoints in one commit."""
    lake.append(PIPELINE_CHECKPOINT, lake.rows(PIPELINE_CHECKPOINT, rows))


def completed_stages(lake: Lakehouse, run_id: str) -> set[tuple[str, str]]:
    """Stage and key of what a run has completed."""
    of_run = (F.col("run_id") == run_id) & (F.col("status") == "completed")
    rows = lake.read(PIPELINE_CHECKPOINT).where(of_run).select("stage", "checkpoint_key")
    return {(row.stage, row.checkpoint_key) for row in rows.collect()}
