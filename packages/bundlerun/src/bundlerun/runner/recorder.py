"""Brings ended runs from their journals into the table `ops.task_runs`, in one commit.

A run in which nothing needed Spark does not start it for this: the next run that has Spark records
it, and so it is with runs whose process died.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from bundlerun.config import Config
from bundlerun.runner.journal import Journal, is_recorded
from bundlerun.runner.record import Attempt, Part, RunRecord, all_runs, json_or_none, runs_folder
from bundlerun.runner.task_runs import TASK_RUNS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Row = tuple[Any, ...]


def record_runs(spark: "SparkSession", config: Config) -> None:
    """Record every ended run, and repair of one, that is not in the table yet."""
    runs = runs_folder(config.home)
    # Two processes that end at once would both find the same runs.
    with FileLock(runs / "recording.lock"):
        found = all_runs(runs, but=is_recorded)
        pending = [(run, part) for run in found for part in _unrecorded(run)]
        if pending:
            _record(spark, config, pending)


def _record(spark: "SparkSession", config: Config, pending: list[tuple[RunRecord, Part]]) -> None:
    lake = config.lake(spark)
    rows = [row for run, part in pending for row in rows_of(run, part)]
    lake.merge(TASK_RUNS, lake.rows(TASK_RUNS, rows))
    for run, part in pending:
        with Journal(run.folder) as journal:
            journal.note("recorded", repair=part.repair)


def rows_of(run: RunRecord, part: Part) -> list[Row]:
    """The table's rows of a run, or of a repair of it."""
    attempts = [attempt for attempt in run.attempts if attempt.repair == part.repair]
    return [_run_row(run, part), *(_task_row(run, attempt) for attempt in attempts)]


def _unrecorded(run: RunRecord) -> list[Part]:
    return [part for part in run.parts if part.ended_at is not None and not part.is_recorded]


def _run_row(run: RunRecord, part: Part) -> Row:
    told = run.facts
    taken = None if part.ended_at is None else int((part.ended_at - part.started_at) * 1000)
    times = (_utc(part.started_at), _utc(part.ended_at), taken)
    parameters = json_or_none(told.get("parameters"))
    key = (run.run_id, part.repair, "", 0)
    state = (None, part.state, parameters, *times, part.error, None, None, None)
    return (*key, *_of_run(run), *state, _parent(run), told.get("by"))


def _task_row(run: RunRecord, attempt: Attempt) -> Row:
    told, seconds = attempt.facts, attempt.seconds
    taken = None if seconds is None else int(seconds * 1000)
    times = (_utc(attempt.started_at), _utc(attempt.ended_at), taken)
    key = (run.run_id, attempt.repair, attempt.task, attempt.number)
    state = (attempt.kind or None, attempt.state, json_or_none(told.get("parameters")), *times)
    versions = (json_or_none(told.get("read")), json_or_none(told.get("written")))
    rest = (attempt.error, *versions, told.get("child_run"), _parent(run), run.facts.get("by"))
    return (*key, *_of_run(run), *state, *rest)


def _of_run(run: RunRecord) -> tuple[str, str | None, str | None]:
    return run.job, run.facts.get("bundle"), run.facts.get("target")


def _parent(run: RunRecord) -> str | None:
    return (run.facts.get("parent") or {}).get("run")


def _utc(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
