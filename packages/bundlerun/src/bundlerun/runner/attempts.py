"""One task from its start to its end: attempts, retries, time-outs, cancellation."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

from bundlerun.runner.context import Services
from bundlerun.runner.errors import TaskError
from bundlerun.runner.executor import JobRun
from bundlerun.runner.journal import IDS
from bundlerun.runner.model import Settings, Task
from bundlerun.runner.output import Output, first_line
from bundlerun.runner.references import NOTHING, Scope, resolved
from bundlerun.runner.states import Result
from bundlerun.runner.stop import Stop, Wakeup
from bundlerun.runner.task_log import TaskLog

if TYPE_CHECKING:
    from bundlerun.workers.processes import Process

_PARAMETERS = {
    "notebook_task": "base_parameters",
    "sql_task": "parameters",
    "run_job_task": "job_parameters",
}


@dataclass
class TaskRun:
    """An attempt under way."""

    run: JobRun
    task: Task
    key: str
    """The task's key; within a loop the loop's with the number of the iteration."""
    number: int
    scope: Scope
    stop: Stop
    log: TaskLog
    process: "Process | None" = None
    """Where it runs, if that is a process of its own."""
    id: int = field(default_factory=IDS.next)

    def begin(self, process: "Process") -> None:
        """Let this process be the attempt; one that was stopped before is ended at once."""
        self.process = process
        if self.stop.result is not None:
            process.end()

    def end(self) -> None:
        """End the process of the attempt, if it has one."""
        if self.process is not None:
            self.process.end()

    @property
    def services(self) -> Services:
        """What the run shares."""
        return self.run.services


Kind = Callable[[TaskRun, Settings], Output]


def supervised(
    run: JobRun, task: Task, key: str, stop: Stop, loop_input: object = NOTHING
) -> Output:
    """Attempt a task until it succeeds or may not be retried; gives how the last one ended."""
    clock, tries = run.services.clock, 0
    while True:
        started = clock.seconds()
        output, tries = _attempt(run, task, key, stop, loop_input), tries + 1
        if not is_retried(task, output.result, tries):
            return output
        pause = task.min_retry_interval - (clock.seconds() - started)
        run.journal.note("task_waiting", task=key, state="WAITING_FOR_RETRY", seconds=pause)
        wakeup = Wakeup()
        stop.wake(wakeup)
        clock.wait(wakeup, pause)
        if stop.result is not None:
            return output


def is_retried(task: Task, result: Result, tries: int) -> bool:
    """Whether a task that has been tried so often is tried again."""
    retryable = result is Result.FAILED or (result is Result.TIMEDOUT and task.retry_on_timeout)
    may_again = task.max_retries < 0 or tries <= task.max_retries
    return retryable and may_again and task.kind != "condition_task"


def specified(task: Task, parameters: Mapping[str, str], resolve: Callable[[Any], Any]) -> Settings:
    """What stands under the task's kind, resolved, with the job's parameters where they go.

    Kinds that take names and values get all of the job's parameters, which win over the task's.
    """
    if task.kind == "for_each_task":
        return {"inputs": resolve(task.spec.get("inputs")), **_without_task(task.spec)}
    spec: dict[str, Any] = resolve(dict(task.spec))
    name = _PARAMETERS.get(task.kind)
    if task.kind == "python_wheel_task" and spec.get("named_parameters") is not None:
        name = "named_parameters"
    if name is not None:
        spec[name] = {**(spec.get(name) or {}), **parameters}
    return spec


def _without_task(spec: Settings) -> Settings:
    return {key: value for key, value in spec.items() if key not in ("task", "inputs")}


def _attempt(run: JobRun, task: Task, key: str, stop: Stop, loop_input: object) -> Output:
    with run.slot(task, stop) as is_free:
        if not is_free:
            return run.unstarted(key, stop)
        number = run.counted(key)
        log = TaskLog(run.journal.log_file(key, number))
        try:
            return _noted_attempt(run, task, key, stop, loop_input, number, log)
        finally:
            log.close()


def _noted_attempt(  # noqa: PLR0917 - one caller
    run: JobRun, task: Task, key: str, stop: Stop, loop_input: object, number: int, log: TaskLog
) -> Output:
    """An attempt with its start and its end in the journal."""
    scope = run.scope(task, number, loop_input)
    attempt = TaskRun(run, task, key, number, scope, Stop(stop), log)
    attempt.scope = replace(scope, task={**scope.task, "run_id": attempt.id})
    started = {"task": key, "attempt": number, "task_run_id": attempt.id, "kind": task.kind}
    told = {**started, "state": "RUNNING", "log": str(log.path), "input": _known(loop_input)}
    try:
        spec = specified(task, run.parameters, lambda value: resolved(value, attempt.scope))
    except TaskError as error:
        run.journal.note("task_started", **told)
        output = Output(Result.FAILED, error=first_line(error), error_code=error.code)
    else:
        path = spec.get("notebook_path", "")
        run.journal.note("task_started", **told, parameters=spec, notebook_path=path)
        output = _executed(attempt, spec)
    ended = {"error": output.error, "error_code": output.error_code, "outcome": output.outcome}
    kept = {"values": output.values, "output": output.output, **output.facts}
    run.journal.note("task_ended", **started, state=output.result, **ended, **kept)
    told = {"task_run_id": attempt.id, "notebook_path": task.spec.get("notebook_path", "")}
    return replace(output, facts={**output.facts, **told})


def _known(value: object) -> object:
    return None if value is NOTHING else value


def _executed(attempt: TaskRun, spec: Settings) -> Output:
    """What comes of the attempt, or of stopping it."""
    clock, done = attempt.services.clock, Wakeup()
    attempt.stop.wake(done)
    Thread(target=_body, args=(attempt, spec, done), daemon=True, name=attempt.key).start()
    message = clock.wait(done, attempt.task.timeout)
    if isinstance(message, Output):
        return message
    attempt.stop.set(Result.TIMEDOUT)
    attempt.end()
    return _stopped(attempt, done)


def _stopped(attempt: TaskRun, done: Wakeup) -> Output:
    """What is left of an attempt that was told to end: its output counts no more."""
    message: object = attempt.stop
    while not isinstance(message, Output):
        message = done.get()
    result = attempt.stop.result or Result.CANCELED
    timed_out = f"it took longer than {attempt.task.timeout or 0:g} s"
    error = timed_out if result is Result.TIMEDOUT else "it was cancelled"
    return Output(result, error=error, error_code=result.title(), facts=message.facts)


def _body(attempt: TaskRun, spec: Settings, done: Wakeup) -> None:
    """The task itself; whatever it does, its end is told."""
    output = Output(Result.FAILED, error="the runner failed")
    try:
        output = attempt.services.kinds[attempt.task.kind](attempt, spec)
    except TaskError as error:
        output = Output(Result.FAILED, error=first_line(error), error_code=error.code)
    except Exception as error:  # noqa: BLE001 - a task may raise anything
        attempt.log.write("".join(traceback.format_exception(error)))
        code = "RunExecutionError"
        output = Output(Result.FAILED, error=first_line(error), error_code=code)
    finally:
        done.put(output)
