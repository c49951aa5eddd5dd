"""Checkpoints: what a pipeline has done, so that a run that was stopped goes on where it stopped.

A stage is done when its last checkpoint is written, right after its last commit: killed between the
two it is done once more, which changes nothing, as every write is idempotent.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar

from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.http.retry import RetryPolicy, with_retries
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table, View
from lyceum.redaction import redacted
from lyceum.runs.locks import job_lock
from lyceum.runs.logs import append_logs, correlated, get_logger, open_logs
from pocketlake.observe import reached

Status = Literal["pending", "in_progress", "completed", "failed"]
T = TypeVar("T")

PIPELINE_CHECKPOINT = Table(
    name="ops.pipeline_checkpoint",
    grain="one row per change of state of a stage; pipeline_stage_status has the latest",
    keys=("id",),
    columns="""
        id STRING NOT NULL COMMENT 'Identifier of this change of state',
        pipeline_name STRING NOT NULL COMMENT 'Pipeline, such as sales_performance',
        run_id STRING NOT NULL COMMENT 'Run identifier; a run that is resumed keeps it',
        stage STRING NOT NULL COMMENT 'Stage of the pipeline; run stands for the run as a whole',
        checkpoint_key STRING NOT NULL COMMENT 'What of the stage it is about, such as a month',
        checkpoint_value STRING COMMENT 'What came of it, such as the rows written',
        status STRING NOT NULL COMMENT 'pending, in_progress, completed or failed',
        start_time TIMESTAMP COMMENT 'Start of the stage, UTC; NULL while it is pending',
        end_time TIMESTAMP COMMENT 'End of the stage, UTC; NULL before that',
        duration_ms BIGINT COMMENT 'Time taken, in milliseconds',
        metadata STRING COMMENT 'Everything else, as JSON: parameters, the error of a failure',
        updated_at TIMESTAMP NOT NULL COMMENT 'When this state was reached, UTC'
    """,
    cluster_by=(),
    retention_days=90,
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

RUN = "run"
_NO_KEY = "stage"
_log = get_logger(__name__)


class StageNameError(UsageError):
    """A stage has the name that stands for the run as a whole."""


@dataclass
class Stage:
    """A stage under way; `value` and `metadata` go into its last checkpoint."""

    name: str
    key: str
    is_done: bool = False
    value: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    started_at: datetime | None = None
    started: float = field(default_factory=time.monotonic)


@dataclass
class PipelineRun:
    """One run of a pipeline, from its first start to its completion."""

    lake: Lakehouse
    pipeline_name: str
    parameters: dict[str, object]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    done: list[list[str]] = field(default_factory=list)
    """Stage and key of what is completed."""
    is_resumed: bool = False

    @contextmanager
    def stage(self, name: str, *, key: str = _NO_KEY) -> Iterator[Stage]:
        """A stage between its two checkpoints; `is_done` says that there is nothing to do."""
        if name == RUN:
            message = f"expected a stage not to be called {RUN}: that stands for the whole run"
            raise StageNameError(message)
        stage = Stage(name, key, is_done=[name, key] in self.done)
        if stage.is_done:
            _log.info("stage was completed before", stage=name, key=key)
            yield stage
            return
        with _checkpointed(self, stage):
            yield stage

    def perform(
        self,
        name: str,
        action: Callable[[], T],
        *,
        key: str = _NO_KEY,
        policy: RetryPolicy | None = None,
    ) -> T | None:
        """What the action gives, tried again while it fails for a passing reason; None if done."""
        with self.stage(name, key=key) as stage:
            if stage.is_done:
                return None
            result = with_retries(action, policy or RetryPolicy(), name=name)
            stage.value = None if result is None else str(result)
            return result

    def mark(self, *states: tuple[Stage, Status]) -> None:
        """Keep checkpoints, in one commit."""
        stage, status = states[-1]
        subject = f"{self.pipeline_name}/{stage.name}/{stage.key} {status}"
        reached("checkpointing", subject)
        rows = [_row(self, stage, status) for stage, status in states]
        self.lake.append(PIPELINE_CHECKPOINT, self.lake.rows(PIPELINE_CHECKPOINT, rows))
        reached("checkpointed", subject)


@contextmanager
def pipeline_run(
    lake: Lakehouse,
    pipeline_name: str,
    parameters: Mapping[str, object] | None = None,
    *,
    stages: Sequence[str] = (),
    wait: bool = True,
) -> Iterator[PipelineRun]:
    """Resume the pipeline's unfinished run if it has the same parameters, or start one.

    What a completed stage depends on belongs into the parameters, such as the versions of the
    tables it reads: with others the unfinished run is given up. `stages` are shown as pending.
    One process at a time runs a pipeline; the others wait.
    """
    open_logs(lake.config)
    with job_lock(lake, pipeline_name, key="pipeline", wait=wait):
        run = _resumed_or_new(PipelineRun(lake, pipeline_name, _as_json(parameters or {})))
        whole = Stage(RUN, RUN, metadata={"parameters": run.parameters})
        try:
            with correlated(lake.spark, pipeline_name, run.id), _checkpointed(run, whole):
                pending = [
                    Stage(name, _NO_KEY) for name in stages if [name, _NO_KEY] not in run.done
                ]
                if pending:
                    run.mark(*((stage, "pending") for stage in pending))
                yield run
        finally:
            append_logs(lake)


@contextmanager
def _checkpointed(run: PipelineRun, stage: Stage) -> Iterator[None]:
    """A checkpoint before and one after; an exception makes the latter a failure."""
    stage.started_at, stage.started = datetime.now(UTC), time.monotonic()
    run.mark((stage, "in_progress"))
    _log.info("stage started", stage=stage.name, key=stage.key, is_resumed=run.is_resumed)
    try:
        yield
    except BaseException as error:
        _note_failure(run, stage, error)
        raise
    run.done.append([stage.name, stage.key])
    run.mark((stage, "completed"))
    milliseconds = _milliseconds(stage)
    _log.info("stage completed", stage=stage.name, key=stage.key, duration_ms=milliseconds)


def _note_failure(run: PipelineRun, stage: Stage, error: BaseException) -> None:
    kind = type(error).__name__
    stage.metadata |= {"error": str(error) or kind, "kind": kind}
    try:
        run.mark((stage, "failed"))
    except Exception as second:  # noqa: BLE001 - the first error is the one to raise
        _log.warning("a failure has no checkpoint", stage=stage.name, reason=str(second))
    _log.error("stage failed", stage=stage.name, key=stage.key, **stage.metadata)


def _row(run: PipelineRun, stage: Stage, status: Status) -> dict[str, object]:
    now = datetime.now(UTC)
    is_over = status in ("completed", "failed")
    return {
        "id": uuid.uuid4().hex,
        "pipeline_name": run.pipeline_name,
        "run_id": run.id,
        "stage": stage.name,
        "checkpoint_key": stage.key,
        "checkpoint_value": redacted(stage.value),
        "status": status,
        "start_time": stage.started_at,
        "end_time": now if is_over else None,
        "duration_ms": _milliseconds(stage) if is_over else None,
        "metadata": json.dumps(redacted(stage.metadata), default=str) if stage.metadata else None,
        "updated_at": now,
    }


def _milliseconds(stage: Stage) -> int:
    return int((time.monotonic() - stage.started) * 1000)


def _resumed_or_new(wanted: PipelineRun) -> PipelineRun:
    """The unfinished run if it is the one that is wanted; another one is given up."""
    lake, name = wanted.lake, wanted.pipeline_name
    run = _unfinished(lake, name)
    if run is None:
        return wanted
    if run.parameters == wanted.parameters:
        return run
    reason = f"given up: run {wanted.id} has other parameters"
    run.mark((Stage(RUN, RUN, metadata={"error": reason, "kind": "GivenUp"}), "failed"))
    return wanted


def _as_json(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters as they are after they were stored."""
    stored: dict[str, object] = json.loads(json.dumps(dict(parameters), default=str))
    return stored


def _unfinished(lake: Lakehouse, pipeline_name: str) -> PipelineRun | None:
    """The pipeline's latest run, if it is not completed."""
    states = lake.view(PIPELINE_STAGE_STATUS).where(F.col("pipeline_name") == pipeline_name)
    whole = states.where(F.col("stage") == RUN).orderBy(F.desc("updated_at")).limit(1).collect()
    if not whole or whole[0].status == "completed":
        return None
    row = whole[0]
    of_run = states.where((F.col("run_id") == row.run_id) & (F.col("status") == "completed"))
    done = [list(found) for found in of_run.select("stage", "checkpoint_key").collect()]
    parameters = json.loads(row.metadata).get("parameters", {})
    return PipelineRun(lake, pipeline_name, parameters, row.run_id, done, is_resumed=True)
