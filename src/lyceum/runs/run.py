"""Run: one run of a job, and all that makes it safe to repeat.

It holds the job's lock, writes the ledger, keeps stages and watermarks, and marks every log line.

    with Run.of(lake, JOB, {"folder": str(folder)}, reporter=reporter) as run:
        if not files:
            return
        with run.stage("load", unit="rows") as stage:
            stage.done = load(files)
        run.advance(SOURCE, Watermark(version))

A run that ends before its first stage found nothing to do and leaves no row. Every failure does,
wherever in the block it happens: settings and servers belong into the block.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Self, TypeVar

from pyspark.sql import Row

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.checkpoints import NO_KEY, Stage, Status, completed_stages, write_checkpoints
from lyceum.runs.ledger import Status as RunStatus
from lyceum.runs.ledger import has_succeeded, latest_states, record
from lyceum.runs.locks import JobIsRunningError, job_lock
from lyceum.runs.logs import append_logs, correlated, get_logger, open_logs
from lyceum.runs.reporter import Reporter
from lyceum.runs.retry import RetryPolicy, with_retries
from lyceum.runs.watermarks import Watermark, drop_watermarks, read_watermarks, write_watermarks
from lyceum.settings import user_at_host
from pocketlake import Written
from pocketlake.observe import reached
from pocketlake.redaction import redacted

T = TypeVar("T")
_LONGEST_REASON = 2_000
"""Characters: an engine may put a whole plan into its error."""
_log = get_logger(__name__)


@dataclass
class Run:
    """A run under way; what it counts goes to the ledger when it ends. Open one with `Run.of`."""

    lake: Lakehouse
    job_name: str
    parameters: Mapping[str, object]
    reporter: Reporter
    target_date: date | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """A run that is resumed keeps it, as its id."""
    rows_processed: int = 0
    """Rows read from the source."""
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    _clock: float = field(default_factory=time.monotonic)
    is_resumed: bool = False
    """It goes on with a run that was interrupted."""
    _has_begun: bool = False
    _skipped: str | None = None
    _done: set[tuple[str, str]] = field(default_factory=set)
    _waiting: list[dict[str, object]] = field(default_factory=list)
    """Checkpoints that go with the next commit: a stage that is repeated changes nothing."""

    @classmethod
    @contextmanager
    def of(
        cls,
        lake: Lakehouse,
        job_name: str,
        parameters: Mapping[str, object] | None = None,
        *,
        reporter: Reporter | None = None,
        stages: Sequence[str] = (),
        resume: bool = False,
        target_date: date | None = None,
        wait_seconds: float | None = None,
    ) -> Iterator[Self]:
        """One run of the job, from its lock to its last row in the ledger.

        Args:
            lake: Where the ledger is.
            job_name: The job; one run of it at a time.
            parameters: What the run is about; only what JSON can hold.
            reporter: Where stages are shown; nowhere if None.
            stages: Stages that are shown as pending from the first one on.
            resume: Go on with the job's last run if it failed or died with the same parameters:
                under its id, without the stages that it has completed. What a completed stage
                depends on belongs into the parameters, such as the versions that it reads.
            target_date: The day whose data the run builds.
            wait_seconds: How long to wait for another run of the job; for ever if None.

        Raises:
            JobIsRunningError: Another run of the job does not end.
        """
        open_logs(lake.config)
        told = json.loads(json.dumps(redacted(dict(parameters or {})), default=str))
        run = cls(lake, job_name, told, reporter or Reporter(), target_date)
        with ExitStack() as held:
            try:
                held.enter_context(
                    job_lock(lake, job_name, run_id=run.id, wait_seconds=wait_seconds)
                )
            except JobIsRunningError as error:
                record(lake, [run.row("SKIPPED", str(error))])
                raise
            run._look_back(resume=resume)
            try:
                with correlated(lake.spark, job_name, run.id), run._recorded(stages):
                    yield run
            finally:
                append_logs(lake)

    def begin(self) -> None:
        """Record that there is something to do; the first stage does it by itself."""
        if not self._has_begun:
            self._has_begun = True
            _log.info("run started", job=self.job_name, parameters=self.parameters)
            record(self.lake, [self.row("RUNNING")])

    def skip(self, reason: str) -> None:
        """End as SKIPPED: the run leaves a row that says why there was nothing to do."""
        self._skipped = reason
        self.reporter.say(reason)

    def is_built(self) -> bool:
        """True if an earlier run has succeeded for the target date."""
        day = self.target_date
        return day is not None and has_succeeded(self.lake, self.job_name, day)

    @contextmanager
    def stage(
        self,
        name: str,
        *,
        key: str = NO_KEY,
        title: str = "",
        unit: str = "",
        total: int | None = None,
    ) -> Iterator[Stage]:
        """A stage between its two checkpoints, shown to whoever watches.

        Args:
            name: Name in lower snake case; a person reads it as `title`.
            key: What of the stage it is about, such as a month.
            title: The name as words if empty.
            unit: What `done` and `total` of the stage count.
            total: How many there are.
        """
        stage = Stage(name, unit, total, key=key, title=title or _as_words(name))
        if (name, key) in self._done:
            stage.is_done, stage.note = True, "done before the run was interrupted"
            with self.reporter.shown(stage):
                yield stage
            return
        self.begin()
        stage.started_at = datetime.now(UTC)
        self._write(self._checkpoint(stage, "in_progress"))
        try:
            with self.reporter.shown(stage):
                yield stage
        except BaseException as error:
            stage.metadata |= {"error": reason(error), "kind": type(error).__name__}
            self._waiting.append(self._checkpoint(stage, "failed"))
            _log.error("stage failed", stage=name, key=key, **stage.metadata)
            raise
        self._done.add((name, key))
        self._waiting.append(self._checkpoint(stage, "completed"))
        _log.info("stage completed", stage=name, key=key, duration_ms=stage.milliseconds)

    def perform(
        self, name: str, action: Callable[[], T], *, policy: RetryPolicy | None = None
    ) -> T | None:
        """An action as a stage, tried again while it fails for a passing reason.

        Returns:
            What the action gives; None if the stage was done before.
        """
        with self.stage(name) as stage:
            if stage.is_done:
                return None
            result = with_retries(action, policy or RetryPolicy(), name=name)
            stage.note = "" if result is None else str(result)
            return result

    def count(self, *written: Written) -> None:
        """Add what writes changed to what the ledger will say."""
        self.rows_inserted += sum(w.inserted for w in written)
        self.rows_updated += sum(w.updated for w in written)
        self.rows_deleted += sum(w.deleted for w in written)

    def watermark(self, source: Table) -> Watermark | None:
        """How far the job has got in a source that it reads as a whole; None if not at all."""
        return self.watermarks(source).get("")

    def watermarks(self, source: Table) -> dict[str, Watermark]:
        """How far the job has got in each slice of a source."""
        return read_watermarks(self.lake, self.job_name, source)

    def advance(self, source: Table, *marks: Watermark) -> None:
        """Keep how far the job has got, in one commit: to be called after its last write."""
        write_watermarks(self.lake, self.job_name, source, marks, run_id=self.id)

    def forget(self, source: Table) -> None:
        """Forget how far the job has got in a source."""
        drop_watermarks(self.lake, self.job_name, source)

    def _look_back(self, *, resume: bool) -> None:
        """End the runs that died, and take up the last one if that is asked for.

        This run holds the lock, so what still shows RUNNING is dead.
        """
        states = latest_states(self.lake, self.job_name)
        last = next((row for row in reversed(states) if row.status != "SKIPPED"), None)
        if resume and last is not None and _is_unfinished(last, self.parameters):
            self.id, self.is_resumed = last.id, True
            self.started_at = last.started_at.astimezone(UTC)
            self._done = completed_stages(self.lake, last.id)
        died = f"its process died; found by run {self.id}"
        dead = [r for r in states if r.status == "RUNNING" and r.id != self.id]
        if dead:
            now = datetime.now(UTC)
            ended = {"status": "FAILED", "error_message": died, "completed_at": now}
            record(self.lake, [r.asDict() | ended | {"recorded_at": now} for r in dead])

    @contextmanager
    def _recorded(self, stages: Sequence[str]) -> Iterator[None]:
        pending = [Stage(name) for name in stages if (name, NO_KEY) not in self._done]
        self._waiting += [self._checkpoint(stage, "pending") for stage in pending]
        if self.is_resumed:
            self.begin()
        try:
            yield
            self._end()
        except BaseException as error:
            self._fail(error)
            raise

    def _end(self) -> None:
        if self._skipped is not None:
            record(self.lake, [self.row("SKIPPED", self._skipped)])
        elif self._has_begun:
            _log.info("run ended", job=self.job_name, rows=self.rows_processed)
            self._write()
            record(self.lake, [self.row("SUCCESS")])

    def _fail(self, error: BaseException) -> None:
        """Record the failure as far as that is possible: the error itself is what counts."""
        told = reason(error)
        _log.error("run failed", job=self.job_name, reason=told)
        try:
            self._write()
            record(self.lake, [self.row("FAILED", told)])
        except Exception as second:  # noqa: BLE001 - the first error is the one to raise
            _log.warning("a failure is not in the ledger", reason=reason(second))

    def _write(self, *rows: dict[str, object]) -> None:
        waiting, self._waiting = [*self._waiting, *rows], []
        if waiting and self._has_begun:
            subject = f"{self.job_name}/{waiting[-1]['stage']} {waiting[-1]['status']}"
            reached("checkpointing", subject)
            write_checkpoints(self.lake, waiting)
            reached("checkpointed", subject)

    def _checkpoint(self, stage: Stage, status: Status) -> dict[str, object]:
        return stage.row(self.job_name, self.id, status)

    def row(self, status: RunStatus, error: str | None = None) -> dict[str, object]:
        """The row of the ledger that says so, as of now."""
        now = datetime.now(UTC)
        ended = None if status == "RUNNING" else now
        return {
            "id": self.id,
            "job_name": self.job_name,
            "run_date": self.started_at.date(),
            "target_date": self.target_date,
            "status": status,
            "rows_processed": self.rows_processed,
            "rows_inserted": self.rows_inserted,
            "rows_updated": self.rows_updated,
            "rows_deleted": self.rows_deleted,
            "duration_ms": ended and int((time.monotonic() - self._clock) * 1000),
            "error_message": error,
            "started_at": self.started_at,
            "completed_at": ended,
            "recorded_at": now,
            "run_by": user_at_host(),
            "parameters": json.dumps(self.parameters),
            "job_run_id": self.lake.config.job_run_id,
            "task_run_id": self.lake.config.task_run_id,
        }


def _is_unfinished(row: Row, parameters: Mapping[str, object]) -> bool:
    is_the_same: bool = json.loads(row.parameters or "{}") == parameters
    return row.status != "SUCCESS" and is_the_same


def reason(error: BaseException) -> str:
    """Why something ended, for a person and without secrets."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(redacted(str(error).strip() or type(error).__name__))[:_LONGEST_REASON]


def _as_words(name: str) -> str:
    return name.replace("_", " ").capitalize()
