"""Starts runs: a job's own, those of `run_job_task`, and repairs."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock, Timeout

from bundlerun.config import user_at_host
from bundlerun.runner.attempts import TaskRun, supervised
from bundlerun.runner.context import Services
from bundlerun.runner.executor import JobRun
from bundlerun.runner.journal import Journal
from bundlerun.runner.model import Job, job_of, text
from bundlerun.runner.record import Attempt, RunRecord
from bundlerun.runner.states import Result
from bundlerun.runner.stop import Stop, Wakeup

_POLL = 0.5


@dataclass(frozen=True)
class Request:
    """What to run, and how it came to be asked for."""

    job: Job
    parameters: Mapping[str, str]
    """Values of the job's parameters, all of them."""
    trigger: str = "one_time"
    parent: Mapping[str, Any] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What a repair needs to read the same bundle again."""


def start(request: Request, services: Services, stop: Stop) -> tuple[str, Result]:
    """Run a job to its end; gives the run's id and its result."""
    with Journal.new(services.runs, *services.listeners) as journal:
        journal.note("run_started", repair=0, **_facts(request, services))
        run = JobRun(
            request.job,
            request.parameters,
            services=services,
            supervise=supervised,
            journal=journal,
            stop=stop,
            trigger=request.trigger,
        )
        return journal.run_id, _executed(run)


def repair(
    record: RunRecord,
    request: Request,
    services: Services,
    stop: Stop,
    kept: Mapping[str, Attempt],
) -> tuple[str, Result]:
    """Run the tasks of an earlier run again that are not kept, within that run."""
    number = record.parts[-1].repair + 1
    counts = {attempt.task: attempt.number for attempt in record.attempts if attempt.number}
    with Journal(record.folder, *services.listeners) as journal:
        facts = _facts(request, services)
        journal.note("repair_started", repair=number, **facts)
        run = JobRun(
            request.job,
            request.parameters,
            services=services,
            supervise=supervised,
            journal=journal,
            stop=stop,
            repair=number,
            kept=kept,
            counts=counts,
            start_time=datetime.fromtimestamp(record.parts[0].started_at, UTC),
        )
        return journal.run_id, _executed(run)


def start_child(attempt: TaskRun, key: str, given: Mapping[str, Any]) -> tuple[str, Result]:
    """Run another job for a `run_job_task`; it gets those parameters that it declares."""
    job = job_of(key, attempt.services.bundle.jobs[key])
    parameters = {name: text(given.get(name, default)) for name, default in job.parameters.items()}
    parent = {"run": attempt.run.journal.run_id, "task": attempt.key}
    request = Request(job, parameters, trigger="run_job_task", parent=parent)
    return start(request, attempt.services, attempt.stop)


def _facts(request: Request, services: Services) -> dict[str, Any]:
    job = request.job
    return {
        "job": job.key,
        "name": job.name,
        "bundle": services.bundle.name,
        "target": services.bundle.target,
        "parameters": request.parameters,
        "parent": request.parent,
        "by": user_at_host(),
        "tasks": [{"key": t.key, "kind": t.kind, "depends_on": t.upstream} for t in job.tasks],
        **request.asked,
    }


def _executed(run: JobRun) -> Result:
    """Execute a run as soon as the job may run once more, and note its end."""
    error = None
    with _slot(run) as is_free:
        if is_free:
            run.journal.note("run_state", state="RUNNING")
            result = run.execute()
        elif run.stop.result is not None:
            result = run.stop.result
        else:
            result = Result.MAXIMUM_CONCURRENT_RUNS_REACHED
            error = f"{run.job.max_concurrent_runs} of it are running, and its queue is off"
    run.journal.note("run_ended", state=result, error=error)
    return result


@contextmanager
def _slot(run: JobRun) -> Iterator[bool]:
    """One of the job's concurrent runs; False if there is none and the job does not queue."""
    folder = run.services.config.locks
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w-]", "_", f"{run.services.bundle.name}-{run.job.key}")
    files = [folder / f"run-{name}.{i}.lock" for i in range(run.job.max_concurrent_runs)]
    locks = [FileLock(file, timeout=0, thread_local=False) for file in files]
    lock = _free(locks)
    if lock is None and run.job.is_queued:
        run.journal.note("run_state", state="QUEUED")
        lock = _waited_for(locks, run)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def _free(locks: list[FileLock]) -> FileLock | None:
    for lock in locks:
        try:
            lock.acquire()
        except Timeout:
            continue
        return lock
    return None


def _waited_for(locks: list[FileLock], run: JobRun) -> FileLock | None:
    wakeup, lock = Wakeup(), None
    run.stop.wake(wakeup)
    while lock is None and run.stop.result is None:
        run.services.clock.wait(wakeup, _POLL)
        lock = _free(locks)
    return lock
